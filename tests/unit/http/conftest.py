"""What the tests of this room share: an event loop that fails on a callback's error, and a raw caller."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest
import uvloop

from segue.http.limits import ServerLimits
from segue.http.server import Handler, Server

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture(params=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Run[Any]:
    """Runs a coroutine on either loop, within a bound, and fails when a callback raised unless the test expects it."""

    def runner(main: Coroutine[Any, Any, T]) -> T:
        async def guarded() -> T:
            problems: list[dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
            result = await asyncio.wait_for(main, 60)
            unexpected = [p for p in problems if not isinstance(p.get("exception"), ExpectedError)]
            assert not unexpected, unexpected
            return result

        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as loop:
            return loop.run(guarded())

    return runner


class ExpectedError(Exception):
    """A bug that a test puts into a handler on purpose."""


@pytest.fixture
def expected_error() -> type[Exception]:
    """The error that `run` lets pass."""
    return ExpectedError


class Caller:
    """A raw connection: sends bytes as they are, reads what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        """The next head, with its empty line."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> tuple[bytes, bytes]:
        """The next answer framed by Content-Length: head and body."""
        head = await self.head()
        size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        return head, await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        """Everything until the server closes."""
        return await self.reader.read(-1)

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def call(port: int) -> AsyncIterator[Caller]:
    """A caller of a local port."""
    caller = Caller(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield caller
    finally:
        await caller.close()


@asynccontextmanager
async def serve(handler: Handler, limits: ServerLimits | None = None) -> AsyncIterator[tuple[Server, int]]:
    """A server on a free local port, with its port."""
    server = Server(handler, limits or ServerLimits())
    port = await server.listen()
    try:
        yield server, port
    finally:
        await server.drain(0.01)


async def until_true(condition: Callable[[], object]) -> None:
    """Waits for something that nobody announces."""
    while not condition():  # noqa: ASYNC110 - what is waited for lies inside what is tested
        await asyncio.sleep(0.001)


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[int]:
    """An upstream that does on each connection what the script says, well or badly; gives its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        ended = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)  # 3.11 reports a cancelled one
        with suppress(*ended):
            await script(reader, writer)
        writer.close()
        tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


@pytest.fixture
def serving() -> Any:
    """A server for a while."""
    return serve


@pytest.fixture
def calling() -> Any:
    """A raw caller for a while."""
    return call


@pytest.fixture
def upstream() -> Any:
    """A scripted upstream for a while."""
    return scripted


@pytest.fixture
def until() -> Any:
    """Waits for a condition."""
    return until_true
