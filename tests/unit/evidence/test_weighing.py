"""Which data say what about which question."""

from typing import get_args

import pytest

from segue.errors import DomainError
from segue.evidence.weighing import METHODS, weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import (
    Agreements,
    ArmCell,
    ArmCounts,
    Counts,
    Day,
    Days,
    Histogram,
    MomentCell,
    Moments,
    PairedCounts,
    RankCell,
    Ranks,
    ScoreSums,
    SpreadCell,
    Spreads,
    Summary,
)

P95: dict[str, str | float] = {"q": 0.95}
EMPTY = Histogram(base=1.1, at_most_zero=0, buckets={})
HOLLOW = Histogram(base=1.0, at_most_zero=0, buckets={})


def asking(design: Design, *, bound: float = 0.0, factor: float = 1.0, alpha: float = 0.05) -> Question:
    """A claim above a bound."""
    return Question(
        id="q-7", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", parameters=P95),
        design=design, candidate="v8", champion="" if design == "one_sample" else "champion", alpha=alpha, prior=Prior(),
        claim=Claim(side="above", bound=bound, factor=factor),
    )  # fmt: skip


def cell(propensity: float, *counts: int) -> ArmCell:
    """Candidate yes, no, champion yes, no."""
    b_yes, b_no, a_yes, a_no = counts
    return ArmCell(propensity=propensity, candidate_yes=b_yes, candidate_no=b_no, champion_yes=a_yes, champion_no=a_no)


@pytest.mark.parametrize("design", ["one_sample", "paired", "randomised", "events"])
def test_no_row(design: Design) -> None:
    """No row is not enough, not zero."""
    weighed = weigh(asking(design, bound=1.0), None)
    assert weighed == NotEnough(have=0, need=1, unit="judged predictions", reason="no row so far")


@pytest.mark.parametrize(
    ("design", "summary"),
    [
        ("one_sample", Counts(yes=0, no=0)),
        ("paired", PairedCounts(plus=0, minus=0, zero=0)),
        ("randomised", ArmCounts(cells=())),
        ("randomised", ArmCounts(cells=(cell(0.0, 0, 0, 5, 5), cell(1.0, 5, 5, 0, 0)))),
        ("randomised", ArmCounts(cells=(cell(0.5, 0, 0, 0, 0),))),
        ("events", ArmCounts(cells=(cell(0.5, 0, 100, 0, 100),))),
        ("events", ArmCounts(cells=(cell(1.0, 7, 100, 0, 0),))),
        ("paired", ScoreSums(n=0, n_candidate=0, z=0, z2=0, weight=0, log_growth=())),
        ("randomised", ScoreSums(n=9, n_candidate=9, z=0, z2=0, weight=0, log_growth=())),
        ("randomised", Moments(cells=())),
        ("paired", Agreements(same=0, different=0)),
        ("randomised", Ranks(cells=())),
        ("randomised", Spreads(cells=())),
        ("days", Days(days=())),
    ],
    ids=repr,
)
def test_nothing_compared(design: Design, summary: Summary) -> None:
    """Rows that compare nothing are not enough, however many they are."""
    weighed = weigh(asking(design, bound=1.0 if design in {"events", "days"} else 0.0), summary)
    assert isinstance(weighed, NotEnough)
    assert weighed.have == 0 < weighed.need


def test_first_row() -> None:
    """One row is evidence already, and not much of it."""
    weighed = weigh(asking("one_sample", bound=0.5), Counts(yes=1, no=0))
    assert isinstance(weighed, Evidence)
    assert not weighed.shown
    assert weighed.low < 0.1
    assert weighed.high == 1.0


def test_certain_units_carry_nothing() -> None:
    """Units that were not drawn by chance do not move the verdict by a bit."""
    some = cell(0.3, 40, 60, 100, 160)
    with_more = ArmCounts(cells=(cell(0.0, 0, 0, 10**9, 0), some, cell(1.0, 0, 10**9, 0, 0)))
    for design in ("randomised", "events"):
        question = asking(design, bound=1.1 if design == "events" else 0.0)
        assert weigh(question, with_more) == weigh(question, ArmCounts(cells=(some,)))


