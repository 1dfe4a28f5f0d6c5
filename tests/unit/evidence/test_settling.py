"""Verdict, interval and need come from one process and never contradict each other."""

from math import isfinite, log1p

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.evidence.methods.bounded_mean import bounded_mean
from segue.evidence.process import Process
from segue.evidence.settling import settle
from segue.evidence.weighing import METHODS, weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.grid import score_grid
from segue.facts.question import Claim, Design, MetricRef, Prior, Question, Side
from segue.facts.summary import ArmCell, ArmCounts, Counts, MomentCell, Moments, PairedCounts, ScoreSums, Summary
from segue.facts.wire.codec import from_json, to_json

SIDES: st.SearchStrategy[Side] = st.sampled_from(["above", "below"])
COUNT = st.one_of(st.integers(0, 30), st.integers(0, 10**9))
CHANCE = st.floats(0.001, 0.999)
ARMS = st.lists(
    st.builds(
        ArmCell,
        propensity=st.sampled_from([0.0, 0.01, 0.05, 0.25, 0.5, 0.9, 1.0]),
        candidate_yes=COUNT,
        candidate_no=COUNT,
        champion_yes=COUNT,
        champion_no=COUNT,
    ),
    max_size=4,
    unique_by=lambda cell: cell.propensity,
).map(lambda cells: ArmCounts(cells=tuple(sorted(cells))))
SOME = ArmCell(propensity=0.3, candidate_yes=90, candidate_no=210, champion_yes=150, champion_no=550)
PRIORS = st.builds(Prior, mean=CHANCE, variance=st.floats(0, 0.3), effect=st.floats(-0.2, 0.2))


