"""What the tests of this room share: a rollout at any point of its way, and evidence that says what a test wants."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest

from segue.decide.observed import Observed
from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import Asked, asked_gates, questions
from segue.facts.decision import Act, State, Trigger
from segue.facts.evidence import Audit, AuditName, Evidence, Health, NotEnough, Weighed
from segue.facts.question import Claim, MetricRef, Question
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.testkit.rollout_files import rollout_file

NOW = datetime(2013, 3, 1, 12, tzinfo=UTC)

TEXT = rollout_file("""
metrics:
  accuracy: {kind: accuracy}
  conversion: {kind: mean, of: outcome.converted, goal: increase, cap: 1}
  cost: {kind: mean, of: outcome.cost, goal: decrease}
  errors: {kind: error_rate}
  p99: {kind: latency_quantile, q: 0.99}
error_budget: {false_promotion: 5%, false_rollback: 1%}
guardrails:
  - errors: {worse_than_champion_by: 1pp}
  - p99: {above: 80ms}
stages:
  - name: shadow
    strategy: shadow
    at_least: {age: 2h, outcomes: 100}
    at_most: {age: 4d, then: rollback}
    promote_when: [accuracy: {not_worse_than_champion_by: 2pp}]
  - name: canary
    strategy: canary
    steps: [{share: 100%, audience: "tier == 'staff'", age: 1h}, {share: 5%, age: 2h}, {share: 50%, age: 2h}]
    at_most: {age: 4d, then: hold}
    promote_when: [accuracy: {not_worse_than_champion_by: 2pp}]
  - name: ab
    strategy: ab
    shares: {champion: 50%, v8: 50%}
    plan: {metric: conversion, effect: 3pp, power: 80%}
    promote_when: [conversion: {better_than_champion: true}]
    approve: product
  - name: everyone
    strategy: full
    watch: {age: 2h, holdback: 10%}
""")

WITHOUT_FULL = TEXT[: TEXT.index("  - name: everyone")].replace("    approve: product\n", "")


class Scene:
    """A rollout and what is known of it; every change gives a new one."""

    def __init__(self, spec: Rollout, state: State, now: datetime = NOW) -> None:
        self.spec = spec
        self.state = state
        self.now = now

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What is asked in this state."""
        return asked_gates(self.spec, self.state)

    def at(self, *, hours: float = 0.0, **changes: object) -> "Scene":
        """The same with other fields of the state, so many hours later."""
        return Scene(self.spec, msgspec.structs.replace(self.state, **changes), self.now + timedelta(hours=hours))

    def evidence(self, shown: set[str] | frozenset[str] = frozenset(), *, none: bool = False) -> dict[str, Weighed]:
        """Evidence for every question; those whose metric is in `shown` show their claim."""
        again = [it.question for it in what_ifs(self.asked, self.state)]
        return {
            question.id: NotEnough(have=0, need=1, unit="judged predictions")
            if none
            else evidence(question, shown=question.metric.name in shown)
            for question in (*questions(self.spec, self.state), *again)
        }

    def observed(self, *shown: str, **changes: object) -> Observed:
        """A tick at which everything is known and in order, and the claims about these metrics are shown."""
        fine = Health(asked=1000, failed=0, judged=1000, with_outcome=900)
        known = Observed(
            weighed=self.evidence(set(shown)),
            health={"champion": fine, "v8": fine},
            seen_in_step=100,
            alias=self.state.alias_version or "7",
            versions={"champion": "7", "v8": "8"},
            allocation=3,
            audits=tuple(audit(name) for name in get_args(AuditName)),
        )
        return msgspec.structs.replace(known, **changes)


def evidence(question: Question, *, shown: bool) -> Evidence:
    """Evidence that shows the question's claim, or nothing."""
    claim, reach = question.claim, 0.001 if shown else 0.05
    towards = 1 if claim.side == "above" else -1
    centre = claim.bound + towards * 0.002
    return Evidence(
        question=question.id,
        estimate=centre,
        low=centre - reach,
        high=centre + reach,
        log_e=9.0 if shown else 0.5,
        threshold=3.0,
        n={question.candidate: 1000},
        have=1000,
        need=None if shown else 4000,
        method="made for a test",
        validity="exact at any look",
        assumptions=(),
    )


def audit(name: AuditName, *, broken: bool = False) -> Audit:
    """An audit that says that all is well, or that nothing is."""
    asked = Question(
        id=name,
        gate=name,
        rollout="",
        route="",
        stage="",
        metric=MetricRef(name=name, kind="accuracy"),
        design="randomised",
        candidate="v8",
        claim=Claim(side="above", bound=0.0),
        alpha=0.001,
    )
    return Audit(name=name, found=evidence(asked, shown=broken), expected=0.0)


def person(trigger: Trigger, identity: str = "act-1") -> Act:
    """Somebody asks for something."""
    return Act(id=identity, rollout="churn-1", trigger=trigger, who="ana", why="because", at=NOW)


@pytest.fixture
def act() -> Callable[..., Act]:
    """Somebody asks for something."""
    return person


@pytest.fixture(scope="session")
def spec() -> Rollout:
    """Shadow, canary with three steps, A/B with approval, full with a watch."""
    return load(TEXT)


@pytest.fixture(scope="session")
def spec_without_full() -> Rollout:
    """The same without the full stage and without approval."""
    return load(WITHOUT_FULL)


@pytest.fixture
def running(spec: Rollout) -> Scene:
    """In the shadow stage, just entered."""
    return Scene(spec, _state(spec))


@pytest.fixture
def running_without_full(spec_without_full: Rollout) -> Scene:
    """In the shadow stage of the spec without a full stage."""
    return Scene(spec_without_full, _state(spec_without_full))


def _state(spec: Rollout) -> State:
    return State(
        rollout="churn-1",
        route="churn",
        spec_digest=spec.digest,
        phase="running",
        created_at=NOW,
        entered_at=NOW,
        step_at=NOW,
        decisions=1,
        champion_version="7",
        candidate_version="8",
        alias_version="7",
    )
