"""A long body of a known length goes past the parser: is every byte of it, and what follows it, still where it belongs?"""

import random

import pytest

from segue.http.call import Head
from segue.http.limits import PoolLimits, ServerLimits
from segue.http.reading.requests import Request, RequestReader
from segue.http.reading.responses import ResponseReader

_SIZE = 100_000
_BODY = random.Random(1).randbytes(_SIZE)
_NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
_CUTS = [60, 70, 90, 5_000, 16_384, 50_000, _SIZE]


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [*_CUTS, 2 * _SIZE])
def test_a_long_request_and_the_one_behind_it_are_both_read(size: int) -> None:
    """In reads of whatever size, a request behind a long body in the same read included."""
    reader = RequestReader(ServerLimits(), Request)
    for piece in _pieces(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % _SIZE + _BODY + _NEXT, size):
        reader.feed(piece)
    assert [(request.target, request.body) for request in reader.ready] == [(b"/", _BODY), (b"/next", b"")]
    assert not reader.begun


def test_what_follows_a_long_request_is_refused_as_ever() -> None:
    """Bytes behind the announced length are the next request, whatever the body held."""
    reader = RequestReader(ServerLimits(), Request)
    for piece in _pieces(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % _SIZE + _BODY + b"}}} / x\r\n", 30_000):
        reader.feed(piece)
    assert [request.body for request in reader.ready] == [_BODY]
    assert reader.refusal is not None
    assert reader.refusal.status in {400, 501}


def test_a_long_last_request_ends_the_connection() -> None:
    """`Connection: close` counts although the parser does not see the end."""
    reader = RequestReader(ServerLimits(), Request)
    for piece in _pieces(
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % _SIZE + _BODY, 30_000
    ):
        reader.feed(piece)
    assert reader.ended
    assert not reader.ready[0].keep_alive


class _Taken:
    """A stream that keeps what it gets."""

    def __init__(self) -> None:
        self.body = b""
        self.length: int | None = None

    def head(self, head: Head, length: int | None) -> None:  # noqa: ARG002 - `http.call.Stream`
        self.length = length

    def piece(self, data: bytes) -> None:
        self.body += data


@pytest.mark.parametrize("size", [*_CUTS, 2 * _SIZE])
@pytest.mark.parametrize(("extra", "close"), [(b"", False), (b"x", False), (b"", True)])
def test_a_long_answer_is_streamed_whole_and_the_connection_judged(size: int, extra: bytes, *, close: bool) -> None:
    """The connection serves on after it, but not with bytes behind the answer, nor after `Connection: close`."""
    reader, taken = ResponseReader(PoolLimits()), _Taken()
    field = b"Connection: close\r\n" if close else b""
    answer = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (field, _SIZE) + _BODY + extra
    reader.begin(taken, head_only=False, hold_bytes=1000)
    whole = [reader.feed(piece) for piece in _pieces(answer, size)]
    assert whole[-1]
    assert (taken.body, taken.length) == (_BODY, _SIZE)
    alone = len(extra) and (len(answer) - 1) % size == 0  # the byte too many comes in a read of its own, after the end
    assert reader.problem is None
    assert reader.reusable == (not close and not extra) or alone
    if reader.reusable:
        reader.begin(None, head_only=False)
        assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert reader.body == b"{}"


def test_an_answer_that_ends_early_is_no_answer() -> None:
    """The end of the connection in the middle of a long body does not complete it."""
    reader, taken = ResponseReader(PoolLimits()), _Taken()
    reader.begin(taken, head_only=False, hold_bytes=1000)
    for piece in _pieces(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % _SIZE + _BODY[:-1], 30_000):
        assert not reader.feed(piece)
    assert not reader.end()
