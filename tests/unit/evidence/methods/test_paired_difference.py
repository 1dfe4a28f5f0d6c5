"""Pairs."""

import pytest

from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, MetricRef, Prior, Question
from segue.facts.summary import PairedCounts


def weighed(bound: float, plus: int, minus: int, zero: int) -> Evidence:
    """The evidence that the candidate is above a bound."""
    question = Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="share"), design="paired",
        candidate="b", champion="a", claim=Claim(side="above", bound=bound), alpha=0.05,
        prior=Prior(variance=0.07, effect=0.01),
    )  # fmt: skip
    evidence = weigh(question, PairedCounts(plus=plus, minus=minus, zero=zero))
    assert isinstance(evidence, Evidence)
    return evidence


def test_ties_say_nothing_about_better() -> None:
    """Without a margin, pairs without a difference do not change the evidence, as in McNemar's test."""
    assert weighed(0.0, 40, 25, 10**6).log_e == pytest.approx(weighed(0.0, 40, 25, 0).log_e)


def test_ties_show_that_it_is_no_worse() -> None:
    """With a margin, they do: two variants that never differ are soon shown to be as good."""
    assert not weighed(-0.01, 0, 0, 100).shown
    assert weighed(-0.01, 0, 0, 2000).shown


def test_both_are_counted() -> None:
    """Each pair is an observation of both variants."""
    evidence = weighed(0.0, 4, 3, 93)
    assert (evidence.n, evidence.have, evidence.estimate) == ({"b": 100, "a": 100}, 100, 0.01)
