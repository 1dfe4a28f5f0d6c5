"""What happens on one caller's connection: which request is in hand, and when does it end?

Rules kept here: one request is in hand at a time, further ones wait in order (so answers leave in the order asked); a
refused request ends the connection with its 4xx, after the answers before it; a refused caller may finish sending, so that
it gets to read why; a caller that neither sends nor reads is cut by the server's sweep.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Final, cast

from segue.errors import InvariantError
from segue.http.exchange import Exchange
from segue.http.message import EMPTY, STATUS_LINES, Block
from segue.http.reading.requests import RequestReader

if TYPE_CHECKING:
    from segue.http.server import Server

_now_s: Final = time.monotonic  # looked up once
NEVER: Final = 1 << 62  # a tick that does not come
_CLOSE: Final = b"\r\nconnection: close\r\n\r\n"
_KEEP: Final = b"\r\nconnection: keep-alive\r\n\r\n"  # HTTP/1.0 has to be told
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class ServerConnection:
    """One caller's connection; made by `Server`. What a loop calls is what `asyncio.Protocol` names."""

    __slots__ = (
        "_begun_tick",
        "_current",
        "_deaf",
        "_last",
        "_reader",
        "_reading_paused",
        "_server",
        "_starting",
        "_transport",
        "choked",
        "due",
    )

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._reader: RequestReader[Exchange] = RequestReader(server.limits, Exchange, self)
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)  # set before anything else is called
        self._current: Exchange | None = None
        self._starting = False  # inside `_next`
        self._deaf = False  # what arrives is thrown away; the connection ends soon
        self._last = False  # the caller sends no more
        self._reading_paused = False
        self._begun_tick = 0  # when the request that is arriving began, 0 for none
        self.choked = False  # the caller reads too slowly
        self.due = 0  # the sweep's tick at which waiting ends

    # -- called by the loop ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has come."""
        self._transport = cast("asyncio.Transport", transport)
        self.due = self._server.tick + self._server.head_ticks
        if not self._server.enter(self):
            retry = Block(b"\r\nretry-after: %d" % self._server.limits.retry_after_s)
            self._refuse(503, "too many connections", retry)

    def data_received(self, data: bytes) -> None:
        """Bytes have come: start what they complete."""
        if self._deaf:
            return
        reader = self._reader
        reader.feed(data)
        if self._current is None and not self.choked:
            self._next()
        if reader.incoming is not None:
            if self._current is None or self._current.incoming is not reader.incoming:
                self.flow(paused=True)  # its body has to wait for the answers before
        elif self._current is not None and self._current.incoming is not None:
            self.due = NEVER  # its body is whole
        if len(reader.ready) > self._server.limits.pipelined and not self._reading_paused and not self._deaf:
            self._reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The caller sends no more; it may still read what it asked for."""
        self._last = True
        if self._reader.incoming is not None:
            return False  # in the middle of a body
        if not self._transport.can_write_eof():  # TLS: its goodbye ends both directions
            return False
        return not self._deaf and (self._current is not None or bool(self._reader.ready))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The caller is gone."""
        self._server.leave(self)
        self._deaf = True
        self._reader.ready.clear()
        incoming = self._reader.incoming
        self._reader.retire()
        current, self._current = self._current, None
        if current is not None:
            current.leave()
        if incoming is not None:
            incoming.broken(0, "the caller has left")

    def pause_writing(self) -> None:
        """The caller reads too slowly: start nothing more for it."""
        self.choked = True
        self.due = self._server.tick + self._server.write_ticks

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self.choked = False
        self._server.soon(self._caught_up)  # not now: asyncio's transport must not be closed inside this call

    def _caught_up(self) -> None:
        if self._deaf or self.choked:
            return
        if self._current is None:
            self._next()
        else:
            self.due = NEVER
            if self._current.on_writable is not None:
                self._current.on_writable()

    # -- called by the reader -------------------------------------------------------------------------------------------

    def streams(self, method: bytes, target: bytes) -> bool:
        """Whether a long body is handed over as it comes."""
        return self._server.streams(method, target)

    def flow(self, *, paused: bool) -> None:
        """Stop reading a body that its taker cannot pass on as fast as it comes, or go on."""
        if self._transport.is_closing() or paused == self._reading_paused:
            return
        self._reading_paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # -- called by an exchange ------------------------------------------------------------------------------------------

    def ending(self, exchange: Exchange, *, dated: bool) -> bytes:
        """The last fields of an answer's head: the date where it has none, and what becomes of the connection."""
        # A refusal that waits behind this answer ends the connection itself, after saying why.
        if (self._last or self._server.draining) and not self._reader.ready and self._reader.refusal is None:
            exchange.keep_alive = False
        if exchange.incoming is not None and not exchange.incoming.ended:
            exchange.keep_alive = False  # nobody reads the rest
        end = _CLOSE if not exchange.keep_alive else _KEEP if exchange.old else b"\r\n\r\n"
        return end if dated else self._server.date + end

    def send(self, data: bytes) -> None:
        """Send a part of an answer."""
        self._transport.write(data)

    def send_last(self, exchange: Exchange, parts: list[bytes]) -> None:
        """Send the last part of an answer, and go on with the next request."""
        if len(parts) == 1:
            self._transport.write(parts[0])
        elif parts:
            self._transport.writelines(parts)
        self._current = None
        if exchange.on_end is not None:
            exchange.on_end()
        if exchange.incoming is not None and not exchange.incoming.ended:
            self._linger()
        elif not exchange.keep_alive:
            self._close()
        elif self._starting or self.choked:
            pass  # whoever is inside `_next` goes on, or the caller's catching up does
        elif self._reader.ready:
            self._next()
        else:
            self._wait()

    def cut(self) -> None:
        """End at once; what was not sent is lost."""
        self._deaf = True
        self._transport.abort()

    # -- the order of requests ------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Hand the next whole request to the handler, or wait for what is still missing."""
        server = self._server
        ready = self._reader.ready
        self._starting = True  # a handler that answers at once does not call this again: the loop goes on
        while ready and self._current is None and not self.choked and not self._deaf:
            exchange = self._current = ready.popleft()
            self.due = NEVER
            if exchange.incoming is not None:
                self.due = (self._begun_tick or server.tick) + server.request_ticks
                self.flow(paused=False)
            self._begun_tick = 0
            server.requests += 1
            exchange.begin(self, _now_s())
            try:
                server.handler(exchange)
            except Exception as error:  # noqa: BLE001 - a handler's bug must not take the other callers with it
                server.report(error)
                self._apologise(exchange)
            if exchange.incoming is not None and self._holds(exchange):
                self._invite()
        self._starting = False
        if self._current is None and not self._deaf and not self.choked:
            self._wait()

    def _holds(self, exchange: Exchange) -> bool:
        """Whether this request is in hand still."""
        return self._current is exchange

    def _apologise(self, exchange: Exchange) -> None:
        """The handler has failed: say so if nothing was said yet, and end."""
        if exchange.answered:
            return
        exchange.keep_alive = False
        try:
            exchange.respond(500)
        except InvariantError:  # a part of an answer has left already
            exchange.abort()

    def _wait(self) -> None:
        """Nothing is in hand: say what the caller is granted until it sends the rest."""
        reader, server = self._reader, self._server
        if reader.refusal is not None:
            self._refuse(reader.refusal.status, reader.refusal.why)
            return
        if self._last or (server.draining and not reader.begun):
            self._close()
            return
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        if not reader.begun:
            self.due = server.tick + server.idle_ticks
            return
        self._begun_tick = self._begun_tick or server.tick
        self.due = self._begun_tick + (server.request_ticks if reader.in_body else server.head_ticks)
        self._invite()

    def _invite(self) -> None:
        """Tell a caller that asks first that its body is welcome."""
        if self._reader.expects_continue:
            self._reader.expects_continue = False
            self._transport.write(_CONTINUE)

    # -- the end --------------------------------------------------------------------------------------------------------

    def expire(self) -> None:
        """Waiting has lasted too long; the server's sweep calls this."""
        if self._deaf or self.choked:
            self._transport.abort()
        elif self._current is not None and self._reader.incoming is not None:
            self.due = NEVER
            self._reader.incoming.broken(408, "the request took too long")
        elif self._reader.begun:
            self._refuse(408, "the request took too long")
        else:
            self._close()

    def rest(self, ticks: int) -> None:
        """Close if nothing is in hand or on its way, now or after so long without a request; the server's drain calls this."""
        if self._deaf or self._current is not None or self._reader.ready or self._reader.begun:
            return
        if ticks:
            self.due = self._server.tick + ticks
        else:
            self._close()

    def _refuse(self, status: int, why: str, more: Block = EMPTY) -> None:
        """Answer what cannot be read, and end."""
        self._server.refused[status] = self._server.refused.get(status, 0) + 1
        body = why.encode() + b"\n"
        framing = b"\r\ncontent-type: text/plain\r\ncontent-length: %d" % len(body)
        self._transport.write(b"".join((STATUS_LINES[status], more, framing, self._server.date, _CLOSE, body)))
        self._linger()

    def _linger(self) -> None:
        """Close our side, and let the caller finish: a reset would take the answer away from it."""
        self._deaf = True
        self.due = self._server.tick + self._server.linger_ticks
        if self._reading_paused:
            self._transport.resume_reading()
        if self._transport.can_write_eof():  # under TLS the sweep closes it
            self._transport.write_eof()

    def _close(self) -> None:
        self._deaf = True
        self.due = self._server.tick + self._server.write_ticks
        self._transport.close()
