"""What is a method's result, before it is read off as a verdict and an interval?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from segue.facts.evidence import NotEnough, Validity
from segue.facts.question import Design, Side

Floats = NDArray[np.float64]

FINEST: Final = 1e-12
"""Precision of everything that is found by bisection, relative to where it is looked for."""
MOST_TIMES: Final = 1e18
"""Nobody waits for more times the data."""
_ONCE: Final = "each row is judged once, when it is due, whatever it says"
_DRAWN: Final = "each unit's propensity is the chance that it was drawn with"
ASSUMPTIONS: Final[dict[Design, tuple[str, ...]]] = {
    "one_sample": (_ONCE,),
    "paired": ("both variants answered the same requests", "the outcome does not depend on which answer was served"),
    "randomised": (_DRAWN, "each unit is counted once, as the variant that it was assigned"),
    "days": ("days are independent, and their shares close to normal", "only the looks after 7, 14 and 28 days count"),
    "groups": (_ONCE, "requests are independent; a unit that makes many of them counts as often"),
    "events": (_DRAWN, "each unit's events are counted once"),
}
"""What has to hold, by design; a method may add to it."""


class Bets(Protocol):
    """The wealth of somebody who started with 1 and bet against "the effect is not above (below) the bound"."""

    def log_e(self, side: Side, bound: float) -> float:
        """Logarithm of the wealth; falls as the bound moves towards the claim."""
        ...

    def times(self, side: Side, bound: float, threshold: float) -> float | None:
        """How many times the same data it takes to reach the threshold; None where it never would."""
        ...


@dataclass(frozen=True, slots=True)
class Betting:
    """A mixture of bets, each on its own share of the stake: `log E = logsumexp_j(log w_j + growth_j)`.

    The growths are sums over observations, so the same data twice double them.

    Args:
        growths: side, bound -> logarithm of the growth of each bet.
        log_weights: of the bets' shares; the shares sum to 1.
    """

    growths: Callable[[Side, float], Floats]
    log_weights: Floats

    def log_e(self, side: Side, bound: float) -> float:
        """Logarithm of the wealth against the null at this bound."""
        return log_sum(self.log_weights + self.growths(side, bound))

    def times(self, side: Side, bound: float, threshold: float) -> float | None:
        """How many times the same data it takes; the mixture is convex in it, so that there is one crossing."""
        growths = self.growths(side, bound)
        growing = growths > 1 / MOST_TIMES
        if not growing.any():
            return None
        enough = float(np.min((threshold - self.log_weights[growing]) / growths[growing]))
        return find_root(lambda times: log_sum(self.log_weights + times * growths) - threshold, 0.0, enough)


@dataclass(frozen=True, kw_only=True, slots=True)
class NormalSum:
    """A sum that is close to normal by now, with mean `weight (effect - bound)`.

    Args:
        weight: what the effect is multiplied by in the sum.
        variance: of the sum, which is also its clock.
    """

    weight: float
    variance: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """All that is needed to read a verdict and an interval off one stream of bets.

    Args:
        bets: against any bound, on either side; the same bets give the verdict and both ends of the interval.
        estimate: of the effect, in the unit of the claim's bound.
        support: least and largest effect that the interval may reach.
        logarithmic: whether the interval is searched on a logarithmic axis (ratios).
        n: observations per variant.
        have: observations that count towards the claim.
        normal: the same data as a sum that is close to normal; None before its burn-in, and where there is no such sum.
    """

    bets: Bets
    estimate: float
    support: tuple[float, float]
    logarithmic: bool = False
    n: Mapping[str, int]
    have: int
    method: str
    validity: Validity
    assumptions: tuple[str, ...]
    normal: NormalSum | None = None


Method = Process | NotEnough
"""What a method returns."""


def log_sum(logs: Floats) -> float:
    """Logarithm of a sum of exponentials, without ever leaving the logarithms.

    >>> round(log_sum(np.array([1000.0, 1000.0])), 6)
    1000.693147
    """
    largest = float(logs.max())
    return largest + float(np.log(np.exp(logs - largest).sum()))


def log_sums(logs: Floats) -> Floats:
    """`log_sum` along the last axis."""
    largest = logs.max(axis=-1)
    sums: Floats = largest + np.log(np.exp(logs - largest[..., None]).sum(axis=-1))
    return sums


def find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a continuous function crosses zero between two points of different sign; a bracketed search (Brent)."""
    ends = {low: function(low), high: function(high)}
    if ends[low] * ends[high] >= 0:  # rounding may leave an end on the wrong side of zero by the last digit
        return low if abs(ends[low]) <= abs(ends[high]) else high

    def known(at: float) -> float:  # the search begins at both ends, and a look at one costs as much as any step of it
        found = ends.get(at)
        return function(at) if found is None else found

    return float(brentq(known, low, high, xtol=FINEST * max(abs(low), abs(high)), rtol=FINEST, maxiter=1000))
