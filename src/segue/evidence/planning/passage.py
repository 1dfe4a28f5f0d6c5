"""When does a sum that wanders upwards first reach a boundary?

The evidence of a claim is shown at the first look at which a sum of scores lies above a curve. Close to a Brownian motion with
drift, the sum has a first passage whose distribution solves one linear integral equation: no simulation, no seed.
"""

from collections.abc import Callable
from math import sqrt
from typing import Final

import msgspec
import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from segue.errors import DomainError
from segue.evidence.process import Floats

_POINTS: Final = 300
_OVERSHOOT: Final = 0.5826  # -zeta(1/2) / sqrt(2 pi): how far a normal sum is beyond a line when first seen there


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """A sum over observations and the curve that it has to reach.

    Args:
        drift: mean of one observation's part of the sum.
        variance: of one observation's part; above 0.
        boundary: observations (float[m], above 0) -> what the sum has to reach (float[m]).
        burn_in: observations before which nothing is said, however large the sum.
    """

    drift: float
    variance: float
    boundary: Callable[[Floats], Floats]
    burn_in: float = 0.0


class Power(msgspec.Struct, frozen=True, kw_only=True):
    """The chance that a claim has been shown, at any look so far, after so many observations.

    Args:
        n: observations, growing.
        chance: of having been shown by then; never falls.
    """

    n: tuple[float, ...]
    chance: tuple[float, ...]

    def by(self, n: float) -> float:
        """The chance after n observations; 0 before the first point, that of the last one after it."""
        return float(np.interp(n, self.n, self.chance, left=0.0))

    def needed(self, chance: float) -> float | None:
        """Observations after which the chance is reached; None where it is not within the points."""
        reached = next((at for at, each in enumerate(self.chance) if each >= chance), None)
        if reached is None:
            return None
        if reached == 0:
            return self.n[0]
        low, high = self.chance[reached - 1], self.chance[reached]
        return self.n[reached - 1] + (chance - low) / (high - low) * (self.n[reached] - self.n[reached - 1])


def passage(walk: Walk, until: float, *, every: float = 0.0, points: int = _POINTS) -> Power:
    """The distribution of the first passage of `X_n ~ N(n drift, n variance)` through the boundary.

    At every n, `P(X_n >= b(n)) = integral over s <= n of P(X_n >= b(n) | X_s = b(s)) dF(s)`: who is above has crossed before.
    Source: Peskir 2002, On integral equations arising in the first-passage problem for Brownian motion, J. Integral Equations
    Appl. 14(4), equation for the upper tail. Points stand geometrically. That the sum is only looked at now and then is as if
    the boundary were higher by 0.5826 standard deviations of what comes in between (Siegmund 1985, Sequential Analysis, X).

    *Holds when* the sum is close to normal where it crosses.

    Args:
        walk: drift, variance, and boundary.
        until: the largest number of observations.
        every: observations between two looks; 0 for looking without pause.
        points: of the grid; 300 give the closed form of a straight boundary to 0.001.

    Raises:
        DomainError: a variance or an end that is not positive.

    >>> level = Walk(drift=0.02, variance=1.0, boundary=lambda n: np.full_like(n, 40.0))
    >>> curve = passage(level, 20_000)
    >>> round(curve.by(2_000), 2), curve.needed(0.999999)
    (0.68, None)
    """
    if not (walk.variance > 0 and until > 0):
        raise DomainError(f"no first passage: variance {walk.variance}, until {until}")
    n = np.geomspace(until / 2000, until, points)
    middle = np.sqrt(n * np.concatenate([[n[0] / 2], n[:-1]]))  # where the mass between two points is thought to lie
    beyond = _OVERSHOOT * sqrt(walk.variance * every)
    at, level = walk.boundary(n) + beyond, walk.boundary(middle) + beyond
    after = n[:, None] - middle[None, :]
    lower = np.where(after > 0, after, 1.0)
    above = ndtr(-(at[:, None] - level[None, :] - walk.drift * lower) / np.sqrt(walk.variance * lower))
    free = ndtr(-(at - walk.drift * n) / np.sqrt(walk.variance * n))
    gained = solve_triangular(np.tril(above), free, lower=True)
    chance = np.minimum(np.maximum.accumulate(np.cumsum(np.maximum(gained, 0.0))), 1.0)
    return Power(n=tuple(n.tolist()), chance=tuple(np.where(n >= walk.burn_in, chance, 0.0).tolist()))
