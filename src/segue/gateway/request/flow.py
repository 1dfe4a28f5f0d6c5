"""How does an answer leave while it is still coming, and yet never whole without its row?

Long answers and streams of events are passed on piece by piece. What completes the answer (the last bytes of a known length,
the end of a chunked body) is held back until its row is in the journal. Reading pauses while the caller reads slowly, and a
piece that comes moves the deadline: a stream may last as long as it flows.
"""

import time
from typing import Final

from segue.gateway.request.capture import Kept
from segue.http.call import Call
from segue.http.exchange import Exchange
from segue.http.message import Block

HOLD_BYTES: Final = 256 * 1024
"""An answer up to this length is held whole, so that the champion can still answer in its place."""


class Flow:
    """An answer on its way through.

    Args:
        call: whose answer it is.
        kept: what is kept of it.
        exchange: whom it is for; None where nobody gets it.
        idle_s: that may pass between two of its pieces, where somebody gets it.
    """

    __slots__ = ("_call", "_exchange", "_held", "_idle_s", "_length", "_started", "kept")

    def __init__(self, call: Call, kept: Kept, exchange: Exchange | None, idle_s: float) -> None:
        self._call = call
        self._exchange = exchange
        self._idle_s = idle_s
        self._length: int | None = None
        self._held = b""
        self._started = False
        self.kept = kept

    @property
    def started(self) -> bool:
        """Whether the caller has been told of this answer; nobody else can answer then."""
        return self._started

    def start(self, status: int, fields: Block, length: int | None) -> None:
        """Pass on the head."""
        exchange = self._exchange
        if exchange is None:
            return
        self._started = True
        self._length = length
        exchange.on_writable = self._call.resume
        exchange.start(status, fields, length=length)

    def piece(self, data: bytes) -> None:
        """Pass on a piece."""
        self.kept.add(data)
        exchange = self._exchange
        if exchange is None:
            return  # nor does the deadline move: the champion is still to be asked within the request's own
        self._call.deadline_s = time.monotonic() + self._idle_s
        if self.kept.size == self._length:
            self._held = data
            return
        exchange.write(data)
        if exchange.choked:
            self._call.pause()

    def end(self) -> None:
        """The row is written: let the answer be whole."""
        if self._exchange is not None:
            if self._held:
                self._exchange.write(self._held)
            self._exchange.finish()

    def cut(self) -> None:
        """The answer will not be whole, and the caller has to see that."""
        if self._exchange is not None:
            self._exchange.abort()
