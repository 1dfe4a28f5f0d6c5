"""What is in force now for one route, ready to be asked?

A `Live` is made once for each directory that a worker gets, and swapped in whole: a request is answered under the one that
it began with.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from segue.assign.draw import Assigner
from segue.facts.allocation import Allocation, Directory, Endpoint, Protocol, Target
from segue.facts.wire.codec import to_json
from segue.gateway.override import Override, Overruled
from segue.gateway.request.ejection import Health
from segue.gateway.request.sources import Sources
from segue.gateway.sight.counters import Spread, Tally
from segue.http.client import UpstreamPool
from segue.http.message import TO_UPSTREAM, Block, Outline, block
from segue.http.sieve import Sieve

TRACE: Final = b"x-request-id"
PIN: Final = b"x-segue-pin"
TYPE: Final = b"content-type"
_OURS: Final = frozenset({b"x-segue-request-id", b"x-segue-shadow"})  # what we tell upstreams; no caller does in our place
JSON_LENGTH: Final = b"inference-header-content-length"
_OUTLINES_AT_MOST: Final = 256
_PATHS: Final[dict[Protocol, str]] = {
    "v2": "/v2/models/{model}/infer",
    "v1": "/v1/models/{model}:predict",
    "mlflow": "/invocations",
    "openai": "",
    "raw": "",
}
"""Where a version's predictions are asked for; nothing where the caller's own path is passed on."""
PoolOf = Callable[[bool, str, int], UpstreamPool]
OverheadOf = Callable[[str], Spread]
HealthOf = Callable[[str, str, str], Health]
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # nobody announces what somebody else serves


class Around(NamedTuple):
    """What outlives a swap.

    Args:
        pool_of: an address: by TLS or not, host, port.
        health_of: a place: route, variant, url.
        overhead_of: a route: where it is counted what we add to its answers.
    """

    pool_of: PoolOf
    health_of: HealthOf
    overhead_of: OverheadOf


class Upstream:
    """One variant's places, asked in turn; of the champion's, one is asked whatever it does."""

    __slots__ = ("_next", "_only", "is_champion", "places", "timeout_s", "variant")

    def __init__(self, variant: str, places: list["Place"], timeout_s: float, *, is_champion: bool) -> None:
        self.variant = variant
        self.places = places
        self.timeout_s = timeout_s
        self.is_champion = is_champion
        self._only = places[0] if len(places) == 1 else None
        self._next = 0

    def place(self, now_s: float) -> "Place | None":
        """The next one that is not ejected, or whose trial is due; None where there is none."""
        place = self._only
        if place is not None and not place.health.ejected:
            return place
        for _ in self.places:
            place = self.next_place()
            if not place.health.ejected or place.health.on_trial(now_s):
                return place
        return self.next_place() if self.is_champion else None

    @property
    def ejected(self) -> bool:
        """Whether none of its places is asked now, but for a trial."""
        return not self.is_champion and all(place.health.ejected for place in self.places)

    def next_place(self) -> "Place":
        """The next one, ejected or not."""
        if len(self.places) == 1:
            return self.places[0]
        self._next = (self._next + 1) % len(self.places)
        return self.places[self._next]


class Place:
    """Where one version is served for a variant.

    Args:
        pool: connections to it.
        endpoint: the model version that answers there, and where that is.
        base: path below which it is served, without a slash at the end.
        path: of its predictions, below the base; "" where the caller's own path is asked for.
        fields: what every request to it begins with.
        health: what is known of it.
        marks: the fields that say so to the caller; the request's id comes after them.

    `served` is whoever counts its good answers' own note of where.
    """

    __slots__ = ("_base", "_fields", "_outlines", "health", "marks", "outline", "pool", "served", "url", "version")

    def __init__(
        self, pool: UpstreamPool, endpoint: Endpoint, health: Health, *, base: str, path: str, fields: Block, marks: Block
    ) -> None:
        self.pool = pool
        self.version = endpoint.version
        self.url = endpoint.url
        self.health = health
        self.served: Tally | None = None
        self.marks = marks
        self._base = base.encode()
        self._fields = fields
        self._outlines: dict[tuple[bytes, bytes], Outline] = {}
        self.outline = Outline(b"POST", self._base + path.encode() or b"/", fields)

    def towards(self, method: bytes, tail: bytes) -> Outline:
        """Of a request to a path of the caller's choice.

        Raises:
            DomainError: a path that cannot be asked for.
        """
        outline = self._outlines.get((method, tail))
        if outline is None:
            outline = Outline(method, self._base + tail, self._fields)
            if len(self._outlines) < _OUTLINES_AT_MOST:
                self._outlines[method, tail] = outline
        return outline


class Live:
    """A directory, compiled.

    Args:
        directory: the allocation in force and the endpoints of its versions.
        around: what outlives a swap.
        override: a person's rule for this machine: who is not asked, whatever the allocation says.

    Raises:
        SpecError: an expression or a source that cannot be read; the worker keeps what it has.
    """

    __slots__ = (
        "allocation",
        "assigner",
        "body_limit_bytes",
        "captured",
        "frame",
        "killed",
        "named_bodies",
        "overhead",
        "revision",
        "sieve",
        "sources",
        "upstreams",
        "versions",
    )

    def __init__(self, directory: Directory, around: Around, override: Override | None = None) -> None:
        allocation = directory.allocation
        self.revision = directory.revision
        self.allocation = allocation
        self.killed = override.killed(allocation) if override is not None else frozenset()
        self.assigner: Assigner | Overruled = Assigner(allocation)
        if self.killed:
            self.assigner = Overruled(self.assigner, allocation.champion, self.killed)
        self.sources = Sources(allocation.unit, allocation.context)
        self.sieve = Sieve(TO_UPSTREAM | _OURS, self.sources.names | {TRACE, PIN, TYPE, JSON_LENGTH})
        self.body_limit_bytes = allocation.capturing.body_limit_bytes
        self.captured: defaultdict[str, int] = defaultdict(int)  # rows that were written down, by variant
        self.frame = to_json(allocation)
        self.overhead: Spread = around.overhead_of(allocation.route)
        self.named_bodies = allocation.protocol == "v2"  # they may name their request
        upstreams = _upstreams(allocation, directory.endpoints, around)
        self.upstreams = {variant: upstream for variant, upstream in upstreams.items() if variant not in self.killed}
        self.versions = {place.version for upstream in self.upstreams.values() for place in upstream.places}

    @property
    def ready(self) -> bool:
        """Whether the champion can be asked."""
        return self.allocation.champion in self.upstreams

    def by_version(self, version: str) -> Upstream | None:
        """A variant by its name or by the version that answers for it; the champion last, so that a pin means the pinned."""
        if version in self.upstreams:
            return self.upstreams[version]
        for variant in sorted(self.upstreams, key=lambda name: name == self.allocation.champion):
            if any(place.version == version for place in self.upstreams[variant].places):
                return self.upstreams[variant]
        return None


def _upstreams(allocation: Allocation, endpoints: tuple[Endpoint, ...], around: Around) -> Mapping[str, Upstream]:
    upstreams = {}
    for variant, target in allocation.variants.items():
        served = [_external(target)] if target.url else [entry for entry in endpoints if entry.name == target.version]
        places = [_place(entry, allocation, variant, around) for entry in served]
        if places:
            upstreams[variant] = Upstream(variant, places, target.timeout_s, is_champion=variant == allocation.champion)
    return upstreams


def _external(target: Target) -> Endpoint:
    """Where somebody else serves a version; the version is the one that the spec names."""
    _, _, version = target.version.removeprefix("models:/").replace("@", "/").rpartition("/")
    return Endpoint(name=target.version, version=version, url=target.url, seen_at=_NEVER)


def marks_of(variant: str, version: str) -> Block:
    """The fields that tell a caller who answered; the last one is the request's id, to be written after them."""
    marks = ((b"x-segue-variant", variant.encode()), (b"x-segue-version", version.encode()), (b"x-segue-request-id", b""))
    return block(marks)


def _place(endpoint: Endpoint, allocation: Allocation, variant: str, around: Around) -> Place:
    parts = urlsplit(endpoint.url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "127.0.0.1", parts.port or (443 if secure else 80)
    model = endpoint.name.removeprefix("models:/").replace("@", "/").rpartition("/")[0] or allocation.route
    base = parts.path.rstrip("/")
    path = _PATHS[allocation.protocol].format(model=model)
    if endpoint.path:
        base, path = "", endpoint.path
    elif allocation.protocol == "openai":
        base = base.removesuffix("/v1")  # what its clients call the base
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    fields = block([(b"host", named.encode())])
    marks, health = marks_of(variant, endpoint.version), around.health_of(allocation.route, variant, endpoint.url)
    return Place(around.pool_of(secure, host, port), endpoint, health, base=base, path=path, fields=fields, marks=marks)
