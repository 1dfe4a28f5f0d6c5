"""Drawn units of yes or no."""

import pytest

from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, MetricRef, Prior, Question
from segue.facts.summary import ArmCell, ArmCounts


def weighed(bound: float, *rows: tuple[float, int, float, int, float], factor: float = 1.0, mean: float = 0.1) -> Evidence:
    """The evidence in rows of propensity, candidate's units and share of yes, champion's units and share of yes."""
    question = Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="accuracy"), design="randomised",
        candidate="b", champion="a", claim=Claim(side="above", bound=bound, factor=factor), alpha=0.05,
        prior=Prior(mean=mean, variance=mean * (1 - mean), effect=0.0),
    )  # fmt: skip
    cells = [
        ArmCell(
            propensity=pi,
            candidate_yes=round(n_b * p_b),
            candidate_no=n_b - round(n_b * p_b),
            champion_yes=round(n_a * p_a),
            champion_no=n_a - round(n_a * p_a),
        )
        for pi, n_b, p_b, n_a, p_a in rows
    ]
    evidence = weigh(question, ArmCounts(cells=tuple(cells)))
    assert isinstance(evidence, Evidence)
    return evidence


def test_a_ramp_over_a_cycle() -> None:
    """A candidate that got its traffic when everybody did well is not better for it."""
    night, day = (0.1, 5_000, 0.05, 45_000, 0.05), (0.9, 45_000, 0.15, 5_000, 0.15)
    evidence = weighed(0.0, night, day)
    pooled = (5_000 * 0.05 + 45_000 * 0.15) / 50_000 - (45_000 * 0.05 + 5_000 * 0.15) / 50_000
    assert pooled == pytest.approx(0.08)
    assert evidence.estimate == pytest.approx(0.0, abs=1e-9)
    assert evidence.low < 0 < evidence.high
    assert not evidence.shown


def test_no_worse() -> None:
    """Equal shares show that the candidate is no worse by two points, given units enough; not by half a point."""
    rows = (0.5, 20_000, 0.1, 20_000, 0.1)
    assert weighed(-0.02, rows).shown
    assert not weighed(-0.005, rows).shown


def test_relative() -> None:
    """Equal shares show that the candidate has at least 80 % of the champion's; the effect is against that."""
    evidence = weighed(0.0, (0.5, 20_000, 0.1, 20_000, 0.1), factor=0.8)
    assert evidence.shown
    assert evidence.estimate == pytest.approx(0.02)
    assert not weighed(0.0, (0.5, 20_000, 0.1, 20_000, 0.1), factor=0.99).shown


def test_a_wrong_expectation_costs_only_power() -> None:
    """With a mean that is far from the truth the verdict stays on its side and the interval widens."""
    rows = (0.5, 20_000, 0.1, 20_000, 0.1)
    right, wrong = weighed(-0.02, rows, mean=0.1), weighed(-0.02, rows, mean=0.9)
    assert wrong.low < right.low < 0 < right.high < wrong.high
