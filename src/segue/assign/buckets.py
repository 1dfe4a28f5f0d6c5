"""Into which bucket does a unit fall?

`segue-1`: the first 64 bits of sha256 over `salt 0x1f kind 0x1f unit`, as a share of the buckets. The unit is UTF-8 in
Unicode's normal form C, so that the same name typed on two systems is one unit. Any language can do this; the cases in
`tests/vectors/buckets.json` pin it.
"""

from hashlib import sha256
from typing import TYPE_CHECKING
from unicodedata import normalize

from segue.facts.allocation import BUCKETS

if TYPE_CHECKING:
    from hashlib import _Hash


def prefix_of(salt: str, kind: str) -> "_Hash":
    """The hash of what comes before the unit; made once per split, since a copy is cheaper than a new one."""
    return sha256(f"{salt}\x1f{kind}\x1f".encode())


def digest(prefix: "_Hash", unit: str) -> bytes:
    """The unit's place among all: uniform over 256 bits, of which the first 64 tell the bucket."""
    name = unit.encode() if unit.isascii() else normalize("NFC", unit).encode("utf-8", "surrogatepass")
    whole = prefix.copy()
    whole.update(name)
    return whole.digest()


def least(number: int) -> bytes:
    """The first 64 bits of the least digest in a bucket: a digest is in it or beyond where it is not less, as bytes.

    >>> prefix = prefix_of("s", "variant")
    >>> least(57960) <= digest(prefix, "user-42") < least(57961)
    True
    """
    return (-(-(number << 64) // BUCKETS)).to_bytes(8, "big")


def bucket(prefix: "_Hash", unit: str) -> int:
    """The unit's bucket, 0 to 999,999, uniform over units and independent between prefixes.

    >>> bucket(prefix_of("s", "variant"), "user-42")
    57960
    """
    return int.from_bytes(digest(prefix, unit)[:8], "big") * BUCKETS >> 64
