"""What happens on one connection to an upstream: one call at a time, and then another?"""

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, Final, cast

from segue.http.call import Answer, Call, Reason, Result
from segue.http.reading.responses import ResponseReader
from segue.http.tls import why

if TYPE_CHECKING:
    from segue.http.client import UpstreamPool

_now_s: Final = time.monotonic  # looked up once


class UpstreamConnection:
    """One connection of a pool; made by `UpstreamPool`. What a loop calls is what `asyncio.Protocol` names."""

    __slots__ = ("_pool", "_reader", "call", "ended", "idle_since_s", "served", "transport")

    def __init__(self, pool: "UpstreamPool") -> None:
        self._pool = pool
        self._reader = ResponseReader(pool.limits, pool.known_heads)
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)  # set before a call is started
        self.ended = True  # not begun yet, or over
        self.call: Call | None = None
        self.served = 0  # answers read so far
        self.idle_since_s = 0.0

    # -- called by the pool ---------------------------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """True while the connection is not ending."""
        return not self.ended and not self.transport.is_closing()

    def start(self, call: Call) -> None:
        """Send a call's request; its answer will be the next that comes."""
        self.call = call
        call.connection = self
        self._reader.begin(call.stream, call.head_only, call.hold_bytes)
        payload = call.payload
        if isinstance(payload, bytes):
            self.transport.write(payload)
        else:
            self.transport.writelines(payload)
        if call.source is not None:
            call.source.opened()

    def write(self, data: bytes) -> None:
        """Send a piece of the call's body."""
        if self.usable:
            self.transport.write(data)

    def fail(self, reason: Reason, detail: str, now_s: float) -> None:
        """End the call without an answer, and the connection with it."""
        call = self.call
        self.abandon()
        if call is not None:
            self._pool.tell(call, call.failed(reason, detail, now_s, sent=True))

    def abandon(self) -> None:
        """End the connection; its call, if any, is forgotten."""
        if self.call is not None:
            self.call.connection = None
            self.call = None
        if not self.ended:
            self.transport.abort()
        self._pool.lost(self)

    def pause(self) -> None:
        """Read no more for now."""
        self._reader.stopped = True
        if self.usable:
            self.transport.pause_reading()

    def resume(self) -> None:
        """Go on reading."""
        self._reader.stopped = False
        if self.usable:
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The upstream reads too slowly."""
        if self.call is not None and self.call.source is not None:
            self.call.source.choked(yes=True)

    def resume_writing(self) -> None:
        """The upstream has caught up."""
        if self.call is not None and self.call.source is not None:
            self.call.source.choked(yes=False)

    # -- called by the loop ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self.transport = cast("asyncio.Transport", transport)
        self.ended = False

    def data_received(self, data: bytes) -> None:
        """A part of an answer has come, or something that nobody asked for."""
        call = self.call
        if call is None:
            self.abandon()
            return
        reader = self._reader
        whole = reader.feed(data)
        if self.call is not call:  # a stream may have cancelled it meanwhile
            return
        if not whole:
            if call.on_part is not None:
                call.on_part(call, len(data))
            return
        now_s = _now_s()
        if reader.problem is not None:
            self.fail(*reader.problem, now_s)
            return
        result: Result = Answer(reader.head, reader.body, call.started_s, now_s)
        if reader.reusable and call.source is None:  # else it has answered before the body was whole, or is read no further
            self.call = call.connection = None
            self.served += 1
            self._pool.release(self, now_s)
        else:
            self.abandon()
        self._pool.tell(call, result)

    def eof_received(self) -> bool:
        """The upstream sends no more: the connection may end."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended: perhaps the answer with it."""
        call, reader = self.call, self._reader
        self.call = None
        self._pool.lost(self, ended=True)
        self.ended = True
        reader.retire()
        if call is None:
            return
        call.connection = None
        now_s = time.monotonic()
        if exc is None and reader.end():
            self._pool.tell(call, Answer(reader.head, reader.body, call.started_s, now_s))
        elif not reader.started and self.served and call.replayable and not call.replayed:
            call.replayed = True
            self._pool.replay(call)
        elif isinstance(exc, ssl.SSLError) and not reader.started and not self.served:
            # Under TLS 1.3 our certificate is refused only after our own handshake is done.
            self._pool.tell(call, call.failed(Reason.TLS, why(exc), now_s, sent=False))
        else:
            where = "in the middle of its answer" if reader.started else "before its answer"
            self._pool.tell(call, call.failed(Reason.RESET, f"the upstream left {where}", now_s, sent=True))
