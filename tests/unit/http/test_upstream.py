"""Answers read from upstreams that behave, and that do not."""

import asyncio
import socket
import time
from typing import Any

import h11
import pytest
from http_upstreams import GET, OK, Pools, answering
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.http.call import Answer, Call, Failure, Head, Reason, Result
from segue.http.limits import PoolLimits
from segue.http.reading.responses import KnownHeads, ResponseReader

ANSWERS = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", True),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nX: t\r\n\r\n", b"ok", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, b"ok", True),
    (b"HTTP/1.1 204 None\r\n\r\n", b"", True),
    (b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n", b"", True),
    (b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", b"ok", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok", False),
    (OK + b"HTTP/1.1 200 OK\r\n\r\nsomebody else's", b"ok", False),
    (OK + b"x", b"ok", False),
]


@pytest.mark.parametrize(("wire", "body", "kept"), ANSWERS)
def test_answers(run: Any, upstream: Any, wire: bytes, body: bytes, kept: bool) -> None:
    """An answer is read by its framing; a connection that cannot be trusted with another call is not kept."""

    async def main() -> None:
        async with upstream(answering(wire)) as port, Pools() as pools:
            pool = pools(port)
            answer = await pool.request(GET, 5)
            assert isinstance(answer, Answer)
            assert answer.body == body
            assert pool.open == kept
            assert b"X" not in dict(answer.headers)
            assert answer.finished_s >= answer.started_s

    run(main())


