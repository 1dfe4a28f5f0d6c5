"""Distances and their chances beside scipy's, on the same histograms and samples."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, entropy, ks_2samp, wasserstein_distance

from segue.evidence.drift.chance import expected, homogeneity, kolmogorov, p_value
from segue.evidence.drift.columns import as_trained, compared
from segue.evidence.drift.distances import Hellinger, JensenShannon, KolmogorovSmirnov, Psi, Wasserstein
from segue.evidence.drift.profiling import numeric, profile_of
from segue.evidence.many.disagreement import wilson
from segue.facts.drift.bins import ArmBins

OLD, NEW = [120, 40, 0, 300, 7, 0], [90, 60, 5, 280, 0, 0]


@pytest.mark.parametrize("base", ["2", "e"])
def test_jensen_shannon(base: str) -> None:
    """Distance and divergence are those of `scipy.spatial.distance.jensenshannon`, in either base."""
    expected_distance = jensenshannon(OLD, NEW, base=2 if base == "2" else None)
    distance = JensenShannon(base="2" if base == "2" else "e")
    assert distance.between(OLD, NEW) == pytest.approx(expected_distance, rel=1e-12)
    divergence = JensenShannon(base=distance.base, form="divergence")
    assert divergence.between(OLD, NEW) == pytest.approx(expected_distance**2, rel=1e-12)


def test_psi_is_the_symmetric_divergence() -> None:
    """Without empty bins it is the sum of both Kullback-Leibler divergences."""
    old, new = np.array(OLD[:2] + OLD[3:4]) / 460, np.array(NEW[:2] + NEW[3:4]) / 430
    value = Psi().between(OLD[:2] + OLD[3:4], NEW[:2] + NEW[3:4])
    assert value == pytest.approx(entropy(old, new) + entropy(new, old), rel=1e-12)


def test_chi_square() -> None:
    """Statistic, degrees and p-value are those of `scipy.stats.chi2_contingency` without the empty column."""
    table = np.array([OLD[:5], NEW[:5]])
    found = chi2_contingency(table, correction=False)
    assert homogeneity(OLD, NEW) == pytest.approx((found.statistic, found.dof, found.pvalue), rel=1e-12)
    assert homogeneity([5, 0], [9, 0]) == (0.0, 0, 1.0)


def test_kolmogorov_smirnov_and_wasserstein_where_every_value_has_a_bin() -> None:
    """Read off bins they are those of the raw samples; the p-value is the asymptotic one."""
    rng = np.random.default_rng(1)
    old = rng.poisson(4, 3000).astype(float)
    new = rng.choice(
        np.unique(old), 2000, p=np.linspace(1, 2, len(np.unique(old))) / np.linspace(1, 2, len(np.unique(old))).sum()
    )
    column = numeric("x", old)
    found = np.bincount(np.searchsorted(column.edges, new, side="left"), minlength=len(column.edges) + 1)
    current = (*found.tolist(), 0, 0)
    ks = ks_2samp(old, new, method="asymp")
    distance = KolmogorovSmirnov().between(column.counts[:-2], current[:-2])
    assert distance == pytest.approx(ks.statistic, abs=1e-12)
    assert kolmogorov(distance, 3000, 2000)[1] == pytest.approx(ks.pvalue, rel=0.1)  # scipy's has a term of the next order
    earth = Wasserstein(edges=column.edges).between(column.counts[:-2], current[:-2])
    assert earth == pytest.approx(wasserstein_distance(old, new), rel=1e-9)


def test_percentiles_miss_little_of_kolmogorov_smirnov() -> None:
    """Read off frozen percentiles, D is never more than the raw one, and not less by more than the value says."""
    rng = np.random.default_rng(2)
    old, new = rng.normal(size=20_000), rng.normal(0.2, 1.1, size=5000)
    column = numeric("x", old)
    current = np.bincount(np.searchsorted(column.edges, new, side="left"), minlength=len(column.edges) + 1)
    found = KolmogorovSmirnov().between(column.counts[:-2], current)
    exact = ks_2samp(old, new).statistic
    assert exact - KolmogorovSmirnov.off_by(column.counts[:-2], current) <= found <= exact + 1e-12
    assert exact - found < 0.01


@pytest.mark.parametrize(
    "distance", [Psi(), JensenShannon(), JensenShannon(form="divergence"), JensenShannon(base="e"), Hellinger()]
)
def test_the_noise_floor(distance: Psi | JensenShannon | Hellinger) -> None:
    """Where nothing moves, the mean of 2000 draws is the expectation within 3 %, and a p-value below 5 % comes in 5 %."""
    rng = np.random.default_rng(3)
    shares = np.array([0.3, 0.2, 0.2, 0.1, 0.1, 0.06, 0.04])
    draws = [(rng.multinomial(4000, shares), rng.multinomial(1500, shares)) for _ in range(2000)]
    values = [distance.between(old, new) for old, new in draws]
    assert np.mean(values) == pytest.approx(expected(distance, *draws[0]), rel=0.03)
    chances = [p_value(distance, value, old, new) for value, (old, new) in zip(values, draws, strict=True)]
    assert np.mean(np.array(chances) < 0.05) == pytest.approx(0.05, abs=0.015)


def test_nothing_moved_is_nothing_found() -> None:
    """Training against itself: every distance 0, every p- and q-value 1; a constant too."""
    rng = np.random.default_rng(4)
    profile = profile_of({"x": rng.normal(size=500), "k": [7.0] * 500, "c": ["a", "b"] * 250, "none": [None] * 500})
    found = compared(profile, as_trained(profile), ArmBins(arm="now", rows=500, counts=as_trained(profile).counts))
    assert {moved.value for moved in found} == {0.0}
    assert {moved.p_value for moved in found if moved.p_value is not None} == {1.0}
    assert {moved.q_value for moved in found if moved.q_value is not None} == {1.0}


def test_two_columns_by_hand() -> None:
    """`a = ((37 i) % 101) / 10`, `b = ((53 i) % 103) / 10 + .3`, i < 200, as scipy 1.17.1 and statsmodels 0.15.0 say:
    `ks_2samp(a, b).statistic`, `wasserstein_distance(a, b)`, and `proportion_confint(910, 1000, method="wilson")`.
    """
    i = np.arange(200)
    old, new = ((37 * i) % 101) / 10, ((53 * i) % 103) / 10 + 0.3
    edges = tuple(np.unique(np.round(np.concatenate([old, new]), 9)).tolist())
    counts = [
        tuple(np.bincount(np.searchsorted(edges, np.round(rows, 9), side="left"), minlength=len(edges) + 1).tolist())
        for rows in (old, new)
    ]
    assert KolmogorovSmirnov().between(*counts) == pytest.approx(0.045, abs=1e-12)
    assert Wasserstein(edges=edges).between(*counts) == pytest.approx(0.3325, abs=1e-9)
    assert wilson(910, 1000) == pytest.approx((0.8906582074, 0.9262038507), abs=1e-9)
