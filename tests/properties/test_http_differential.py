"""The gateway and h11 read the same requests: what one refuses the other refuses, or a rule says why; what passes is the same.

Generated requests, valid, odd and broken, go over a real socket to a gateway's server, whose only variant is an upstream that
parses what reaches it with h11. The referee is another h11 that gets the caller's very bytes. What the gateway accepts, the
referee must accept as well, always, and the upstream must have got the same method, fields and body. Where only the gateway
refuses, one of `STRICTER` must be the reason.
"""

import asyncio
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import h11
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "gateway"))

from gateway_stage import Stage

from segue.http.server import Server

Headers = list[tuple[bytes, bytes]]
INFER: Final = b"/v2/models/churn/infer"
HOP_BY_HOP: Final = frozenset(  # RFC 9110, 7.6.1, and what a proxy writes itself
    b"connection keep-alive proxy-connection te transfer-encoding upgrade trailer http2-settings proxy-authenticate "
    b"proxy-authorization proxy-authentication-info host content-length expect".split()
)


class Asked(NamedTuple):
    """A request as h11 parsed it."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes


class Judged(NamedTuple):
    """What the referee says of a connection's bytes."""

    requests: list[Asked]
    broken: str
    begun: list[bytes]  # the bytes from the beginning of each request on, the broken one's among them


# -- rules -----------------------------------------------------------------------------------------------------------------


def _field(name: bytes, value: bytes) -> Callable[[bytes], object]:
    return re.compile(rb"(?im)^" + name + rb"[ \t]*:[ \t]*" + value + rb"[ \t]*\r?$").search


_CL: Final = re.compile(rb"(?im)^content-length[ \t]*:").search
_TE: Final = re.compile(rb"(?im)^transfer-encoding[ \t]*:").search

STRICTER: Final[list[tuple[str, Callable[[bytes], object]]]] = [
    (
        "RFC 9112, 2.2: a bare LF may end a line for a lenient reader; two readers then see two messages",
        re.compile(rb"(?<!\r)\n").search,
    ),
    ("RFC 9112, 2.2: a bare CR in a head", re.compile(rb"\r(?!\n)").search),
    ("RFC 9112, 5.2: a folded line is refused", re.compile(rb"\r\n[ \t]").search),
    ("RFC 9110, 5.5: control characters in a value", re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search),
    ("RFC 9112, 6.1: Content-Length beside Transfer-Encoding", lambda wire: _CL(wire) and _TE(wire)),
    ("RFC 9112, 6.1: a transfer coding under HTTP/1.0", lambda wire: b"HTTP/1.0" in wire and _TE(wire)),
    (
        "RFC 9110, 8.6: Content-Length twice, also with the same value",
        lambda wire: len(re.findall(rb"(?im)^content-length", wire)) > 1,
    ),
    ("RFC 9110, 8.6: a list of lengths", _field(b"content-length", rb"[0-9]+[ \t]*,.*")),
    ("RFC 9110, 10.1.1: an expectation other than 100-continue", _field(b"expect", rb"(?!100-continue[ \t]*\r?$).*")),
    (
        "RFC 9110, 9.1: a method that nobody registered",
        re.compile(rb"\A(?!(?:GET|POST|PUT|HEAD|DELETE|OPTIONS) )[!-~]+ [!-~]+ HTTP/").search,
    ),
    ("RFC 9110, 9.3.6: CONNECT, which is for tunnels", re.compile(rb"\ACONNECT ").search),
    ("RFC 9112, 2.3: a version other than 1.0 and 1.1", re.compile(rb"HTTP/(?!1\.[01]\r)").search),
    ("RFC 9112, 3.2: a target that no URI could be", re.compile(rb"\A[A-Z]+ (?![!-~]+ HTTP/)").search),
    ("RFC 9112, 7.1: white space after the size of a chunk", re.compile(rb"(?m)^[0-9a-fA-F]+[ \t]+[\r;]").search),
    ("RFC 9112, 7.1: a chunk whose length would overflow an integer", re.compile(rb"(?m)^[0-9a-fA-F]{16,}").search),
    ("RFC 9112, 7.1.1: an extension of a chunk that is no token", re.compile(rb"(?m)^[0-9a-fA-F]+[ \t]*;").search),
]

# -- requests --------------------------------------------------------------------------------------------------------------

