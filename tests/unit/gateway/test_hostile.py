"""Odd upstreams, odd callers, and rows that are easily lost or doubled: each request leaves what it should."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from gateway_stage import Stage, answers, hangs, stage

from segue.gateway.override import Override
from segue.http.exchange import Exchange

CHAMPION = {"champion": 1.0}
CANDIDATE = {"champion": 0.0, "v8": 1.0}
INFER = b"POST /v2/models/churn/infer HTTP/1.1\r\nhost: h\r\n"
LONG = 2_000_000
Speech = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def speaking(world: Stage, version: str, speech: Speech) -> AsyncIterator[None]:
    """An upstream that says what bytes it likes; published by who calls."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await speech(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        world.ports[version] = server.sockets[0].getsockname()[1]
        yield


def leave(writer: asyncio.StreamWriter) -> None:
    """Hang up for good: who only stops to send may still read."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def until(holds: Callable[[], object], within_s: float = 5.0) -> None:
    """Wait until something holds."""
    ends_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends_s, "it never came to hold"
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("length", [10, 1_000_000], ids=["short", "long"])
def test_not_modified_stands_for_a_body_of_any_length(length: int, tmp_path: Path) -> None:
    """A 304 says how long the body would be, has none, and is passed on."""

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 304 Not Modified\r\netag: x\r\ncontent-length: %d\r\n\r\n" % length)

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world, speaking(world, "7", says):
            world.publish(CHAMPION, protocol="raw")
            for _ in range(2):
                reply = await world.ask(b"/routes/churn/x", b"", [(b"if-none-match", b"x")])
                assert (reply.status, reply.headers["etag"], reply.body) == (304, "x", b"")
            assert [(row.role, row.status, row.error) for row in world.rows()] == [("served", 304, "")] * 2

    asyncio.run(run())


def test_a_length_that_is_not_known_is_not_made_up(tmp_path: Path) -> None:
    """What HEAD is told has a length only where the upstream has said it."""

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world, speaking(world, "7", says):
            world.publish(CHAMPION, protocol="raw")
            for _ in range(2):
                reply = await world.ask(b"/routes/churn/x", b"", method=b"HEAD")
                assert (reply.status, reply.headers.get("content-length")) == (200, None)

    asyncio.run(run())


def test_a_shadow_is_asked_for_no_body_either(tmp_path: Path) -> None:
    """A shadow of HEAD answers with a head alone, and nobody waits for its body."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(CHAMPION, shadows={"v8": 1.0}, protocol="raw")
            assert (await world.ask(b"/routes/churn/x", b"", method=b"HEAD")).status == 200
            await until(lambda: world.worker.recorder.written().rows >= 3)  # type: ignore[attr-defined]
            found = {(row.role, row.status, row.error) for row in world.rows()}
            assert found == {("served", 200, ""), ("shadow", 200, "")}

    asyncio.run(run())


def test_a_slow_caller_leaves_a_good_connection(tmp_path: Path) -> None:
    """An upstream that was read more slowly for one caller's sake is read again for the next one's."""
    chunk = b"%x\r\n%b\r\n" % (60_000, b"x" * 60_000)

    async def run() -> None:
        ends = asyncio.Event()

        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"{}")
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 5)
            await ends.wait()
            writer.write((b"1\r\ny\r\n" * 100) + b"0\r\n\r\n")
            while await reader.readuntil(b"{}"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

        async with stage(tmp_path, answers("7")) as world, speaking(world, "7", says):
            world.publish(CHAMPION, timeout_s=3.0)
            await world.listen()
            slow, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1 << 24)
            writer.write(INFER + b"content-length: 2\r\n\r\n{}")
            await slow.readuntil(b"\r\n\r\n")
            (connection,) = [it for it in world._servers[-1].connections if it._current is not None]
            connection.choked = True  # what the loop says of a caller whose buffers are full
            ends.set()
            await until(lambda: world.worker.recorder.written().rows >= 2)  # type: ignore[attr-defined]
            connection.resume_writing()
            await asyncio.wait_for(slow.readuntil(b"0\r\n\r\n"), 5)
            assert (await world.ask(body=b"{}")).status == 200
            writer.close()

    asyncio.run(run())


