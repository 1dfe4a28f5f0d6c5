"""Plain requests are taken without the parser: does that ever make a difference but in speed?"""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segue.http.limits import ServerLimits
from segue.http.message import TO_UPSTREAM
from segue.http.reading import plain
from segue.http.reading.requests import Request, RequestReader
from segue.http.sieve import Sieve

_LIMITS = ServerLimits(head_bytes=300, headers=6, body_bytes=64, hold_bytes=48)
_PLAIN = b"POST /infer HTTP/1.1\r\nHost: a\r\nX-User-Id: u-1\r\nContent-Length: 2\r\n\r\n{}"
_OTHER = _PLAIN.replace(b"u-1", b"u-2")
_LINES = (
    b"POST /infer HTTP/1.1",
    b"GET /livez HTTP/1.1",
    b"GET /livez HTTP/1.0",
    b"Host: a",
    b"host:a",
    b"Host: b\t",
    b"X-User-Id: u-1",
    b"X-User-Id: u-3 x",
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
        st.sampled_from([_PLAIN, _OTHER]),
        st.builds(_PLAIN.replace, st.just(b"u-1"), st.binary(max_size=5)),
        st.builds(bytes.__add__, _heads, _bodies),
        st.sampled_from([_PLAIN[:9], _PLAIN[9:], _PLAIN[:-1], b"}"]),
    )
)


def _told(reads: list[bytes], *, by_parser: bool) -> list[object]:
    """What a reader says after each read."""
    plain._new.renew()
    reader = RequestReader(_LIMITS, Request)
    told: list[object] = []
    for data in reads:
        if by_parser:
            reader.plain.forget()
        reader.feed(data)
        whole = [(r.method, r.target, r.headers, r.body, r.connection, r.keep_alive, r.old) for r in reader.ready]
        told.append((whole, reader.refusal, reader.ended, reader.begun, reader.in_body, reader.expects_continue))
    return told


def _taught(*requests: bytes) -> RequestReader[Request]:
    """A reader that the parser has read these for."""
    plain._new.renew()  # what another test has learnt takes nothing from this one
    reader = RequestReader(_LIMITS, Request)
    reader.plain.forget()
    for data in requests:
        reader.feed(data)
    return reader


@given(_reads)
@example([_PLAIN[:9], _PLAIN[9:]])
@example([_PLAIN[:-1], b"}", _PLAIN])
@example([_PLAIN + b"P", b"OST /infer HTTP/1.1\r\nHost: a\r\n\r\n", _PLAIN])
@example([_PLAIN.replace(b"\r\n\r\n{}", b"0\r\n\r\n")])
@example([_PLAIN.replace(b"Host: a", b"Host: b"), _PLAIN])
def test_every_read_means_the_same_with_and_without_what_was_learnt(reads: list[bytes]) -> None:
    """Whatever comes, in whatever pieces and order: requests, refusals and states are those that the parser alone gives."""
    reads = [_PLAIN, _OTHER, *reads]
    assert _told(reads, by_parser=False) == _told(reads, by_parser=True)


def test_the_third_request_like_two_before_needs_no_parser() -> None:
    """What two requests have in common is learnt from them, and what differs in them is left open."""
    reader = _taught(_PLAIN)
    assert reader.plain.taken(_OTHER) is None
    reader.feed(_OTHER)
    taken = reader.plain.taken(_PLAIN.replace(b"u-1", b"u-3"))
    assert taken is not None
    shape, values, body = taken
    assert (shape.method, shape.target, body) == (b"POST", b"/infer", b"{}")
    assert shape.filled(values) == [(b"Host", b"a"), (b"X-User-Id", b"u-3"), (b"Content-Length", b"2")]


def test_a_new_connection_begins_with_what_others_have_found() -> None:
    """A caller that opens a connection for each request is taken without the parser as well, once its like is known."""
    _taught(_PLAIN, _OTHER)
    reader = RequestReader(_LIMITS, Request)
    assert reader.plain.taken(_PLAIN.replace(b"u-1", b"u-3")) is not None


