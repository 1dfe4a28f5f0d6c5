"""Answers that come in pieces leave as they come, are recorded whole, and never end before their row is written."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from gateway_stage import answers, stage
from small_disk import disk_of
from xxhash import xxh3_128_digest

from segue.http.call import Answer, Call, Head, Result
from segue.http.exchange import Exchange
from segue.http.message import block, request

CHAMPION = {"champion": 1.0}
CANDIDATE = {"champion": 0.0, "v8": 1.0}
EVENTS = [(b"content-type", b"text/event-stream")]
CHAT = b"/v1/chat/completions"


class Caller:
    """A caller that notes each piece as it comes."""

    def __init__(self) -> None:
        self.head_seen: Head | None = None
        self.pieces: list[bytes] = []
        self.came = asyncio.Event()
        self.done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def head(self, head: Head, length: int | None) -> None:  # noqa: ARG002 - `http.call.Stream`
        self.head_seen = head

    def piece(self, data: bytes) -> None:
        self.pieces.append(data)
        self.came.set()

    def call(self, target: bytes, body: bytes = b"{}") -> Call:
        """To be sent."""
        payload = request(b"POST", target, block([(b"host", b"h")]), body)
        return Call(payload, self.done.set_result, asyncio.get_running_loop().time() + 5, stream=self)


class Gate:
    """An upstream that sends one event, and the rest when it is told to."""

    def __init__(self, end: Callable[[Exchange], object]) -> None:
        self.go_on = asyncio.Event()
        self.gone = asyncio.Event()
        self._end = end
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange) -> None:
        exchange.on_gone = self.gone.set
        exchange.start(200, EVENTS)
        exchange.write(b"data: 1\n\n")
        self._tasks.add(asyncio.get_running_loop().create_task(self._rest(exchange)))

    async def _rest(self, exchange: Exchange) -> None:
        await self.go_on.wait()
        exchange.write(b"data: 2\n\n")
        self._end(exchange)


def test_events_leave_as_they_come(tmp_path: Path) -> None:
    """The first event is there before the second one is sent; the row holds them all."""

    async def run() -> None:
        gate = Gate(Exchange.finish)
        async with stage(tmp_path, gate) as world:
            world.publish(CHAMPION, protocol="openai")
            caller = Caller()
            world.caller.send(caller.call(CHAT))
            await asyncio.wait_for(caller.came.wait(), 5)
            assert caller.pieces == [b"data: 1\n\n"]
            gate.go_on.set()
            result = await caller.done
            assert isinstance(result, Answer)
            assert b"".join(caller.pieces) == b"data: 1\n\ndata: 2\n\n"
            assert caller.head_seen is not None
            assert (b"x-segue-version", b"7") in caller.head_seen.headers
            (row,) = world.rows()
            assert (row.role, row.status, row.error) == ("served", 200, "")
            assert row.response_body == b"data: 1\n\ndata: 2\n\n"

    asyncio.run(run())


def test_a_stream_outlives_the_deadline_while_it_flows(tmp_path: Path) -> None:
    """The variant's timeout is for each piece, not for the whole stream; silence ends it."""

    async def run() -> None:
        tasks = set()

        async def slowly(exchange: Exchange) -> None:
            exchange.start(200, EVENTS)
            for number in range(5):
                exchange.write(b"data: %d\n\n" % number)
                await asyncio.sleep(0.1)
            if b"hang" not in exchange.body:
                exchange.finish()

        def upstream(exchange: Exchange) -> None:
            tasks.add(asyncio.get_running_loop().create_task(slowly(exchange)))

        async with stage(tmp_path, upstream) as world:
            world.publish(CHAMPION, protocol="openai", timeout_s=0.3)
            whole, cut = Caller(), Caller()
            world.caller.send(whole.call(CHAT))
            world.caller.send(cut.call(CHAT, b'"hang"'))
            assert isinstance(await whole.done, Answer)
            assert not isinstance(await cut.done, Answer)
            assert len(b"".join(cut.pieces)) == len(b"".join(whole.pieces))
            assert {(row.role, row.error) for row in world.rows()} == {("served", ""), ("failed", "timeout")}

    asyncio.run(run())


