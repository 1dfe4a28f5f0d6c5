"""Variation between days, at fixed looks."""

from math import log

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.methods.days.calendar import LOOKS
from segue.evidence.methods.days.variation import between_days, cochran_p, excess_variance
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.merging import merge
from segue.facts.question import Claim, MetricRef, Question, Side
from segue.facts.summary import Day, Days


def asking(side: Side, bound: float, *, champion: str = "") -> Question:
    """A claim about daily precision."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="precision"), design="days",
        candidate="b", champion=champion, claim=Claim(side=side, bound=bound), alpha=0.05,
    )  # fmt: skip


def days(rng: np.random.Generator, count: int, spread: float, *, rows: int = 500, rival: float = 0.0) -> Days:
    """A precision of 91 % that wanders from day to day."""
    made = []
    for day in range(count):
        p, p_rival = np.clip(0.91 + rng.normal(size=2) * (spread, rival), 0, 1)
        b, a = int(rng.binomial(rows, p)), int(rng.binomial(rows, p_rival))
        made.append(Day(day=day, candidate_yes=b, candidate_no=rows - b, champion_yes=a, champion_no=rows - a))
    return Days(days=tuple(made))


def test_only_the_looks_count() -> None:
    """Between two looks the evidence does not move; before the first there is none."""
    whole = days(np.random.default_rng(1), 28, 0.03).days
    of = {n: weigh(asking("above", 0.0), Days(days=whole[:n])) for n in (6, 7, 10, 13, 14, 27, 28)}
    assert isinstance(of[6], NotEnough)
    assert (of[6].have, of[6].need) == (6, 7)
    assert of[7] == of[10] == of[13] != of[14] == of[27] != of[28]
    assert isinstance(of[28], Evidence)
    assert (of[28].have, of[28].validity) == (28, "fixed look")


def test_interval_is_the_test_turned_round() -> None:
    """Where the interval ends, the p-value is a third of alpha."""
    summary = days(np.random.default_rng(2), 14, 0.03)
    evidence = weigh(asking("above", 0.0), summary)
    assert isinstance(evidence, Evidence)
    n = np.full(14, 500.0)
    shares = np.array([day.candidate_yes for day in summary.days]) / n
    assert cochran_p(shares, n, "above", evidence.low) == pytest.approx(0.05 / len(LOOKS), rel=1e-6)
    assert cochran_p(shares, n, "below", evidence.high) == pytest.approx(0.05 / len(LOOKS), rel=1e-6)
    assert evidence.low < evidence.estimate < evidence.high
    assert evidence.log_e == pytest.approx(-log(3 * cochran_p(shares, n, "above", 0.0)))


def test_steady_days() -> None:
    """Days that vary by chance alone are shown to vary by less than 3 points, and not shown to vary at all."""
    summary = days(np.random.default_rng(3), 14, 0.0)
    little, any_ = weigh(asking("below", 0.03), summary), weigh(asking("above", 0.0), summary)
    assert isinstance(little, Evidence)
    assert isinstance(any_, Evidence)
    assert (little.shown, any_.shown) == (True, False)


def test_beside_the_champion() -> None:
    """A candidate that wanders much more than the champion is shown to; the ratio's interval lies around what was seen."""
    summary = days(np.random.default_rng(4), 28, 0.05, rival=0.01)
    question = asking("above", 1.0, champion="a")
    evidence = weigh(question, summary)
    assert isinstance(evidence, Evidence)
    assert evidence.shown
    assert 1 < evidence.low < evidence.estimate < evidence.high < 100
    assert evidence.n == {"b": 14_000, "a": 14_000}
    same = weigh(question, days(np.random.default_rng(5), 28, 0.02, rival=0.02))
    assert isinstance(same, Evidence)
    assert not same.shown


def test_no_excess() -> None:
    """Less variation than chance explains is cut to none, not to a negative one."""
    shares, n = np.array([0.91, 0.91, 0.91]), np.array([500.0, 500.0, 500.0])
    assert excess_variance(shares, n) < 0
    assert between_days(shares, n) == 0


def test_thin_days_do_not_count() -> None:
    """A day of a few rows is no day; days that come in parts add."""
    full = days(np.random.default_rng(6), 7, 0.0).days
    thin = Day(day=3, candidate_yes=9, candidate_no=1)
    weighed = weigh(asking("above", 0.0), Days(days=(*full[:3], thin, *full[4:])))
    assert isinstance(weighed, NotEnough)
    merged = merge([Days(days=full[:4]), Days(days=(full[3],)), Days(days=full[4:])])
    assert isinstance(merged, Days)
    assert [day.day for day in merged.days] == list(range(7))
    assert merged.days[3].candidate_yes == 2 * full[3].candidate_yes


@pytest.mark.parametrize("question", [asking("above", -0.1), asking("above", 0.0, champion="a")], ids=["tau", "ratio"])
def test_refused(question: Question) -> None:
    """A negative deviation and a ratio of nothing are refused."""
    with pytest.raises(DomainError, match="variation"):
        weigh(question, days(np.random.default_rng(7), 7, 0.0))