def fails(exchange: Exchange) -> None:
    """A candidate that always fails."""
    exchange.respond(500)


def endless(exchange: Exchange) -> None:
    """Events without an end."""
    exchange.start(200, [(b"content-type", b"text/event-stream")])
    exchange.write(b"data: 1\n\n")


@pytest.mark.parametrize("how", ["leaves", "breaks"])
def test_a_stream_in_a_candidates_place_that_does_not_end(how: str, tmp_path: Path) -> None:
    """The candidate has failed, whatever becomes of the champion's answer in its place: both rows are kept."""

    async def run() -> None:
        streams: list[Exchange] = []

        def champion(exchange: Exchange) -> None:
            endless(exchange)
            streams.append(exchange)

        async with stage(tmp_path, champion, fails) as world:
            world.publish(CANDIDATE, protocol="openai", timeout_s=2.0)
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}")
            await reader.readuntil(b"data: 1\n\n")
            if how == "leaves":
                leave(writer)
            else:
                streams[0].abort()
            await until(lambda: world.worker.recorder.written().rows >= 3)  # type: ignore[attr-defined]
            rows = sorted((row.variant, row.role, row.error) for row in world.rows())
            ended = ("champion", "fallback", "caller") if how == "leaves" else ("champion", "fallback", "reset")
            assert rows == [ended, ("v8", "failed", "status_5xx")]
            assert {row.assigned for row in world.rows()} == {"v8"}
            writer.close()

    asyncio.run(run())


def test_a_caller_who_leaves_before_a_stream_begins(tmp_path: Path) -> None:
    """The upstream is told to stop, though the caller left before the first event came; one row says so."""

    async def run() -> None:
        asked: list[Exchange] = []
        gone = asyncio.Event()
        async with stage(tmp_path, asked.append) as world:
            world.publish(CHAMPION, protocol="openai", timeout_s=5.0)
            _, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}")
            await until(lambda: asked)
            leave(writer)
            await until(lambda: not world._servers[-1].connections)
            asked[0].on_gone = gone.set
            endless(asked[0])
            await until(lambda: not asked[0].write(b"data: 2\n\n"), 1.5)
            assert [(row.role, row.status, row.error) for row in world.rows()] == [("served", 200, "caller")]

    asyncio.run(run())


def test_a_caller_who_leaves_between_two_streams(tmp_path: Path) -> None:
    """Where an answer comes while its request's body is still coming, a caller that leaves has one row, not two."""

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n")
        while await reader.read(1 << 16):
            pass

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world, speaking(world, "7", says):
            world.publish(CHAMPION, timeout_s=5.0)
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(INFER + b"content-length: %d\r\n\r\n" % LONG + b"x" * 1_100_000)
            await asyncio.wait_for(reader.readuntil(b"data:"), 5)
            leave(writer)
            await until(lambda: world.worker.recorder.written().rows >= 2)  # type: ignore[attr-defined]
            await asyncio.sleep(0.05)
            assert [(row.role, row.error) for row in world.rows()] == [("served", "caller")]

    asyncio.run(run())


def test_a_body_that_breaks_while_its_answer_leaves(tmp_path: Path) -> None:
    """An early answer and the body's end come in one turn of the loop: the request has one answer and one row."""

    async def run() -> None:
        errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
        speaks = asyncio.Event()
        said: list[asyncio.StreamWriter] = []

        async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            said.append(writer)
            speaks.set()
            while await reader.read(1 << 16):
                pass

        async with stage(tmp_path, answers("7")) as world, speaking(world, "7", says):
            world.publish(CHAMPION, timeout_s=5.0)
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(INFER + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (1_200_000, b"x" * 1_200_000))
            await speaks.wait()
            await asyncio.sleep(0.2)
            # Both arrive before the worker, which lives on this loop, looks again.
            said[0].write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
            writer.write(b"zz\r\n")
            time.sleep(0.05)  # noqa: ASYNC251 - the worker must not run
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert head.split()[1] in {b"413", b"400"}
            await asyncio.sleep(0.05)
            assert len(world.rows()) == 1
            writer.close()
        assert errors == []

    asyncio.run(run())


