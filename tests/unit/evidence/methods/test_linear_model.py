"""Least squares with covariates, at any look."""

from itertools import combinations_with_replacement

import numpy as np
import pytest

from segue.errors import DomainError
from segue.evidence.methods.linear_model import Fit, linear_model, log_f, log_t
from segue.evidence.process import Process
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.merging import merge
from segue.facts.question import Claim, MetricRef, Prior, Question, Side
from segue.facts.summary import LinearSums


def asking(bound: float, *, side: Side = "above", factor: float = 1.0) -> Question:
    """A claim about drawn units."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"), design="randomised",
        candidate="b", champion="a", claim=Claim(side=side, bound=bound, factor=factor), alpha=0.05,
        prior=Prior(mean=3.0, variance=5.0, effect=0.2 if side == "above" else -0.2),
    )  # fmt: skip


def summed(columns: np.ndarray) -> LinearSums:
    """Sums of products of (1, assigned, covariates..., value); shape (units, k)."""
    pairs = combinations_with_replacement(range(columns.shape[1]), 2)
    products = tuple(float(columns[:, i] @ columns[:, j]) for i, j in pairs)
    return LinearSums(n=len(columns), n_candidate=int(columns[:, 1].sum()), products=products)


def world(rng: np.random.Generator, n: int, effect: float) -> np.ndarray:
    """Two covariates explain four fifths of the value."""
    x, assigned = rng.normal(size=(n, 2)), (rng.random(n) < 0.5).astype(float)
    value = 3 + 2 * x[:, 0] - x[:, 1] + effect * assigned + rng.normal(size=n)
    return np.column_stack([np.ones(n), assigned, x, value])


def test_least_squares() -> None:
    """Coefficient, t and residual variance are those of least squares."""
    columns = world(np.random.default_rng(1), 4000, 0.2)
    process = linear_model(asking(0.0), summed(columns))
    assert isinstance(process, Process)
    fit = process.bets
    assert isinstance(fit, Fit)
    design, value = columns[:, :-1], columns[:, -1]
    beta, (rss,), *_ = np.linalg.lstsq(design, value, rcond=None)
    variance = rss / (4000 - 4)
    error = float(np.sqrt(variance * np.linalg.inv(design.T @ design)[1, 1]))
    assert fit.estimate == pytest.approx(beta[1], abs=1e-10)
    assert fit.variance == pytest.approx(variance, rel=1e-10)
    expected = log_t(float(beta[1]) / error, 4000 - 4, fit.phi / (fit.phi + fit.left))
    assert fit.log_e("above", 0.0) == pytest.approx(expected, abs=1e-8)
    assert fit.log_e("below", 0.0) == pytest.approx(np.log(fit.phi / (fit.phi + fit.left)) / 2)


def test_covariates_sharpen() -> None:
    """With covariates the interval is about half as wide as without, for the same units."""
    columns = world(np.random.default_rng(2), 4000, 0.2)
    without = weigh(asking(0.0), summed(columns[:, [0, 1, 4]]))
    evidence = weigh(asking(0.0), summed(columns))
    assert isinstance(evidence, Evidence)
    assert isinstance(without, Evidence)
    assert (evidence.shown, without.shown) == (True, False)
    assert evidence.high - evidence.low < 0.55 * (without.high - without.low)
    assert evidence.low >= 0
    assert evidence.need is not None
    assert evidence.need <= evidence.have


def test_need() -> None:
    """So many times the data show the claim, a tenth fewer do not; on the wrong side it never would."""
    rng = np.random.default_rng(3)
    part = summed(world(rng, 2500, 0.1))
    evidence = weigh(asking(0.0), part)
    assert isinstance(evidence, Evidence)
    assert evidence.need is not None
    for times, shown in ((1.05, True), (0.9, False)):
        scale = evidence.need / part.n * times
        more = LinearSums(n=round(part.n * scale), n_candidate=round(part.n_candidate * scale),
                          products=tuple(p * scale for p in part.products))  # fmt: skip
        later = weigh(asking(0.0), more)
        assert isinstance(later, Evidence)
        assert later.shown is shown
    wrong = weigh(asking(0.0, side="below"), part)
    assert isinstance(wrong, Evidence)
    assert wrong.need is None


def test_parts_add() -> None:
    """Sums of two halves are the sums of the whole."""
    columns = world(np.random.default_rng(4), 4000, 0.2)
    merged = merge([summed(columns[:1000]), summed(columns[1000:])])
    assert isinstance(merged, LinearSums)
    assert merged.products == pytest.approx(summed(columns).products)
    with pytest.raises(DomainError, match="covariates"):
        merge([summed(columns), summed(columns[:, [0, 1, 4]])])


def test_f() -> None:
    """With one coefficient F is t squared; with more of them the same F is stronger evidence."""
    assert log_f(9.0, 1, 98, 0.1) == pytest.approx(log_t(3.0, 98, 0.1))
    assert log_f(9.0, 3, 98, 0.1) > log_f(9.0, 1, 98, 0.1)
    assert log_f(0.0, 2, 98, 0.1) < 0


def test_refused() -> None:
    """A relative margin, no triangle, too few units, collinear covariates that leave nothing."""
    columns = world(np.random.default_rng(5), 1500, 0.2)
    with pytest.raises(DomainError, match="linear model"):
        weigh(asking(0.0, factor=0.9), summed(columns))
    with pytest.raises(DomainError, match="linear model"):
        weigh(asking(0.0), LinearSums(n=10, n_candidate=5, products=(1.0, 2.0)))
    weighed = weigh(asking(0.0), summed(columns))
    assert isinstance(weighed, NotEnough)
    assert weighed.need == 1000
