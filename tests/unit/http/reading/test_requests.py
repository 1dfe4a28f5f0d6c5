"""Requests out of bytes: the same ones however the bytes are cut, and none out of bytes that mean two things."""

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.http.limits import ServerLimits
from segue.http.reading.requests import Request, RequestReader

_POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"


def _read(*pieces: bytes, limits: ServerLimits | None = None) -> RequestReader[Request]:
    reader = RequestReader(limits or ServerLimits(), Request)
    for piece in pieces:
        reader.feed(piece)
    return reader


def _seen(reader: RequestReader[Request]) -> list[tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes, bool]]:
    return [(r.method, r.target, r.headers, r.body, r.keep_alive) for r in reader.ready]


_NAMES = st.text(st.sampled_from("abcXYZ019-_"), min_size=1, max_size=8).map(lambda text: b"X" + text.encode())
_VALUES = st.text(st.sampled_from('abc ,;="/é\t'), max_size=12).map(lambda text: text.strip(" \t").encode("latin-1"))
_BODIES = st.lists(st.binary(min_size=1, max_size=20), max_size=4)


@st.composite
def _requests(draw: st.DrawFn) -> tuple[bytes, list[tuple[bytes, bytes, bytes]]]:
    """A pipeline as h11 writes it, and what it says: method, target in origin form, body of each."""
    client = h11.Connection(h11.CLIENT)
    wire, said = b"", []
    for _ in range(draw(st.integers(1, 3))):
        method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS"]))
        target = draw(st.sampled_from([b"/", b"/v2/models/a/infer", b"/a?b=c&d=%20", b"*", b"http://a/b"]))
        pieces = draw(_BODIES)
        headers = [(b"Host", b"a"), *draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=4))]
        if draw(st.booleans()):
            headers.append((b"Transfer-Encoding", b"chunked"))
        elif pieces:
            headers.append((b"Content-Length", b"%d" % sum(map(len, pieces))))
        client = h11.Connection(h11.CLIENT)  # a new one each time: h11 waits for answers, a pipelining caller does not
        wire += client.send(h11.Request(method=method, target=target, headers=headers)) or b""
        if pieces or headers[-1][0] == b"Transfer-Encoding":
            for piece in pieces:
                wire += client.send(h11.Data(data=piece)) or b""
        wire += client.send(h11.EndOfMessage()) or b""
        said.append((method, target.removeprefix(b"http://a"), b"".join(pieces)))
    return wire, said


@given(_requests())
@settings(deadline=None)
def test_every_cut_gives_the_same_requests(case: tuple[bytes, list[tuple[bytes, bytes, bytes]]]) -> None:
    """What h11 writes is read as it was meant, cut in two at every position."""
    wire, said = case
    whole = _read(wire)
    assert [(r.method, r.target, r.body) for r in whole.ready] == said
    assert whole.refusal is None
    assert not whole.begun
    for cut in range(1, len(wire)):
        assert _seen(_read(wire[:cut], wire[cut:])) == _seen(whole)
    assert _seen(_read(*[wire[i : i + 1] for i in range(len(wire))])) == _seen(whole)


