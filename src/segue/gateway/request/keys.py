"""May this caller ask this route?

A key is `sgk_{id}_{secret}`. Its id says which one it is, so that one digest is computed and one compared, in a time that does
not depend on how much of it was right; its secret is 256 random bits. What is kept is sha256 of the whole: a slow hash with a
salt protects passwords, which can be guessed, but nobody guesses 256 bits, and a fast one may be computed for each request,
so no verified key has to be remembered in clear.

A key comes as `X-API-Key: sgk_...` or `Authorization: Bearer sgk_...` (RFC 6750). What begins otherwise is no key of ours but
the upstream's own, and goes on untouched; a key of ours is taken off the request before anything else reads it.
"""

import secrets
import time
from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from hashlib import sha256
from hmac import compare_digest
from typing import Final

import msgspec

from segue.facts.allocation import Key
from segue.http.message import Header
from segue.ids import base32

AUTHORIZATION: Final = b"authorization"
API_KEY: Final = b"x-api-key"
_MARK: Final = b"sgk_"
_FIELDS: Final = frozenset({AUTHORIZATION, API_KEY})
_LENGTHS: Final = frozenset(map(len, _FIELDS))
_NEVER_S: Final = float("inf")
_ID: Final = 10  # characters of base 32
_ID_ENDS: Final = len(_MARK) + _ID


class Verdict(Enum):
    """What becomes of a request: its status, why, and how RFC 6750 (section 3.1) calls that."""

    GRANTED = (200, "", "")
    MISSING = (401, "this route needs a key: `X-API-Key`, or `Authorization: Bearer`", "")
    INVALID = (401, "the key is not valid, or not any more", ', error="invalid_token"')
    FOREIGN = (403, "the key is for another route", ', error="insufficient_scope"')

    @property
    def status(self) -> int:
        """Of the answer."""
        return self.value[0]

    @property
    def why(self) -> str:
        """For the caller."""
        return self.value[1]

    @property
    def challenge(self) -> Header:
        """The field that has to come with a 401."""
        return b"www-authenticate", f'Bearer realm="segue"{self.value[2]}'.encode()


class _Known(msgspec.Struct, frozen=True, gc=False):
    route: str
    digest: bytes
    ends_s: float  # seconds since the epoch


_NOBODY: Final = _Known("", bytes(32), 0.0)  # what an unknown id is compared with, so that it takes as long as a known one


class Keys:
    """The keys of all routes of a worker."""

    def __init__(self) -> None:
        self._routes: dict[str, dict[bytes, _Known]] = {}
        self._known: dict[bytes, _Known] = {}

    def follow(self, route: str, keys: Iterable[Key]) -> None:
        """Let these be the route's keys from now on."""
        self._routes[route] = {key.id.encode(): _known(key) for key in keys if key.revoked_at is None}
        self._known = {key_id: known for each in self._routes.values() for key_id, known in each.items()}

    def check(self, key: bytes | None, route: str = "") -> Verdict:
        """Whether a key opens a route; where none is named: any route.

        >>> keys, (made, token) = Keys(), new_key("churn", "team-a", datetime(2026, 1, 1))
        >>> keys.follow("churn", [made])
        >>> [keys.check(each, "churn").status for each in (token.encode(), token.encode()[:-1], None)]
        [200, 401, 401]
        >>> keys.check(token.encode(), "delay").status
        403
        """
        if key is None:
            return Verdict.MISSING
        known = self._known.get(key[len(_MARK) : _ID_ENDS], _NOBODY)
        if not compare_digest(sha256(key).digest(), known.digest) or known.ends_s <= time.time():
            return Verdict.INVALID
        return Verdict.GRANTED if not route or route == known.route else Verdict.FOREIGN


def take_key(headers: list[Header]) -> bytes | None:
    """Take every key of ours off a request, and give the first; None where there is none.

    >>> fields = [(b"Authorization", b"Bearer sgk_a_b"), (b"X-API-Key", b"theirs")]
    >>> take_key(fields), fields
    (b'sgk_a_b', [(b'X-API-Key', b'theirs')])
    """
    found = None
    for header in [header for header in headers if len(header[0]) in _LENGTHS]:
        name, value = header[0].lower(), header[1]
        at = value.find(_MARK)  # 0 in the one field, behind the scheme in the other
        if at < 0 or name not in _FIELDS or (at and (name == API_KEY or value[:at].strip().lower() != b"bearer")):
            continue
        headers.remove(header)
        found = found or value[at:]
    return found


def new_key(route: str, name: str, at: datetime, expires_at: datetime | None = None) -> tuple[Key, str]:
    """A new key: what is kept of it, and itself, which is shown once and kept nowhere."""
    key_id = base32(secrets.randbits(5 * _ID), _ID)
    token = f"{_MARK.decode()}{key_id}_{secrets.token_urlsafe(32)}"
    digest = sha256(token.encode()).hexdigest()
    return Key(id=key_id, route=route, name=name, digest=digest, created_at=at, expires_at=expires_at), token


def _known(key: Key) -> _Known:
    ends_s = _NEVER_S if key.expires_at is None else key.expires_at.timestamp()
    return _Known(key.route, bytes.fromhex(key.digest), ends_s)