def test_never_an_infinity() -> None:
    """Without one event of the champion the ratio is large, not infinite: it can be written down."""
    weighed = weigh(asking("events", bound=1.0), ArmCounts(cells=(cell(0.1, 20, 100, 0, 1000),)))
    assert isinstance(weighed, Evidence)
    assert weighed.shown
    assert weighed.high == pytest.approx(1e6)
    weighed = weigh(asking("events", bound=1.0), ArmCounts(cells=(cell(0.9, 0, 100, 20, 1000),)))
    assert isinstance(weighed, Evidence)
    assert weighed.low == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, float("nan")])
def test_alpha(alpha: float) -> None:
    """An error rate that is none is refused, also before there are data."""
    with pytest.raises(DomainError, match="alpha"):
        weigh(asking("one_sample", alpha=alpha), None)


@pytest.mark.parametrize(
    ("design", "summary"),
    [
        ("one_sample", Counts(yes=-1, no=5)),
        ("paired", PairedCounts(plus=1, minus=1, zero=-1)),
        ("randomised", ArmCounts(cells=(cell(0.5, 1, 1, 1, -1),))),
        ("randomised", ArmCounts(cells=(cell(1.5, 1, 1, 1, 1),))),
        ("randomised", ScoreSums(n=1, n_candidate=1, z=float("nan"), z2=1, weight=1, log_growth=())),
        ("paired", ScoreSums(n=1, n_candidate=1, z=0, z2=-1, weight=1, log_growth=())),
        ("paired", ScoreSums(n=1, n_candidate=1, z=0, z2=1, weight=1, log_growth=(0.0,))),
        ("paired", Agreements(same=-1, different=3)),
        ("randomised", Spreads(cells=(SpreadCell(propensity=0.5, candidate=HOLLOW, champion=HOLLOW),))),
        ("randomised", Spreads(cells=(SpreadCell(propensity=1.5, candidate=EMPTY, champion=EMPTY),))),
        ("days", Days(days=(Day(day=0, candidate_yes=-1, candidate_no=5),))),
        ("one_sample", Ranks(cells=(RankCell(arm="v8", propensity=1, scores=(1.0,), positives=(1, 2), negatives=(0,)),))),
        ("one_sample", Moments(cells=(MomentCell(arm="v8", propensity=1, n=1, sums=(1.0, 2.0), products=(1.0,)),))),
        ("one_sample", Moments(cells=(MomentCell(arm="v8", propensity=1, n=1, sums=(1.0,), products=(1.0,)),))),
    ],
    ids=repr,
)
def test_impossible_data(design: Design, summary: Summary) -> None:
    """Numbers that no data can have are the caller's bug."""
    with pytest.raises(DomainError):
        weigh(asking(design), summary)


@pytest.mark.parametrize(
    ("question", "summary"),
    [
        (asking("paired"), Counts(yes=1, no=1)),
        (asking("one_sample"), PairedCounts(plus=1, minus=1, zero=1)),
        (asking("one_sample"), Histogram(base=1.1, at_most_zero=0, buckets={})),
        (asking("paired", factor=0.9), PairedCounts(plus=1, minus=1, zero=1)),
        (asking("events", bound=0.0), ArmCounts(cells=(cell(0.5, 1, 1, 1, 1),))),
        (asking("events", bound=1.0, factor=1.1), ArmCounts(cells=(cell(0.5, 1, 1, 1, 1),))),
    ],
    ids=repr,
)
def test_misfits(question: Question, summary: Summary) -> None:
    """A summary that cannot answer the question is refused, never weighed by something similar."""
    with pytest.raises(DomainError):
        weigh(question, summary)


def test_every_design_has_a_method() -> None:
    """No design is without a method."""
    assert {design for _, design in METHODS} == set(get_args(Design))
