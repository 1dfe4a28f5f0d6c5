"""P6: what are bets worth on a sum whose distribution is only known to become normal?"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, log10, sqrt
from typing import Final

import numpy as np
from scipy.special import log_ndtr, ndtri

from segue.evidence.process import ASSUMPTIONS, MOST_TIMES, Floats, NormalSum, Process, find_root
from segue.facts.grid import planned
from segue.facts.question import Question, Side

BURN_IN_EVENTS: Final = 20
"""Rarer events (or non-events) per variant before a normal limit is believed; with fewer, canaries of 1 to 5 % gave 45 to
86 % false verdicts."""
BURN_IN_UNITS: Final = 1000
"""Observations per variant, where nothing bounds the values; and what the bets are tuned to at least, however bold the plan."""
BURN_IN_CARRIERS: Final = 50
"""Observations that carry the variance of an unbounded score, (sum z^2)^2 / sum z^4. Without it, heavy tails (5 % buyers of
lognormal revenue) at a 5 % canary gave 17 % false verdicts after 1000 units of each variant; with it at most 5 %."""
NEARLY_NORMAL: Final = "the sums are close to normal by now"
_DIGITS: Final = log10(MOST_TIMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalMixture:
    """Bets on a sum with mean `weight (effect - bound)` and variance V: a half-normal mixture over the effects.

    `log E = 1/2 log(4 rho / (V + rho)) + S^2 / (2 (V + rho)) + log Phi(S / sqrt(V + rho))`, S = weight (estimate - bound).
    Source: Waudby-Smith et al. 2024 (arXiv 2103.06476); Howard et al. 2021 (arXiv 1810.08240), one-sided normal mixture.

    Args:
        estimate: of the effect.
        weight: what the effect is multiplied by in the sum.
        variance: V, the sum of squares of the centred score (the information so far).
        rho: tunes at which V the bets are sharpest; a function of the question alone.
    """

    estimate: float
    weight: float
    variance: float
    rho: float

    def log_e(self, side: Side, bound: float) -> float:
        """Logarithm of the wealth against the null at this bound."""
        return log_mixture(self._sum(side, bound), self.variance, self.rho)

    def times(self, side: Side, bound: float, threshold: float) -> float | None:
        """How many times the same data it takes to reach the threshold."""
        total = self._sum(side, bound)
        if total <= 0:
            return None

        def excess(log_times: float) -> float:
            times = 10**log_times
            return log_mixture(times * total, times * self.variance, self.rho) - threshold

        if excess(_DIGITS) < 0:
            return None
        return float(10 ** find_root(excess, -_DIGITS, _DIGITS))

    def reach(self, threshold: float) -> tuple[float, float]:
        """Bounds that are surely rejected on either side: what the interval is searched within."""
        spread = self.variance + self.rho
        far = sqrt(2 * spread * (threshold + log(spread / self.rho) / 2)) / self.weight * 1.001
        return self.estimate - far, self.estimate + far

    def _sum(self, side: Side, bound: float) -> float:
        return self.weight * (self.estimate - bound) * (1 if side == "above" else -1)


def asymptotic(question: Question, bets: NormalMixture, *, n: Mapping[str, int], have: int) -> Process:
    """The process of a normal mixture that is past its burn-in."""
    low, high = bets.reach(-log(question.alpha))
    return Process(
        bets=bets,
        estimate=bets.estimate,
        support=(min(low, question.claim.bound), max(high, question.claim.bound)),
        n=n,
        have=have,
        method="normal mixture",
        validity="asymptotic at any look",
        assumptions=(*ASSUMPTIONS[question.design], NEARLY_NORMAL),
        normal=NormalSum(weight=bets.weight, variance=bets.variance),
    )


def normal_sum(weight: float, variance: float, *, fewest: int) -> NormalSum | None:
    """Counts as a sum that is close to normal, once there are enough of the rarer kind."""
    return NormalSum(weight=weight, variance=variance) if fewest >= BURN_IN_EVENTS else None


def log_mixture(total: float, variance: float, rho: float) -> float:
    """Logarithm of the one-sided normal mixture's wealth at a sum and its variance.

    >>> round(log_mixture(30, 500, 79.00317453425), 8)
    0.36211273
    """
    return float(log_mixtures(total, variance, rho))


def log_mixtures(total: Floats | float, variance: Floats | float, rho: Floats | float) -> Floats:
    """`log_mixture` of many sums at once."""
    spread = np.asarray(variance + rho, dtype=float)
    logs: Floats = np.log(4 * rho / spread) / 2 + np.square(total) / (2 * spread) + log_ndtr(total / np.sqrt(spread))
    return logs


def tuned_rho(question: Question, spread: float) -> float:
    """Rho such that the bets are sharpest at the information that a fixed sample of power 0.8 would have, `V* = V(n_fix)`.

    `rho = V* / (-2 log a + log(1 - 2 log a))`, a = 2 alpha one-sided; V* = (z_(1-alpha) + z_0.8)^2 variance^2 / distance^2,
    the same for every propensity. At least that of a burn-in, 1000 x `spread`, the variance of one observation as seen: it
    settles as the sample grows, and keeps a bold plan from betting on the first thousand. Source: Waudby-Smith et al. 2024.
    """
    return float(tuned_rhos(question, spread))


def tuned_rhos(question: Question, spread: Floats | float) -> Floats:
    """`tuned_rho` for many spreads at once."""
    information = fixed_information(question) * planned_variance(question) ** 2
    doubled = -2 * log(min(2 * question.alpha, 0.5))
    rhos: Floats = np.maximum(information, BURN_IN_UNITS * np.asarray(spread)) / (doubled + log(1 + doubled))
    return rhos


def fixed_information(question: Question, *, power: float = 0.8) -> float:
    """`(z_(1 - alpha) + z_power)^2 / distance^2`: the information that a test which looks once needs at the planned effect."""
    distance = planned(question).distance * (question.metric.cap or 1.0)
    return (_z(1 - question.alpha) + _z(power)) ** 2 / distance**2


def planned_variance(question: Question) -> float:
    """Of one observation, in the metric's own unit."""
    return planned(question).variance * (question.metric.cap or 1.0) ** 2


def _z(share: float) -> float:
    return float(ndtri(max(share, 0.5)))
