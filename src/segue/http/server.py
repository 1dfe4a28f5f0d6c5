"""Who listens, for whom, and how does it stop without breaking anybody's answer?"""

import asyncio
import math
import socket
from collections.abc import Callable
from email.utils import formatdate
from typing import Final, TypeAlias, cast

from segue.http.connection import ServerConnection
from segue.http.exchange import Exchange
from segue.http.limits import ServerLimits
from segue.http.tls import ServerTls, TlsContext

Handler: TypeAlias = Callable[[Exchange], None]
Streams: TypeAlias = Callable[[bytes, bytes], bool]
_DEFAULT: Final = ServerLimits()
_LINGERERS: Final = 256  # connections beyond the limit that are being told so; more are cut without a word


def _never(_method: bytes, _target: bytes) -> bool:
    return False


class Server:
    """Answers HTTP/1.1 with one handler, called when a request is whole.

    Args:
        handler: answers the exchange now or later; must not block. One that raises is answered for with a 500.
        limits: what a caller is granted.
        streams: method, target -> whether the handler takes a body beyond `limits.hold_bytes` as it comes.

    Counters to read: `requests` handed to the handler, `refused` by status, `connections` open now.
    """

    def __init__(self, handler: Handler, limits: ServerLimits = _DEFAULT, streams: Streams = _never) -> None:
        self.handler = handler
        self.streams = streams
        self.limits = limits
        self.requests = 0
        self.refused: dict[int, int] = {}
        self.connections: set[ServerConnection] = set()
        self.draining = False
        self.tick = 1
        self.idle_ticks = self._ticks(limits.idle_s)
        self.head_ticks = self._ticks(limits.head_s)
        self.request_ticks = self._ticks(limits.request_s)
        self.write_ticks = self._ticks(limits.write_s)
        self.linger_ticks = self._ticks(limits.linger_s)
        self._rest_ticks = 0  # that a connection at rest gets while we drain
        self.date = _date()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: list[asyncio.Server] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event | None = None

    def _ticks(self, wait_s: float) -> int:
        return 1 + math.ceil(wait_s / self.limits.sweep_s)  # one more: the tick under way is partly over

    async def listen(
        self, host: str = "127.0.0.1", port: int = 0, *, reuse_port: bool = False, tls: TlsContext[ServerTls] | None = None
    ) -> int:
        """Begin to accept; may be called for several addresses.

        Args:
            host: address to bind.
            port: 0 for any free one.
            reuse_port: True to share the port with other processes, which the kernel deals connections out to.
            tls: None for plain HTTP; its counters tell of handshakes, which come before `connections` counts.

        Returns:
            The port.

        Raises:
            OSError: the address is taken or not ours.
        """
        loop = self._loop = asyncio.get_running_loop()
        listening = await loop.create_server(
            self._connection,
            host,
            port,
            reuse_port=reuse_port or None,
            backlog=1024,
            ssl=tls,
            ssl_handshake_timeout=self.limits.handshake_s if tls else None,
            ssl_shutdown_timeout=self.limits.write_s if tls else None,
        )
        return self._accept(listening)

    async def listen_on(self, bound: socket.socket, *, tls: TlsContext[ServerTls] | None = None) -> int:
        """As `listen`, on a socket that somebody else has bound, and that is ours from now on."""
        loop = self._loop = asyncio.get_running_loop()
        listening = await loop.create_server(
            self._connection,
            sock=bound,
            backlog=1024,
            ssl=tls,
            ssl_handshake_timeout=self.limits.handshake_s if tls else None,
            ssl_shutdown_timeout=self.limits.write_s if tls else None,
        )
        return self._accept(listening)

    def _connection(self) -> asyncio.Protocol:
        return cast("asyncio.Protocol", ServerConnection(self))  # in all but name: compiled, it has no interpreted parent

    def _accept(self, listening: asyncio.Server) -> int:
        self._listening.append(listening)
        if self._sweeping is None:
            self._sweep()
        return int(listening.sockets[0].getsockname()[1])

    def _sweep(self) -> None:
        """One tick: end what has waited too long. One timer for all connections, none for a request."""
        if self._loop is None:
            return
        self._sweeping = self._loop.call_later(self.limits.sweep_s, self._sweep)
        tick = self.tick = self.tick + 1
        self.date = _date()
        for connection in [connection for connection in self.connections if connection.due <= tick]:
            connection.expire()

    def enter(self, connection: ServerConnection) -> bool:
        """A connection was opened; False when it is one too many."""
        self.connections.add(connection)
        if self.draining:  # it was accepted, or shook hands, before we stopped to listen
            connection.rest(self._rest_ticks)
            return True
        open_now = len(self.connections)
        if open_now > self.limits.connections + _LINGERERS:
            connection.cut()
            return True
        return open_now <= self.limits.connections

    def leave(self, connection: ServerConnection) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        if self._empty is not None and not self.connections:
            self._empty.set()

    def soon(self, callback: Callable[[], None]) -> None:
        """Call back in the loop's next turn."""
        if self._loop is not None:
            self._loop.call_soon(callback)

    def report(self, error: Exception) -> None:
        """A handler has raised: tell the loop's exception handler."""
        if self._loop is not None:
            self._loop.call_exception_handler({"message": "a handler failed", "exception": error})

    async def drain(self, within_s: float = 30.0, *, rest_s: float = 0.0) -> bool:
        """Accept no more, let the answers in hand leave (with `Connection: close`), then close.

        Args:
            within_s: after which what is left is cut.
            rest_s: that a connection without a request in hand gets for one more, which is answered: a request that is on
                its way while we close would be lost. 0 closes those at once.

        Returns:
            True when nothing had to be cut.
        """
        self.draining = True
        for listening in self._listening:
            listening.close()
        self._empty = asyncio.Event()
        self._rest_ticks = self._ticks(rest_s) if rest_s else 0
        for connection in list(self.connections):
            connection.rest(self._rest_ticks)
        whole = True
        if self.connections:
            try:
                await asyncio.wait_for(self._empty.wait(), within_s)
            except TimeoutError:
                whole = False
        for connection in list(self.connections):
            connection.cut()
        if self.connections:
            await self._empty.wait()
        await self._stop()
        return whole

    async def _stop(self) -> None:
        for listening in self._listening:
            await listening.wait_closed()
        self._listening.clear()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None


def _date() -> bytes:
    return b"\r\ndate: " + formatdate(usegmt=True).encode()
