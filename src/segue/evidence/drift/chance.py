"""What would such a distance be if nothing had moved, and how often would it be as large?

Where the two samples of n and m rows come from one distribution over B bins, `n m / (n + m) x` psi, 8 x js (in nats) and
8 x hellinger^2 are all close to Pearson's chi-square with B - 1 degrees of freedom, since all are the same quadratic form to
second order; so each has a mean and a p-value. Source: Yurdakul & Naranjo 2020, *Statistical properties of the population
stability index*; Cressie & Read 1984.
"""

from collections.abc import Mapping
from math import exp, lgamma, log, pi, sqrt
from typing import Final

import numpy as np
from scipy.special import chdtrc
from scipy.special import kolmogorov as kolmogorov_tail

from segue.evidence.drift.distances import Counted, Hellinger, JensenShannon, Psi, shares
from segue.evidence.process import Floats

_KOLMOGOROV_MEAN: Final = sqrt(pi / 2) * log(2)
"""Mean of the Kolmogorov distribution."""

Quadratic = Psi | JensenShannon | Hellinger


def degrees(reference: Counted, current: Counted) -> int:
    """Degrees of freedom: bins with anything in them, less one."""
    p, q = shares(reference, current)
    return int(np.count_nonzero(p + q)) - 1


def expected(distance: Quadratic, reference: Counted, current: Counted) -> float:
    """The distance's mean where nothing has moved: `(B - 1) (1 / n + 1 / m)` for the stability index.

    >>> round(expected(Psi(), [100] * 10, [100] * 10), 6)
    0.018
    """
    k, rate = degrees(reference, current), _rate(reference, current)
    if k == 0:
        return 0.0
    mean = k * _unit(distance) * rate
    if not _is_root(distance):
        return mean
    return sqrt(2 * mean / k) * exp(lgamma((k + 1) / 2) - lgamma(k / 2))  # of the root of a chi-square


def p_value(distance: Quadratic, value: float, reference: Counted, current: Counted) -> float:
    """Chance of so large a distance where nothing has moved; 1 where there is one bin only."""
    k = degrees(reference, current)
    if k == 0:
        return 1.0
    return _chi_square_tail((value**2 if _is_root(distance) else value) / (_unit(distance) * _rate(reference, current)), k)


def homogeneity(reference: Counted, current: Counted) -> tuple[float, int, float]:
    """Pearson's chi-square of homogeneity: statistic, degrees of freedom, p-value; (0, 0, 1) where there is one bin only.

    Both samples are random: a goodness of fit against the reference's shares takes these for the truth and finds drift in
    every large sample.
    """
    table = np.array([reference, current], dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    k = table.shape[1] - 1
    if k == 0:
        return 0.0, 0, 1.0
    fitted = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - fitted) ** 2 / fitted).sum())
    return statistic, k, _chi_square_tail(statistic, k)


def kolmogorov(distance: float, reference: int, current: int) -> tuple[float, float]:
    """Mean of D where nothing has moved, and the chance of so much (asymptotic; an upper bound where D is read off bins)."""
    root = sqrt(reference * current / (reference + current))
    return _KOLMOGOROV_MEAN / root, float(kolmogorov_tail(distance * root))


def moved_by_chance(edges: tuple[float, ...], reference: Counted, current: Counted) -> float:
    """Mean of the Wasserstein distance where nothing has moved: `sqrt(2 / pi (1/n + 1/m)) integral sqrt(F (1 - F))`.

    Source: del Barrio, Giné & Matrán 1999, theorem 1.1.
    """
    pooled = np.asarray(reference, dtype=float) + np.asarray(current, dtype=float)
    below = np.cumsum(pooled / pooled.sum())[: len(edges) - 1].clip(0.0, 1.0)
    return float(np.sum(np.sqrt(below * (1 - below)) * np.diff(edges)) * sqrt(2 / pi * _rate(reference, current)))


def false_discovery(p_values: Mapping[str, float]) -> dict[str, float]:
    """The q-value of each p-value: the least rate of false discoveries at which it is one.

    Source: Benjamini & Hochberg 1995; holds for independent and positively dependent columns.

    >>> false_discovery({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.04, 'b': 0.04}
    """
    ranked = sorted(p_values, key=lambda name: p_values[name])
    scaled: Floats = np.array([p_values[name] * len(ranked) / rank for rank, name in enumerate(ranked, start=1)])
    least = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1.0) if len(scaled) else scaled
    return dict(zip(ranked, least.tolist(), strict=True))


def _chi_square_tail(statistic: float, k: int) -> float:
    return float(chdtrc(k, max(statistic, 0.0)))  # rounding may leave a distance of nothing just below 0


def _is_root(distance: Quadratic) -> bool:
    return isinstance(distance, Hellinger) or (isinstance(distance, JensenShannon) and distance.form == "distance")


def _unit(distance: Quadratic) -> float:
    """What multiplies the chi-square over `n m / (n + m)`."""
    if isinstance(distance, Psi):
        return 1.0
    if isinstance(distance, Hellinger):
        return 1 / 8
    return 1 / 8 / (log(2) if distance.base == "2" else 1.0)


def _rate(reference: Counted, current: Counted) -> float:
    return 1 / float(np.sum(reference)) + 1 / float(np.sum(current))