METHODS = [b"POST"] * 12 + [
    b"GET",
    b"HEAD",
    b"PUT",
    b"OPTIONS",
    b"DELETE",
    b"CONNECT",
    b"post",
    b"FROB",
    b"P\xd6ST",
    b"",
    b"PO ST",
]
TARGETS = [INFER] * 12 + [
    INFER + b"?a=b",
    b"/",
    b"*",
    b"http://h" + INFER,
    b"/v2",
    b"/a b",
    b"/\xff",
    b"",
    b"/\x01",
    b"//",
    b"/a#b",
]
VERSIONS = [b"HTTP/1.1"] * 16 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1", b"HTTP/01.1", b""]
ENDS = [b"\r\n"] * 60 + [b"\n", b"\r", b"\r\r\n", b"\n\r\n"]
FIELDS = [
    *[
        b"X-A: 1",
        b"X-A:2",
        b"x-b:\t3 \t",
        b"X-Empty:",
        b"Accept: */*, a/b",
        b"X-Latin: caf\xe9",
        b'X-Quoted: "a, b"',
        b"Cookie: a=b; c=d",
    ],
    *[
        b"Content-Type: application/json",
        b"X-User-Id: u-7",
        b"X-Request-Id: r-7",
        b"traceparent: 00-ab-cd-01",
        b"Accept-Encoding: gzip",
    ],
    *[b"Connection: keep-alive", b"Connection: X-A", b"Connection: x-b, X-Empty", b"Keep-Alive: timeout=5", b"TE: trailers"],
    *[b"Proxy-Authorization: secret", b"Trailer: X-T", b"Upgrade: h2c", b"Connection: Upgrade"],
    *[b"Proxy-Connection: close", b"Proxy-Connection: keep-alive", b"Proxy-Connection: Upgrade"],
]
ODD_FIELDS = [
    *[
        b"Connection: close",
        b"Expect: 100-continue",
        b"Expect: the-moon",
        b"Host: h",
        b"Host: other",
        b"Host :h",
        b"Content-Length: 5",
    ],
    *[
        b"Content-Length: 5, 5",
        b"Content-Length: +5",
        b"Content-Length: 0x5",
        b"Content-Length: -1",
        b"Content-Length: 5 5",
        b"Content-Length:",
    ],
    *[
        b"Content-Length: 00005",
        b"content-length: 3",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: Chunked",
        b"Transfer-Encoding: gzip",
    ],
    *[
        b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: identity",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding : chunked",
    ],
    *[
        b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked;a=b",
        b'Transfer-Encoding: "chunked"',
    ],
    *[
        b" folded: 1",
        b"\tfolded",
        b"X-A : 1",
        b"X A: 1",
        b": 1",
        b"X-A",
        b"X-N\x00l: 1",
        b"X-A: \x00",
        b"X-A: \x01",
        b"X-A: \x7f",
        b"X-\xff: 1",
    ],
    *[
        b"X-A: a\rb",
        b"X(A): 1",
        b"X-A:: 1",
        b"Upgrade: websocket",
        b"X-A: " + b"y" * 500,
        b"X_A: 1",
        b"X-A: a\x0bb",
        b"X-A:\xa0b",
        b"X-A: b\xa0",
    ],
]
PIECES = [b"5\r\nhello\r\n"] * 6 + [b"A\r\n0123456789\r\n", b"5;a=b\r\nhello\r\n", b'5;a="b"\r\nhello\r\n', b"005\r\nhello\r\n"]
ODD_PIECES = [
    *[
        b"5\nhello\r\n",
        b"5\r\nhello\n",
        b"5 \r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"+5\r\nhello\r\n",
        b"-5\r\nhello\r\n",
    ],
    *[
        b"5\r\nhell\r\n",
        b"5\r\nhello!\r\n",
        b"5\r\nhelloX\r\n",
        b"5;\r\nhello\r\n",
        b"5;\x00\r\nhello\r\n",
        b"\r\nhello\r\n",
        b"g\r\n",
    ],
    *[
        b"ffffffffffffffffffffff\r\n",
        b"5;a\nb\r\nhello\r\n",
        b"5\t;a\r\nhello\r\n",
        b"5_0\r\n",
        b"5\rhello\r\n",
        b"fffffffffffffffff\r\n",
    ],
]
LASTS = [b"0\r\n\r\n"] * 12 + [b"0\r\nX-T: 1\r\n\r\n", b"00\r\n\r\n", b"0;a\r\n\r\n", b"0\r\nHost: evil\r\n\r\n"]
ODD_LASTS = [
    b"0\r\n",
    b"0\n\n",
    b"0\r\n\n",
    b"0\r\n folded\r\n\r\n",
    b"0\r\nContent-Length: 9\r\n\r\n",
    b"",
    b"0\r\nbad\r\n\r\n",
    b"0\r\n\rX",
]


