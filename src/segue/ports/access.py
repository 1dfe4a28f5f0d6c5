"""Who may ask the API for what, and what was answered when it was asked the same thing before?

Duties of every implementation are those of `ports.store`: a call is one transaction, and durable once it has returned.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, Protocol

import msgspec

from segue.ports.span import WHOLE, Span

Role = Literal["viewer", "operator", "approver", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "approver", "admin")
"""Each may do what those before it may. viewer: look. operator: begin, pause, resume, retry, abort. approver: say yes, pass
over gates, register versions, move aliases. admin: everything, tokens too."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One person's or program's right to ask the API, without the token itself.

    Args:
        id: which one it is; stands in the token, and may be seen.
        name: whose it is; what stands as `who` in the record.
        also: further roles, as specs name them in `approve`.
        digest: sha256 of the whole token, in hex.
        created_at, expires_at, revoked_at: real time; None for never.
    """

    id: str
    name: str
    role: Role
    digest: str
    created_at: datetime
    also: tuple[str, ...] = ()
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class TokenStore(Protocol):
    """Who may ask the API."""

    def add(self, token: Token, *, who: str = "") -> None:
        """Enter a token, made by somebody; Conflict where its id is taken."""
        ...

    def revoke(self, token_id: str, at: datetime, *, who: str = "") -> Token:
        """Let a token open nothing from now on; twice is once. NotFound where there is none."""
        ...

    def token(self, token_id: str) -> Token | None:
        """The token of an id, whatever has become of it."""
        ...

    def tokens(self, *, span: Span = WHOLE) -> Sequence[Token]:
        """All tokens ever made, oldest first; revoked and expired ones too."""
        ...

    def any(self) -> bool:
        """Whether there has ever been a token."""
        ...


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What a write was answered with.

    Args:
        id: of who asked, and under which idempotency key.
        request: digest of what was asked.
        status: of HTTP.
        body: JSON.
        at: real time.
    """

    id: str
    request: str
    status: int
    body: str
    at: datetime


class AnswerStore(Protocol):
    """Answers to writes, so that a repeated one gets the same."""

    def answered(self, answer_id: str) -> Answered | None:
        """What it was answered with; None where it was not, or long ago."""
        ...

    def keep(self, answer: Answered, *, since: datetime) -> None:
        """Keep an answer, and forget those from before `since`; the same id twice keeps the first."""
        ...
