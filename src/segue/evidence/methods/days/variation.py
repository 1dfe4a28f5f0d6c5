"""How likely is such a variation between days, if the true one is so large?"""

from math import sqrt

import numpy as np
from scipy.special import chdtr, chdtrc, stdtr

from segue.evidence.process import Floats
from segue.facts.question import Side


def cochran(shares: Floats, n: Floats) -> float:
    """`Q = sum n_d (p_d - p)^2 / (p (1 - p))`, p the pooled share: chi-squared of days - 1 where days do not vary.

    >>> round(cochran(np.array([0.91, 0.9, 0.94]), np.array([500.0, 500.0, 500.0])), 6)
    5.672727
    """
    pooled = float(n @ shares / n.sum())
    return float(n @ (shares - pooled) ** 2) / max(pooled * (1 - pooled), 1e-12)


def between_days(shares: Floats, n: Floats) -> float:
    """The standard deviation between days, `tau^2 = max(0, (Q - D + 1) / (sum w - sum w^2 / sum w))`, w = n / (p (1 - p))."""
    return sqrt(max(excess_variance(shares, n), 0.0))


def excess_variance(shares: Floats, n: Floats) -> float:
    """The same before it is cut at zero: DerSimonian and Laird's moment estimate of the variance between days."""
    pooled = float(n @ shares / n.sum())
    weights = n / max(pooled * (1 - pooled), 1e-12)
    return (cochran(shares, n) - len(n) + 1) / float(weights.sum() - (weights**2).sum() / weights.sum())


def cochran_p(shares: Floats, n: Floats, side: Side, bound: float) -> float:
    """Chance of a Q as large (small) if the deviation between days is the bound; weights `1 / (p (1 - p) / n + bound^2)`."""
    pooled = float(n @ shares / n.sum())
    weights = 1 / (max(pooled * (1 - pooled), 1e-12) / n + bound**2)
    centre = float(weights @ shares / weights.sum())
    q = float(weights @ (shares - centre) ** 2)
    return float(chdtrc(len(n) - 1, q) if side == "above" else chdtr(len(n) - 1, q))


def variance_ratio(shares: Floats, rival: Floats) -> float:
    """The candidate's variance between days over the champion's; both hold the days' sampling noise too."""
    return float(np.var(shares, ddof=1)) / max(float(np.var(rival, ddof=1)), 1e-300)


def pitman_morgan(shares: Floats, rival: Floats) -> float:
    """The correlation of the days' sums with their differences: above zero where the first varies more."""
    return float(np.corrcoef(shares + rival, shares - rival)[0, 1])


def pitman_morgan_p(shares: Floats, rival: Floats, side: Side, bound: float) -> float:
    """Chance of such a correlation, one-sided, if the first's variance is `bound` times the second's."""
    r, freedom = pitman_morgan(shares, sqrt(bound) * rival), len(shares) - 2
    t = r * sqrt(freedom / max(1 - r * r, 1e-15))
    return float(stdtr(freedom, -t if side == "above" else t))
