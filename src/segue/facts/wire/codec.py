"""How do facts travel and rest? The one place that knows a serialisation.

Unknown keys are kept out of the way, not refused: an old reader survives a new writer. (Specs are the other way round.)
"""

from typing import Final, TypeVar

import msgspec

from segue.errors import DomainError

T = TypeVar("T", bound=msgspec.Struct)
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what was asked for; the last where they nest too deeply."""

_json = msgspec.json.Encoder(order="deterministic")
_pack = msgspec.msgpack.Encoder()


def to_json(fact: msgspec.Struct) -> bytes:
    """A fact as canonical JSON: the same fact gives the same bytes.

    Raises:
        DomainError: a number is infinite or not a number; JSON has no such thing, so the fact would not come back.
    """
    try:
        body = _json.encode(fact)
    except TypeError:  # keys that are numbers (a histogram's buckets) are ordered only as the text that JSON makes of them
        body = _json.encode(msgspec.to_builtins(fact, str_keys=True))
    if b"null" in body and from_json(type(fact), body) != fact:
        raise DomainError(f"this {type(fact).__name__} would not come back from JSON as it is: a number in it is not finite")
    return body


def from_json(kind: type[T], body: bytes | str) -> T:
    """A fact back from JSON.

    Raises:
        DomainError: the bytes are no such fact.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise DomainError(f"these bytes are no {kind.__name__}: {error}") from error


def to_pack(fact: msgspec.Struct | tuple[object, ...]) -> bytes:
    """A fact as msgpack, for the journal; one that packs as a list may be given as its values in the order of its fields."""
    return _pack.encode(fact)


def from_pack(kind: type[T], body: bytes | memoryview) -> T:
    """A fact back from msgpack.

    Raises:
        DomainError: the bytes are no such fact.
    """
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except UNREADABLE as error:
        raise DomainError(f"these bytes are no {kind.__name__}: {error}") from error
