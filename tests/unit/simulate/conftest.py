"""A small policy that simulated rollouts follow."""

import pytest

from segue.simulate.worlds.world import FAILURES, Truth, World
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.testkit.rollout_files import rollout_file

SPEC = rollout_file(
    """
metrics:
  accuracy:   {kind: accuracy}
  precision:  {kind: precision, positive: 1}
  conversion: {kind: mean, of: outcome.converted, goal: increase, cap: 1}
  revenue:    {kind: mean, of: outcome.revenue, goal: increase}
  errors:     {kind: error_rate}
  p99:        {kind: latency_quantile, q: 0.99}
guardrails:
  - errors: {worse_than_champion_by: 0.5pp}
  - p99: {above: 80ms}
stages:
  - name: shadow
    strategy: shadow
    sample: 100%
    at_least: {age: 3h, outcomes: 500}
    at_most: {age: 2d, then: rollback}
    promote_when:
      - accuracy: {not_worse_than_champion_by: 1pp}
      - precision: {at_least: 80%, where: "tier == 'vip'"}
  - name: canary
    strategy: canary
    steps:
      - {share: 5%, age: 1h}
      - {share: 25%, age: 4h}
    promote_when: [conversion: {not_worse_than_champion_by: 2pp}]
  - name: ab
    strategy: ab
    shares: {champion: 50%, v2: 50%}
    at_most: {age: 3d, then: hold}
    promote_when: [conversion: {better_than_champion: true}]
    approve: product
  - name: everyone
    strategy: full
    watch: {age: 6h, holdback: 5%}
after: {registry_alias: champion, keep_previous_as: previous}
""",
    variants="\n  champion: {version: models:/churn@champion}\n  v2: {version: models:/churn/2}",
)


def world(name: str = "a world", **truths: Truth) -> World:
    """One in which the candidate is a little better, but for what is said."""
    known = {
        FAILURES: Truth(champion=0.01),
        "accuracy": Truth(champion=0.91, differ=0.07),
        "precision": Truth(champion=0.9, counted=0.3, differ=0.05),
        "conversion": Truth(champion=0.1, shift=0.02),
        "revenue": Truth(champion=0.1, high=20.0),
        "agreement": Truth(champion=0.5, differ=0.08),
        "p99": Truth(champion=0.005),
    }
    return World(name=name, says="", right="promote", truths=known | truths, populations={"tier == 'vip'": 0.3})


@pytest.fixture
def spec() -> Rollout:
    """The policy."""
    return load(SPEC)