@st.composite
def request(draw: st.DrawFn) -> bytes:
    """One request, or something like it."""
    odd = draw(st.integers(0, 3)) == 0  # most are well: else hardly any would get past its first line
    pick = st.sampled_from

    def line(words: list[bytes]) -> bytes:
        return draw(pick(words)) if odd else words[0]

    lines = [b" ".join((line(METHODS), draw(pick(TARGETS[:13])) if not odd else line(TARGETS), line(VERSIONS)))]
    if not odd or draw(st.integers(0, 9)):
        lines.append(b"Host: h")
    lines += draw(st.lists(pick(FIELDS), max_size=5))
    if odd:
        lines += draw(st.lists(pick(ODD_FIELDS), max_size=2))
    kind = draw(st.sampled_from(["none", "length", "length", "chunked", "chunked"]))
    body = b""
    if kind == "length":
        body = draw(st.binary(max_size=20))
        lines.insert(draw(st.integers(1, len(lines))), b"Content-Length: %d" % len(body))
    elif kind == "chunked":
        lines.insert(draw(st.integers(1, len(lines))), b"Transfer-Encoding: chunked")
        body = b"".join(draw(st.lists(pick([*PIECES, *ODD_PIECES] if odd else PIECES), max_size=3)))
        body += draw(pick([*LASTS, *ODD_LASTS] if odd else LASTS))
    head = b"".join(text + (draw(pick(ENDS)) if odd else b"\r\n") for text in [*lines, b""])
    return head + body


