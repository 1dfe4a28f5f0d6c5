"""Many looks at once say what each look alone says."""

from math import log1p

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.looks import log_e_of_counts, log_e_of_growths, log_e_of_sums, rates_of, rates_of_scores
from segue.evidence.weighing import METHODS, weigh
from segue.facts.evidence import Evidence
from segue.facts.grid import score_grid
from segue.facts.question import Claim, Design, MetricRef, Prior, Question, Side
from segue.facts.summary import ArmCell, ArmCounts, Counts, PairedCounts, ScoreSums, Summary

SHARES = (0.01, 0.25, 0.5)


def asking(design: Design, bound: float, *, side: Side = "above", cap: float | None = None) -> Question:
    """A question whose plan lies on the claim's side."""
    effect = {"one_sample": 0.2, "events": 1.5}.get(design, 0.01)
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", cap=cap), design=design,
        candidate="b", champion="a", claim=Claim(side=side, bound=bound), alpha=0.05,
        prior=Prior(mean=0.1, variance=0.09, effect=effect),
    )  # fmt: skip


def said(question: Question, summary: Summary) -> float:
    """What the verdict's own method says; 0 where there is not enough."""
    weighed = weigh(question, summary)
    return weighed.log_e if isinstance(weighed, Evidence) else 0.0


def cells(rows: np.ndarray) -> ArmCounts:
    """Counts (c, 4) as a summary."""
    return ArmCounts(
        cells=tuple(
            ArmCell(propensity=pi, candidate_yes=by, candidate_no=bn, champion_yes=ay, champion_no=an)
            for pi, (by, bn, ay, an) in zip(SHARES, rows.tolist(), strict=True)
        )
    )


@pytest.mark.parametrize("side", ["above", "below"])
def test_counts(side: Side) -> None:
    """One sample and pairs, at every look of many runs."""
    rng = np.random.default_rng(1)
    shares = rng.multinomial(50, (0.2, 0.8), size=(3, 20)).cumsum(axis=1)
    pairs = rng.multinomial(50, (0.1, 0.05, 0.85), size=(3, 20)).cumsum(axis=1)
    one, two = asking("one_sample", 0.15, side=side), asking("paired", -0.01, side=side)
    of_shares, of_pairs = log_e_of_counts(one, shares), log_e_of_counts(two, pairs)
    assert of_shares.shape == of_pairs.shape == (3, 20)
    for run, look in np.ndindex(3, 20):
        yes, no = shares[run, look].tolist()
        plus, minus, zero = pairs[run, look].tolist()
        assert of_shares[run, look] == pytest.approx(said(one, Counts(yes=yes, no=no)), abs=1e-10)
        assert of_pairs[run, look] == pytest.approx(said(two, PairedCounts(plus=plus, minus=minus, zero=zero)), abs=1e-10)


@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize(("design", "bound"), [("randomised", 0.005), ("events", 1.1)])
def test_drawn(side: Side, design: Design, bound: float) -> None:
    """Drawn units and events under a ramp."""
    rng = np.random.default_rng(2)
    per_look = rng.multinomial(40, (0.05, 0.45, 0.05, 0.45), size=(25, 3)) * (rng.random((25, 3, 1)) < 0.5)
    counts = per_look.cumsum(axis=0)
    question = asking(design, bound, side=side)
    looks = log_e_of_counts(question, counts, propensities=SHARES)
    assert looks == pytest.approx([said(question, cells(rows)) for rows in counts], abs=1e-10)


def test_another_bound() -> None:
    """The same bets against another bound, from either side, as the interval reads them."""
    question = asking("randomised", 0.0)
    rows = np.array([[30, 70, 60, 140], [10, 90, 20, 180], [50, 50, 60, 40]])
    process = METHODS[ArmCounts, "randomised"](question, cells(rows))
    sides: tuple[Side, ...] = ("above", "below")
    for side in sides:
        rates = rates_of(question, propensities=SHARES, side=side, bound=0.03)
        assert float(rates.log_e(rows.reshape(12))) == pytest.approx(process.bets.log_e(side, 0.03), abs=1e-10)  # type: ignore[union-attr]


