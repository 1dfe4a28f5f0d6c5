"""Who may ask, and is anybody there to answer?"""

from datetime import datetime, timedelta

from segue.api.access import Person, new_token
from segue.api.desk import real_now
from segue.api.doing.rollouts import as_
from segue.api.operation import Call, Operation, Paging, Reply, page, span_of
from segue.api.views import Health, Page, TokenAsked, TokenMade, TokenView
from segue.ports.access import Token


def view_of(token: Token, now: datetime) -> TokenView:
    """A token as people may see it."""
    ended = token.expires_at is not None and token.expires_at <= now
    return TokenView(
        id=token.id,
        name=token.name,
        role=token.role,
        also=list(token.also),
        state="revoked" if token.revoked_at is not None else "expired" if ended else "valid",
        created_at=token.created_at,
        expires_at=token.expires_at,
    )


def _tokens(call: Call) -> Reply:
    now, asked = real_now(), as_(Paging, call.query)
    views = [view_of(token, now) for token in call.office.tokens.tokens(span=span_of(asked))]
    return Reply(value=page(views, asked))


def _add(call: Call) -> Reply:
    asked, now = as_(TokenAsked, call.body), real_now()
    person = Person(name=asked.name, role=asked.role, also=tuple(asked.also))
    token, secret = new_token(person, now, now + timedelta(days=asked.days) if asked.days else None)
    call.office.tokens.add(token)
    return Reply(value=TokenMade(token=view_of(token, now), secret=secret), status=201)


def _revoke(call: Call) -> Reply:
    now = real_now()
    return Reply(value=view_of(call.office.tokens.revoke(call.path["token"], now), now))


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
        does=_add,
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
        does=_revoke,
    ),
    Operation(name="isAlive", method="GET", path="/livez", says="The process answers.", role=None, gives=Health, does=_alive),
    Operation(
        name="isReady", method="GET", path="/readyz", says="The store answers too.", role=None, gives=Health, does=_ready
    ),
)