def test_a_candidates_error_page_gets_no_time_of_its_own(tmp_path: Path) -> None:
    """However slowly a candidate's long error page comes, the champion answers within the request's deadline."""

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Oops\r\ncontent-length: 10000000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await asyncio.sleep(0.05)

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world, speaking(world, "8", says):
            world.publish(CANDIDATE, timeout_s=0.3)
            reply = await asyncio.wait_for(world.ask(), 2.5)
            assert (reply.status, reply.headers["x-segue-version"]) == (200, "7")

    asyncio.run(run())


def test_a_silent_champion_does_not_accuse_the_candidate(tmp_path: Path) -> None:
    """A candidate's 4xx is its fault only where the champion has answered the same request well."""

    def refuses(exchange: Exchange) -> None:
        exchange.respond(422)

    async def run() -> None:
        async with stage(tmp_path, hangs, refuses) as world:
            world.publish(CANDIDATE, timeout_s=0.1)
            assert (await world.ask()).status == 504
            assert {(row.variant, row.role, row.error) for row in world.rows()} == {
                ("v8", "failed", "caller"),
                ("champion", "fallback", "timeout"),
            }

    asyncio.run(run())


@pytest.mark.parametrize(
    "tail",
    [b"/../admin", b"/a/..", b"/a/%2e%2e/admin", b"/.%2E/admin", b"/a%2f..%2fadmin", b"/a/..%5cadmin", b"/..;/admin", b"/a#/b"],
)
def test_no_way_out_of_an_upstreams_own_path(tail: bytes, tmp_path: Path) -> None:
    """A path that an upstream may read as one beside its own is refused, and asked of nobody."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(CHAMPION, shadows={"v8": 1.0}, protocol="raw")
            reply = await world.ask(b"/routes/churn" + tail)
            assert reply.status == 400
            assert (await world.ask(b"/routes/churn/a..b/.c/...?x=/../y")).status == 200
            await until(lambda: world.seen["8"])
            assert [len(seen) for seen in world.seen.values()] == [1, 1]

    asyncio.run(run())


@pytest.mark.parametrize(("protocol", "path"), [("v2", b"/v2/models/churn/infer"), ("openai", b"/v1/chat/completions")])
def test_a_body_too_deep_to_be_read_goes_on(protocol: str, path: bytes, tmp_path: Path) -> None:
    """A body is its upstream's to judge, however deep its brackets go."""
    body = b'{"x":' + b"[" * 3000 + b"]" * 3000 + b',"id":"a","model":"churn"}'

    async def run() -> None:
        async with stage(tmp_path, answers("7"), routes=("churn", "other")) as world:
            for route in ("churn", "other") if protocol == "openai" else ("churn",):
                world.publish(CHAMPION, protocol=protocol, route=route)  # type: ignore[arg-type]
            reply = await world.ask(path, body)
            assert reply.status == (404 if protocol == "openai" else 200)

    asyncio.run(run())


