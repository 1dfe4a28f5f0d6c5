"""The same quality for every group."""

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.fairness import gaps, worst
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.question import Claim, MetricRef, Prior, Question
from segue.facts.summary import MomentCell

QUESTION = Question(
    id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="recall", cap=1.0),
    design="one_sample", candidate="v8", claim=Claim(side="above", bound=0.0),
    alpha=0.05, prior=Prior(mean=0.9, variance=0.1, effect=0.9),
)  # fmt: skip


def group(rng: np.random.Generator, n: int, rate: float) -> MomentCell:
    """Judged positives, found or not: (N, D) of units with one each."""
    found = float(rng.binomial(n, rate))
    return MomentCell(arm="v8", propensity=1.0, n=n, sums=(found, float(n)), products=(found, found, float(n)))


def test_small_gaps() -> None:
    """Every ordered pair is asked; all within five points are shown, and the worst pair speaks for all."""
    rng = np.random.default_rng(1)
    found = gaps(
        QUESTION, {"DE": group(rng, 8000, 0.9), "FR": group(rng, 5000, 0.9), "PL": group(rng, 3000, 0.91)}, within=0.05
    )
    assert len(found) == 6
    pair, evidence = worst(found)
    assert isinstance(evidence, Evidence)
    assert evidence.shown
    assert set(evidence.n) == set(pair)
    assert evidence.log_e == min(one.log_e for one in found.values() if isinstance(one, Evidence))


def test_one_group_worse() -> None:
    """A group that is worse by ten points is named, with its numbers."""
    rng = np.random.default_rng(2)
    found = gaps(QUESTION, {"DE": group(rng, 8000, 0.9), "FR": group(rng, 5000, 0.9), "PL": group(rng, 3000, 0.8)}, within=0.05)
    pair, evidence = worst(found)
    assert pair[1] == "PL"
    assert isinstance(evidence, Evidence)
    assert not evidence.shown
    assert evidence.estimate == pytest.approx(0.1, abs=0.03)


def test_no_data_is_no_pass() -> None:
    """A group with few judged units, or none, holds the verdict."""
    rng = np.random.default_rng(3)
    small = gaps(QUESTION, {"DE": group(rng, 8000, 0.9), "PL": group(rng, 30, 0.9)}, within=0.05)
    assert isinstance(worst(small)[1], NotEnough)
    nobody = MomentCell(arm="v8", propensity=1.0, n=0, sums=(0.0, 0.0), products=(0.0, 0.0, 0.0))
    _, weighed = worst(gaps(QUESTION, {"DE": group(rng, 8000, 0.9), "PL": nobody}, within=0.05))
    assert isinstance(weighed, NotEnough)
    assert "PL" in weighed.unit


def test_refused() -> None:
    """One group has no gap, and no gap can be within nothing."""
    rng = np.random.default_rng(4)
    with pytest.raises(DomainError, match="gap"):
        gaps(QUESTION, {"DE": group(rng, 100, 0.9)}, within=0.05)
    with pytest.raises(DomainError, match="gap"):
        gaps(QUESTION, {"DE": group(rng, 100, 0.9), "FR": group(rng, 100, 0.9)}, within=0.0)
