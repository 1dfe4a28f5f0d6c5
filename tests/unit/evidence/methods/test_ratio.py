"""Ratios, and differences of two."""

from itertools import combinations_with_replacement

import numpy as np
import pytest

from segue.evidence.methods.normal_mixture import NormalMixture
from segue.evidence.methods.ratio import ratio
from segue.evidence.process import Process
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import MomentCell, Moments


def asking(design: Design, bound: float, factor: float = 1.0) -> Question:
    """A claim above a bound."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="f1", cap=1.0), design=design,
        candidate="b", champion="a", claim=Claim(side="above", bound=bound, factor=factor), alpha=0.05,
        prior=Prior(mean=0.8, variance=0.16, effect=0.0),
    )  # fmt: skip


def moments(arm: str, vectors: np.ndarray, propensity: float = 1.0) -> MomentCell:
    """Moments of vectors (units, k)."""
    pairs = combinations_with_replacement(range(vectors.shape[1]), 2)
    products = tuple(float((vectors[:, i] * vectors[:, j]).sum()) for i, j in pairs)
    return MomentCell(
        arm=arm, propensity=propensity, n=len(vectors), sums=tuple(vectors.sum(axis=0).tolist()), products=products
    )


def judged(rng: np.random.Generator, n: int, precision: float) -> np.ndarray:
    """Units with (true positives, predicted positives), 0 or 1 each."""
    predicted = rng.random(n) < 0.3
    return np.stack([predicted & (rng.random(n) < precision), predicted], axis=1).astype(float)


def standard_error(process: object) -> float:
    """Of the estimate, as the process sees it."""
    assert isinstance(process, Process)
    assert isinstance(process.bets, NormalMixture)
    return float(np.sqrt(process.bets.variance) / process.bets.weight)


@pytest.mark.parametrize("factor", [1.0, 0.9])
def test_paired_error(factor: float) -> None:
    """The standard error of a paired difference is that of a bootstrap."""
    rng = np.random.default_rng(3)
    vectors = np.concatenate([judged(rng, 3000, 0.85), judged(rng, 3000, 0.8)], axis=1)
    process = ratio(asking("paired", 0.0, factor), Moments(cells=(moments("paired", vectors),)))
    draws = [vectors[rng.integers(0, 3000, 3000)].sum(axis=0) for _ in range(1000)]
    spread = np.std([b[0] / b[1] - factor * b[2] / b[3] for b in draws])
    assert standard_error(process) == pytest.approx(float(spread), rel=0.1)


def test_drawn_error() -> None:
    """The standard error of a difference of drawn units is that of repeating the whole experiment under a ramp."""
    rng = np.random.default_rng(4)
    estimates, errors = [], []
    for _ in range(400):
        cells = []
        for pi, precision in ((0.1, 0.9), (0.5, 0.6)):  # the base rate moves with the ramp; the effect does not
            n_b = rng.binomial(3000, pi)
            cells += [moments("b", judged(rng, n_b, precision), pi), moments("a", judged(rng, 3000 - n_b, precision), pi)]
        process = ratio(asking("randomised", 0.0), Moments(cells=tuple(cells)))
        assert isinstance(process, Process)
        estimates.append(process.estimate)
        errors.append(standard_error(process))
    assert float(np.mean(estimates)) == pytest.approx(0.0, abs=float(np.std(estimates)) / 5)
    assert float(np.mean(errors)) == pytest.approx(float(np.std(estimates)), rel=0.1)


def test_burn_in() -> None:
    """Below twenty units' worth of the rarer events of either variant there is no verdict."""
    rng = np.random.default_rng(5)
    cells = (moments("b", judged(rng, 300, 0.85), 0.5), moments("a", judged(rng, 3000, 0.85), 0.5))
    weighed = weigh(asking("randomised", 0.0), Moments(cells=cells))
    assert isinstance(weighed, NotEnough)
    assert weighed.have < weighed.need == 20


def test_one_busy_unit_is_one_unit() -> None:
    """A thousand events of one unit do not end the burn-in."""
    vectors = np.array([[1000.0, 2000.0], *[[1.0, 2.0]] * 5])
    weighed = weigh(asking("one_sample", 0.3), Moments(cells=(moments("b", vectors),)))
    assert isinstance(weighed, NotEnough)
    assert weighed.have == 1


def test_one_sample() -> None:
    """A ratio is shown to lie above a bar well below it, and not above one just below it."""
    rng = np.random.default_rng(6)
    summary = Moments(cells=(moments("b", judged(rng, 3000, 0.85)), moments("stranger", judged(rng, 3000, 0.1))))
    far, near = weigh(asking("one_sample", 0.75), summary), weigh(asking("one_sample", 0.84), summary)
    assert isinstance(far, Evidence)
    assert isinstance(near, Evidence)
    assert (far.shown, near.shown, far.validity) == (True, False, "asymptotic at any look")