def test_scores() -> None:
    """Sums of bounded scores, and the normal mixture of unbounded ones."""
    rng = np.random.default_rng(3)
    question = asking("paired", -0.02, cap=1.0)
    grid = score_grid(question)
    z = np.array([grid.of_pair(b, a) for b, a in rng.beta(4, 6, (60, 2)).tolist()])
    growths = np.array([[log1p(bet * x) for bet in grid.lambdas] for x in z]).cumsum(axis=0)
    looks = log_e_of_growths(question, growths)
    unbounded = asking("paired", -0.02)
    scale = 100 * np.arange(1, 61)
    sums, squares = z.cumsum() * 100, (z**2).cumsum() * 100
    estimate, variance = unbounded.claim.bound + sums / scale, squares - sums**2 / scale
    normal = log_e_of_sums(unbounded, estimate=estimate, weight=scale.astype(float), variance=variance)
    for k in range(20, 60):
        n = k + 1
        sums_of = ScoreSums(n=n, n_candidate=n, z=1.0, z2=1.0, weight=float(n), log_growth=tuple(growths[k].tolist()))
        assert looks[k] == pytest.approx(said(question, sums_of), abs=1e-10)
        many = ScoreSums(
            n=100 * n, n_candidate=n, z=float(sums[k]), z2=float(squares[k]), z4=1.0, weight=100.0 * n, log_growth=()
        )
        assert normal[k] == pytest.approx(said(unbounded, many), abs=1e-9)


@pytest.mark.parametrize("side", ["above", "below"])
def test_scores_of_few_values(side: Side) -> None:
    """Counted by their value, each worth what it is to the bets, against the question's own null and against another."""
    question = asking("paired", -0.02, cap=1.0, side=side)
    grid = score_grid(question)
    z = np.array([grid.of_pair(b, a) for b, a in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0))])
    counts = np.array([[3, 1, 40], [30, 20, 400]])
    growths = counts @ np.log1p(np.multiply.outer(z, np.array(grid.lambdas)))
    for at, (plus, minus, same) in enumerate(counts.tolist()):
        n = plus + minus + same
        sums = ScoreSums(
            n=n, n_candidate=n, z=float(counts[at] @ z), z2=float(counts[at] @ z**2), weight=float(n),
            log_growth=tuple(growths[at].tolist()),
        )  # fmt: skip
        process = METHODS[ScoreSums, "paired"](question, sums)
        for null in ((side, -0.02), ("above", 0.01), ("below", -0.01)):
            rates = rates_of_scores(question, z, weight=np.ones(3), null=null)
            assert rates.log_e(counts)[at] == pytest.approx(process.bets.log_e(*null), abs=1e-10)  # type: ignore[union-attr]


def test_misfits() -> None:
    """Counts of another design's shape are refused."""
    with pytest.raises(DomainError, match="needs counts"):
        log_e_of_counts(asking("paired", 0.0), np.ones((5, 2)))
    with pytest.raises(DomainError, match="propensities"):
        rates_of(asking("paired", 0.0), propensities=(0.5,))
    with pytest.raises(DomainError, match="propensities"):
        rates_of(asking("randomised", 0.0))
    with pytest.raises(DomainError, match="grid"):
        log_e_of_growths(asking("paired", 0.0, cap=1.0), np.ones((5, 3)))
    with pytest.raises(DomainError, match="without bounds"):
        rates_of_scores(asking("paired", 0.0), np.ones(3), weight=np.ones(3), null=("above", 0.0))


def test_more_looks_than_are_weighed_together() -> None:
    """Ten thousand looks are those of any part of them."""
    question = asking("paired", -0.01)
    counts = np.random.default_rng(4).multinomial(5, (0.1, 0.05, 0.85), size=(2, 5_000)).cumsum(axis=1)
    logs = log_e_of_counts(question, counts)
    assert logs.shape == (2, 5_000)
    assert log_e_of_counts(question, counts[1, 3_000:3_010]) == pytest.approx(logs[1, 3_000:3_010], abs=1e-12)
