"""How are equal children, which share a port, renewed without a moment in which nobody serves?

One at a time: a successor is started beside the old one, on the same sockets; when it says that it serves, the old one is
asked to end, and only when that has answered what it had in hand does the next one's turn come. A successor that does not
get ready is ended, and everybody else stays: what serves is never given up for what may not.
"""

import time
from collections.abc import Callable
from typing import Final

from segue.children.child import Child, Say, to_stderr

_READY_WITHIN_S: Final = 60.0


class Fleet:
    """Children of one kind, one a slot.

    Args:
        make: a child for a slot; it is given the slot's sockets, and it says when it is ready.
        slots: how many.
        succeeds: True where somebody else serves on the same sockets until these are ready.
        drain_s: that an old one gets to end.
        say: where a word about a renewal goes.
    """

    def __init__(
        self,
        make: Callable[[int], Child],
        slots: int,
        *,
        drain_s: float,
        succeeds: bool = False,
        say: Say = to_stderr,
    ) -> None:
        self._make = make
        self._drain_s = drain_s
        self._say = say
        self._children = [make(slot) for slot in range(slots)]
        self._due: list[int] = []  # slots whose child is still the old one
        self._successor: Child | None = None
        self._leaving: Child | None = None
        self._until_s = 0.0  # what is under way may take
        if succeeds:
            for child in self._children:
                child.start(succeeds=True)

    @property
    def ready(self) -> bool:
        """Whether every child has said that it serves."""
        return all(child.ready for child in self._children)

    @property
    def runs(self) -> bool:
        """Whether any child lives."""
        return any(child.runs for child in self._all())

    def look(self) -> None:
        """Start who should run and does not, and go on with a renewal."""
        for child in self._children:
            child.look()
        if self._leaving is not None and not self._gone(self._leaving):
            return
        if self._due:
            self._renew(self._due[0])

    def renew(self) -> None:
        """Replace every child; asked for again in the middle of it, begin anew after the one that is under way."""
        self._say(f"renewing {len(self._children)} workers, one after the other")
        self._due = self._due[:1] if self._successor is not None else []
        self._due += [slot for slot in range(len(self._children)) if slot not in self._due]

    def end(self) -> None:
        """Ask all to end; a second time, to end at once."""
        self._due.clear()
        for child in self._all():
            child.end()

    def kill(self) -> None:
        """End what is left of them."""
        for child in self._all():
            child.kill()

    def _all(self) -> list[Child]:
        return self._children + [child for child in (self._successor, self._leaving) if child is not None]

    def _gone(self, leaving: Child) -> bool:
        if leaving.runs and time.monotonic() < self._until_s:
            return False
        leaving.kill()
        self._leaving = None
        return True

    def _renew(self, slot: int) -> None:
        """One step of one child's renewal."""
        now_s = time.monotonic()
        successor = self._successor
        if successor is None:
            self._successor = self._make(slot)
            self._successor.start(succeeds=True)
            self._until_s = now_s + _READY_WITHIN_S
        elif successor.ready:
            self._leaving, self._children[slot], self._successor = self._children[slot], successor, None
            self._due.remove(slot)
            self._leaving.end()
            self._until_s = now_s + self._drain_s
            if not self._due:
                self._say("all workers are renewed")
        elif not successor.runs or now_s >= self._until_s:
            self._say(f"{successor.name} did not get ready: those that serve stay")
            successor.kill()
            self._successor = None
            self._due.clear()
