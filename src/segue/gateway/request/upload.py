"""How does a long body reach the upstream while it is still coming from the caller?

It is read as fast as the upstream takes it, and kept as length and hash. Once the upstream was given a piece of it, nobody
else can be asked: the body is gone.
"""

import time
from collections.abc import Callable

from segue.gateway.request.capture import Kept
from segue.http.call import Call
from segue.http.client import UpstreamPool
from segue.http.reading.incoming import Incoming


class Upload:
    """One body on its way; `http.reading.incoming.Body` towards the caller, `http.call.Source` towards the upstream.

    Args:
        incoming: the caller's.
        on_broken: hears that it will never be whole: the status to answer, 0 where the caller has left, and why.
    """

    __slots__ = ("_call", "_idle_s", "_incoming", "_on_broken", "_pool", "consumed", "kept")

    def __init__(self, incoming: Incoming, on_broken: Callable[[int, str], None]) -> None:
        self._incoming = incoming
        self._on_broken = on_broken
        self._call: Call | None = None
        self._pool: UpstreamPool | None = None
        self._idle_s = 0.0
        self.consumed = False
        self.kept = Kept(0)
        incoming.pause()

    @property
    def length(self) -> int | None:
        """As announced; None for a chunked body."""
        return self._incoming.length

    def towards(self, call: Call, pool: UpstreamPool, idle_s: float) -> None:
        """Send the body with this call; a piece that leaves moves its deadline."""
        self._call = call
        self._pool = pool
        self._idle_s = idle_s

    # -- the upstream's side ----------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """The upstream has the head: let the body come."""
        if not self.consumed:
            self.consumed = True
            self._incoming.listen(self)
            self._incoming.resume()

    def choked(self, *, yes: bool) -> None:
        """The upstream is slow, or has caught up."""
        if yes:
            self._incoming.pause()
        else:
            self._incoming.resume()

    # -- the caller's side ------------------------------------------------------------------------------------------------

    def piece(self, data: bytes) -> None:
        """A piece has come."""
        self.kept.add(data)
        if self._call is not None:
            self._call.write(data)
            self._call.deadline_s = time.monotonic() + self._idle_s

    def end(self) -> None:
        """All of it has come."""
        if self._call is not None:
            self._call.finish()

    def broken(self, status: int, why: str) -> None:
        """It will never be whole: the upstream must not take it for one."""
        if self._call is not None and self._pool is not None:
            self._pool.cancel(self._call)
        self._on_broken(status, why)