REFUSED = [
    ("both lengths", _POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("both lengths, other order", _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    ("two equal lengths", _POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    ("two lengths", _POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    ("list of lengths", _POST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    ("signed length", _POST + b"Content-Length: +3\r\n\r\nabc", 400),
    ("negative length", _POST + b"Content-Length: -3\r\n\r\nabc", 400),
    ("hexadecimal length", _POST + b"Content-Length: 0x3\r\n\r\nabc", 400),
    ("empty length", _POST + b"Content-Length: \r\n\r\n", 400),
    ("length beyond 64 bits", _POST + b"Content-Length: 18446744073709551619\r\n\r\nabc", 400),
    ("length in two lines", _POST + b"Content-Length: 1\r\n 0\r\n\r\n", 400),
    ("unknown coding", _POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    ("unknown coding before chunked", _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("chunked twice", _POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("two codings", _POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
    ("identity coding", _POST + b"Transfer-Encoding: identity\r\n\r\n", 501),
    ("coding like chunked", _POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    ("coding in quotes", _POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 501),
    ("coding after a vertical tab", _POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("coding with a blank before the colon", _POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("coding under 1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("folded field", _POST + b"X: a\r\n b\r\n\r\n", 400),
    ("field that begins with a blank", _POST + b" X: a\r\n\r\n", 400),
    ("bare LF after a field", _POST + b"X: a\nContent-Length: 3\r\n\r\n", 400),
    ("bare LF after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    ("bare LF at the end of the head", _POST + b"X: a\r\n\n", 400),
    ("bare CR in a value", _POST + b"X: a\rb\r\n\r\n", 400),
    ("NUL in a value", _POST + b"X: a\0b\r\n\r\n", 400),
    ("control in a value", _POST + b"X: a\x01b\r\n\r\n", 400),
    ("DEL in a value", _POST + b"X: a\x7fb\r\n\r\n", 400),
    ("no name", _POST + b": a\r\n\r\n", 400),
    ("name beyond ASCII", _POST + b"X\x80: a\r\n\r\n", 400),
    ("line without colon", _POST + b"abc\r\n\r\n", 400),
    ("chunk size with a prefix", _CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    ("chunk size with a sign", _CHUNKED + b"-1\r\n\r\n", 400),
    ("chunk size with a blank", _CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", 400),
    ("chunk size beyond 64 bits", _CHUNKED + b"10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    ("chunk size, bare LF", _CHUNKED + b"3\nabc\r\n0\r\n\r\n", 400),
    ("chunk extension, bare LF", _CHUNKED + b"3;a\nb\r\nabc\r\n0\r\n\r\n", 400),
    ("no chunk size", _CHUNKED + b"\r\n", 400),
    ("chunk longer than its size", _CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    ("chunk ended by a bare LF", _CHUNKED + b"3\r\nabc\n0\r\n\r\n", 400),
    ("length in a trailer", _CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n", 400),
    ("bare LF in a trailer", _CHUNKED + b"0\r\nX: a\n\r\n", 400),
    ("no host", b"GET / HTTP/1.1\r\n\r\n", 400),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("version 0.9", b"GET / HTTP/0.9\r\n\r\n", 505),
    ("no version", b"GET /\r\n\r\n", 505),
    ("version 2.0", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("version 2.0, kept alive", b"GET / HTTP/2.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 505),
    ("version 1.2", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 501),
    ("unknown method", b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("method in lower case", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("tunnel", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("blank in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("control in the target", b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("target beyond ASCII", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("unknown expectation", _POST + b"Expect: 200-ok\r\nContent-Length: 0\r\n\r\n", 417),
    ("noise", b"hello there\r\n\r\n", 501),
]


@pytest.mark.parametrize(("wire", "status"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(wire: bytes, status: int) -> None:
    """What can be read in two ways, or is no HTTP/1.1, is refused with its status, and gives no request."""
    reader = _read(wire)
    assert reader.refusal is not None
    assert reader.refusal.status == status
    assert not reader.ready
    for cut in range(1, len(wire)):
        assert _read(wire[:cut], wire[cut:]).refusal == reader.refusal, f"cut at {cut}"


def test_nothing_is_read_after_a_refusal() -> None:
    """A request hidden behind a refused one is never seen; one before it is."""
    good = b"GET /before HTTP/1.1\r\nHost: a\r\n\r\n"
    reader = _read(good + REFUSED[0][1], good, good)
    assert [request.target for request in reader.ready] == [b"/before"]
    assert reader.refusal is not None


def test_nothing_is_read_after_the_last_request() -> None:
    """What follows `Connection: close` is nobody's request, and no fault either."""
    reader = _read(_POST + b"Connection: close\r\nContent-Length: 0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n", b"more")
    assert [request.keep_alive for request in reader.ready] == [False]
    assert reader.ended
    assert reader.refusal is None


def test_trailers_do_not_become_headers() -> None:
    """A trailer cannot add a field that was not there when the head was judged."""
    reader = _read(_CHUNKED + b"3;ext=1\r\nabc\r\n0\r\nX-Segue-Unit: evil\r\n\r\n")
    assert [(r.body, len(r.headers)) for r in reader.ready] == [(b"abc", 2)]


def test_values_lose_the_blanks_around_them() -> None:
    """White space around a value is not part of it."""
    reader = _read(_POST + b"X: \t a b \t \r\nY:\r\n\r\n")
    assert reader.ready[0].headers[1:] == [(b"X", b"a b"), (b"Y", b"")]


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (b"\r\n", b""),
        (b"Content-Length: 3\r\n\r\nabc", b"abc"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
    ],
    ids=["no body", "length", "chunked"],
)
@pytest.mark.parametrize("repeat", [1, 2, 3000])
def test_an_upgrade_is_ignored(rest: bytes, body: bytes, repeat: int) -> None:
    """A client that tries h2c first gets its request answered, body and all, and its next ones too."""
    one = _POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n" + rest
    after = b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n"
    reader = _read(one * repeat + after)
    assert reader.refusal is None
    assert [r.body for r in reader.ready] == [body] * repeat + [b""]
    assert [r.target for r in reader.ready] == [b"/"] * repeat + [b"/after"]
    assert all(r.keep_alive for r in reader.ready)
    if repeat == 1:
        for cut in range(1, len(one + after)):
            assert _seen(_read((one + after)[:cut], (one + after)[cut:])) == _seen(reader), f"cut at {cut}"


def test_an_upgrade_does_not_undo_close() -> None:
    """A request that asks for an upgrade and for the end gets its end."""
    reader = _read(_POST + b"Connection: upgrade, close\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\naGET / HTTP/1.1\r\n\r\n")
    assert [(r.body, r.keep_alive) for r in reader.ready] == [(b"a", False)]


LIMITS = ServerLimits(head_bytes=200, headers=4, body_bytes=10)
BEYOND = [
    ("head at once", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200 + b"\r\n\r\n", 431),
    ("head behind another request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + _POST + b"X: " + b"x" * 200 + b"\r\n\r\n", 431),
    ("target", b"GET /" + b"x" * 201 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    ("count", _POST + b"A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n", 431),
    ("length", _POST + b"Content-Length: 11\r\n\r\n", 413),
    ("chunks", _CHUNKED + b"6\r\nabcdef\r\n5\r\nabcde\r\n0\r\n\r\n", 413),
    ("trailers", _CHUNKED + b"0\r\n" + b"X: 12345678\r\n" * 20 + b"\r\n", 431),
]


@pytest.mark.parametrize(("wire", "status"), [case[1:] for case in BEYOND], ids=[case[0] for case in BEYOND])
def test_beyond_a_limit(wire: bytes, status: int) -> None:
    """What is beyond a limit is refused with the status for it."""
    for cut in range(len(wire)):
        refusal = _read(wire[:cut], wire[cut:], limits=LIMITS).refusal
        assert refusal is not None, f"cut at {cut}"
        assert refusal.status == status or (status, refusal.status) == (414, 431)


def test_at_the_limits() -> None:
    """What is exactly at a limit is read."""
    reader = _read(_POST + b"A: 1\r\nContent-Length: 10\r\n\r\n" + b"x" * 10, limits=LIMITS)
    assert reader.refusal is None
    assert reader.ready[0].body == b"x" * 10


def test_a_long_pipeline_is_not_a_long_head() -> None:
    """Many short requests in one read are no reason to refuse them, nor the beginning of a further one."""
    reader = _read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100 + b"GET / HTT", limits=LIMITS)
    assert reader.refusal is None
    assert len(reader.ready) == 100


def test_a_head_without_end_is_refused() -> None:
    """A head that never ends is cut off at its limit, to within one read."""
    reader = _read(_POST, *[b"X: 1\r\n"] * 40, limits=ServerLimits(head_bytes=200))
    assert reader.refusal is not None
    assert reader.refusal.status == 431


@pytest.mark.parametrize("framing", [b"1;" + b"x" * 300, b"0\r\nX: " + b"y" * 300], ids=["extension", "trailer"])
def test_framing_without_end_is_refused(framing: bytes) -> None:
    """A chunk's extension or a trailer without end is cut off although no body comes."""
    reader = _read(_CHUNKED, framing, *[b"z" * 100] * 20, limits=LIMITS)
    assert reader.refusal is not None
    assert reader.refusal.status in {400, 431}


def test_expectation_is_seen_until_the_body_is_whole() -> None:
    """Who waits for a 100 is known until its body has come."""
    reader = _read(_POST + b"Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n")
    assert reader.expects_continue
    assert not reader.ready
    whole = _read(_POST + b"Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", b"x")
    assert (whole.expects_continue, len(whole.ready)) == (False, 1)


def test_old_versions() -> None:
    """HTTP/1.0 needs no Host, and is kept alive only where it asks for it."""
    reader = _read(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n")
    assert [(r.old, r.keep_alive) for r in reader.ready] == [(True, True), (True, False)]
