"""How much do requests of one unit say the same? What a count by request does not say about the requests of others."""

from typing import Final

import numpy as np

from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.facts.evidence import NotEnough
from segue.facts.summary import Counts, MomentCell, PairedCounts, Summary, Units

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


def of_requests(units: Units, counted: Summary) -> float | NotEnough:
    """The design effect of a gate that counts by the request, from a sample of its units and from what it counted.

    Args:
        units: judged requests of each unit, and the sum of yes, or of candidate less champion, over them.
        counted: what the gate weighs; the variance of a request is read off it.

    Raises:
        DomainError: a gate that counts neither yes and no nor pairs.
    """
    n = np.array(units.requests, dtype=float)
    vectors = np.stack([np.array(units.values, dtype=float), n], axis=1)[n > 0]
    products = vectors.T @ vectors
    cell = MomentCell(
        arm="",
        propensity=1.0,
        n=len(vectors),
        sums=tuple(vectors.sum(axis=0).tolist()),
        products=tuple(products[np.triu_indices(2)].tolist()),
    )
    return design_effect(cell, request_variance=_of_a_request(counted))


def _of_a_request(counted: Summary) -> float:
    match counted:
        case Counts(yes=yes, no=no):
            return yes * no / max(yes + no, 1) ** 2
        case PairedCounts(plus=plus, minus=minus, zero=zero):
            n = max(plus + minus + zero, 1)
            return (plus + minus) / n - ((plus - minus) / n) ** 2
    raise DomainError(f"no design effect of {type(counted).__name__}")


def warning(effect: float) -> str:
    """What a person is told; "" where nothing has to be.

    >>> warning(1.9)
    'requests of one unit are alike (design effect 1.9): for those of other units the interval would be 1.4 times as wide'
    """
    if effect <= TOO_LARGE:
        return ""
    wide = f"for those of other units the interval would be {effect**0.5:.2g} times as wide"
    return f"requests of one unit are alike (design effect {effect:.2g}): {wide}"
