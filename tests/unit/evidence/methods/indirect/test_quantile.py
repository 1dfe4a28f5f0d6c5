"""Differences of quantiles from histograms."""

from collections import Counter
from itertools import product
from math import ceil, exp, factorial, log, prod

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.integrate import quad
from scipy.stats import beta

from segue.errors import DomainError
from segue.evidence.methods.indirect.beta_mixture import log_beta_mixture, strength_at
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.question import Claim, MetricRef, Question, Side
from segue.facts.summary import Histogram, SpreadCell, Spreads

BASE = 1.02
SIDES: tuple[Side, ...] = ("above", "below")


def asking(side: Side, bound: float, *, factor: float = 1.0, q: float = 0.95) -> Question:
    """A claim about the p95 of two variants."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s",
        metric=MetricRef(name="m", kind="latency_quantile", parameters={"q": q}), design="randomised",
        candidate="b", champion="a", claim=Claim(side=side, bound=bound, factor=factor), alpha=0.05,
    )  # fmt: skip


def histogram(values: np.ndarray, base: float = BASE) -> Histogram:
    """Positive values in logarithmic buckets."""
    keys, counts = np.unique([ceil(log(x) / log(base) - 1e-12) for x in values], return_counts=True)
    return Histogram(base=base, at_most_zero=0, buckets=dict(zip(keys.tolist(), counts.tolist(), strict=True)))


def spreads(b: np.ndarray, a: np.ndarray, base: float = BASE) -> Spreads:
    """Both variants at one half."""
    return Spreads(cells=(SpreadCell(propensity=0.5, candidate=histogram(b, base), champion=histogram(a, base)),))


def latencies(rng: np.random.Generator, n: int, times: float = 1.0) -> np.ndarray:
    """Lognormal, a p95 of about 146."""
    return rng.lognormal(4.0, 0.6, n) * times


@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize(("hits", "n", "share"), [(7, 20, 0.5), (96, 100, 0.95), (0, 10, 0.1), (40, 40, 0.9)])
def test_mixture(side: Side, hits: int, n: int, share: float) -> None:
    """The closed form is the integral of likelihood ratios over the shares beyond."""
    strength = 12.0
    law = beta(strength * share, strength * (1 - share))
    low, high = (share, 1.0) if side == "above" else (0.0, share)

    def ratio(p: float) -> float:
        return float(law.pdf(p)) * (p / share) ** hits * ((1 - p) / (1 - share)) ** (n - hits)

    value = quad(ratio, low, high, epsabs=0, epsrel=1e-10)[0] / (law.cdf(high) - law.cdf(low))
    logs = log_beta_mixture(np.array([float(hits)]), n, share=share, strength=strength, side=side)
    assert float(logs[0]) == pytest.approx(log(value), abs=1e-7)


def test_strength() -> None:
    """More rows ask for a stronger mixture; a strength is never nothing."""
    assert strength_at(10_000, 0.05) > strength_at(1000, 0.05) > strength_at(1, 0.05) == 1e-3


def test_shown_by_size() -> None:
    """A tenth more at the p95 is shown by some thousands per variant, a hundredth is not; the interval covers."""
    rng = np.random.default_rng(1)
    for times, shown in ((1.1, True), (1.01, False)):
        evidence = weigh(asking("above", 0.0), spreads(latencies(rng, 8000, times), latencies(rng, 8000)))
        assert isinstance(evidence, Evidence)
        assert evidence.shown is shown
        truth = 146.5 * (times - 1)
        assert evidence.low <= truth <= evidence.high
        assert evidence.validity == "exact at any look"


def test_ratio_margin() -> None:
    """Not slower by a fifth, although slower by a twentieth: factor 1.2 at bound 0, or an absolute margin."""
    rng = np.random.default_rng(2)
    summary = spreads(latencies(rng, 8000, 1.05), latencies(rng, 8000))
    for question in (asking("below", 0.0, factor=1.2), asking("below", 30.0)):
        evidence = weigh(question, summary)
        assert isinstance(evidence, Evidence)
        assert evidence.shown
        assert evidence.high <= question.claim.bound
    strict = weigh(asking("below", 0.0), summary)
    assert isinstance(strict, Evidence)
    assert not strict.shown


@pytest.mark.parametrize("side", ["above", "below"])
def test_buckets_are_conservative(side: Side) -> None:
    """Coarser buckets never give more evidence, and fine ones lose little."""
    rng = np.random.default_rng(3)
    b, a = latencies(rng, 4000, 1.3 if side == "above" else 0.7), latencies(rng, 4000)
    logs = []
    for base in (1.0005, 1.02, 1.2):
        evidence = weigh(asking(side, 0.0), spreads(b, a, base))
        assert isinstance(evidence, Evidence)
        logs.append(evidence.log_e)
    assert logs[0] >= logs[1] >= logs[2]
    assert logs[1] > 0.8 * logs[0]


def test_shares_multiply() -> None:
    """Two propensities whose levels differ are each compared within; a pooled comparison would see the level."""
    rng = np.random.default_rng(4)
    cells = []
    for pi, level, n in ((0.1, 1.0, 20_000), (0.9, 2.0, 20_000)):
        n_b = int(n * pi)
        cells.append(
            SpreadCell(
                propensity=pi,
                candidate=histogram(latencies(rng, n_b, level)),
                champion=histogram(latencies(rng, n - n_b, level)),
            )
        )
    for side in SIDES:
        evidence = weigh(asking(side, 0.0), Spreads(cells=tuple(cells)))
        assert isinstance(evidence, Evidence)
        assert not evidence.shown


def test_not_enough_and_refused() -> None:
    """One variant alone says nothing; no quantile, and different bases, are refused."""
    rng = np.random.default_rng(5)
    nobody = Histogram(base=BASE, at_most_zero=0, buckets={})
    cell = SpreadCell(propensity=0.5, candidate=histogram(latencies(rng, 50)), champion=nobody)
    assert isinstance(weigh(asking("above", 0.0), Spreads(cells=(cell,))), NotEnough)
    assert isinstance(weigh(asking("above", 0.0), Spreads(cells=())), NotEnough)
    with pytest.raises(DomainError, match="quantile"):
        weigh(asking("above", 0.0, q=1.5), Spreads(cells=(cell,)))
    other = SpreadCell(propensity=0.5, candidate=nobody, champion=histogram(latencies(rng, 9), 1.1))
    with pytest.raises(DomainError, match="bases"):
        weigh(asking("above", 0.0), Spreads(cells=(other,)))


@pytest.mark.parametrize("side", SIDES)
def test_pairs_that_hang_together(side: Side) -> None:
    """Of pairs, however bound, no stopping after n pairs is expected to win: every path of three kinds of pairs, counted."""
    question = replace(asking(side, 0.0, q=0.5), design="paired")
    for joint in ({(0, 0): 0.5, (1, 1): 0.5}, {(0, 1): 0.5, (1, 0): 0.5}, {(0, 0): 0.2, (1, 1): 0.2, (0, 1): 0.3, (1, 0): 0.3}):
        expected, kinds = 0.0, list(joint)
        for counts in product(range(7), repeat=len(kinds)):
            if sum(counts) != 6:
                continue
            chance = float(factorial(6)) * prod(joint[kind] ** n / factorial(n) for kind, n in zip(kinds, counts, strict=True))
            pairs = [kind for kind, n in zip(kinds, counts, strict=True) for _ in range(n)]
            b, a = ([5 * pair[place] + 1 for pair in pairs] for place in (0, 1))
            cell = SpreadCell(
                propensity=1.0,
                candidate=Histogram(base=BASE, at_most_zero=0, buckets=dict(Counter(b))),
                champion=Histogram(base=BASE, at_most_zero=0, buckets=dict(Counter(a))),
            )
            evidence = weigh(question, Spreads(cells=(cell,)))
            assert isinstance(evidence, Evidence)
            expected += chance * exp(evidence.log_e)
        assert expected <= 1 + 1e-12
