"""Which bytes is a request or an answer made of, and what may a proxy pass on?

Rules kept here: nothing leaves with a CR, LF or NUL inside a field, or under a name that is no token; the fields that
frame a message are written by us alone, once; fields meant for one hop stay behind.
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, NewType, TypeAlias

from segue.errors import DomainError

Header: TypeAlias = tuple[bytes, bytes]
Headers: TypeAlias = Sequence[Header]
Block = NewType("Block", bytes)
"""Fields ready to send, each after a CRLF; only `block` makes one, so it holds no injected line."""

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Names of fields for one hop (RFC 9110, 7.6.1); a proxy passes none of them on."""

FRAMING: Final = frozenset({b"connection", b"content-length", b"keep-alive", b"transfer-encoding", b"upgrade"})
"""Names of the fields that only the connection itself writes."""

TO_UPSTREAM: Final = HOP_BY_HOP | {b"content-length", b"expect", b"host"}
"""What a proxy drops from a request whose framing and Host it writes itself."""

TO_CALLER: Final = HOP_BY_HOP | {b"content-length"}
"""What a proxy drops from an answer whose framing it writes itself."""

EMPTY: Final = Block(b"")
_WITH_BODY: Final = frozenset({b"PATCH", b"POST", b"PUT"})
KEPT_OPEN: Final = (b"keep-alive", b"close")
"""What a Connection field says, in lower case, where it names no further field."""
_KNOWN_NAMES_AT_MOST: Final = 4096
LENGTHS: Final = tuple([b"\r\ncontent-length: %d" % size for size in range(4096)])
"""The fields that frame short bodies: to look one up costs the request path a sixth of what it costs to write one."""
JOINED_AT_MOST: Final = 16 * 1024
"""Bytes of a body beyond which a copy of it costs more than a second buffer to write."""

_token = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_target = re.compile(rb"[\x21-\x7e]+").fullmatch
_known_names: set[bytes] = set()  # tokens seen before; names repeat, and a look-up costs a tenth of the check

STATUS_LINES: Final = {code: b"HTTP/1.1 %d " % code for code in range(200, 600)} | {
    status.value: b"HTTP/1.1 %d %s" % (status.value, status.phrase.encode()) for status in HTTPStatus if status.value >= 200
}
"""Status code -> first line of an answer, without its CRLF; final codes only."""


def _check_names(names: list[bytes]) -> None:
    for name in names:
        if name not in _known_names:
            if not _token(name):
                raise DomainError(f"{name[:60]!r} is not the name of a field", hint="letters, digits and - only")
            if len(_known_names) < _KNOWN_NAMES_AT_MOST:
                _known_names.add(name)


def block(headers: Headers) -> Block:
    r"""Fields as bytes to send; checked, so that no value can smuggle in a line of its own.

    Raises:
        DomainError: a name that is no token, or a value with CR, LF or NUL.

    >>> block([(b"content-type", b"text/plain"), (b"x", b"1")])
    b'\r\ncontent-type: text/plain\r\nx: 1'
    >>> block([(b"x", b"1\r\nset-cookie: evil")])
    Traceback (most recent call last):
        ...
    segue.errors.DomainError: a field's value holds CR, LF or NUL
    """
    names = [header[0] for header in headers]
    if not _known_names.issuperset(names):
        _check_names(names)
    lines = b"\r\n".join([b"", *map(b": ".join, headers)])
    if len(lines.translate(None, b"\r\n\0")) + 2 * len(names) != len(lines):  # more of them than we put in
        raise DomainError("a field's value holds CR, LF or NUL")
    return Block(lines)


