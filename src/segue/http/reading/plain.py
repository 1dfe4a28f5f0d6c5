"""Which requests need no parser, because their caller sends the same head again and again?

The heads of one caller differ in the values of a few fields. Two requests that the parser has accepted, with the same request
line and the same names in the same order, give a `Shape`: their head as a pattern, in which the values that differed are left
open. A head that fits a shape of its own connection means what those two meant, so it is taken with one match, which costs the
request path a quarter of what the parser with its callback for each field does. Whatever fits no shape to the byte goes to the
parser; `tests/properties/test_plain_requests.py` holds both together.

Host and Connection are never left open, a length only to digits that are the body's own, any other value only to visible ASCII.
Taken is one whole HTTP/1.1 request with one Host, at most one length, no transfer coding, no expectation, and nothing after it.

A connection begins with the shapes that others have found last, and then knows its own few as well, so that no other caller's
requests drive them out. The value of a field that carries
credentials is left open from the start, and kept nowhere.
"""

import re
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from segue.http.message import Header

HOST: Final = 1
EXPECT: Final = 2
CONNECTION: Final = 4
ENCODING: Final = 8
LENGTH: Final = 16
SPECIAL: Final = {
    b"host": HOST,
    b"expect": EXPECT,
    b"connection": CONNECTION,
    b"proxy-connection": CONNECTION,  # llhttp takes it for the same
    b"transfer-encoding": ENCODING,
    b"content-length": LENGTH,
}
"""Names of the fields that decide what becomes of a message, in lower case, with their marks."""

CREDENTIALS: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"x-api-key"})
"""Names of fields whose values are nobody's to keep, in lower case."""

END: Final = b"\r\n\r\n"
_OF_ONE_CONNECTION: Final = 4  # shapes, and heads that may become one
_SHAPES_AT_MOST: Final = 512
_HEAD_BYTES_AT_MOST: Final = 4096  # a longer one is not worth its memory
_NEW_BYTES_A_SECOND: Final = 16 * 1024
"""Of heads that are made into patterns: one costs as much as twenty requests, and who sends ever new ones shall not have us
make them all."""
_VALUE: Final = rb"([!-~]++(?: ++[!-~]++)*+)"
_DIGITS: Final = rb"(\d{1,15}+)"
_SIZES: Final = tuple([b"%d" % size for size in range(4096)])  # to write one takes ten times as long as to look it up
_is_value = re.compile(_VALUE).fullmatch


class Shape:
    """What heads have in common that differ in the values of some fields only.

    Args:
        method: of the request.
        target: the same.
        fields: all of them, in order; where the value is left open, it is empty here.
        holes: which of `fields` those are.
        connection: what the Connection field says.
        length_at: which of the holes is the Content-Length; -1 where there is none.
        start: the head up to the first hole.
        rest: matches from there to the end of the head; its groups are the values.
    """

    __slots__ = ("connection", "fields", "holes", "length_at", "method", "rest", "start", "target")

    def __init__(
        self,
        method: bytes,
        target: bytes,
        fields: tuple[Header, ...],
        holes: tuple[int, ...],
        *,
        connection: bytes,
        length_at: int,
        start: bytes,
        rest: Callable[[bytes, int], re.Match[bytes] | None],
    ) -> None:
        self.method: Final = method
        self.target: Final = target
        self.fields: Final = fields
        self.holes: Final = holes
        self.connection: Final = connection
        self.length_at: Final = length_at
        self.start: Final = start
        self.rest: Final = rest

    def filled(self, values: tuple[bytes, ...]) -> list[Header]:
        """The fields of one request, given the values that are left open here."""
        fields = list(self.fields)
        for at, value in zip(self.holes, values, strict=True):
            fields[at] = (fields[at][0], value)
        return fields


Plain: TypeAlias = tuple[Shape, tuple[bytes, ...], bytes]
"""The shape, the values that it leaves open, the body."""
_Key: TypeAlias = tuple[bytes, bytes, tuple[bytes, ...]]
"""Method, target, names."""
_shapes: dict[tuple[_Key, tuple[bytes | None, ...]], Shape] = {}  # the same for all connections whose callers are alike
_latest: dict[_Key, Shape] = {}  # what a new connection begins with


class Allowance:
    """So many bytes a second, and no more saved up than those of one.

    >>> allowance = Allowance(1000)
    >>> allowance.grants(600), allowance.grants(600)
    (True, False)
    """

    __slots__ = ("_a_second", "_at_s", "_left")

    def __init__(self, a_second: int) -> None:
        self._a_second: Final = a_second
        self._left = float(a_second)
        self._at_s = time.monotonic()

    def grants(self, size: int) -> bool:
        """Take so many, where there are as many."""
        now_s = time.monotonic()
        self._left = min(self._left + (now_s - self._at_s) * self._a_second, self._a_second)
        self._at_s = now_s
        if size > self._left:
            return False
        self._left -= size
        return True

    def renew(self) -> None:
        """Grant those of a whole second again."""
        self._left = float(self._a_second)


