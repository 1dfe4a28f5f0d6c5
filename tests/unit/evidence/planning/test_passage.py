"""The first passage of a sum through a boundary."""

from math import exp, sqrt

import numpy as np
import pytest
from scipy.stats import norm

from segue.errors import DomainError
from segue.evidence.planning.passage import Power, Walk, passage


def line(level: float, slope: float = 0.0, drift: float = 0.02) -> Walk:
    """A straight boundary."""
    return Walk(drift=drift, variance=1.0, boundary=lambda n: level + slope * n)


def reflected(level: float, drift: float, n: float) -> float:
    """The closed form for a straight boundary (Bachelier and Lévy); a slope is a drift the other way."""
    down, up = norm.sf((level - drift * n) / sqrt(n)), norm.cdf((-level - drift * n) / sqrt(n))
    return float(down + exp(2 * drift * level) * up)


@pytest.mark.parametrize(
    ("level", "slope", "drift"), [(40.0, 0.0, 0.02), (40.0, 0.0, 0.0), (25.0, 0.01, 0.03), (60.0, -0.01, 0.0)]
)
def test_straight_boundaries(level: float, slope: float, drift: float) -> None:
    """The integral equation gives the closed form of straight boundaries to 0.001."""
    found = passage(line(level, slope, drift), 20_000)
    for n in (500, 1_000, 2_000, 5_000, 20_000):
        assert found.by(n) == pytest.approx(reflected(level, drift - slope, n), abs=1e-3)


def test_seldom_looks_cross_later() -> None:
    """Looking every hundred observations is as a boundary that is higher by 0.58 standard deviations of a hundred."""
    often, seldom = passage(line(40.0), 20_000), passage(line(40.0), 20_000, every=100)
    assert seldom.by(2_000) == pytest.approx(reflected(40.0 + 0.5826 * 10, 0.02, 2_000), abs=1e-3)
    assert seldom.by(2_000) < often.by(2_000)


def test_simulated_looks() -> None:
    """A simulated sum that is looked at every hundred observations crosses when the correction says."""
    rng = np.random.default_rng(7)
    steps = rng.normal(2.0, 10.0, size=(20_000, 50))
    crossed = (steps.cumsum(axis=1) >= 40.0).any(axis=1).mean()
    assert passage(line(40.0), 20_000, every=100).by(5_000) == pytest.approx(crossed, abs=0.01)


def test_the_curve_never_falls() -> None:
    """The chance of having crossed grows to at most 1, and `needed` is where it reaches a chance."""
    found = passage(line(40.0), 20_000)
    assert np.all(np.diff(found.chance) >= 0)
    assert found.chance[-1] <= 1
    needed = found.needed(0.8)
    assert needed is not None
    assert found.by(needed) == pytest.approx(0.8, abs=1e-9)
    assert found.by(0) == 0


def test_ends_of_a_curve() -> None:
    """A chance that is there at once needs the first point, one that never comes nothing."""
    curve = Power(n=(10.0, 20.0), chance=(0.5, 0.6))
    assert curve.needed(0.4) == 10.0
    assert curve.needed(0.7) is None
    assert curve.by(1_000.0) == 0.6


def test_nothing_is_said_before_the_burn_in() -> None:
    """Before the burn-in the chance is zero, after it what it would have been."""
    walk = Walk(drift=0.02, variance=1.0, boundary=lambda n: np.full_like(n, 40.0), burn_in=1_500)
    found = passage(walk, 20_000)
    assert found.by(1_400) == 0
    assert found.by(5_000) == pytest.approx(reflected(40.0, 0.02, 5_000), abs=1e-3)


@pytest.mark.parametrize(("variance", "until"), [(0.0, 100.0), (1.0, 0.0)])
def test_no_walk(variance: float, until: float) -> None:
    """A sum that does not move has no first passage."""
    with pytest.raises(DomainError):
        passage(Walk(drift=1.0, variance=variance, boundary=lambda n: n), until)
