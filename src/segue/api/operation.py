"""What is one thing that the API does?

Its address, whom it is for, what it takes and what it gives: routing, checks and the OpenAPI document are all made from this.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeVar

import msgspec

from segue.api.access import Person
from segue.api.desk import Desk, LookAtLake
from segue.api.views import Page
from segue.monitor.outside import Control
from segue.ports.access import AnswerStore, Role, TokenStore
from segue.ports.audit import AuditLog
from segue.ports.registry import ProfileStore
from segue.ports.span import Span
from segue.ports.store import KeyStore, LeaseStore, SummaryStore
from segue.spec.document.head import MODEL_NAME

T = TypeVar("T")
Filter = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._@:/-]*$", max_length=200)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]
After = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
PATH: Final = r"^[A-Za-z0-9][A-Za-z0-9._@:-]{0,199}$"
"""What may stand for a `{name}` in a path."""
MODEL: Final = f"^{MODEL_NAME}$"
"""What may stand for a `{model}`: what rollout files may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """All that the API is made of.

    Args:
        wanted: asks the lake which outcomes are worth asking for.
        hook_secrets: with which other programs sign what they send; more than one while they are exchanged.
        guarded: False on loopback: while there has never been a token, whoever reaches it may do everything.
    """

    control: Control
    summaries: SummaryStore
    leases: LeaseStore
    tokens: TokenStore
    keys: KeyStore
    answered: AnswerStore
    audit: AuditLog
    profiles: ProfileStore
    wanted: LookAtLake | None = None
    hook_secrets: tuple[str, ...] = ()
    guarded: bool = True

    def desk(self, person: Person) -> Desk:
        """Where somebody asks about rollouts."""
        return Desk(self.control, person, self.wanted)


class Nothing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No parameters."""


class Paging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of a list: what follows `after`, which the page before has named."""

    limit: Limit = 100
    after: After = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, checked.

    Args:
        path: what stands in the address.
        once: a key under which it is done once; "" for none.
        token: of the rollout, from `If-Match`.
    """

    office: Office
    person: Person
    path: dict[str, str]
    query: msgspec.Struct
    body: msgspec.Struct | None = None
    once: str = ""
    token: int | None = None

    @property
    def desk(self) -> Desk:
        """Where this person asks about rollouts."""
        return self.office.desk(self.person)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered."""

    value: msgspec.Struct
    status: int = 200
    etag: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that the API does.

    Args:
        name: for generated clients.
        says: one sentence.
        role: whom it is for; None for everybody, asked or not.
        gives: the shape of its answer; `str` for a stream of events.
        statuses: of answers that went well.
        once: whether it takes an idempotency key.
        matched: whether it takes `If-Match`.
        known: for hooks of other programs: who asks, by lower-case headers and body; None where they do not say. A delivery
            that names its id is done once, and answered the same.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    says: str
    role: Role | None
    gives: object
    does: Callable[[Call], Reply]
    query: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] | None = None
    statuses: tuple[int, ...] = (200,)
    once: bool = False
    matched: bool = False
    known: "Callable[[Office, Mapping[str, str], bytes], Person | None] | None" = None


def span_of(asked: Paging) -> Span:
    """What a store is asked for: one item more than the page holds, which says that there are more."""
    return Span(after=asked.after, most=asked.limit + 1)


def page(items: Sequence[T], asked: Paging) -> Page[T]:
    """A page of what a store gave of `span_of`; `after` counts the items of the whole list.

    >>> page("bcd", Paging(limit=2, after=1)), page("d", Paging(limit=2, after=3))
    (Page(items=['b', 'c'], next='3'), Page(items=['d'], next=None))
    """
    return Page(items=list(items[: asked.limit]), next=str(asked.after + asked.limit) if len(items) > asked.limit else None)


def page_of_all(items: Sequence[T], asked: Paging) -> Page[T]:
    """A page of a list that is there whole, because whoever keeps it gives no parts."""
    return page(items[asked.after : asked.after + asked.limit + 1], asked)