def first(headers: Headers, name: bytes) -> bytes | None:
    """The value of the first field of that name (given in lower case), or None.

    >>> first([(b"Content-Type", b"text/plain")], b"content-type")
    b'text/plain'
    """
    size = len(name)
    for key, value in headers:
        if len(key) == size and key.lower() == name:
            return value
    return None


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma-separated field, in lower case, empty ones left out.

    >>> tokens(b"Close , , X-Trace")
    [b'close', b'x-trace']
    """
    return [token for part in value.lower().split(b",") if (token := part.strip(b" \t"))]


def end_to_end(headers: Headers, connection: bytes, drop: frozenset[bytes] = HOP_BY_HOP) -> list[Header]:
    """The fields that a proxy may pass on, as parsed.

    Args:
        headers: of a parsed message.
        connection: what its Connection field says, which may name further fields for this hop only.
        drop: names to leave out, in lower case; contains `HOP_BY_HOP`.

    >>> end_to_end([(b"Host", b"a"), (b"Connection", b"x-hop"), (b"X-Hop", b"1")], b"x-hop")
    [(b'Host', b'a')]
    """
    if connection and connection.lower() not in KEPT_OPEN:
        drop = drop.union(tokens(connection))
    return [header for header in headers if header[0].lower() not in drop]


class Outline:
    r"""The part of a request that is the same each time: method, target and the first fields, checked once.

    A request without a body says nothing of its length, but where the method means one (POST, PUT, PATCH).

    Raises:
        DomainError: a method or a target that would break the request line.

    >>> Outline(b"POST", b"/infer", block([(b"host", b"a:1")])).filled(block([(b"x", b"1")]), b"{}")
    b'POST /infer HTTP/1.1\r\nhost: a:1\r\nx: 1\r\ncontent-length: 2\r\n\r\n{}'
    """

    __slots__ = ("_bare", "_start")

    def __init__(self, method: bytes, target: bytes, fields: Block) -> None:
        self._start = request_line(method, target) + fields
        self._bare = method not in _WITH_BODY

    def filled(self, fields: Block, body: bytes) -> bytes | tuple[bytes, bytes]:
        """A whole request, framed by Content-Length; a long body is left beside its head, which is cheaper than a copy."""
        if self._bare and not body:
            return b"".join((self._start, fields, b"\r\n\r\n"))
        size = len(body)
        framing = LENGTHS[size] if size < len(LENGTHS) else b"\r\ncontent-length: %d" % size
        if size > JOINED_AT_MOST:
            return b"".join((self._start, fields, framing, b"\r\n\r\n")), body
        return b"".join((self._start, fields, framing, b"\r\n\r\n", body))

    def begun(self, fields: Block, length: int | None) -> bytes:
        """The head of a request whose body follows in pieces: chunked, where its length is not known."""
        framing = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
        return b"".join((self._start, fields, b"\r\n", framing, b"\r\n\r\n"))


def request_line(method: bytes, target: bytes) -> bytes:
    """The first line of a request, without its CRLF.

    Raises:
        DomainError: a method or a target that would break it.
    """
    if method not in _known_names:
        _check_names([method])
    if not _target(target):
        raise DomainError(f"{target[:60]!r} cannot be a request's target", hint="percent-encode it")
    return b"%b %b HTTP/1.1" % (method, target)


def request(method: bytes, target: bytes, fields: Block, body: bytes = b"") -> bytes:
    r"""A request's bytes, framed by Content-Length.

    Args:
        method: a token, `b"POST"`.
        target: origin form, visible ASCII.
        fields: Host among them; none of `FRAMING`.
        body: whole; a request without a body says nothing of its length, but POST, PUT and PATCH do.

    Raises:
        DomainError: a method or a target that would break the request line.

    >>> request(b"GET", b"/livez", block([(b"host", b"a:1")]))
    b'GET /livez HTTP/1.1\r\nhost: a:1\r\n\r\n'
    """
    line = request_line(method, target)
    if body or method in _WITH_BODY:
        return b"".join((line, fields, b"\r\ncontent-length: %d\r\n\r\n" % len(body), body))
    return b"".join((line, fields, b"\r\n\r\n"))
