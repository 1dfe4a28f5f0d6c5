"""Has the mean loss risen above what it was while all was well? Our own detector, whose run length is a theorem.

A loss x in [0, 1] with a mean of at most m lets a bet of lambda in (0, 1) grow by `1 + lambda (x / m - 1)`, whose mean is at
most 1. A Shiryaev-Roberts detector bets a new unit at each loss, `M_t = (M_(t-1) + 1) (1 + lambda (x_t / m - 1))`, averaged
over a grid of lambdas. While no mean, given what came before, exceeds m, `M_t - t` is a supermartingale; so an alarm at A comes
on average not before A losses, whatever their distribution, and within T losses with a chance of at most T / A.
Source: Shin, Ramdas & Rinaldo 2024 (arXiv 2203.03532), section 3; Waudby-Smith & Ramdas 2024, for the bets.
"""

from math import log
from typing import Final

import numpy as np
from scipy.optimize import brentq

from segue.errors import DomainError
from segue.evidence.process import Floats

_LAMBDAS: Final = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5])
_LEAST: Final = 1e-6
"""A mean loss that is taken for one: nothing can be bet on against 0."""


def alarms(losses: Floats, well: float, run_length: float) -> list[int]:
    """The place of the loss at which it signals, if it ever does; what is no longer well stays so until somebody looks.

    Args:
        losses: in [0, 1], in the order of their time.
        well: m, what the mean is at most while all is well.
        run_length: A, losses that pass on average before a false alarm, at least.

    Raises:
        DomainError: a loss outside of [0, 1], or a run length below 1.

    >>> alarms(np.repeat([0.0, 1.0], [500, 80]), 0.1, 10_000)
    [505]
    """
    if run_length < 1 or not ((losses >= 0) & (losses <= 1)).all():
        raise DomainError(f"losses in [0, 1] are watched, with a run length of 1 or more, not of {run_length:g}")
    steps = 1 + _LAMBDAS * (losses[:, None] / max(well, _LEAST) - 1)
    wealth = np.zeros(len(_LAMBDAS))
    for place, step in enumerate(steps):
        wealth = (wealth + 1) * step
        if wealth.mean() >= run_length:
            return [place]
    return []


def upper(mean: float, rows: int, alpha: float) -> float:
    """How large the true mean of losses in [0, 1] may be, with confidence 1 - alpha: `n KL(mean, m) = log(1 / alpha)`.

    Source: Hoeffding 1963, theorem 1.

    >>> round(upper(0.1, 1000, 0.01), 4), upper(1.0, 5, 0.01)
    (0.1312, 1.0)
    """
    if rows < 1 or mean >= 1:
        return 1.0
    enough = log(1 / alpha) / rows
    most = 1 - 1e-12
    if _divergence(mean, most) <= enough:
        return 1.0
    return float(brentq(lambda at: _divergence(mean, at) - enough, mean, most))


def _divergence(p: float, q: float) -> float:
    if q <= p:
        return 0.0
    return (p * log(p / q) if p else 0.0) + (1 - p) * log((1 - p) / (1 - q))
