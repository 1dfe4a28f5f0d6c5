"""Who is asking, and may they?

A token is `sgt_{id}_{secret}`. Its id says which one it is, so that one digest is compared, in a time that does not depend on
how much of it was right; its secret is 256 random bits, so that a fast hash of the whole may rest in the store (the same as
`gateway.request.keys` does). It comes as `Authorization: Bearer sgt_...` (RFC 6750).

While there has never been a token, whoever reaches the API may do everything. It therefore listens on loopback only, and asks
that the request's Host names loopback, so that no page of the web can reach it through a name of its own that points here.
"""

import secrets
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Final

import msgspec

from segue.errors import Refused
from segue.ids import base32
from segue.ports.access import ROLES, Role, Token, TokenStore

_MARK: Final = "sgt_"
_ID: Final = 10
_NOBODY: Final = "0" * 64  # what an unknown id is compared with, so that it takes as long as a known one
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a person or a program.

    Args:
        name: what stands as `who` in the record.
        also: further roles, as specs name them in `approve`.
    """

    name: str
    role: Role
    also: tuple[str, ...] = ()

    def may(self, role: Role) -> bool:
        """Whether they may do what takes this role.

        >>> [Person(name="ana", role="operator").may(role) for role in ROLES]
        [True, True, False, False]
        """
        return ROLES.index(self.role) >= ROLES.index(role)

    def may_approve(self, role: str) -> bool:
        """Whether they may say yes where a stage says `approve: role`; "" where it names none.

        A role of ours asks for that one or a higher one; a name of the spec's own (`risk-team`) for a token that has it, in the
        hands of an approver. An admin may always.

        >>> ana = Person(name="ana", role="approver", also=("risk-team",))
        >>> [ana.may_approve(role) for role in ("", "approver", "admin", "risk-team", "owner")]
        [True, True, False, True, False]
        """
        known = next((each for each in ROLES if each == role), None)
        if self.role == "admin":
            return True
        if known is not None:
            return self.may("approver") and self.may(known)
        return self.may("approver") and (not role or role in self.also)


class Unknown(Refused):
    """Nobody knows who asks: no token, or one that is not valid (any more)."""


def new_token(person: Person, at: datetime, expires_at: datetime | None = None) -> tuple[Token, str]:
    """A new token: what is kept of it, and itself, which is shown once and kept nowhere."""
    token_id = base32(secrets.randbits(5 * _ID), _ID)
    text = f"{_MARK}{token_id}_{secrets.token_urlsafe(32)}"
    kept = Token(
        id=token_id,
        name=person.name,
        role=person.role,
        also=person.also,
        digest=sha256(text.encode()).hexdigest(),
        created_at=at,
        expires_at=expires_at,
    )
    return kept, text


def person_of(authorization: str, tokens: TokenStore, now: datetime) -> Person:
    """Who has this token.

    Args:
        authorization: the field's value; "" where there is none.
        tokens: those that are known.
        now: real time.

    Raises:
        Unknown: no token, or one that is not valid (any more).
    """
    scheme, _, text = authorization.partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise Unknown("this needs a token", hint="`Authorization: Bearer TOKEN`; `segue token add` makes one")
    known = tokens.token(text[len(_MARK) : len(_MARK) + _ID]) if text.isascii() and text.isprintable() else None
    right = compare_digest(sha256(text.encode(errors="replace")).hexdigest(), known.digest if known else _NOBODY)
    ended = known is None or known.revoked_at is not None or (known.expires_at is not None and known.expires_at <= now)
    if not right or known is None or ended:
        raise Unknown("the token is not valid, or not any more", hint="ask an admin for another one")
    return Person(name=known.name, role=known.role, also=known.also)


def require(person: Person, role: Role) -> None:
    """See that somebody may do what takes a role.

    Raises:
        Refused: they may not.
    """
    if not person.may(role):
        raise Refused(f"this takes the role {role}; the token of {person.name} is for a {person.role}", role=role)
