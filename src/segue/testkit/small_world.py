"""Which traffic would a rollout see? Seeded requests that obey the allocation in force, with outcomes, into a real lake.

The adapters are handed in; the clock is set by hand.
"""

import json
import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from segue.assign.draw import Assigner, Assignment
from segue.errors import InvariantError
from segue.facts.allocation import Allocation, Endpoint
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction, Role
from segue.monitor.outside import Outside
from segue.ports.lake import Segment
from segue.ports.registry import AliasMove, ModelVersion, Registry
from segue.testkit.rollout_files import rollout_file

START: Final = datetime(2013, 3, 1, 12, 0, tzinfo=UTC)

SPEC: Final = rollout_file("""
metrics:
  accuracy: {kind: accuracy}
  errors: {kind: error_rate}
  p99: {kind: latency_quantile, q: 0.99}
error_budget: {false_promotion: 5%, false_rollback: 1%}
guardrails:
  - errors: {worse_than_champion_by: 1pp}
  - accuracy: {worse_than_champion_by: 5pp}
stages:
  - name: shadow
    strategy: shadow
    sample: 100%
    at_least: {age: 2h, outcomes: 100}
    at_most: {age: 14d, then: rollback}
    promote_when:
      - accuracy: {not_worse_than_champion_by: 2pp}
  - name: canary
    strategy: canary
    steps: [{share: 5%, age: 1h}, {share: 50%, age: 1h}]
    promote_when:
      - accuracy: {not_worse_than_champion_by: 10pp}
  - name: everyone
    strategy: full
    watch: {age: 2h, holdback: 10%}
after: {registry_alias: champion, keep_previous_as: previous}
""")
"""Three stages that a good candidate passes within a day."""

_VERSIONS: Final = {"champion": "7", "v8": "8", "v9": "9"}


