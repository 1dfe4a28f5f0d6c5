r"""Which fields of parsed messages go on, and which are of interest on the way?

For fields as a reader of this room has parsed them, and only those: they are not checked again, since the parser has
refused CR, LF and NUL, and names that are no token. A name is judged once in each of its spellings, and what plain requests of
one shape have in common once for all of them.
"""

from typing import Final

from segue.http.message import KEPT_OPEN, Block, Headers, end_to_end
from segue.http.reading.plain import Shape
from segue.http.reading.requests import Request

_NAMES_AT_MOST: Final = 4096
_SHAPES_AT_MOST: Final = 512
_DROPPED: Final = b":"  # no name of a field

Noted = dict[bytes, bytes]
"""The first values of the fields of interest, by lower-case name; to be read only."""


class _Cast:
    """What is made of the requests of one shape."""

    __slots__ = ("holes", "names", "noted", "pieces")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []  # of the bytes that go on; the values that the shape leaves open are missing
        self.holes: list[tuple[int, int]] = []  # where in `pieces` which of those values goes
        self.noted: Noted = {}  # the fields of interest that the shape knows
        self.names: list[tuple[bytes, int]] = []  # of the others, and which value is theirs


class Sieve:
    r"""Lets fields through.

    Args:
        drop: names to leave out, in lower case; contains `HOP_BY_HOP`.
        wanted: names whose first value is noted if it goes on, in lower case.

    >>> sieve = Sieve(frozenset({b"connection"}), frozenset({b"x-user-id"}))
    >>> sieve.pass_on([(b"Connection", b"x-hop"), (b"X-Hop", b"1"), (b"X-User-Id", b"u-1")], b"x-hop")
    (b'\r\nX-User-Id: u-1', {b'x-user-id': b'u-1'})
    """

    __slots__ = ("_casts", "_drop", "_seen", "_wanted")

    def __init__(self, drop: frozenset[bytes], wanted: frozenset[bytes] = frozenset()) -> None:
        self._drop = drop
        self._wanted = wanted
        self._seen: dict[bytes, bytes] = {}  # a name as it was spelled -> nothing, `_DROPPED`, or the wanted name
        self._casts: dict[Shape, _Cast | None] = {}

    def sift(self, request: Request) -> tuple[Block, Noted]:
        """The fields of a request that go on, ready to send, and those of interest."""
        shape = request.shape
        if shape is None:
            return self.pass_on(request.headers, request.connection)
        cast = self._casts.get(shape) or self._cast(shape)
        if cast is None:
            return self.pass_on(request.headers, request.connection)
        pieces, values, noted = cast.pieces.copy(), request.values, cast.noted
        for at, which in cast.holes:
            pieces[at] = values[which]
        if cast.names:
            noted = noted.copy()
            for name, which in cast.names:
                noted[name] = values[which]
        return Block(b"".join(pieces)), noted

    def pass_on(self, headers: Headers, connection: bytes) -> tuple[Block, Noted]:
        """The fields of a message that go on, ready to send, and those of interest.

        Args:
            headers: of a parsed message.
            connection: what its Connection field says, which may name further fields for this hop only.
        """
        if connection and connection.lower() not in KEPT_OPEN:
            headers = end_to_end(headers, connection, self._drop)
        noted: Noted = {}
        lines = [b""]
        for header in headers:
            means = self._means(header[0])
            if means is not _DROPPED:
                lines.append(b": ".join(header))
                if means:
                    noted.setdefault(means, header[1])
        return Block(b"\r\n".join(lines)), noted

    def _means(self, spelled: bytes) -> bytes:
        """What a name means."""
        means = self._seen.get(spelled)
        if means is None:
            name = spelled.lower()
            means = _DROPPED if name in self._drop else name if name in self._wanted else b""
            if len(self._seen) < _NAMES_AT_MOST:
                self._seen[spelled] = means
        return means

    def _cast(self, shape: Shape) -> _Cast | None:
        """What is made of a shape seen for the first time; None where its fields have to be looked at each time."""
        if len(self._casts) >= _SHAPES_AT_MOST:
            self._casts.clear()
        cast = self._casts[shape] = None if self._ambiguous(shape) else self._compiled(shape)
        return cast

    def _ambiguous(self, shape: Shape) -> bool:
        wanted = [means for name, _ in shape.fields if (means := self._means(name)) and means is not _DROPPED]
        return len(set(wanted)) < len(wanted) or (bool(shape.connection) and shape.connection.lower() not in KEPT_OPEN)

    def _compiled(self, shape: Shape) -> _Cast:
        pieces, cast = [b""], _Cast()
        for at, field in enumerate(shape.fields):
            means = self._means(field[0])
            if means is _DROPPED:
                continue
            pieces[-1] += b"\r\n" + b": ".join(field)
            if at in shape.holes:
                which = shape.holes.index(at)
                cast.holes.append((len(pieces), which))
                pieces += [b"", b""]
                if means:
                    cast.names.append((means, which))
            elif means:
                cast.noted[means] = field[1]
        cast.pieces = pieces
        return cast
