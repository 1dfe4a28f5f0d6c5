"""Who gets what from now on? The one thing that a gateway needs to know.

An allocation is published with a number that only grows. A gateway that has it can serve without asking anybody: it
assigns by its ownership table, asks the endpoints it knows, and writes the number into each capture.
"""

from datetime import datetime
from typing import Final, Literal

import msgspec

BUCKETS = 1_000_000
"""A unit falls into one of so many buckets: shares are kept in parts per million."""

Protocol = Literal["v2", "v1", "mlflow", "openai", "raw"]
_ASKED_AT: Final[dict[Protocol, str]] = {
    "v2": "/v2/models/{route}/infer",
    "v1": "/v1/models/{route}:predict",
    "mlflow": "/routes/{route}/invocations",
    "openai": "/routes/{route}/v1/chat/completions",
    "raw": "/routes/{route}/...",
}


def asked_at(route: str, protocol: Protocol) -> str:
    """The path at which callers ask a route.

    >>> asked_at("churn", "v1"), asked_at("churn", "raw")
    ('/v1/models/churn:predict', '/routes/churn/...')
    """
    return _ASKED_AT[protocol].format(route=route)


class Range(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The buckets [start, end) belong to one variant.

    Args:
        since: in which change of the table the variant got them; what came last is given up first.
    """

    start: int
    end: int
    variant: str
    since: int = 0


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """An ownership table: which variant owns which buckets.

    Args:
        salt: with `kind`, what makes this draw independent of every other one.
        kind: the purpose of the draw ("variant", "shadow:v8").
        ranges: ordered, without gap or overlap, from 0 to BUCKETS.
    """

    salt: str
    kind: str
    ranges: tuple[Range, ...]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One variant as a gateway sees it.

    Args:
        version: what its spec names (`models:/churn/8`, `models:/churn@champion`); the directory says where that is served.
        url: where it is served by somebody else, or "" where our host serves it.
        timeout_s: real time for its answer.
    """

    version: str
    url: str = ""
    timeout_s: float = 1.0


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """A variant that is asked beside the answer, for a sample of the units or requests."""

    variant: str
    share: float
    timeout_s: float = 5.0
    concurrency: int = 64
    queue: int = 1024


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """Units that match `where` are drawn by `split` in place of the allocation's; `comparable` says whether that is a draw.

    Args:
        where: an expression over the declared context, in the language of `spec.expression`.
        split: their own ownership table.
        comparable: False where the audience is served by rule (a share of 1), so nothing is compared.
    """

    where: str
    split: Split
    comparable: bool


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Where the prediction is, in the protocol's own terms (`outputs.label`); "" where the spec names none."""

    label: str = ""
    score: str = ""
    features: str = ""
    cost: str = ""


class Capturing(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the bodies is kept."""

    body_limit_bytes: int = 64 * 1024


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """A published, numbered table of bucket ranges with all that serving needs.

    Args:
        number: grows by one with each publication of the route, over all its rollouts.
        rollout, stage: "" where the route is at rest.
        unit: where the unit is looked for, in this order (`header:x-user-id`, `cookie:uid`, `body:user.id`, `request`).
        context: attribute -> source (`header:x-country`).
        champion: the variant that answers when a candidate can't.
        audiences: the first that matches decides; else `split`.
        overrides: unit -> variant, set by a person; recorded, never compared.
        deadline_s: real time within which the caller is answered, fallback included.
    """

    number: int
    route: str
    rollout: str
    stage: str
    spec_digest: str
    published_at: datetime
    protocol: Protocol
    unit: tuple[str, ...]
    context: dict[str, str]
    champion: str
    variants: dict[str, Target]
    split: Split
    audiences: tuple[Audience, ...] = ()
    shadows: tuple[Shadow, ...] = ()
    overrides: dict[str, str] = {}
    reading: Reading = Reading()
    capturing: Capturing = Capturing()
    deadline_s: float = 10.0


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a version is served now.

    Args:
        name: what it is known by (`models:/churn/8`, `models:/churn@champion`).
        version: the model version that answers there; under an alias it changes when the alias has moved.
        url: `http://address:port`.
        path: the path of the upstream for the route's protocol ("/v2/models/churn/infer").
        host: who keeps this entry alive.
        seen_at: real time of its last sign of life.
    """

    name: str
    version: str
    url: str
    path: str = ""
    host: str = ""
    seen_at: datetime


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One caller's right to ask a route, without the key itself.

    Args:
        id: which key it is; stands in the key, and may be seen.
        name: whose it is.
        digest: sha256 of the whole key, in hex.
        created_at, expires_at, revoked_at: real time; None for never.
    """

    id: str
    route: str
    name: str
    digest: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway polls; `revision` changes with any of it.

    Args:
        allocation: the one in force.
        endpoints: where its versions are served.
        keys: who may ask the route; those that were revoked are left out.
    """

    revision: str
    allocation: Allocation
    endpoints: tuple[Endpoint, ...] = ()
    keys: tuple[Key, ...] = ()