def test_outcomes_too_deep_to_be_read(tmp_path: Path) -> None:
    """Outcomes that nobody can read are a 400, whatever it is that makes them so."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(CHAMPION)
            for body in (b"[" * 5000, b'[{"request_id":"a","values":{"x":' + b"[" * 3000 + b"]" * 3000 + b"}}]"):
                assert (await world.ask(b"/segue/v1/outcomes", body)).status == 400

    asyncio.run(run())


def test_no_caller_speaks_for_the_gateway(tmp_path: Path) -> None:
    """What we tell an upstream in our own fields is ours alone: a caller's shadow mark or second id does not get there."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(CHAMPION, shadows={"v8": 1.0})
            await world.ask(headers=[(b"X-Segue-Shadow", b"1"), (b"X-Segue-Request-Id", b"forged"), (b"x-mine", b"1")])
            await until(lambda: world.seen["8"])
            told = {version: [(name.lower(), value) for name, value in seen[0].headers] for version, seen in world.seen.items()}
            assert all((b"x-mine", b"1") in fields for fields in told.values())
            assert [value for name, value in told["7"] if name.startswith(b"x-segue-")] == []
            assert sorted(name for name, _ in told["8"] if name.startswith(b"x-segue-")) == [
                b"x-segue-request-id",
                b"x-segue-shadow",
            ]
            assert (b"x-segue-request-id", b"forged") not in told["8"]

    asyncio.run(run())


def test_the_killed_are_not_asked_by_those_who_wait(tmp_path: Path) -> None:
    """Who waits for a shadow that is killed, or taken out, is dropped and counted at once."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), hangs) as world:
            world.publish(CHAMPION, shadows={"v8": 1.0})
            queue = world.worker._shadows["churn", "v8"]
            room = queue.settings.concurrency
            for _ in range(room + 5):
                assert (await world.ask()).status == 200
            await until(lambda: queue.depth == 5)
            world.worker.overrule({"churn": Override(kill=("v8",), reason="leaks names")})
            assert (queue.depth, queue.dropped) == (0, 5)
            world.worker.overrule({})
            await until(lambda: queue.idle)
            for _ in range(room + 3):
                await world.ask()
            await until(lambda: queue.depth == 3)
            world.publish(CHAMPION)
            assert (queue.depth, queue.dropped) == (0, 8)

    asyncio.run(run())


def test_addresses_of_the_past_are_forgotten(tmp_path: Path) -> None:
    """However often a version's server is started elsewhere, a worker holds no more pools, nor their numbers, than it needs."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            there = dict(world.ports)
            world.publish(CHAMPION)
            assert (await world.ask()).status == 200
            for port in range(1, 30):
                world.ports["8"] = port
                world.publish(CHAMPION)
            assert {pool.port for pool in world.worker.pools} == {there["7"], 29}
            world.ports["7"], world.ports["8"] = there["8"], there["8"]
            world.publish(CHAMPION)
            assert {pool.port for pool in world.worker.pools} == set(there.values()), "it has a connection still"
            assert (await world.ask()).status == 200

    asyncio.run(run())


def test_absolute_targets(tmp_path: Path) -> None:
    """A target with scheme and host leads where its path alone would (RFC 9112, 3.2.2)."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(CHAMPION)
            for _ in range(3):
                reply = await world.ask(b"http://elsewhere:81/v2/models/churn/infer")
                assert (reply.status, reply.headers.get("x-segue-version")) == (200, "7")
            assert (await world.ask(b"http://elsewhere?x", b"")).status == 404
            assert (await world.ask(b"http://elsewhere/livez", b"")).status == 200
            assert {row.path for row in world.rows()} == {"/v2/models/churn/infer"}

    asyncio.run(run())


def test_a_long_body_of_head(tmp_path: Path) -> None:
    """HEAD may have a body, and its answer has none all the same."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(CHAMPION, protocol="raw", timeout_s=0.5)
            reply = await world.ask(b"/routes/churn/x", b"x" * LONG, method=b"HEAD")
            assert reply.status == 200

    asyncio.run(run())


def test_overhead_is_what_we_took(tmp_path: Path) -> None:
    """The overhead that is told is above nothing, and no more than the whole."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(CHAMPION)
            began_s = time.monotonic()
            for _ in range(200):
                await world.ask()
            took_s = time.monotonic() - began_s
            told = {name: value for name, _, value in world.worker.counters.snapshot() if name.startswith("segue_overhead")}
            assert 0 < told["segue_overhead_seconds_sum"] < took_s

    asyncio.run(run())