def asking(design: Design, claim: Claim, prior: Prior, *, alpha: float = 0.05, cap: float | None = None) -> Question:
    """A question about a metric."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", cap=cap), design=design,
        candidate="b", champion="" if design == "one_sample" else "a", claim=claim, alpha=alpha, prior=prior,
    )  # fmt: skip


def agrees(question: Question, summary: Summary) -> None:
    """All that must hold of any evidence."""
    evidence = weigh(question, summary)
    if isinstance(evidence, NotEnough):
        assert evidence.have < evidence.need
        return
    assert all(map(isfinite, (evidence.estimate, evidence.low, evidence.high, evidence.log_e, evidence.threshold)))
    assert evidence.low <= evidence.estimate <= evidence.high
    bound, shown = question.claim.bound, evidence.shown
    assert shown == (evidence.low >= bound if question.claim.side == "above" else evidence.high <= bound)
    assert evidence.need is None or (evidence.need <= evidence.have) == shown
    assert from_json(Evidence, to_json(evidence)) == evidence


def ends_are_edges(question: Question, summary: Summary) -> None:
    """Just outside the interval the process rejects, just inside it does not."""
    evidence, process = weigh(question, summary), METHODS[type(summary), question.design](question, summary)
    assert isinstance(evidence, Evidence)
    assert not isinstance(process, NotEnough)
    width = max(evidence.high - evidence.low, 1e-3)
    if evidence.low > process.support[0]:
        assert process.bets.log_e("above", evidence.low - 1e-6 * width) >= evidence.threshold - 1e-9
        assert process.bets.log_e("above", evidence.low + 1e-6 * width) <= evidence.threshold + 1e-9
    if evidence.high < process.support[1]:
        assert process.bets.log_e("below", evidence.high + 1e-6 * width) >= evidence.threshold - 1e-9
        assert process.bets.log_e("below", evidence.high - 1e-6 * width) <= evidence.threshold + 1e-9


@given(side=SIDES, bound=st.floats(0, 1), prior=PRIORS, yes=COUNT, no=COUNT)
def test_share(side: Side, bound: float, prior: Prior, yes: int, no: int) -> None:
    """One share against a constant, of nothing up to a thousand million rows."""
    agrees(asking("one_sample", Claim(side=side, bound=bound), prior), Counts(yes=yes, no=no))


@given(side=SIDES, bound=st.floats(-1, 1), prior=PRIORS, counts=st.tuples(COUNT, COUNT, COUNT))
def test_pairs(side: Side, bound: float, prior: Prior, counts: tuple[int, int, int]) -> None:
    """Pairs with any margin."""
    plus, minus, zero = counts
    agrees(asking("paired", Claim(side=side, bound=bound), prior), PairedCounts(plus=plus, minus=minus, zero=zero))


@settings(deadline=None)
@given(side=SIDES, bound=st.floats(-0.9, 0.9), factor=st.floats(0.8, 1.2), prior=PRIORS, arms=ARMS)
def test_drawn(side: Side, bound: float, factor: float, prior: Prior, arms: ArmCounts) -> None:
    """Drawn units with absolute and relative margins, at any mixture of propensities."""
    question = asking("randomised", Claim(side=side, bound=bound, factor=factor), prior)
    evidence = weigh(question, arms)
    if isinstance(evidence, Evidence):
        assert all(map(isfinite, (evidence.estimate, evidence.low, evidence.high, evidence.log_e)))
        assert evidence.low <= evidence.estimate <= evidence.high
    if len(arms.cells) == 1:
        agrees(question, arms)


@settings(deadline=None)
@given(side=SIDES, bound=st.floats(0.1, 10), prior=PRIORS, arms=ARMS)
def test_events(side: Side, bound: float, prior: Prior, arms: ArmCounts) -> None:
    """A split of events, also where one variant had none."""
    agrees(asking("events", Claim(side=side, bound=bound), prior), arms)


@settings(deadline=None)
@given(
    design=st.sampled_from(["one_sample", "paired", "randomised"]),
    side=SIDES,
    bound=st.floats(-0.3, 0.3),
    prior=PRIORS,
    rows=st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500), st.booleans(), CHANCE), min_size=1, max_size=60),
)
def test_scores(design: Design, side: Side, bound: float, prior: Prior, rows: list[tuple[float, float, bool, float]]) -> None:
    """Sums of a bounded score."""
    scaled = Prior(mean=500 * prior.mean, variance=500**2 * prior.variance, effect=500 * prior.effect)
    question = asking(design, Claim(side=side, bound=500 * bound), scaled, cap=500.0)
    grid = score_grid(question)
    z = [
        {"one_sample": grid.of_one(b), "paired": grid.of_pair(b, a)}.get(
            design, grid.of_draw(b, to_candidate=arm, propensity=pi)
        )
        for b, a, arm, pi in rows
    ]
    sums = ScoreSums(
        n=len(z),
        n_candidate=sum(arm for *_, arm, _ in rows),
        z=sum(z),
        z2=sum(x * x for x in z),
        weight=sum(pi * (1 - pi) for *_, pi in rows) if design == "randomised" else float(len(z)),
        log_growth=tuple(sum(log1p(bet * x) for x in z) for bet in grid.lambdas),
    )
    agrees(question, sums)


@given(
    side=SIDES,
    bound=st.floats(-5, 5),
    mean=st.floats(-3, 3),
    spread=st.floats(0.01, 100),
    n=st.integers(1, 10**9),
)  # fmt: skip
def test_unbounded_scores(side: Side, bound: float, mean: float, spread: float, n: int) -> None:
    """Sums of a score without bounds, at any size."""
    z, z2 = mean * n, (mean**2 + spread) * n
    sums = ScoreSums(n=n, n_candidate=n, z=z, z2=z2, z4=3 * z2**2 / n, weight=float(n), log_growth=())
    agrees(asking("paired", Claim(side=side, bound=bound), Prior()), sums)


@given(
    side=SIDES,
    bound=st.floats(-0.5, 0.5),
    shares=st.tuples(CHANCE, CHANCE),
    n=st.integers(1, 10**7),
    pi=CHANCE,
)  # fmt: skip
def test_ratios(side: Side, bound: float, shares: tuple[float, float], n: int, pi: float) -> None:
    """Differences of two ratios of drawn units."""
    cells = [
        MomentCell(arm=arm, propensity=pi, n=n, sums=(p * n / 2, n / 2), products=(p * n / 2, p * n / 2, n / 2))
        for arm, p in zip("ab", shares, strict=True)
    ]
    agrees(asking("randomised", Claim(side=side, bound=bound), Prior()), Moments(cells=tuple(cells)))


@pytest.mark.parametrize(
    ("design", "bound", "summary"),
    [
        ("one_sample", 0.95, Counts(yes=980, no=20)),
        ("one_sample", 0.01, Counts(yes=0, no=1000)),
        ("paired", -0.01, PairedCounts(plus=40, minus=25, zero=935)),
        ("events", 1.1, ArmCounts(cells=(SOME,))),
        ("randomised", 0.0, ArmCounts(cells=(SOME,))),
    ],
)
def test_edges(design: Design, bound: float, summary: Summary) -> None:
    """The ends of the interval are where the process begins to reject."""
    ends_are_edges(asking(design, Claim(side="above", bound=bound), Prior(mean=0.2)), summary)


def test_need_is_met() -> None:
    """With as many observations as are needed, in the same proportions, the claim is shown; with fewer it is not."""
    question = asking("paired", Claim(side="above", bound=0.0), Prior(variance=0.06))
    evidence = weigh(question, PairedCounts(plus=40, minus=25, zero=935))
    assert isinstance(evidence, Evidence)
    assert evidence.need is not None
    for times, shown in ((evidence.need / 1000 * 1.01, True), (evidence.need / 1000 * 0.98, False)):
        counts = PairedCounts(plus=round(40 * times), minus=round(25 * times), zero=round(935 * times))
        later = weigh(question, counts)
        assert isinstance(later, Evidence)
        assert later.shown is shown


def test_never() -> None:
    """Where the estimate lies on the wrong side, no amount of the same data would do."""
    evidence = weigh(asking("paired", Claim(side="above", bound=0.0), Prior()), PairedCounts(plus=20, minus=40, zero=100))
    assert isinstance(evidence, Evidence)
    assert evidence.need is None


@pytest.mark.parametrize("counts", [(50, 450), (90, 410), (0, 9), (400, 100)])
def test_a_verdict_needs_no_interval(counts: tuple[int, int]) -> None:
    """Without the search for the interval the e-value and the verdict are the same, and the ends contradict neither."""
    asked = asking("one_sample", Claim(side="above", bound=0.12), Prior())
    process = bounded_mean(asked, Counts(yes=counts[0], no=counts[1]))
    assert isinstance(process, Process)
    whole, bare = settle(asked, process), settle(asked, process, interval=False)
    assert (bare.log_e, bare.shown, bare.estimate) == (whole.log_e, whole.shown, whole.estimate)
    assert bare.low <= whole.low <= whole.high <= bare.high
    assert (bare.low >= 0.12) == bare.shown
