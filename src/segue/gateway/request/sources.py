"""Who is asking? The unit and the context, read from a request's headers as the allocation says."""

from collections.abc import Mapping, Sequence

from segue.errors import SpecError

Fields = Mapping[bytes, bytes]
"""The fields of one request that matter, by lower-case name; the first of a name counts."""


def cookie(header: bytes, name: bytes) -> bytes:
    """The value of a cookie, or nothing.

    >>> cookie(b"a=1; uid=u-7", b"uid")
    b'u-7'
    """
    for part in header.split(b";"):
        key, _, value = part.partition(b"=")
        if key.strip() == name:
            return value.strip()
    return b""


class Sources:
    """The allocation's unit and context sources, ready to be read.

    Args:
        unit: in order, `header:NAME`, `cookie:NAME` or `request`; the last resort is always the request.
        context: attribute -> `header:NAME` or `cookie:NAME`.

    Raises:
        SpecError: a source that a gateway cannot read.
    """

    __slots__ = ("_context", "_unit", "names")

    def __init__(self, unit: Sequence[str], context: Mapping[str, str]) -> None:
        self._unit = [(source, *_parsed(source)) for source in unit if source != "request"]
        self._context = [(attribute, *_parsed(source)) for attribute, source in context.items()]
        read = {field for _, field, _ in (*self._unit, *self._context)}
        self.names = frozenset(read)

    def unit(self, fields: Fields, request_id: str) -> tuple[str, str]:
        """The unit and the source that gave it; an empty value is no unit."""
        for source, field, name in self._unit:
            value = fields.get(field, b"")
            if name:
                value = cookie(value, name)
            if value:
                return value.decode("utf-8", "replace"), source
        return request_id, "request"

    def context(self, fields: Fields) -> dict[str, str]:
        """The declared attributes that the request carries."""
        found = {}
        for attribute, field, name in self._context:
            value = fields.get(field)
            if value is not None and name:
                value = cookie(value, name) or None
            if value is not None:
                found[attribute] = value.decode("utf-8", "replace")
        return found


def _parsed(source: str) -> tuple[bytes, bytes]:
    """A source as (field, cookie's name or nothing)."""
    kind, _, name = source.partition(":")
    if kind == "header" and name:
        return name.lower().encode(), b""
    if kind == "cookie" and name:
        return b"cookie", name.encode()
    raise SpecError(f"a gateway cannot read {source!r}", hint="header:NAME, cookie:NAME or request")
