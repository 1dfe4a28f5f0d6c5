"""Plain requests are taken without the parser: does that ever make a difference but in speed?"""

from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segue.http.limits import ServerLimits
from segue.http.reading import plain
from segue.http.reading.requests import Request, RequestReader

_LIMITS = ServerLimits(head_bytes=300, headers=6, body_bytes=64, hold_bytes=48)
_PLAIN = b"POST /infer HTTP/1.1\r\nHost: a\r\nX-User-Id: u-1\r\nContent-Length: 2\r\n\r\n{}"
_LINES = (
    b"POST /infer HTTP/1.1",
    b"GET /livez HTTP/1.1",
    b"GET /livez HTTP/1.0",
    b"Host: a",
    b"host:a",
    b"Host: b\t",
    b"X-User-Id: u-1",
    b"X-User-Id:  u 2 ",
    b"x\x00y: 1",
    b"x: 1\n2",
    b"x: \xe9",
    b" folded",
    b"no colon",
    b"Connection: keep-alive",
    b"Connection: close",
    b"Connection: x-user-id",
    b"Proxy-Connection: keep-alive",
    b"Expect: 100-continue",
    b"Transfer-Encoding: chunked",
    b"Content-Length: 0",
    b"Content-Length: 2",
    b"content-length: 2",
    b"Content-Length: 20",
    b"Content-Length: 50",
    b"Content-Length: +2",
    b"Upgrade: h2c",
    b"long: " + b"x" * 250,
)
_heads = st.builds(
    lambda start, lines: b"\r\n".join([start, *lines, b"", b""]),
    st.sampled_from(_LINES[:3]),
    st.lists(st.sampled_from(_LINES[3:])),
)
_bodies = st.sampled_from([b"", b"{}", b"{}G", b"2\r\n{}\r\n0\r\n\r\n", b"{}" * 10, b"{}" * 25, b"\r\n", b"P"])
_reads = st.lists(
    st.one_of(
        st.just(_PLAIN), st.builds(bytes.__add__, _heads, _bodies), st.sampled_from([_PLAIN[:9], _PLAIN[9:], _PLAIN[:-1], b"}"])
    )
)


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """Nothing that one test teaches is known to another."""
    yield
    plain.forget()


def _told(reads: list[bytes], *, by_parser: bool) -> list[object]:
    """What a reader says after each read."""
    reader = RequestReader(_LIMITS, Request)
    told: list[object] = []
    for data in reads:
        if by_parser:
            plain.forget()
        reader.feed(data)
        whole = [(r.method, r.target, r.headers, r.body, r.connection, r.keep_alive, r.old) for r in reader.ready]
        told.append((whole, reader.refusal, reader.ended, reader.begun, reader.in_body, reader.expects_continue))
    return told


@given(_reads)
@example([_PLAIN, _PLAIN[:9], _PLAIN[9:]])
@example([_PLAIN, _PLAIN[:-1], b"}", _PLAIN])
@example([_PLAIN + b"P", b"OST /infer HTTP/1.1\r\nHost: a\r\n\r\n", _PLAIN])
@example([_PLAIN, _PLAIN.replace(b"\r\n\r\n{}", b"0\r\n\r\n")])
def test_every_read_means_the_same_with_and_without_what_was_learnt(reads: list[bytes]) -> None:
    """Whatever comes, in whatever pieces and order: requests, refusals and states are those that the parser alone gives."""
    for data in reads:  # learn from each first, so that as much as possible is taken without the parser
        RequestReader(_LIMITS, Request).feed(data)
    assert _told(reads, by_parser=False) == _told(reads, by_parser=True)


def test_the_second_request_like_the_first_needs_no_parser() -> None:
    """A line is learnt from the first request that holds it, and a field of the plainest kind needs no learning."""
    first = _PLAIN.replace(b"u-1", b"u-2")
    assert plain.taken(first, 300, 6, 48) is None
    RequestReader(_LIMITS, Request).feed(first)
    fields = [(b"Host", b"a"), (b"X-User-Id", b"u-1"), (b"Content-Length", b"2")]
    assert plain.taken(_PLAIN, 300, 6, 48) == (b"POST", b"/infer", fields, b"{}", b"")


@pytest.mark.parametrize(
    "changed",
    [
        _PLAIN.replace(b"Host: a\r\n", b""),
        _PLAIN.replace(b"Host: a\r\n", b"Host: a\r\nHost: a\r\n"),
        _PLAIN.replace(b"Content-Length: 2\r\n", b"Content-Length: 2\r\nContent-Length: 2\r\n"),
        _PLAIN.replace(b"X-User-Id: u-1", b"Transfer-Encoding: chunked"),
        _PLAIN.replace(b"X-User-Id: u-1", b"X-User-Id : u-1"),
        _PLAIN.replace(b"X-User-Id: u-1", b"X-User-Id: u\n1"),
        _PLAIN + b"P",
        _PLAIN[:-1],
    ],
)
def test_what_is_not_plain_to_the_byte_goes_to_the_parser(changed: bytes) -> None:
    """Though the lines of the plain request are known, a doubled, missing, odd or unfinished one is nobody's to guess."""
    RequestReader(_LIMITS, Request).feed(_PLAIN)
    assert plain.taken(_PLAIN, 300, 6, 48) is not None
    assert plain.taken(changed, 300, 6, 48) is None