def test_new_values_never_drive_out_what_frames_a_request() -> None:
    """However many callers come and go, and whatever they send, the next request of this connection needs no parser."""
    reader = _taught(_PLAIN, _OTHER)
    for number in range(5000):
        user = _PLAIN.replace(b"u-1", b"user-%d" % number)
        assert reader.plain.taken(user) is not None
    for number in range(600):
        other = _PLAIN.replace(b"Host: a", b"Host: h%d" % number)
        _taught(other, other)
    assert reader.plain.taken(_PLAIN) is not None


def test_ever_new_heads_are_not_all_learnt() -> None:
    """A pattern costs more than a parser does: of heads that nobody sends again, few are made into one."""
    before, began_s, learnt = set(plain._shapes), time.monotonic(), 0
    for number in range(200):
        fields = b"".join(b"x-%d-%d: %%d\r\n" % (number, at) for at in range(20))
        heads = [b"POST /x HTTP/1.1\r\nHost: a\r\n" + fields % ((value,) * 20) + b"\r\n" for value in (1, 2)]
        learnt += len(heads[0])
        reader = RequestReader(ServerLimits(), Request)
        for head in heads:
            reader.feed(head)
    made = sum(len(b"".join(key[2])) for key, _ in set(plain._shapes) - before)
    assert 0 < made <= 16 * 1024 * (1 + time.monotonic() - began_s)
    assert learnt > 50_000


@pytest.mark.parametrize("name", [b"Authorization", b"Proxy-Authorization", b"cookie", b"X-API-Key"])
def test_credentials_are_taken_and_never_kept(name: bytes) -> None:
    """A request with the same secret each time is taken without the parser, and no shape holds the secret."""
    secret = b"Bearer sgk_0123456789"
    request = _PLAIN.replace(b"X-User-Id: u-1", name + b": " + secret)
    reader = _taught(request, request)
    taken = reader.plain.taken(request)
    assert taken is not None
    shape, values, _ = taken
    assert (name, secret) in shape.filled(values)
    assert all(secret not in value for _, value in shape.fields)
    assert secret not in shape.start
    assert reader.plain.taken(request.replace(secret, b"Basic other")) is not None, "no part of a pattern either"


@pytest.mark.parametrize(
    "changed",
    [
        _PLAIN.replace(b"Host: a\r\n", b""),
        _PLAIN.replace(b"Host: a\r\n", b"Host: b\r\n"),
        _PLAIN.replace(b"Host: a\r\n", b"Host: a\r\nHost: a\r\n"),
        _PLAIN.replace(b"Content-Length: 2\r\n", b"Content-Length: 2\r\nContent-Length: 2\r\n"),
        _PLAIN.replace(b"Content-Length: 2\r\n", b"Content-Length: +2\r\n"),
        _PLAIN.replace(b"X-User-Id: u-1", b"Transfer-Encoding: chunked"),
        _PLAIN.replace(b"X-User-Id: u-1", b"X-User-Id : u-1"),
        _PLAIN.replace(b"X-User-Id: u-1", b"X-User-Id: u\n1"),
        _PLAIN.replace(b"X-User-Id: u-1", b"X-User-Id: u\r\nx: 1"),
        _PLAIN + b"P",
        _PLAIN[:-1],
    ],
)
def test_what_fits_no_shape_to_the_byte_goes_to_the_parser(changed: bytes) -> None:
    """Though its shape is known, a doubled, missing, odd or unfinished line is nobody's to guess."""
    reader = _taught(_PLAIN, _OTHER)
    assert reader.plain.taken(_PLAIN) is not None
    assert reader.plain.taken(changed) is None


def test_who_asks_for_the_fields_may_change_them() -> None:
    """A taken request gives its fields as a list of its own, and what goes on is what the list says then."""
    reader = _taught(_PLAIN, _OTHER, _PLAIN)
    request = reader.ready[-1]
    assert request.shape is not None
    sieve = Sieve(TO_UPSTREAM, frozenset({b"x-user-id"}))
    assert sieve.sift(request) == (b"\r\nX-User-Id: u-1", {b"x-user-id": b"u-1"})
    request.headers.remove((b"X-User-Id", b"u-1"))
    assert sieve.sift(request) == (b"", {})
