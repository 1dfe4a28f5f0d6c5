"""How are things named, so that a name is unique, sortable and can be recomputed?"""

import hashlib
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case


def base32(number: int, width: int) -> str:
    """A number in Crockford's base 32, so that names of one width sort like their numbers.

    >>> base32(33, 4)
    '0011'
    """
    digits = []
    for _ in range(width):
        digits.append(_ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(digits))


class RequestIds:
    """Request ids of one worker's boot: `{start}{entropy}-{n}`; unique without asking anybody.

    Args:
        start_us: microseconds since the epoch when the worker booted; ids sort by boot.
        entropy: 40 random bits, so that two workers that boot in the same microsecond differ.

    >>> ids = RequestIds(start_us=1_700_000_000_000_000, entropy=7)
    >>> ids.next(), ids.next()
    ('1ga4gc1wg0000000007-0', '1ga4gc1wg0000000007-1')
    """

    __slots__ = ("_count", "_prefix")

    def __init__(self, *, start_us: int, entropy: int) -> None:
        self._prefix = f"{base32(start_us, 11)}{base32(entropy, 8)}-"
        self._count = -1

    def next(self) -> str:
        """The next id."""
        self._count += 1
        return self._prefix + hex(self._count)[2:]  # noqa: FURB116 - a format takes three times as long


def digest(canonical: bytes) -> str:
    """What identifies a content: the first 128 bits of its sha256, in hex.

    >>> digest(b"")
    'e3b0c44298fc1c149afbf4c8996fb924'
    """
    return hashlib.sha256(canonical).hexdigest()[:32]


def derived(kind: str, *parts: str | int) -> str:
    """An id that the same inputs give again, so that doing a thing twice is seen to be the same thing.

    >>> derived("cmd", "r-1", 3) == derived("cmd", "r-1", 3)
    True
    """
    body = "\x1f".join(str(part) for part in parts)
    return f"{kind}-{digest((kind + chr(30) + body).encode())[:20]}"
