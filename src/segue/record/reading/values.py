"""Where in a body is the value that a path names, and what may it be?

A path is names and places, joined by points: `usage.total_tokens`, `choices[0].message.content`, `choices.0.message.content`.
In a list a whole number names a place, from the end if it is negative; in an object the longest name that is there wins, so
that a name may hold points. `[]` at the end asks for a list as it is: `result.items[]`.
"""

import re
import zlib
from collections.abc import Callable
from functools import lru_cache
from math import isfinite
from typing import Final, NamedTuple

import msgspec

from segue.facts.outcome import canonical_label
from segue.facts.wire.codec import UNREADABLE

PLAIN_BYTES_AT_MOST: Final = 16 * 1024 * 1024
"""Of a compressed body, when it is not compressed any more."""

_GZIP: Final = b"\x1f\x8b"  # no JSON and no event begins so
_name = re.compile(r"[^\s.\[\]]+")
_place = re.compile(r"-?[0-9]{1,9}").fullmatch
_json = msgspec.json.Decoder()
_written = msgspec.json.Encoder(order="deterministic")


class Unread(Exception):  # noqa: N818 - a reason on its way to `unread`, not an error
    """Why something can't be read."""


class Asked(NamedTuple):
    """What a variant was asked."""

    body: bytes
    content_type: str


class Tongue(NamedTuple):
    """How one protocol is read.

    Args:
        features: what a request asked about, by name, from the place that a path names.
        answer: gives, for an answer, the value at a path.
    """

    features: Callable[[Asked, str], dict[str, object]]
    answer: Callable[[bytes], Callable[[str], object]]


def plain(body: bytes) -> bytes:
    """A body without its compression, where that is gzip's.

    Raises:
        Unread: it is broken, or far too long.
    """
    if not body.startswith(_GZIP):
        return body
    unpack = zlib.decompressobj(31)
    try:
        found = unpack.decompress(body, PLAIN_BYTES_AT_MOST)
    except zlib.error:
        raise Unread("a compressed body that is broken") from None
    if not unpack.eof:
        raise Unread("a compressed body that is cut or too long")
    return found


def json_of(body: bytes, where: str) -> object:
    """A body's JSON.

    Raises:
        Unread: it has none.
    """
    try:
        return _json.decode(plain(body))
    except UNREADABLE:
        raise Unread(f"{where} is no JSON of the protocol") from None


def object_of(body: bytes, where: str) -> dict[str, object]:
    """A body's JSON object.

    Raises:
        Unread: it is none.
    """
    found = json_of(body, where)
    if not isinstance(found, dict):
        raise Unread(f"{where} is no JSON of the protocol")
    return found


@lru_cache(maxsize=1024)
def split(path: str) -> tuple[str, ...]:
    """The names and places of a path.

    >>> split("choices[0].message.content")
    ('choices', '0', 'message', 'content')
    """
    return tuple(_name.findall(path))


def at(value: object, keys: tuple[str, ...]) -> object:
    """The value at a path.

    Raises:
        KeyError: there is nothing there.

    >>> at({"a.b": [{"c": 1}, {"c": 2}]}, ("a", "b", "-1", "c"))
    2
    """
    while keys:
        if isinstance(value, dict):
            used = next((n for n in range(len(keys), 0, -1) if ".".join(keys[:n]) in value), 0)
            if not used:
                raise KeyError(keys[0])
            value, keys = value[".".join(keys[:used])], keys[used:]
        elif isinstance(value, list) and _place(keys[0]) and -len(value) <= int(keys[0]) < len(value):
            value, keys = value[int(keys[0])], keys[1:]
        else:
            raise KeyError(keys[0])
    return value


def found(value: object, path: str, where: str) -> object:
    """The value at a path of a request or an answer.

    Raises:
        Unread: there is nothing there.
    """
    try:
        return at(value, split(path))
    except KeyError:
        raise Unread(f"{where} has no {path}") from None


def flat(values: list[object]) -> list[object]:
    """The values of lists in lists, in their order.

    >>> flat([1, [2, [3]], []])
    [1, 2, 3]
    """
    if not any(isinstance(value, list) for value in values):
        return values
    whole: list[object] = []
    inside = [iter(values)]
    while inside:
        for value in inside[-1]:
            if isinstance(value, list):
                inside.append(iter(value))
                break
            whole.append(value)
        else:
            inside.pop()
    return whole


def alone(value: object, path: str) -> object:
    """The one value where a row's place holds a list of one; the whole list where the path ends in `[]`.

    Raises:
        Unread: it holds several, or none.
    """
    if not isinstance(value, list) or path.endswith("[]"):
        return value
    values = flat(value)
    if len(values) == 1:
        return values[0]
    if not values:
        raise Unread(f"the answer has no {path}")
    raise Unread(f"{path} has {len(values)} numbers a row; name one as {path}.0")


def label(value: object) -> str:
    """A label in its one canonical text; a list or an object (ranked items, class scores, a vector) as JSON.

    Raises:
        Unread: the value is none.
    """
    if isinstance(value, float) and not isfinite(value):
        raise Unread("the label is no finite number")
    if isinstance(value, list | dict):
        return _written.encode(value).decode()
    if not isinstance(value, bool | int | float | str):
        raise Unread("the label is no number and no text")
    return canonical_label(value)


def number(value: object, name: str) -> float:
    """A finite number.

    Raises:
        Unread: the value is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unread(f"the {name} is no number")
    try:
        as_float = float(value)
    except OverflowError:
        as_float = float("inf")
    if not isfinite(as_float):
        raise Unread(f"the {name} is no finite number")
    return as_float