def test_cut_in_the_middle(tmp_path: Path) -> None:
    """A stream that breaks is cut for the caller too, and recorded as failed with what had come; nobody answers instead."""

    async def run() -> None:
        gate = Gate(Exchange.abort)
        async with stage(tmp_path, answers("7"), gate) as world:
            world.publish(CANDIDATE, protocol="openai")
            caller = Caller()
            world.caller.send(caller.call(CHAT))
            await asyncio.wait_for(caller.came.wait(), 5)
            gate.go_on.set()
            assert not isinstance(await caller.done, Answer)
            (row,) = world.rows()
            assert (row.role, row.variant, row.error) == ("failed", "v8", "reset")
            assert (row.response_body or b"").startswith(b"data: 1\n\n")
            assert world.seen["7"] == []

    asyncio.run(run())


def test_a_caller_who_leaves(tmp_path: Path) -> None:
    """The upstream is told to stop at the next piece, and the row says whose doing it was."""

    async def run() -> None:
        gone = asyncio.Event()
        tasks = set()

        async def endless(exchange: Exchange) -> None:
            exchange.on_gone = gone.set
            exchange.start(200, EVENTS)
            while not gone.is_set():
                exchange.write(b"data: 1\n\n")
                await asyncio.sleep(0.01)

        def upstream(exchange: Exchange) -> None:
            tasks.add(asyncio.get_running_loop().create_task(endless(exchange)))

        async with stage(tmp_path, upstream) as world:
            world.publish(CHAMPION, protocol="openai")
            caller = Caller()
            call = caller.call(CHAT)
            world.caller.send(call)
            await asyncio.wait_for(caller.came.wait(), 5)
            world.caller.cancel(call)
            await asyncio.wait_for(gone.wait(), 5)
            (row,) = world.rows()
            assert (row.role, row.error) == ("served", "caller")
            assert (row.response_body or b"").startswith(b"data: 1\n\ndata: 1")

    asyncio.run(run())


@pytest.mark.parametrize("size", [200_000, 300_000, 3_000_000])
def test_long_answers(size: int, tmp_path: Path) -> None:
    """A long answer of a known length keeps its length, is the same byte for byte, and is kept as length and hash."""
    body = bytes(range(256)) * (size // 256)

    async def run() -> None:
        def long(exchange: Exchange) -> None:
            exchange.respond(200, [(b"content-type", b"x/y")], body)

        async with stage(tmp_path, long, long) as world:
            world.publish(CHAMPION, shadows={"v8": 1.0}, timeout_s=2.0)
            reply = await world.ask()
            assert (reply.status, reply.body, reply.headers["content-length"]) == (200, body, str(len(body)))
            await asyncio.sleep(0.3)
            rows = world.rows()
            assert sorted(row.role for row in rows) == ["served", "shadow"]
            for row in rows:
                assert (row.response_body, row.response_size) == (None, len(body))
                assert row.response_hash == xxh3_128_digest(body)

    asyncio.run(run())


def test_long_refusal_of_a_candidate(tmp_path: Path) -> None:
    """However long a candidate's error page is, the champion answers."""

    async def run() -> None:
        def error(exchange: Exchange) -> None:
            exchange.respond(500, [], b"x" * 1_000_000)

        async with stage(tmp_path, answers("7"), error) as world:
            world.publish(CANDIDATE)
            reply = await world.ask()
            assert (reply.status, reply.headers["x-segue-version"]) == (200, "7")
            assert {(row.role, row.error, row.response_size > 999_999) for row in world.rows()} == {
                ("failed", "status_5xx", True),
                ("fallback", "", False),
            }

    asyncio.run(run())


def test_no_end_without_a_row(tmp_path: Path) -> None:
    """Where the journal cannot be written, the caller's stream is cut, not completed."""

    async def run() -> None:
        gate = Gate(Exchange.finish)
        async with stage(tmp_path, gate) as world:
            world.publish(CHAMPION, protocol="openai")
            world.rows()
            caller = Caller()
            with disk_of(0):
                world.caller.send(caller.call(CHAT))
                await asyncio.wait_for(caller.came.wait(), 5)
                gate.go_on.set()
                assert not isinstance(await caller.done, Answer)
            assert world.journal.lost == 1

    asyncio.run(run())