@st.composite
def connection(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """What a caller sends, and where it is cut."""
    before = draw(st.sampled_from([b""] * 12 + [b"\r\n", b"\n", b" ", b"\r\n\r\n", b"\0"]))
    wire = before + b"".join(draw(st.lists(request(), min_size=1, max_size=3)))
    return wire, sorted(draw(st.lists(st.integers(0, len(wire)), max_size=3)))


# -- the referee -----------------------------------------------------------------------------------------------------------


def parsed(referee: h11.Connection, head: h11.Request) -> tuple[Asked | None, bool]:
    """The request that has begun; None where the rest has not come. True when its sender asked for no more."""
    body = b""
    while True:
        event = referee.next_event()
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            return None, True
    return Asked(head.method, head.target, [(name, value) for name, value in head.headers], body), False


def judge(wire: bytes) -> Judged:
    """What h11 makes of a caller's bytes; it is given each request alone, after the empty lines that a server skips."""
    found: list[Asked] = []
    begun: list[bytes] = []
    while wire := wire.lstrip(b"\r\n"):  # RFC 9112, 2.2; h11 refuses them
        begun.append(wire)
        referee = h11.Connection(h11.SERVER)
        referee.receive_data(wire)
        try:
            event = referee.next_event()
            if not isinstance(event, h11.Request):
                break
            asked, cut = parsed(referee, event)
        except h11.RemoteProtocolError as error:
            return Judged(found, str(error) or "refused", begun)
        if cut or asked is None:
            break
        found.append(asked)
        if not _persists(event):
            break
        wire = referee.trailing_data[0]
    return Judged(found, "", begun)


def _persists(head: h11.Request) -> bool:
    """RFC 9112, 9.3, of which h11 leaves out HTTP/1.0; with Proxy-Connection for Connection, as old clients mean it."""
    named = [value for name, value in head.headers if name in {b"connection", b"proxy-connection"}]
    options = {part.strip().lower() for value in named for part in value.split(b",")}
    return b"close" not in options and (head.http_version == b"1.1" or b"keep-alive" in options)


class Upstream(asyncio.Protocol):
    """A variant that keeps what reaches it, as h11 parses it."""

    def __init__(self, kept: list[Asked]) -> None:
        self._kept = kept
        self._referee = h11.Connection(h11.SERVER)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._referee.receive_data(data)
        event = self._referee.next_event()
        assert isinstance(event, h11.Request), "the gateway sends a request at once"
        asked, _ = parsed(self._referee, event)
        assert asked is not None
        assert not self._referee.trailing_data[0], "something follows the request"
        self._kept.append(asked)
        answer = h11.Response(status_code=200, headers=[(b"content-length", b"2")])
        events: list[h11.Event] = [answer, h11.Data(data=b"{}"), h11.EndOfMessage()]
        self._transport.write(b"".join(self._referee.send(event) or b"" for event in events))
        self._referee.start_next_cycle()


# -- the case --------------------------------------------------------------------------------------------------------------


class Bench:
    """A gateway before an upstream, both on one loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.reached: list[Asked] = []
        self.problems: list[dict[str, Any]] = []

    async def open(self) -> None:
        """Start both."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.problems.append(context))
        self._upstream = await loop.create_server(lambda: Upstream(self.reached), "127.0.0.1", 0)
        self._stage = Stage(self._folder)
        self._stage.ports["7"] = self._upstream.sockets[0].getsockname()[1]
        self._stage.publish({"champion": 1.0}, timeout_s=30.0)
        self.server = Server(self._stage.worker.handle)
        self.port = await self.server.listen()

    async def close(self) -> None:
        """Stop both."""
        await self.server.drain(0.05)
        await self._stage.worker.close()
        self._stage.journal.close()
        self._upstream.close()
        await self._upstream.wait_closed()

    async def send(self, wire: bytes, cuts: list[int], expected: int) -> tuple[int, int]:
        """A caller's whole connection: how many requests were taken, and whether what followed was refused."""
        before, refused = self.server.requests, sum(self.server.refused.values())
        self.reached.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
                writer.write(wire[start:end])
                await writer.drain()
                await asyncio.sleep(0)
            for _ in range(100):  # at the end of what a caller sends, a server need not say any more what it would refuse
                if self.server.requests - before == expected or sum(self.server.refused.values()) > refused:
                    break
                await asyncio.sleep(0.001)
            writer.write_eof()
            await asyncio.wait_for(reader.read(-1), 20)
        except ConnectionError:
            pass  # a refused caller that went on sending
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        return self.server.requests - before, sum(self.server.refused.values()) - refused


def leads_to(target: bytes) -> bytes:
    """The path of a target, whether or not it says a scheme and a host before."""
    return target.removeprefix(b"http://h").partition(b"?")[0]


def passing(asked: Asked) -> Headers:
    """The fields that a proxy passes on."""
    named = {part.strip().lower() for name, value in asked.headers if name == b"connection" for part in value.split(b",")}
    return [(name, value) for name, value in asked.headers if name not in HOP_BY_HOP | named]


def compare(wire: bytes, judged: Judged, taken: int, refused: int, reached: list[Asked]) -> None:
    """The two agree, or the gateway is stricter for a reason."""
    assert taken <= len(judged.requests), "taken, and no request to the referee"
    sent = [asked for asked in judged.requests[:taken] if asked.method == b"POST" and leads_to(asked.target) == INFER]
    assert [(it.method, it.target, passing(it), it.body) for it in reached] == [
        (it.method, INFER, passing(it), it.body) for it in sent
    ]
    if taken < len(judged.requests):
        assert refused, f"neither taken nor refused: {wire!r}"
    if refused and (taken < len(judged.requests) or not judged.broken):
        assert any(applies(judged.begun[taken]) for _, applies in STRICTER), f"refused without a rule: {wire!r}"


def differ(tmp_path: Path, examples: int) -> None:
    """Try so many connections."""
    bench = Bench(tmp_path)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(bench.open())

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(connection())
        def check(case: tuple[bytes, list[int]]) -> None:
            wire, cuts = case
            judged = judge(wire)
            taken, refused = loop.run(bench.send(wire, cuts, len(judged.requests)))
            assert not bench.problems, bench.problems
            compare(wire, judged, taken, refused, list(bench.reached))

        try:
            check()
        finally:
            loop.run(bench.close())


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_proxy_connection_makes_no_second_request(tmp_path: Path, version: bytes) -> None:
    """A body is a body, whatever the parser thinks of Proxy-Connection: its bytes never become a request of their own."""
    inner = b"POST " + INFER + b" HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
    fields = b"\r\nHost: h\r\nProxy-Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(inner)
    wire = b"POST " + INFER + b" HTTP/" + version + fields + inner
    bench = Bench(tmp_path)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(bench.open())
        try:
            taken, refused = loop.run(bench.send(wire, [], 1))
            assert (taken, refused, [asked.body for asked in bench.reached]) == (1, 0, [inner])
        finally:
            loop.run(bench.close())


def test_gateway_and_referee_agree(tmp_path: Path) -> None:
    """Some hundred connections: accepted by both and passed on as parsed, or refused by both, or refused by a named rule."""
    differ(tmp_path, 300)


@pytest.mark.slow
def test_gateway_and_referee_agree_at_length(tmp_path: Path) -> None:
    """The same with thousands."""
    differ(tmp_path, 6_000)
