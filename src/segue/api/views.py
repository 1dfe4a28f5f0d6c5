"""In which shapes does the API answer? Facts as they rest, and what is put together of them."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

import msgspec

from segue.facts.allocation import Allocation, Endpoint
from segue.facts.decision import Act, Decision, Phase, State
from segue.facts.drift.profile import Profile
from segue.ports.access import Role
from segue.ports.registry import FACTORY
from segue.ports.store import WorkerReport
from segue.spec.diff import Change
from segue.spec.document.head import ROUTE_NAME

T = TypeVar("T")
Standing = Literal["valid", "expired", "revoked"]
"""Of a token or a key."""
Wish = Literal["pause", "resume", "approve", "promote", "promote_full", "abort", "retry", "override", "undo"]
"""What may be asked of a rollout. promote: where it waits for approval, that; else on without the gates."""
Words = Annotated[str, msgspec.Meta(max_length=2000)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@:-]*$", max_length=200)]


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list.

    Args:
        next: ask with `after` of this for what follows; None at the end.
    """

    items: list[T]
    next: str | None = None


class RolloutView(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout in a line.

    Args:
        stage: by name; `stages` are all of them.
        shares: what the route's units get now, by variant.
        since: when the stage was entered, in stream time.
    """

    rollout: str
    route: str
    phase: Phase
    stage: str
    stages: list[str]
    step: int
    shares: dict[str, float]
    since: datetime
    champion_version: str
    candidate_version: str
    decisions: int
    spec_digest: str


class RolloutDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout whole.

    Args:
        view: in a line.
        state: as it rests.
        token: grows with each change; the ETag.
        spec_source: the file that it was begun from, or amended by last.
        last: the newest decision; None before the first.
        workers: what the route's gateways run.
        asked: what people asked for and no tick has applied yet.
    """

    view: RolloutView
    state: State
    token: int
    spec_source: str
    last: Decision | None = None
    workers: list[WorkerReport] = []
    asked: list[Act] = []


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, and the same in sentences."""

    decision: Decision
    text: str


class SpecAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rollout file.

    Args:
        spec: its text, YAML.
        name: of the file, for messages.
        dry_run: check everything, write nothing.
    """

    spec: Annotated[str, msgspec.Meta(max_length=1_000_000)]
    name: Annotated[str, msgspec.Meta(max_length=200)] = "rollout.yaml"
    dry_run: bool = False


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """What `apply` did.

    Args:
        created: False where the same spec was live already, the live rollout is amended, or nothing was to be written.
        notes: what people should know.
        amended: what changes about the live rollout and what that costs.
    """

    rollout: str
    route: str
    stages: list[str]
    spec_digest: str
    created: bool
    notes: list[str] = []
    amended: list[str] = []


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between a file and a route's newest rollout."""

    rollout: str
    changes: list[Change]


class ActAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody wants of a rollout.

    Args:
        reason: why; has to be said for abort, promote, promote_full, override and undo.
        target: the gate of an override, the version of an undo, `new draw` of a retry that draws the units anew.
    """

    trigger: Wish
    reason: Words = ""
    target: Words = ""
    dry_run: bool = False


class ActState(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of an act.

    Args:
        state: asked: the next tick looks at it. applied, refused: by the decision. dry_run: nothing was written.
    """

    act: Act
    state: Literal["asked", "applied", "refused", "dry_run"]
    decision: Decision | None = None


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a model, with the aliases that point at it."""

    model: str
    version: str
    aliases: list[str]
    registered_at: datetime
    factory: str
    artifact: str
    digest: str
    tags: dict[str, str] = {}
    profile: str = ""


class Loading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a host of ours loads a version.

    Args:
        artifact: the folder, by the path at which hosts find it.
        digest: of the folder's files; a host that finds other files there does not load them.
    """

    factory: Annotated[str, msgspec.Meta(pattern=FACTORY, max_length=200)]
    artifact: Annotated[str, msgspec.Meta(pattern=r"^/", max_length=1000)]
    digest: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]*$", max_length=64)]
    path: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    warmup: Annotated[str, msgspec.Meta(max_length=1_000_000)] = ""


class VersionAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version to be entered in the registry.

    Args:
        loading: None where somebody else serves it.
        profile: of its training data; None for none.
    """

    version: Name
    loading: Loading | None = None
    tags: dict[str, str] = {}
    profile: Profile | None = None
    dry_run: bool = False


class AliasView(msgspec.Struct, frozen=True, kw_only=True):
    """Where an alias points."""

    model: str
    alias: str
    version: str


class AliasMoved(AliasView, frozen=True, kw_only=True):
    """Where an alias points now, and what it pointed at when it was asked for; "" for nothing."""

    before: str
    moved: bool


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A version that is in the registry; `profile` is the digest of what it saw in training."""

    model: str
    version: str
    digest: str
    profile: str = ""


class AliasAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an alias is to point.

    Args:
        expected: what it has to point at before; None for whatever it does.
    """

    version: Name
    reason: Words
    expected: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    dry_run: bool = False


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What a route's gateways serve from: the allocation in force, and where its versions are."""

    revision: str
    allocation: Allocation
    endpoints: list[Endpoint]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a shadow stage whose outcome is worth asking for: the two variants answered it differently.

    Args:
        share: of the disagreements that are asked for.
    """

    request_id: str
    at: datetime
    champion: str | None
    candidate: str | None
    variant: str
    share: float


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A token without its secret."""

    id: str
    name: str
    role: Role
    also: list[str]
    state: Standing
    created_at: datetime
    expires_at: datetime | None = None


class TokenAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to be made.

    Args:
        also: further roles, as specs name them in `approve`.
        days: after so many it opens nothing any more; 0 for never.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    role: Role
    also: list[Name] = []
    days: Annotated[float, msgspec.Meta(ge=0, le=36_500)] = 0.0


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new token; `secret` is shown this once and kept nowhere."""

    token: TokenView
    secret: str


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A route's key without its secret."""

    id: str
    route: str
    name: str
    state: Standing
    created_at: datetime
    expires_at: datetime | None = None


class KeyAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key of a route to be made, for somebody.

    Args:
        days: after so many it opens nothing any more; 0 for never.
    """

    route: Annotated[str, msgspec.Meta(pattern=f"^{ROUTE_NAME}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    days: Annotated[float, msgspec.Meta(ge=0, le=36_500)] = 0.0


class KeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; `secret` is shown this once and kept nowhere."""

    key: KeyView
    secret: str


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the API can do its part: the store answers."""

    status: Literal["ok"] = "ok"
