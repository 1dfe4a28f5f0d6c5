"""Into which bucket does a unit fall?

`segue-1`: the first 64 bits of sha256 over `salt 0x1f kind 0x1f unit`, as a share of the buckets. The unit is UTF-8 in
Unicode's normal form C, so that the same name typed on two systems is one unit. Any language can do this; the cases in
`tests/vectors/buckets.json` pin it.
"""

from hashlib import sha256
from unicodedata import normalize

from segue.facts.allocation import BUCKETS


def prefix_of(salt: str, kind: str) -> bytes:
    """What comes before the unit in the hash; compute it once per split."""
    return f"{salt}\x1f{kind}\x1f".encode()


def bucket(prefix: bytes, unit: str) -> int:
    """The unit's bucket, 0 to 999,999, uniform over units and independent between prefixes.

    >>> bucket(prefix_of("s", "variant"), "user-42")
    57960
    """
    name = unit if unit.isascii() else normalize("NFC", unit)
    return int.from_bytes(sha256(prefix + name.encode("utf-8", "surrogatepass")).digest()[:8], "big") * BUCKETS >> 64
