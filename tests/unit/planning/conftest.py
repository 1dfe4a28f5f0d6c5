"""What the tests of this room share: one rollout, and what is assumed of it."""

import pytest

from segue.planning.assumptions import Assumed
from segue.planning.plan import RolloutPlan, plan
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.testkit.rollout_files import rollout_file

TEXT = rollout_file(
    """
metrics:
  accuracy: {kind: accuracy}
  precision: {kind: precision, positive: 1}
  conversion: {kind: mean, of: outcome.converted, goal: increase, cap: 1}
  errors: {kind: error_rate}
  p99: {kind: latency_quantile, q: 0.99}
guardrails:
  - errors: {worse_than_champion_by: 0.5pp}
  - p99: {above: 80ms}
  - conversion: {worse_than_champion_by: 2pp}
stages:
  - name: shadow
    strategy: shadow
    at_least: {age: 48h}
    at_most: {age: 14d, then: rollback}
    promote_when:
      - accuracy: {not_worse_than_champion_by: 1pp}
      - precision: {at_least: 90%, where: "tier == 'vip'"}
      - agreement: {at_least: 85%}
  - name: canary
    strategy: canary
    steps: [{share: 100%, audience: "tier == 'staff'", age: 4h}, {share: 1%, age: 1h}, {share: 25%, age: 24h}]
    promote_when: [conversion: {not_worse_than_champion_by: 2pp}]
  - name: ab
    strategy: ab
    shares: {champion: 50%, v8: 50%}
    plan: {metric: conversion, effect: 0.2pp, power: 90%}
    at_most: {age: 7d, then: hold}
    promote_when: [conversion: {better_than_champion: true}]
  - name: everyone
    strategy: full
    watch: {age: 24h, holdback: 1%}
""",
    outcome="{window: 24h}",
    segments="[tier]",
)
ASSUMED = Assumed(
    requests=200_000.0,
    baselines={"accuracy": (0.91, 0.0819), "conversion": (0.1, 0.09), "errors": (0.005, 0.004975), "precision": (0.95, 0.0475)},
    differ={"accuracy": 0.07},
    counted={"precision": 0.25},
    populations={"tier == 'vip'": 0.04},
)


@pytest.fixture(scope="session")
def spec() -> Rollout:
    """A rollout of four stages."""
    return load(TEXT)


@pytest.fixture(scope="session")
def assumed() -> Assumed:
    """Everything that a plan may be told."""
    return ASSUMED


@pytest.fixture(scope="session")
def planned(spec: Rollout, assumed: Assumed) -> RolloutPlan:
    """The plan of it."""
    return plan(spec, assumed)
