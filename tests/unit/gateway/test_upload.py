"""Long bodies reach the upstream as they come, with little memory, and are kept as length and hash."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from gateway_stage import Stage, answers, stage
from xxhash import xxh3_128_digest

from segue.http.exchange import Exchange
from segue.http.limits import ServerLimits

CHAMPION = {"champion": 1.0}
CANDIDATE = {"champion": 0.0, "v8": 1.0}
BODY = bytes(range(256)) * 8000  # 2 MB: longer than what is held
HEAD = b"POST /v2/models/churn/infer HTTP/1.1\r\nhost: h\r\n"


def echo(exchange: Exchange) -> None:
    """An upstream that gives back what it got."""
    exchange.respond(200, [(b"content-type", b"x/y")], exchange.body)


def length(exchange: Exchange) -> None:
    """An upstream that says how much it got."""
    exchange.respond(200, [(b"content-type", b"text/plain")], b"%d" % len(exchange.body))


class Wire:
    """A caller with its own socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, world: Stage) -> "Wire":
        return cls(*await asyncio.open_connection("127.0.0.1", world.port))

    async def answer(self) -> tuple[bytes, bytes]:
        """Head and body of one answer with a length."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        return head, await asyncio.wait_for(self.reader.readexactly(int(fields[b"content-length"])), 5)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_there_and_back(chunked: bool, tmp_path: Path) -> None:
    """The upstream gets the very bytes, the caller too, and the connection is good for a further request."""

    async def run() -> None:
        async with stage(tmp_path, echo) as world:
            world.publish(CHAMPION, timeout_s=5.0)
            wire = await Wire.to(world)
            for _ in range(2):
                if chunked:
                    wire.writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
                    for at in range(0, len(BODY), 50_000):
                        piece = BODY[at : at + 50_000]
                        wire.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    wire.writer.write(b"0\r\n\r\n")
                else:
                    wire.writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
                head, body = await wire.answer()
                assert head.startswith(b"HTTP/1.1 200")
                assert body == BODY
            wire.writer.close()
            rows = world.rows()
            assert len(rows) == 2
            for row in rows:
                assert (row.request_body, row.request_size, row.role) == (None, len(BODY), "served")
                assert row.request_hash == row.response_hash == xxh3_128_digest(BODY)

    asyncio.run(run())


def test_the_upstream_begins_before_the_end(tmp_path: Path) -> None:
    """The upstream reads the first part while the caller has not sent the last."""

    async def run() -> None:
        came = asyncio.Event()

        async def reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"content-length: %d\r\n" % len(BODY) in head
            await reader.readexactly(len(BODY) // 2)
            came.set()
            await reader.readexactly(len(BODY) - len(BODY) // 2)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            writer.close()

        async with stage(tmp_path, echo) as world, await asyncio.start_server(reading, "127.0.0.1", 0) as server:
            world.ports["7"] = server.sockets[0].getsockname()[1]
            world.publish(CHAMPION, timeout_s=5.0)
            wire = await Wire.to(world)
            wire.writer.write(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
            assert await asyncio.wait_for(wire.reader.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
            wire.writer.write(BODY[: len(BODY) // 2 + 1])
            await asyncio.wait_for(came.wait(), 5)
            wire.writer.write(BODY[len(BODY) // 2 + 1 :])
            assert (await wire.answer())[1] == b"ok"
            wire.writer.close()

    asyncio.run(run())


def test_a_slow_upstream_slows_the_caller(tmp_path: Path) -> None:
    """What the upstream does not read is not read from the caller: memory stays small."""

    async def run() -> None:
        go_on = asyncio.Event()

        async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            await go_on.wait()
            left = 60_000_000
            while left > 0 and (data := await reader.read(1 << 20)):
                left -= len(data)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            writer.close()

        async with stage(tmp_path, echo) as world, await asyncio.start_server(stalls, "127.0.0.1", 0) as server:
            world.ports["7"] = server.sockets[0].getsockname()[1]
            world.publish(CHAMPION, timeout_s=20.0)
            wire = await Wire.to(world)
            wire.writer.write(HEAD + b"content-length: 60000000\r\n\r\n")
            sent = 0

            async def send() -> None:
                nonlocal sent
                while sent < 60_000_000:
                    wire.writer.write(bytes(1_000_000))
                    sent += 1_000_000
                    await wire.writer.drain()

            sending = asyncio.get_running_loop().create_task(send())
            await asyncio.sleep(0.5)
            assert sent < 30_000_000  # the kernel's buffers and ours, not the body
            go_on.set()
            assert (await wire.answer())[1] == b"ok"
            await sending
            wire.writer.close()

    asyncio.run(run())


def test_a_dead_candidate_before_the_body(tmp_path: Path) -> None:
    """Nothing of the body was read yet when the candidate refused: the champion gets all of it."""

    async def run() -> None:
        async with stage(tmp_path, length) as world:
            world.ports["8"] = 1
            world.publish(CANDIDATE, timeout_s=2.0)
            reply = await world.ask(body=BODY)
            assert (reply.status, reply.body) == (200, b"%d" % len(BODY))
            assert {(row.role, row.error) for row in world.rows()} == {("failed", "connect_refused"), ("fallback", "")}

    asyncio.run(run())


def test_a_candidate_that_fails_with_the_body(tmp_path: Path) -> None:
    """The body is gone with the candidate that took it: its error is passed on, and no shadow is asked."""

    async def run() -> None:
        async with stage(tmp_path, echo, answers("8", 500)) as world:
            world.publish(CANDIDATE, timeout_s=2.0, shadows={"champion": 1.0})
            reply = await world.ask(body=BODY)
            assert (reply.status, reply.headers["x-segue-version"]) == (500, "8")
            assert [(row.role, row.error) for row in world.rows()] == [("served", "status_5xx")]
            assert world.seen["7"] == []

    asyncio.run(run())


def test_a_caller_who_leaves_in_the_middle(tmp_path: Path) -> None:
    """The upstream's connection is cut, so that half a body is never taken for one; the row says whose doing it was."""

    async def run() -> None:
        cut = asyncio.Event()

        async def reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            while await reader.read(1 << 16):
                pass
            cut.set()
            writer.close()

        async with stage(tmp_path, echo) as world, await asyncio.start_server(reading, "127.0.0.1", 0) as server:
            world.ports["7"] = server.sockets[0].getsockname()[1]
            world.publish(CHAMPION, timeout_s=5.0)
            wire = await Wire.to(world)
            wire.writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY[:1_500_000])
            await wire.writer.drain()
            await asyncio.sleep(0.1)
            wire.writer.close()
            await asyncio.wait_for(cut.wait(), 5)
            (row,) = world.rows()
            assert (row.role, row.error) == ("failed", "caller")

    asyncio.run(run())


