"""How much do requests of one unit say the same? What an analysis by request would get wrong."""

from typing import Final

import numpy as np

from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.facts.evidence import NotEnough
from segue.facts.summary import MomentCell

TOO_LARGE: Final = 1.2
"""A design effect above this is warned of: an interval by request would be more than a tenth too narrow."""
LEAST_UNITS: Final = 50


def design_effect(units: MomentCell, *, request_variance: float | None = None) -> float | NotEnough:
    """The variance of a mean over requests when units are drawn, over what it would be were requests drawn one by one.

    `sum (N_u - R D_u)^2 / (sum D s^2)`, R = sum N / sum D, N a unit's total and D its requests, s^2 the variance of a request.
    About `1 + (requests per unit - 1) x intraclass correlation` where units are of one size. Source: Kish 1965; Deng,
    Knoblich & Lu 2018 (arXiv 1803.06336) for the numerator.

    Args:
        units: moments of the vectors (N, D) of one variant's units.
        request_variance: s^2; None where requests are yes or no, then it is R (1 - R).

    Returns:
        The effect, or `NotEnough` below 50 units or where requests do not vary.

    Raises:
        DomainError: vectors of another length than 2, or a negative variance.

    >>> alike = MomentCell(arm="b", propensity=0.5, n=100, sums=(100.0, 400.0), products=(400.0, 400.0, 1600.0))
    >>> design_effect(alike)
    4.0
    """
    if len(units.sums) != 2 or (request_variance or 0.0) < 0:
        raise DomainError(f"no design effect of vectors of {len(units.sums)}, variance {request_variance}")
    total, requests = units.sums
    if units.n < LEAST_UNITS or requests <= 0:
        return NotEnough(have=units.n, need=LEAST_UNITS, unit="units", reason="too few to see whether their requests are alike")
    rate = total / requests
    variance = rate * (1 - rate) if request_variance is None else request_variance
    if variance <= 0:
        return NotEnough(have=0, need=1, unit="requests that differ", reason="all requests say the same so far")
    nn, nd, dd = units.products
    psi: Floats = np.array([1.0, -rate])
    return float(psi @ np.array([[nn, nd], [nd, dd]]) @ psi) / (requests * variance)


def warning(effect: float, *, unit: str) -> str:
    """What a person is told; "" where nothing has to be.

    >>> warning(1.9, unit="user")
    'requests of one user are alike (design effect 1.9): count by user, by request the interval would be 1.4 times too narrow'
    """
    if effect <= TOO_LARGE:
        return ""
    narrow = f"by request the interval would be {effect**0.5:.2g} times too narrow"
    return f"requests of one {unit} are alike (design effect {effect:.2g}): count by {unit}, {narrow}"