def test_answers_until_the_end(run: Any, upstream: Any) -> None:
    """A body without a length lasts until the connection ends."""

    async def main() -> None:
        async with upstream(answering(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", close=True)) as port, Pools() as pools:
            answer = await pools(port).request(GET, 5)
            assert isinstance(answer, Answer)
            assert answer.body == b"until the end"

    run(main())


def test_head_answers(run: Any, upstream: Any) -> None:
    """HEAD's answer has no body, whatever length it names, and its connection is kept; a body all the same is not trusted."""

    async def main() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        async with upstream(answering(head, OK)) as port, Pools() as pools:
            pool = pools(port)
            answer = await pool.request(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n", 5, head_only=True)
            assert (isinstance(answer, Answer), pool.open) == (True, 1)
            answer = await pool.request(GET, 5)
            assert isinstance(answer, Answer)
            assert answer.body == b"ok"
        async with upstream(answering(OK)) as port, Pools() as pools:
            pool = pools(port)
            answer = await pool.request(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n", 5, head_only=True)
            assert isinstance(answer, Answer)
            assert (answer.body, pool.open) == (b"", 0)

    run(main())


BAD = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", Reason.BAD_FRAMING),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok", Reason.BAD_FRAMING),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", Reason.BAD_FRAMING),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Reason.BAD_FRAMING),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Reason.BAD_FRAMING),
    (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", Reason.BAD_FRAMING),
    (b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", Reason.BAD_FRAMING),
    (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", Reason.BAD_FRAMING),
    (b"HTTP/1.1 101 Now\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", Reason.BAD_FRAMING),
    (b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n", Reason.BAD_FRAMING),
    (b"HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n", Reason.BAD_FRAMING),
    (b"SSH-2.0-x\r\n\r\n", Reason.BAD_FRAMING),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101, Reason.TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101, Reason.TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300 + b"\r\n\r\n", Reason.TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300, Reason.TOO_LARGE),
    (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 9 + b"Content-Length: 0\r\n\r\n", Reason.TOO_LARGE),
    (b"HTTP/1.1 100 Go\r\n\r\n" * 20, Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("wire", "reason"), BAD)
def test_bad_answers(run: Any, upstream: Any, wire: bytes, reason: Reason) -> None:
    """What is no answer, means two things or is beyond a limit is a failure with its reason, and ends the connection."""

    async def main() -> None:
        async with upstream(answering(wire)) as port, Pools() as pools:
            pool = pools(port, body_bytes=100, head_bytes=250, headers=8)
            result = await pool.request(GET, 5)
            assert isinstance(result, Failure)
            assert (result.reason, result.sent, pool.open) == (reason, True, 0)

    run(main())


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 100 Go\r\n\r\n",
    ],
)
@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_upstream_that_leaves(run: Any, upstream: Any, wire: bytes, how: str) -> None:
    """A connection that ends before its answer does is a failure, never a short answer."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(wire)
        await writer.drain()
        if how == "reset":
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async def main() -> None:
        async with upstream(script) as port, Pools() as pools:
            result = await pools(port).request(GET, 5)
            assert isinstance(result, Failure)
            assert (result.reason, result.sent) == (Reason.RESET, True)

    run(main())


class Collected:
    """A stream that keeps what it gets."""

    def __init__(self) -> None:
        self.status = 0
        self.fields: object = None
        self.length: int | None = None
        self.pieces: list[bytes] = []

    def head(self, head: Head, length: int | None) -> None:
        self.status = head.status
        self.fields = (head.headers, head.connection)
        self.length = length

    def piece(self, data: bytes) -> None:
        self.pieces.append(data)


def test_streamed_answers(run: Any, until: Any, upstream: Any) -> None:
    """A stream hears of each piece as it comes, before the answer is whole; a pause stops the reading."""
    go_on = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await go_on.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")
        await reader.read(1)

    async def main() -> None:
        async with upstream(script) as port, Pools() as pools:
            pool = pools(port, body_bytes=3)
            done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            call = Call((GET[:5], GET[5:]), done.set_result, time.monotonic() + 5)
            call.stream = stream = Collected()
            pool.send(call)
            await until(lambda: stream.pieces)
            assert (stream.status, stream.pieces, done.done()) == (200, [b"one"], False)
            call.pause()
            go_on.set()
            await asyncio.sleep(0.02)
            assert stream.pieces == [b"one"]
            call.resume()
            answer = await done
            assert isinstance(answer, Answer)
            assert (stream.pieces, answer.body, pool.open) == ([b"one", b"two"], b"", 1)

    run(main())


@settings(max_examples=60)
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=4), st.sampled_from(["length", "chunked", "end"]))
def test_every_cut_gives_the_same_answer(pieces: list[bytes], framing: str) -> None:
    """What h11 answers is read as it was meant, cut in two at every position."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(GET)
    server.next_event()
    server.next_event()
    headers: list[tuple[bytes, bytes]] = [(b"X-A", b"1")]
    if framing == "length":
        headers.append((b"Content-Length", b"%d" % sum(map(len, pieces))))
    wire = server.send(h11.Response(status_code=200, headers=headers)) or b""
    if framing == "end":  # what h11 frames by chunks, without them
        wire = b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n" + b"".join(pieces)
    else:
        for piece in pieces:
            wire += server.send(h11.Data(data=piece)) or b""
        wire += server.send(h11.EndOfMessage()) or b""
    for cut in range(1, len(wire)):
        reader = ResponseReader(PoolLimits())
        whole = reader.feed(wire[:cut]) or reader.feed(wire[cut:]) or reader.end()
        assert whole
        assert reader.problem is None
        assert (reader.head.status, reader.body) == (200, b"".join(pieces))
        assert reader.head.headers[0] == (b"X-A", b"1")


@pytest.mark.parametrize(("wire", "body", "kept"), ANSWERS)
def test_a_remembered_head_means_the_same(wire: bytes, body: bytes, kept: bool) -> None:
    """However often the same answers come, whole or in two reads, each is read as the first one was."""
    known: KnownHeads = {}
    for cut in [*range(1, len(wire) + 1), len(wire), len(wire)]:
        reader = ResponseReader(PoolLimits(), known)
        assert reader.feed(wire[:cut]) or reader.feed(wire[cut:])
        assert (reader.head.status, reader.body, reader.problem) == (
            int(wire.split()[1]) if b"1.1 100" not in wire else 200,
            body,
            None,
        )
        if cut == len(wire):
            assert reader.reusable == kept


def test_one_connection_with_remembered_heads() -> None:
    """Answers that were recognised leave the parser ready for one that it has to read."""
    reader = ResponseReader(PoolLimits())
    longer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
    bodies = []
    for wire in (OK, OK, longer, OK, OK[:-1], OK[:-2] + b"no", longer):
        reader.begin(None, head_only=False)
        if not reader.feed(wire):
            assert reader.feed(b"!")
        bodies.append(reader.body)
    assert bodies == [b"ok", b"ok", b"yes", b"ok", b"o!", b"no", b"yes"]
    first = reader.head
    reader.begin(None, head_only=False)
    assert reader.feed(longer)
    assert reader.head is first
