"""Bodies on their way through, both ways, in whatever pieces: h11 hears back each byte that it sent, or nobody hears them."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import h11
import msgspec
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "gateway"))

from gateway_stage import Stage

from segue.http.exchange import Exchange
from segue.http.limits import ServerLimits

TARGET = b"/v2/models/churn/infer"
HOLD_BYTES = 8


class Case(msgspec.Struct, frozen=True):
    """One request and what becomes of it.

    Args:
        pieces: of the body; each a chunk, where it is chunked.
        chunked: how the caller frames it.
        echoed: how the upstream frames its answer, a stream of events.
        cuts: where the caller's bytes are cut into writes.
        kept: of the request's bytes, when the caller leaves in the middle; None for all of them.
    """

    pieces: list[bytes]
    chunked: bool
    echoed: bool
    cuts: list[int]
    kept: int | None


_pieces = st.lists(
    st.one_of(st.binary(min_size=1, max_size=30), st.just(b"0\r\n\r\n"), st.just(b"x" * 20_000)), min_size=1, max_size=5
)
_cases = st.builds(
    Case,
    pieces=_pieces,
    chunked=st.booleans(),
    echoed=st.booleans(),
    cuts=st.lists(st.integers(1, 400), max_size=4),
    kept=st.one_of(st.none(), st.integers(0, 100)),
)


def request(case: Case) -> bytes:
    """The caller's bytes, framed by h11."""
    caller = h11.Connection(h11.CLIENT)
    size = sum(map(len, case.pieces))
    framing = (b"transfer-encoding", b"chunked") if case.chunked else (b"content-length", b"%d" % size)
    kind = (b"x-echo", b"chunked" if case.echoed else b"length")
    wire = caller.send(h11.Request(method="POST", target=TARGET, headers=[(b"host", b"h"), framing, kind])) or b""
    for piece in case.pieces:
        wire += caller.send(h11.Data(data=piece)) or b""
    return wire + (caller.send(h11.EndOfMessage()) or b"")


def echo(exchange: Exchange) -> None:
    """An upstream that says what it was told, as events: they are passed on as they come."""
    length = None if (b"x-echo", b"chunked") in exchange.headers else len(exchange.body)
    exchange.start(200, [(b"content-type", b"text/event-stream")], length=length)
    middle = len(exchange.body) // 2
    exchange.write(exchange.body[:middle])
    exchange.write(exchange.body[middle:])
    exchange.finish()


async def heard(port: int, wire: bytes, cuts: list[int], *, leaves: bool) -> tuple[int, bytes] | None:
    """The status and body of the answer, as h11 reads it; None for a caller that leaves."""
    referee = h11.Connection(h11.CLIENT)
    referee.send(h11.Request(method="POST", target=TARGET, headers=[(b"host", b"h"), (b"content-length", b"0")]))
    referee.send(h11.EndOfMessage())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    places = sorted({min(cut, len(wire)) for cut in cuts})
    for start, end in zip([0, *places], [*places, len(wire)], strict=True):
        writer.write(wire[start:end])
        await writer.drain()
        await asyncio.sleep(0)
    status, body = 0, b""
    try:
        while not leaves:
            event = referee.next_event()
            if event is h11.NEED_DATA:
                referee.receive_data(await asyncio.wait_for(reader.read(65536), 10))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
        return None
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def check(stage: Stage, case: Case) -> None:
    """One case."""
    whole, body = request(case), b"".join(case.pieces)
    leaves = case.kept is not None and case.kept < len(whole)
    stage.seen["7"].clear()
    answer = await heard(stage.port, whole[: case.kept] if leaves else whole, case.cuts, leaves=leaves)
    if leaves:
        await asyncio.sleep(0.005)
        assert not stage.seen["7"], "a request that its caller did not finish has reached the upstream whole"
    else:
        assert answer == (200, body)
        (asked,) = stage.seen["7"]
        assert asked.body == body


async def opened(folder: Path) -> Stage:
    """A gateway that holds next to nothing, before an upstream that echoes."""
    stage = Stage(folder)
    await stage.upstream("7", echo)
    stage.publish({"champion": 1.0}, timeout_s=20.0)
    await stage.listen(ServerLimits(hold_bytes=HOLD_BYTES))
    return stage


def through(folder: Path, examples: int) -> None:
    """Try so many."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        stage = loop.run(opened(folder))

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(_cases)
        def run(case: Case) -> None:
            loop.run(check(stage, case))

        try:
            run()
        finally:
            loop.run(stage.close())


def test_what_is_streamed_arrives(tmp_path: Path) -> None:
    """A hundred bodies of known and unknown length, most too long to be held, and callers that leave before the end."""
    through(tmp_path, 100)


@pytest.mark.slow
def test_what_is_streamed_arrives_at_length(tmp_path: Path) -> None:
    """The same with thousands."""
    through(tmp_path, 3_000)
