"""Who may ask the API and the routes, what has been done, and is anybody there to answer?"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from segue.api.access import Person, new_token, require
from segue.api.desk import real_now
from segue.api.doing.rollouts import as_
from segue.api.operation import Call, Filter, Operation, Paging, Reply, page, span_of
from segue.api.views import Health, KeyAsked, KeyMade, KeyView, Page, Standing, TokenAsked, TokenMade, TokenView
from segue.facts.allocation import Key
from segue.facts.decision import Decision
from segue.gateway.request.keys import new_key
from segue.ports.access import Token, TokenStore
from segue.ports.audit import AuditLog, Entry, every, latest
from segue.ports.span import WHOLE, Span
from segue.ports.store import KeyStore, RolloutStore


class Keyed(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys of one route, or of all."""

    route: Filter = ""


class PeopleDesk:
    """Answers questions about tokens and keys, makes and ends them, and tells what was done.

    Args:
        person: who asks.
        tokens, keys: who may ask the API, and the routes.
        audit: who did what.
        rollouts: whose decisions the log vouches for.
    """

    def __init__(self, person: Person, *, tokens: TokenStore, keys: KeyStore, audit: AuditLog, rollouts: RolloutStore) -> None:
        self._tokens, self._keys, self._audit, self._rollouts = tokens, keys, audit, rollouts
        self._person = person

    def tokens(self, *, span: Span = WHOLE) -> list[TokenView]:
        """All tokens, oldest first, without their secrets."""
        require(self._person, "admin")
        now = real_now()
        return [_token(token, now) for token in self._tokens.tokens(span=span)]

    def add_token(self, asked: TokenAsked) -> TokenMade:
        """Make a token; only its hash is kept."""
        require(self._person, "admin")
        now, person = real_now(), Person(name=asked.name, role=asked.role, also=tuple(asked.also))
        token, secret = new_token(person, now, _end(now, asked.days))
        self._tokens.add(token, who=self._person.name)
        return TokenMade(token=_token(token, now), secret=secret)

    def revoke_token(self, token: str) -> TokenView:
        """Let a token open nothing from now on; twice is once.

        Raises:
            NotFound: there is none of this id.
        """
        require(self._person, "admin")
        now = real_now()
        return _token(self._tokens.revoke(token, now, who=self._person.name), now)

    def keys(self, route: str = "", *, span: Span = WHOLE) -> list[KeyView]:
        """All keys, or those of a route, oldest first, without their secrets."""
        require(self._person, "admin")
        now = real_now()
        return [_key(key, now) for key in self._keys.keys(route, span=span)]

    def add_key(self, asked: KeyAsked) -> KeyMade:
        """Make a key of a route; only its hash is kept, and gateways know it within a second."""
        require(self._person, "admin")
        now = real_now()
        key, secret = new_key(asked.route, asked.name, now, _end(now, asked.days))
        self._keys.add(key, who=self._person.name)
        return KeyMade(key=_key(key, now), secret=secret)

    def revoke_key(self, key: str) -> KeyView:
        """Let a key open nothing within a second; twice is once.

        Raises:
            NotFound: there is none of this id.
        """
        require(self._person, "admin")
        now = real_now()
        return _key(self._keys.revoke(key, now, who=self._person.name), now)

    def entries(self, subject: str = "") -> Iterator[Entry]:
        """The audit log, oldest entry first; of one subject, or whole."""
        return every(self._audit, subject)

    def latest(self, most: int, subject: str = "") -> list[Entry]:
        """The newest entries of the audit log, oldest of them first; of one subject, or of all."""
        return latest(self._audit, most, subject)

    def decided(self, rollout: str) -> Sequence[Decision]:
        """The decisions of a rollout, oldest first; none where there is no such rollout."""
        return self._rollouts.decisions(rollout)


def _end(now: datetime, days: float) -> datetime | None:
    return now + timedelta(days=days) if days else None


def _token(token: Token, now: datetime) -> TokenView:
    return TokenView(
        id=token.id,
        name=token.name,
        role=token.role,
        also=list(token.also),
        state=_standing(token, now),
        created_at=token.created_at,
        expires_at=token.expires_at,
    )


def _key(key: Key, now: datetime) -> KeyView:
    return KeyView(
        id=key.id,
        route=key.route,
        name=key.name,
        state=_standing(key, now),
        created_at=key.created_at,
        expires_at=key.expires_at,
    )


def _standing(it: Token | Key, now: datetime) -> Standing:
    if it.revoked_at is not None:
        return "revoked"
    return "expired" if it.expires_at is not None and it.expires_at <= now else "valid"


def _desk(call: Call) -> PeopleDesk:
    at = call.office
    return PeopleDesk(call.person, tokens=at.tokens, keys=at.keys, audit=at.audit, rollouts=at.control.rollouts)


def _tokens(call: Call) -> Reply:
    asked = as_(Paging, call.query)
    return Reply(value=page(_desk(call).tokens(span=span_of(asked)), asked))


def _add_token(call: Call) -> Reply:
    return Reply(value=_desk(call).add_token(as_(TokenAsked, call.body)), status=201)


def _revoke_token(call: Call) -> Reply:
    return Reply(value=_desk(call).revoke_token(call.path["token"]))


def _keys(call: Call) -> Reply:
    asked = as_(Keyed, call.query)
    return Reply(value=page(_desk(call).keys(asked.route, span=span_of(asked)), asked))


def _add_key(call: Call) -> Reply:
    return Reply(value=_desk(call).add_key(as_(KeyAsked, call.body)), status=201)


def _revoke_key(call: Call) -> Reply:
    return Reply(value=_desk(call).revoke_key(call.path["key"]))


def _alive(_: Call) -> Reply:
    return Reply(value=Health())


def _ready(call: Call) -> Reply:
    call.office.tokens.any()
    return Reply(value=Health())


OPERATIONS = (
    Operation(
        name="listTokens",
        method="GET",
        path="/v1/tokens",
        says="All tokens, without their secrets.",
        role="admin",
        gives=Page[TokenView],
        does=_tokens,
        query=Paging,
    ),
    Operation(
        name="addToken",
        method="POST",
        path="/v1/tokens",
        says="Make a token; its secret is in this answer and nowhere else.",
        role="admin",
        gives=TokenMade,
        does=_add_token,
        body=TokenAsked,
        statuses=(201,),
    ),
    Operation(
        name="revokeToken",
        method="DELETE",
        path="/v1/tokens/{token}",
        says="Let a token open nothing from now on.",
        role="admin",
        gives=TokenView,
        does=_revoke_token,
    ),
    Operation(
        name="listKeys",
        method="GET",
        path="/v1/keys",
        says="All keys of routes, or those of one, without their secrets.",
        role="admin",
        gives=Page[KeyView],
        does=_keys,
        query=Keyed,
    ),
    Operation(
        name="addKey",
        method="POST",
        path="/v1/keys",
        says="Make a key of a route; its secret is in this answer and nowhere else.",
        role="admin",
        gives=KeyMade,
        does=_add_key,
        body=KeyAsked,
        statuses=(201,),
    ),
    Operation(
        name="revokeKey",
        method="DELETE",
        path="/v1/keys/{key}",
        says="Let a key open nothing within a second.",
        role="admin",
        gives=KeyView,
        does=_revoke_key,
    ),
    Operation(name="isAlive", method="GET", path="/livez", says="The process answers.", role=None, gives=Health, does=_alive),
    Operation(
        name="isReady", method="GET", path="/readyz", says="The store answers too.", role=None, gives=Health, does=_ready
    ),
)
