"""Which connection carries a call to an upstream, and how long may it take?

Rules kept here: the connection used last is used first, so that unneeded ones grow old and are closed; a call that finds no
connection waits in a bounded queue; one timer for the pool, set to the first deadline of all, is cheaper than one a call;
`on_done` is called exactly once, and never before `send` has returned.
"""

import asyncio
import math
import ssl
import time
from collections import deque
from typing import Final, cast

from segue.http.call import Call, Failure, Reason, Result
from segue.http.limits import PoolLimits
from segue.http.reading.responses import KnownHeads
from segue.http.tls import ClientTls, TlsContext, why
from segue.http.upstream import UpstreamConnection

_DEFAULT: Final = PoolLimits()
_NONE: Final[list[UpstreamConnection]] = []


def _nobody(result: Result) -> None:
    """Hears the result of a cancelled call."""


class UpstreamPool:
    r"""Persistent connections to one upstream; made inside a running loop, and used only there.

    Args:
        host: name or address.
        port: TCP port.
        limits: what it may use.
        tls: None for plain HTTP.

    >>> async def ask() -> Result:
    ...     pool = UpstreamPool("127.0.0.1", 1)  # nobody listens there
    ...     try:
    ...         return await pool.request(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", timeout_s=5)
    ...     finally:
    ...         await pool.close()
    >>> asyncio.run(ask()).reason
    <Reason.CONNECT_REFUSED: 'connect_refused'>
    """

    def __init__(self, host: str, port: int, limits: PoolLimits = _DEFAULT, tls: TlsContext[ClientTls] | None = None) -> None:
        self.host = host
        self.port = port
        self.limits = limits
        self.known_heads: KnownHeads = {}
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._idle: list[UpstreamConnection] = []  # the last is the freshest
        self._connections: set[UpstreamConnection] = set()
        self._ending: set[UpstreamConnection] = set()  # given up, not closed yet
        self._waiting: deque[Call] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = math.inf  # when the timer rings: no later than the first deadline, nor than a connection grows old
        self._closed = False
        self._ended: asyncio.Event | None = None  # set when the last connection of a closed pool has ended

    # -- for callers ----------------------------------------------------------------------------------------------------

    def send(self, call: Call, now_s: float = 0.0) -> None:
        """Send a request; its `on_done` hears the result.

        Args:
            call: not sent before.
            now_s: monotonic seconds, where the caller has just read them.
        """
        now_s = call.started_s = now_s or time.monotonic()
        idle = self._idle
        if call.source is not None and self._room():
            idle = _NONE  # it cannot be replayed: a kept connection may turn out dead
        while idle:
            connection = idle.pop()
            if (  # `usable`, spelled out for the request path
                not connection.ended
                and connection.idle_since_s + self.limits.idle_s > now_s
                and not connection.transport.is_closing()
            ):
                connection.start(call)
                break
            connection.abandon()
        else:
            self._wait(call)
        if call.deadline_s < self._due_s:
            self._ring_at(call.deadline_s, now_s)

    def cancel(self, call: Call) -> None:
        """Forget a call: its `on_done` hears nothing any more, and a connection that carries it is closed."""
        call.on_done = _nobody
        if call.connection is not None:
            call.connection.abandon()
        elif call in self._waiting:
            self._waiting.remove(call)

    async def request(self, payload: bytes, timeout_s: float, *, head_only: bool = False, replayable: bool = True) -> Result:
        """Send a request and wait for its result; for places that are not hot.

        Args:
            payload: the request's bytes.
            timeout_s: for everything.
            head_only: True for HEAD.
            replayable: False where sending it twice would do harm.
        """
        future: asyncio.Future[Result] = self._loop.create_future()
        deadline_s = time.monotonic() + timeout_s
        call = Call(payload, future.set_result, deadline_s, head_only=head_only, replayable=replayable)
        self.send(call)
        try:
            return await future
        finally:
            if not future.done() or future.cancelled():
                self.cancel(call)

    async def close(self) -> None:
        """Fail what is under way as closed, and close every connection."""
        self._closed = True
        now_s = time.monotonic()
        while self._waiting:
            call = self._waiting.popleft()
            self.tell(call, call.failed(Reason.CLOSED, "the pool was closed", now_s, sent=False))
        for connection in list(self._connections):
            connection.fail(Reason.CLOSED, "the pool was closed", now_s)
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        if self._ending:
            self._ended = asyncio.Event()
            await self._ended.wait()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def open(self) -> int:
        """Connections open now."""
        return len(self._connections)

    @property
    def idle(self) -> int:
        """Connections that carry no call now."""
        return len(self._idle)

    @property
    def in_flight(self) -> int:
        """Calls that have a connection now."""
        return len(self._connections) - len(self._idle)

    @property
    def waiting(self) -> int:
        """Calls that wait for a connection now."""
        return len(self._waiting)

    # -- for connections ------------------------------------------------------------------------------------------------

    def release(self, connection: UpstreamConnection, now_s: float) -> None:
        """A connection is free: give it the call that has waited longest, or keep it."""
        if self._waiting:
            connection.start(self._waiting.popleft())
        else:
            connection.idle_since_s = now_s
            self._idle.append(connection)

    def lost(self, connection: UpstreamConnection, *, ended: bool = False) -> None:
        """A connection is of no use any more; `ended` when it is closed as well."""
        if connection in self._connections:
            self._connections.discard(connection)
            if connection in self._idle:
                self._idle.remove(connection)
            self._ending.add(connection)
        if ended:
            self._ending.discard(connection)
            if self._ended is not None and not self._ending:
                self._ended.set()
        self._open_more()

    def replay(self, call: Call) -> None:
        """A kept connection was dead when it was used: those kept longer are no better. Try again on a new one."""
        while self._idle:
            self._idle.pop().abandon()
        if self._closed:
            self._fail_soon(call, Reason.CLOSED, "the pool was closed")
            return
        self._waiting.appendleft(call)
        self._open_more()

    def tell(self, call: Call, result: Result) -> None:
        """Hand over a result; a bug in whoever hears it stays theirs."""
        try:
            call.on_done(result)
        except Exception as error:  # noqa: BLE001 - the other calls go on
            self._loop.call_exception_handler({"message": "on_done failed", "exception": error})

    # -- opening --------------------------------------------------------------------------------------------------------

    def _wait(self, call: Call) -> None:
        if self._closed:
            self._fail_soon(call, Reason.CLOSED, "the pool was closed")
        elif len(self._waiting) - len(self._connecting) >= self.limits.waiting and not self._room():
            self._fail_soon(call, Reason.OVERLOADED, f"{len(self._waiting)} calls wait already")
        else:
            self._waiting.append(call)
            self._open_more()

    def _fail_soon(self, call: Call, reason: Reason, detail: str) -> None:
        failure = call.failed(reason, detail, time.monotonic(), sent=False)
        self._loop.call_soon(self.tell, call, failure)

    def _room(self) -> bool:
        return len(self._connections) + len(self._connecting) < self.limits.connections

    def _open_more(self) -> None:
        """Open a connection for each call that waits without one being opened for it, as far as the limit goes."""
        while len(self._waiting) > len(self._connecting) and self._room():
            task = self._loop.create_task(self._connect())
            self._connecting.add(task)

    async def _connect(self) -> None:
        task = asyncio.current_task()
        problem: tuple[Reason, str] | None = None
        connection: UpstreamConnection | None = None
        try:
            async with asyncio.timeout(self.limits.connect_s):
                _, made = await self._loop.create_connection(
                    lambda: cast("asyncio.Protocol", UpstreamConnection(self)), self.host, self.port, ssl=self._tls
                )
                connection = cast("UpstreamConnection", made)
        except TimeoutError:
            problem = (Reason.CONNECT_TIMEOUT, f"no connection to {self.host}:{self.port} in {self.limits.connect_s} s")
        except ssl.SSLError as error:
            problem = (Reason.TLS, f"{self.host}:{self.port}: {why(error)}")
        except OSError as error:
            problem = (Reason.CONNECT_REFUSED, f"{self.host}:{self.port}: {error.strerror or error}")
        finally:
            if task is not None:
                self._connecting.discard(task)
        if connection is not None:
            if connection.usable:
                self._opened(connection)
                return
            problem = (Reason.RESET, "the upstream left before the request")
        if problem is not None and self._waiting:
            call = self._waiting.popleft()
            self.tell(call, call.failed(*problem, time.monotonic(), sent=False))
            self._open_more()

    def _opened(self, connection: UpstreamConnection) -> None:
        self._connections.add(connection)
        if self._closed:
            connection.abandon()
            return
        now_s = time.monotonic()
        self.release(connection, now_s)
        if self._due_s == math.inf:
            self._ring_at(math.inf, now_s)

    # -- time -----------------------------------------------------------------------------------------------------------

    def _ring_at(self, due_s: float, now_s: float) -> None:
        """Set the timer for then; not at once, so that many that are due are seen together, nor after connections grow old."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        self._due_s = min(due_s, now_s + self.limits.idle_s)
        self._timer = self._loop.call_later(max(self._due_s - now_s, self.limits.sweep_s), self._sweep)

    def _sweep(self) -> None:
        """End what is past its deadline, close what has grown old, and set the timer again if anything is left."""
        now_s = time.monotonic()
        self._timer, self._due_s = None, math.inf  # who hears of a failure may send again, and sets it
        due_s = math.inf
        for connection in tuple(self._connections):
            call = connection.call
            if call is None:
                continue
            if call.deadline_s <= now_s:
                connection.fail(Reason.TIMEOUT, "the deadline passed", now_s)
            else:
                due_s = min(due_s, call.deadline_s)
        if self._waiting:
            due_s = min(due_s, self._sweep_waiting(now_s))
        idle, idle_s = self._idle, self.limits.idle_s
        while idle and idle[0].idle_since_s + idle_s <= now_s:
            idle[0].abandon()
        if idle:
            due_s = min(due_s, idle[0].idle_since_s + idle_s)
        if (self._connections or self._waiting) and min(due_s, now_s + idle_s) < self._due_s:
            self._ring_at(due_s, now_s)

    def _sweep_waiting(self, now_s: float) -> float:
        """Fail the calls that have waited too long; the first deadline of the others."""
        late = [call for call in self._waiting if call.deadline_s <= now_s]
        unreachable = not self._connections
        for call in late:
            self._waiting.remove(call)
            failure: Failure
            if unreachable:
                failure = call.failed(Reason.CONNECT_TIMEOUT, "no connection before the deadline", now_s, sent=False)
            else:
                failure = call.failed(Reason.TIMEOUT, "no free connection before the deadline", now_s, sent=False)
            self.tell(call, failure)
        return min((call.deadline_s for call in self._waiting), default=math.inf)