class HandClock:
    """Stream time that a test sets."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        """Now."""
        return self.at

    def now_us(self) -> int:
        """Now in microseconds."""
        return int(self.at.timestamp() * 1_000_000)

    @property
    def speed(self) -> float:
        """Any."""
        return 1.0


class SmallWorld:
    """Everything outside, and traffic that obeys the allocation in force.

    Args:
        outside: real adapters.
        clock: set by `later`.
        seed: of the traffic.
        route: whose traffic it is; its model has the same name.
        accuracy: variant -> chance that its label is right; its keys are the variants that are hosted.
        failing: variant -> chance that it fails, where it ever does.
        error: how it fails.
        latency_s: variant -> median time of its answers, where the second argument of `random.lognormvariate` is a half.
        scored: variant -> how many standard deviations the scores of positives lie above those of negatives.
        accuracy_of: (variant, tier) -> its accuracy there, where that is another.
        users: how many different units there are; each request is one of them.
        habits: variant -> by how much its accuracy is higher for one half of the units, and lower for the other.
        tiers: of the units, drawn evenly; none for no context.
        features: draws the features of a request; None where no request has any.
    """

    def __init__(self, outside: Outside, clock: HandClock, *, seed: int = 1, route: str = "churn") -> None:
        self.route = route
        self.outside = outside
        self.clock = clock
        self.accuracy = {"champion": 0.8, "v8": 0.9}
        self.failing: dict[str, float] = {}
        self.error = "timeout"
        self.latency_s: dict[str, float] = {}
        self.scored: dict[str, float] = {}
        self.accuracy_of: dict[tuple[str, str], float] = {}
        self.users = 10**9
        self.habits: dict[str, float] = {}
        self.tiers: tuple[str, ...] = ()
        self.features: Callable[[random.Random], dict[str, object]] | None = None
        self._random = random.Random(seed)  # noqa: S311 - seeded traffic, no secret
        self._more = random.Random(seed + 1)  # noqa: S311 - for what not every test asks for
        self._truths: dict[str, str] = {}
        self._count = 0

    def serve(self, *names: str) -> None:
        """Announce that these versions are served."""
        for name in names:
            model, _, alias = name.removeprefix("models:/").partition("@")
            version = self.outside.registry.alias(model, alias) if alias else name.rpartition("/")[2]
            self.outside.endpoints.announce(
                Endpoint(name=name, version=version or "", url="http://127.0.0.1:1", host="h1", seen_at=datetime.now(UTC))
            )

    def host(self) -> None:
        """What a host does: serve the champion's alias, the version of every variant, and follow."""
        versions = (f"models:/{self.route}/{_VERSIONS[name]}" for name in self.accuracy)
        self.serve(f"models:/{self.route}@champion", *versions)

    def tell(self, request_ids: Iterable[str]) -> None:
        """The outcomes of these requests become known now."""
        at = self.clock.at
        known = ((name, self._truths[name]) for name in request_ids)
        self._put([], [Outcome(route="churn", request_id=name, at=at, received_at=at, label=truth) for name, truth in known])

    def correct(self) -> None:
        """All truths so far turn out to be the opposite, and that is told now."""
        self._truths = {name: str(1 - int(truth)) for name, truth in self._truths.items()}
        self.tell(self._truths)

    def later(self, hours: float) -> None:
        """Let stream time pass."""
        self.clock.at += timedelta(hours=hours)

    def allocation(self) -> Allocation:
        """The one in force."""
        directory = self.outside.allocations.directory(self.route)
        if directory is None:
            raise InvariantError("a poll without a revision has an answer")
        return directory.allocation

    def traffic(self, requests: int, *, hours: float = 1.0, outcomes: bool = True) -> None:
        """Requests spread over the hours to come, with their outcomes; then it is later."""
        allocation, assigner = self.allocation(), Assigner(self.allocation())
        rows: list[Prediction] = []
        truths: list[Outcome] = []
        for _ in range(requests):
            self._count += 1
            at = self.clock.at + timedelta(hours=hours * self._random.random())
            unit = f"u{self._random.randrange(self.users)}"
            truth = self._truths[f"q{self._count}"] = str(self._random.randrange(2))
            tier = self._more.choice(self.tiers) if self.tiers else ""
            assigned = assigner.assign(unit, {"tier": tier} if tier else {})
            asked = [assigned.variant, *(shadow.variant for shadow in assigner.shadows(f"q{self._count}", assigned.variant))]
            features = json.dumps(self.features(self._more)) if self.features else None
            case = _Case(unit, truth, at, assigned, tier, features)
            answers = [self._answer(allocation, name, case) for name in asked]
            if answers[0].role == "failed":
                answers.append(self._answer(allocation, "champion", case))
            rows += answers
            if outcomes:
                late = at + timedelta(minutes=5)
                truths.append(Outcome(route=self.route, request_id=f"q{self._count}", at=late, received_at=late, label=truth))
        self._put(rows, truths)
        self.later(hours)

    def _answer(self, allocation: Allocation, variant: str, case: "_Case") -> Prediction:
        unit, truth, at, (assigned, propensity, _), tier, features = case
        failed = self._random.random() < self.failing.get(variant, 0.0)
        habit = self.habits.get(variant, 0.0) * (1 if int(unit[1:]) % 2 else -1)
        right = self._random.random() < self.accuracy_of.get((variant, tier), self.accuracy[variant]) + habit
        label = truth if right else str(1 - int(truth))
        role: Role = "failed" if failed else "served"
        if variant != assigned:
            role = "fallback" if variant == "champion" else "shadow"
        return Prediction(
            request_id=f"q{self._count}",
            route=self.route,
            rollout=allocation.rollout,
            stage=allocation.stage,
            allocation=allocation.number,
            spec_digest=allocation.spec_digest,
            at=at,
            unit=unit,
            unit_source="header:x-user-id",
            context={"tier": tier} if tier else {},
            assigned=assigned,
            variant=variant,
            version=_VERSIONS[variant],
            role=role,
            propensity=propensity,
            comparable=True,
            status=0 if failed else 200,
            error=self.error if failed else "",
            label=None if failed else label,
            score=self._score(variant, truth),
            features=None if role == "shadow" else features,
            cost=None,
            unread="",
            latency_upstream_s=self._latency_s(variant),
            latency_total_s=0.011,
            request_size_bytes=2,
            response_size_bytes=2,
            request_hash=b"",
            response_hash=b"",
            request_body=None,
            response_body=None,
        )

    def _score(self, variant: str, truth: str) -> float | None:
        if variant not in self.scored:
            return None
        return self._more.gauss(self.scored[variant] * int(truth), 1.0)

    def _latency_s(self, variant: str) -> float:
        median = self.latency_s.get(variant)
        return 0.01 if median is None else median * self._more.lognormvariate(0.0, 0.5)

    def _put(self, rows: list[Prediction], truths: list[Outcome]) -> None:
        self._count += 1
        for hour in sorted({_hour(row.at) for row in rows}):
            segment = Segment(kind="predictions", route=self.route, hour=hour, name=f"p{self._count}-{hour}")
            self.outside.lake.put_predictions(segment, [row for row in rows if _hour(row.at) == hour])
        for hour in sorted({_hour(row.at) for row in truths}):
            segment = Segment(kind="outcomes", route=self.route, hour=hour, name=f"o{self._count}-{hour}")
            self.outside.lake.put_outcomes(segment, [row for row in truths if _hour(row.at) == hour])


class _Case(NamedTuple):
    """One request, what will come true of it, what its unit was assigned, and its features."""

    unit: str
    truth: str
    at: datetime
    assigned: Assignment
    tier: str = ""
    features: str | None = None


def register(registry: Registry, model: str = "churn") -> None:
    """Versions 7, 8 and 9 of the model; 7 is the champion. Twice is once."""
    if registry.versions(model):
        return
    for version in ("7", "8", "9"):
        digest = f"digest-{version}"
        registry.register(
            ModelVersion(model=model, version=version, factory="m:f", artifact="/m", digest=digest, registered_at=START)
        )
    move(registry, "", "7", f"first of {model}", model=model)


def move(registry: Registry, before: str, after: str, command: str, *, model: str = "churn") -> None:
    """Somebody moves the champion alias by hand."""
    by_hand = AliasMove(model=model, alias="champion", before="", after="", who="ana", why="by hand", at=START)
    registry.move(msgspec.structs.replace(by_hand, before=before, after=after, command_id=command))


def _hour(at: datetime) -> int:
    return int(at.timestamp() // 3600)