def test_an_early_answer(tmp_path: Path) -> None:
    """An upstream may answer before it has read everything; the caller gets that answer, and the connection ends."""

    async def run() -> None:
        done = asyncio.Event()

        async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
            with suppress(ConnectionError):
                while await reader.read(1 << 16):
                    pass
            writer.close()
            done.set()

        async with stage(tmp_path, echo) as world, await asyncio.start_server(refuses, "127.0.0.1", 0) as server:
            world.ports["7"] = server.sockets[0].getsockname()[1]
            world.publish(CHAMPION, timeout_s=5.0)
            wire = await Wire.to(world)
            wire.writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY[:1_200_000])
            head, body = await wire.answer()
            assert head.startswith(b"HTTP/1.1 413")
            assert b"connection: close" in head
            assert body == b"no"
            wire.writer.close()
            await asyncio.wait_for(done.wait(), 5)
            assert [(row.role, row.status) for row in world.rows()] == [("served", 413)]

    asyncio.run(run())


def test_broken_chunks_in_the_middle(tmp_path: Path) -> None:
    """Framing that breaks in the middle is a 400, and the upstream never sees a whole body."""

    async def run() -> None:
        async with stage(tmp_path, echo) as world:
            world.publish(CHAMPION, timeout_s=5.0)
            wire = await Wire.to(world)
            wire.writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
            wire.writer.write(b"%x\r\n%b\r\n" % (len(BODY), BODY))
            await wire.writer.drain()
            await asyncio.sleep(0.1)
            wire.writer.write(b"zz\r\n")
            head, _ = await wire.answer()
            assert head.startswith(b"HTTP/1.1 400")
            wire.writer.close()
            assert world.seen["7"] == []

    asyncio.run(run())


def test_too_slow(tmp_path: Path) -> None:
    """A body that does not end in time is a 408."""

    async def run() -> None:
        async with stage(tmp_path, echo) as world:
            world.publish(CHAMPION, timeout_s=5.0)
            await world.caller.close()
            await world.listen(ServerLimits(request_s=0.2, sweep_s=0.05))
            wire = await Wire.to(world)
            wire.writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY[:1_200_000])
            head, _ = await wire.answer()
            assert head.startswith(b"HTTP/1.1 408")
            wire.writer.close()

    asyncio.run(run())


def test_behind_another_request(tmp_path: Path) -> None:
    """A long body waits behind the answers before it, unread."""

    async def run() -> None:
        async with stage(tmp_path, length) as world:
            world.publish(CHAMPION, timeout_s=5.0)
            wire = await Wire.to(world)
            first = HEAD + b"content-length: 2\r\n\r\n{}"
            wire.writer.write(first + first + HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY + first)
            sizes = [(await wire.answer())[1] for _ in range(4)]
            assert sizes == [b"2", b"2", b"%d" % len(BODY), b"2"]
            wire.writer.close()

    asyncio.run(run())