_new: Final = Allowance(_NEW_BYTES_A_SECOND)


class PlainRequests:
    """The shapes of one connection.

    Args:
        head_bytes: beyond which a head is not taken.
        body_bytes: the same for a body.
    """

    __slots__ = ("_body_bytes", "_head_bytes", "_seen", "_shapes")

    def __init__(self, head_bytes: int, body_bytes: int) -> None:
        self._head_bytes = head_bytes
        self._body_bytes = body_bytes
        self._shapes = _latest.copy()
        self._seen: dict[_Key, tuple[bytes | None, ...]] = {}  # the values of a head, None where they are left open

    def taken(self, data: bytes) -> Plain | None:
        """The one whole plain request that these bytes are, or None: then the parser has to look."""
        for shape in self._shapes.values():
            if data.startswith(shape.start):
                found = shape.rest(data, len(shape.start))
                if found is not None:
                    end, values, at = found.end(), found.groups(), shape.length_at
                    size = len(data) - end
                    whole = values[at] == (_SIZES[size] if size < len(_SIZES) else b"%d" % size) if at >= 0 else not size
                    if whole and size <= self._body_bytes and end - len(END) <= self._head_bytes:
                        return shape, values, data[end:]
        return None

    def learn(self, data: bytes, method: bytes, target: bytes, headers: list[Header]) -> None:
        """Note a request that the parser has accepted, so that those like it are taken.

        Args:
            data: the read that brought the whole request, and nothing else.
            method: what the parser made of it.
            target: the same.
            headers: the same.
        """
        end = data.find(END)
        values = _open(headers)
        lines = [b"%b %b HTTP/1.1" % (method, target), *map(b": ".join, headers)]
        if values is None or end > _HEAD_BYTES_AT_MOST or data[:end] != b"\r\n".join(lines):
            return
        key = method, target, tuple([name for name, _ in headers])
        seen = self._seen.get(key)
        if seen is None:
            if len(self._seen) >= _OF_ONE_CONNECTION:
                self._seen.clear()
                self._shapes.clear()
        elif any(seen[at] != values[at] for at, (name, _) in enumerate(headers) if name.lower() in SPECIAL):
            self._shapes.pop(key, None)  # another host
        else:
            values = tuple([value if value == before else None for value, before in zip(values, seen, strict=True)])
            if (key, values) not in _shapes and not _new.grants(end):
                return
            self._shapes[key] = _latest[key] = _shape(key, values)
            if len(_latest) > _OF_ONE_CONNECTION:
                del _latest[next(iter(_latest))]
        self._seen[key] = values

    def forget(self) -> None:
        """Know no shape any more."""
        self._shapes.clear()
        self._seen.clear()


def _open(headers: list[Header]) -> tuple[bytes | None, ...] | None:
    """The values of a head, those left open that always are; None where it is not plain."""
    marks = 0
    values: list[bytes | None] = []
    for name, value in headers:
        lower = name.lower()
        mark = SPECIAL.get(lower, 0)
        if marks & mark or mark in {EXPECT, ENCODING} or (mark == CONNECTION and value.lower() != b"keep-alive"):
            return None
        marks |= mark
        if not _is_value(value):
            return None
        values.append(None if mark == LENGTH or lower in CREDENTIALS else value)
    return tuple(values) if marks & HOST else None


def _shape(key: _Key, values: tuple[bytes | None, ...]) -> Shape:
    """The shape of a head with these values, None where they are left open."""
    shape = _shapes.get((key, values))
    if shape is not None:
        return shape
    method, target, names = key
    start, pattern = b"%b %b HTTP/1.1" % (method, target), b""
    fields: list[Header] = []
    holes: list[int] = []
    length_at, connection = -1, b""
    for name, value in zip(names, values, strict=True):
        mark = SPECIAL.get(name.lower(), 0)
        if value is None:
            length_at = len(holes) if mark == LENGTH else length_at
            holes.append(len(fields))
            pattern += b"\r\n" + re.escape(name) + b": " + (_DIGITS if mark == LENGTH else _VALUE)
        elif pattern:
            pattern += b"\r\n" + re.escape(name + b": " + value)
        else:
            start += b"\r\n" + name + b": " + value
        connection = value or b"" if mark == CONNECTION else connection
        fields.append((name, value or b""))
    rest = re.compile(pattern + END).match
    if len(_shapes) >= _SHAPES_AT_MOST:
        _shapes.clear()
    found = Shape(
        method, target, tuple(fields), tuple(holes), connection=connection, length_at=length_at, start=start, rest=rest
    )
    _shapes[key, values] = found
    return found
