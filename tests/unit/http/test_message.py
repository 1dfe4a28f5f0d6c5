"""Bytes of requests and answers: nothing injected, nothing of one hop passed on."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import DomainError
from segue.http import message
from segue.http.sieve import Sieve

_NAMES = st.text(st.sampled_from("abcXYZ019-_!#$%&'*+.^`|~"), min_size=1, max_size=12).map(str.encode)
_VALUES = st.binary(max_size=30)
_BAD = (b"\r", b"\n", b"\0")


@given(st.lists(st.tuples(_NAMES, _VALUES), max_size=6))
def test_block_lets_no_value_make_a_line(headers: list[tuple[bytes, bytes]]) -> None:
    """A block has as many lines as fields, or there is no block."""
    if any(bad in value for _, value in headers for bad in _BAD):
        with pytest.raises(DomainError):
            message.block(headers)
    else:
        assert message.block(headers).split(b"\r\n")[1:] == [name + b": " + value for name, value in headers]


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\nb", b"\xff", b"a\0", b" a"])
def test_block_refuses_names_that_are_no_token(name: bytes) -> None:
    """A field's name cannot hold a colon, a blank or a line's end."""
    with pytest.raises(DomainError):
        message.block([(name, b"1")])


def test_block_refuses_a_bad_value_among_good_ones_that_lost_as_much() -> None:
    """A CR in one place is not made up for elsewhere."""
    with pytest.raises(DomainError):
        message.block([(b"a", b"1"), (b"b", b"\r"), (b"c", b"")])


@pytest.mark.parametrize("target", [b"", b"/a b", b"/a\r\nx: y", b"/\x00", "/é".encode()])
def test_request_refuses_targets_that_break_its_line(target: bytes) -> None:
    """A target is visible ASCII."""
    with pytest.raises(DomainError):
        message.request(b"GET", target, message.EMPTY)


def test_request_refuses_a_method_that_is_no_token() -> None:
    """A method cannot smuggle in a target."""
    with pytest.raises(DomainError):
        message.request(b"GET /x HTTP/1.1\r\nGET", b"/", message.EMPTY)


@given(st.binary(max_size=50), st.lists(st.tuples(_NAMES, st.just(b"v")), max_size=4))
def test_h11_reads_our_requests(body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Another implementation reads from our bytes what we meant."""
    headers = [(b"host", b"a"), *((b"x-" + name, value) for name, value in headers)]
    server = h11.Connection(h11.SERVER)
    server.receive_data(message.request(b"POST", b"/a?b=c", message.block(headers), body))
    head = server.next_event()
    assert isinstance(head, h11.Request)
    assert (head.method, head.target) == (b"POST", b"/a?b=c")
    got = b""
    while isinstance(event := server.next_event(), h11.Data):
        got += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    assert got == body


def test_end_to_end_leaves_the_hop_behind() -> None:
    """Fields for one hop, and those that Connection names, are not passed on, in any case."""
    kept = [(b"Accept", b"*/*"), (b"X-Unit", b"7")]
    hop = [
        (b"Connection", b"Keep-Alive, X-Private"),
        (b"KEEP-ALIVE", b"timeout=5"),
        (b"TE", b"trailers"),
        (b"Trailer", b"x"),
        (b"upgrade", b"h2c"),
        (b"Proxy-Authorization", b"secret"),
        (b"x-private", b"1"),
    ]
    headers = [hop[0], kept[0], *hop[1:], kept[1]]
    assert message.end_to_end(headers, hop[0][1]) == kept
    assert Sieve(message.HOP_BY_HOP).pass_on(headers, hop[0][1]) == (message.block(kept), {})


def test_sieve_notes_what_goes_on() -> None:
    """The first value of a wanted name is noted, in any spelling, unless the field stays behind."""
    sieve = Sieve(message.TO_UPSTREAM, frozenset({b"x-unit", b"host"}))
    headers = [(b"Host", b"a"), (b"X-Unit", b"7"), (b"x-unit", b"8")]
    for _ in range(2):  # the second time each name has been seen
        assert sieve.pass_on(headers, b"") == (message.block(headers[1:]), {b"x-unit": b"7"})


def test_outline_is_the_same_request() -> None:
    """A request filled into its outline has the very bytes of one that is made whole."""
    host, fields = message.block([(b"host", b"a")]), message.block([(b"x", b"1")])
    whole = message.request(b"POST", b"/a", message.Block(host + fields), b"{}")
    assert message.Outline(b"POST", b"/a", host).filled(fields, b"{}") == whole
    with pytest.raises(DomainError):
        message.Outline(b"POST", b"/a b", host)


def test_request_without_a_body_frames_itself_by_its_method() -> None:
    """An empty POST says that it is empty; an empty GET says nothing."""
    assert message.request(b"POST", b"/", message.EMPTY).endswith(b"\r\ncontent-length: 0\r\n\r\n")
    assert b"content-length" not in message.request(b"GET", b"/", message.EMPTY)
