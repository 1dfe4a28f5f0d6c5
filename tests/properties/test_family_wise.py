"""Of three candidates that are no better than the champion, none is promoted more often than the spec's budget says."""

from math import sqrt
from typing import Final

import numpy as np
import pytest

from segue.decide.questions import Asked, asked_gates
from segue.evidence.weighing import weigh
from segue.facts.decision import State
from segue.facts.evidence import Evidence
from segue.facts.summary import ArmCell, ArmCounts, PairedCounts, Summary
from segue.spec.load import load
from segue.testkit.small_world import SPEC, START

RUNS: Final = 500
LOOKS: Final = 10
AT_A_LOOK: Final = 400  # requests of each variant
CHAMPION: Final = 0.8
THREE = SPEC.replace(
    "  v8: {version: models:/churn/8}\n",
    "".join(f"  v{number}: {{version: models:/churn/{number}}}\n" for number in (8, 9, 10)),
).replace("unit: [header:x-user-id, request]", "unit: [request]")
GATE = "accuracy: {better_than_champion: true}"
SHADOW = "strategy: shadow\n    sample: 100%"
AB = "strategy: ab\n    shares: {champion: 25%, v8: 25%, v9: 25%, v10: 25%}"


def gates(strategy: str) -> list[Asked]:
    """One gate, asked of three candidates."""
    spec = load(THREE.replace(SHADOW, strategy).replace("accuracy: {not_worse_than_champion_by: 2pp}", GATE))
    state = State(
        rollout="churn-1", route="churn", spec_digest="", phase="running", created_at=START, entered_at=START, step_at=START,
        baselines={"accuracy": (CHAMPION, CHAMPION * (1 - CHAMPION))},
    )  # fmt: skip
    return [asked for asked in asked_gates(spec, state) if asked.kind == "promotion"]


def seen(strategy: str, right: np.ndarray, number: int) -> Summary:
    """What is counted of one candidate after some requests: the champion's rows are the same for all of them."""
    mine, champions = right[number], right[0]
    if strategy == SHADOW:
        plus, minus = int((mine & ~champions).sum()), int((~mine & champions).sum())
        return PairedCounts(plus=plus, minus=minus, zero=len(mine) - plus - minus)
    cell = ArmCell(
        propensity=0.5, candidate_yes=int(mine.sum()), candidate_no=int((~mine).sum()),
        champion_yes=int(champions.sum()), champion_no=int((~champions).sum()),
    )  # fmt: skip
    return ArmCounts(cells=(cell,))


def shown(asked: Asked, summary: Summary) -> bool:
    """Whether the gate's claim is shown at this look."""
    evidence = weigh(asked.question, summary)
    return isinstance(evidence, Evidence) and evidence.shown


def passed(strategy: str, truth: list[float], runs: int) -> float:
    """The share of rollouts in which any candidate has passed at any look."""
    asked, rng, found = gates(strategy), np.random.default_rng(6), 0
    assert len(asked) == 3
    for _ in range(runs):
        right = rng.random((4, LOOKS * AT_A_LOOK)) < np.array([CHAMPION, *truth])[:, None]
        found += any(
            shown(it, seen(strategy, right[:, : look * AT_A_LOOK], number))
            for look in range(1, LOOKS + 1)
            for number, it in enumerate(asked, start=1)
        )
    return found / runs


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [SHADOW, AB], ids=["shadow", "ab"])
def test_nobody_is_better(strategy: str) -> None:
    """At ten looks at three equal candidates, at most 5 % of rollouts promote any, chance of the simulation aside."""
    assert passed(strategy, [CHAMPION] * 3, RUNS) <= 0.05 + 3 * sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("strategy", [SHADOW, AB], ids=["shadow", "ab"])
def test_the_one_that_is_better_is_found(strategy: str) -> None:
    """The same looks find a candidate that is better by five points in most rollouts."""
    assert passed(strategy, [CHAMPION, CHAMPION + 0.05, CHAMPION], 20) >= 0.75
