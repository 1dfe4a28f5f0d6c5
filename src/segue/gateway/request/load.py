"""How many requests are in hand, and is there room for one more?"""


class Load:
    """The requests in hand of one route.

    Args:
        most: of this route.
        whole: those of all routes of the worker together; None for that one itself.

    >>> worker = Load(2)
    >>> one, other = Load(2, worker), Load(1, worker)
    >>> one.enter(), other.enter(), one.enter()
    (True, True, False)
    >>> other.leave(); one.enter(), worker.now
    (True, 2)
    """

    __slots__ = ("_whole", "most", "now")

    def __init__(self, most: int, whole: "Load | None" = None) -> None:
        self.most = most
        self._whole = whole
        self.now = 0

    def enter(self) -> bool:
        """Take a place, where there is one."""
        whole = self._whole
        if self.now >= self.most:
            return False
        if whole is not None:
            if whole.now >= whole.most:
                return False
            whole.now += 1
        self.now += 1
        return True

    def leave(self) -> None:
        """Give it back."""
        self.now -= 1
        if self._whole is not None:
            self._whole.now -= 1

    @property
    def full_because(self) -> str:
        """Whose places are all taken."""
        whole = self._whole or self
        return "worker" if whole.now >= whole.most else "route"
