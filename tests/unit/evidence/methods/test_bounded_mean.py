"""Shares against a constant."""

import pytest

from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, MetricRef, Prior, Question, Side
from segue.facts.summary import Counts


def weighed(bound: float, side: Side, yes: int, no: int) -> Evidence:
    """The evidence in a count of yes and no."""
    question = Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="precision"), design="one_sample",
        candidate="b", claim=Claim(side=side, bound=bound), alpha=0.05, prior=Prior(mean=bound),
    )  # fmt: skip
    evidence = weigh(question, Counts(yes=yes, no=no))
    assert isinstance(evidence, Evidence)
    return evidence


@pytest.mark.parametrize(("yes", "no"), [(91, 9), (910, 90), (9100, 900)])
def test_width(yes: int, no: int) -> None:
    """The interval is at most twice as wide as that of a single look at the same level, and holds the estimate."""
    evidence, p = weighed(0.9, "above", yes, no), yes / (yes + no)
    single = 1.645 * (p * (1 - p) / (yes + no)) ** 0.5
    assert evidence.low < p < evidence.high
    assert 2 * single < evidence.high - evidence.low < 4 * single + 0.05


def test_slow_answers() -> None:
    """Three in a hundred over the limit show that the ninety-ninth percentile lies above it; one in a hundred does not."""
    assert weighed(0.01, "above", 60, 1940).shown
    assert not weighed(0.01, "above", 20, 1980).shown


def test_all_or_none() -> None:
    """A share of 0 or 1 is an estimate like any other."""
    assert weighed(0.95, "above", 200, 0).shown
    assert weighed(0.05, "below", 0, 200).shown
    assert (weighed(0.5, "above", 200, 0).high, weighed(0.5, "above", 0, 200).low) == (1.0, 0.0)
