"""Pairs."""

from itertools import product
from math import exp, factorial

import pytest
from msgspec.structs import replace

from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, MetricRef, Prior, Question
from segue.facts.summary import PairedCounts


def asking(bound: float) -> Question:
    """A claim that the candidate is above a bound."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="share"), design="paired",
        candidate="b", champion="a", claim=Claim(side="above", bound=bound), alpha=0.05,
        prior=Prior(variance=0.07, effect=0.01),
    )  # fmt: skip


def weighed(bound: float, plus: int, minus: int, zero: int) -> Evidence:
    """The evidence that the candidate is above a bound."""
    evidence = weigh(asking(bound), PairedCounts(plus=plus, minus=minus, zero=zero))
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


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
@pytest.mark.parametrize(("bound", "plus", "minus"), [(-0.1, 0.1, 0.2), (0.0, 0.3, 0.3), (0.2, 0.4, 0.2)])
def test_a_share_of_the_disagreements(share: float, bound: float, plus: float, minus: float) -> None:
    """Where a share was asked for, nobody is expected to win or lose by 8 pairs at the edge of the null: every path."""
    question = replace(asking(bound), sampled=share)
    chances = (share * plus, share * minus, 1 - share * (plus + minus))
    expected = 0.0
    for up, down in product(range(9), repeat=2):
        zero = 8 - up - down
        if zero >= 0:
            evidence = weigh(question, PairedCounts(plus=up, minus=down, zero=zero))
            assert isinstance(evidence, Evidence)
            paths = factorial(8) / (factorial(up) * factorial(down) * factorial(zero))
            expected += paths * chances[0] ** up * chances[1] ** down * chances[2] ** zero * exp(evidence.log_e)
    assert expected == pytest.approx(1.0, abs=1e-12)


def test_the_estimate_is_of_all() -> None:
    """A quarter of the disagreements stands for all of them."""
    evidence = weigh(replace(asking(0.0), sampled=0.25), PairedCounts(plus=20, minus=10, zero=970))
    assert isinstance(evidence, Evidence)
    assert evidence.estimate == pytest.approx(0.04)
    assert evidence.low < 0.04 < evidence.high
