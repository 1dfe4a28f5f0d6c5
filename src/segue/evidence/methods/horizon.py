"""P7: what is the evidence worth when the looking has an end?"""

from dataclasses import dataclass, replace
from math import exp, inf, log, log1p, sqrt
from typing import Final

import numpy as np
from scipy.special import log_ndtr, ndtri

from segue.evidence.methods.normal_mixture import NEARLY_NORMAL, fixed_information
from segue.evidence.process import Bets, Floats, NormalSum, Process, find_root
from segue.facts.grid import variance_where_planned
from segue.facts.question import Question, Side

ON_TIME: Final = 0.97
"""The share of alpha that is spent before the horizon; the rest is bet for ever, and is what there is after it."""


def on_horizon(question: Question, process: Process) -> Process:
    """The method's process, with most of its stake on a boundary that is sharpest at the question's horizon.

    Null: that of the method. With S the sum, V its variance and V_end that at the horizon, the boundary `S >= c sqrt(V_end)`,
    c = Phi^-1(1 - a / 2), is crossed before V_end with chance a by the reflection of a Brownian motion. That chance given the
    data so far, over a, is a martingale from 1 to 1 / a: `E_h = 2 Phi((S - c sqrt(V_end)) / sqrt(V_end - V)) / a`, and nothing
    after the horizon. `E = 0.97 E_h + 0.03 E_always`, a = 0.97 alpha, is an e-process that rejects whenever either part would
    at its share of alpha. Source: the reflection principle; Miller 2015 for events; proof in `docs/methods/evidence.md`.

    *Holds when* the method's assumptions hold and the sum is close to normal; before its burn-in E_h counts as nothing.
    """
    if question.horizon is None:
        return process
    return replace(
        process,
        bets=Horizon(
            bets=process.bets, estimate=process.estimate, sum=process.normal, end=question.horizon, alpha=question.alpha
        ),
        method=f"{process.method} and horizon",
        validity="asymptotic at any look",
        assumptions=tuple(dict.fromkeys((*process.assumptions, NEARLY_NORMAL))),
    )


def planned_horizon(question: Question, *, power: float = 0.8) -> float:
    """The sum's variance at which the boundary has this power: 1.08 fixed samples at alpha 5 % and 80 %, 1.05 at 1 %.

    As it will be where the planned effect is true (`variance_where_planned`): then the clock runs out when it was meant to.
    """

    def missing(times: float) -> float:
        drift = sqrt(times) * float(ndtri(1 - question.alpha) + ndtri(power))
        return crossing_chance(drift, ON_TIME * question.alpha) - power

    information = find_root(missing, 0.5, 4.0) * fixed_information(question, power=power)
    return information * variance_where_planned(question) ** 2


def crossing_chance(drift: float, alpha: float) -> float:
    """Power: `Phi(d - c) + exp(2 d c) Phi(-d - c)`, c = Phi^-1(1 - alpha / 2), for bets on the boundary alone.

    Args:
        drift: d, the effect's distance from the bound times the root of the horizon's information.
        alpha: chance of an error in (0, 1).

    >>> round(crossing_chance((1.6448536 + 0.8416212) * 1.0675**0.5, 0.05), 3), round(crossing_chance(0.0, 0.05), 3)
    (0.799, 0.05)
    """
    c = float(ndtri(1 - alpha / 2))
    return exp(float(log_ndtr(drift - c))) + exp(2 * drift * c + float(log_ndtr(-drift - c)))


def log_reflected(total: Floats | float, variance: Floats | float, end: float, alpha: float) -> Floats:
    """Logarithm of E_h: the chance given the data that the boundary is crossed before the horizon, over alpha.

    >>> log_reflected(np.array([0.0, 19.6]), np.array([0.0, 50.0]), 100.0, 0.05).round(3) + 0.0
    array([0.   , 2.996])
    """
    left = end - np.asarray(variance, dtype=float)
    short = total - float(ndtri(1 - alpha / 2)) * sqrt(end)
    inside = np.minimum(log(2) + log_ndtr(short / np.sqrt(np.maximum(left, 1e-300))), 0.0)
    logs: Floats = np.where(left > 0, inside, -np.inf) - log(alpha)
    return logs


def log_blend(reflected: Floats | float, always: Floats | float) -> Floats:
    """Logarithm of the wealth of both parts together."""
    logs: Floats = np.logaddexp(log(ON_TIME) + reflected, log1p(-ON_TIME) + always)
    return logs


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """Most of the stake on the boundary, the rest on the method's own bets.

    Args:
        bets: the method's own.
        estimate: of the effect.
        sum: its sum, close to normal; None before the burn-in.
        end: the sum's variance at the horizon.
        alpha: of the question.
    """

    bets: Bets
    estimate: float
    sum: NormalSum | None
    end: float
    alpha: float

    def log_e(self, side: Side, bound: float) -> float:
        """Logarithm of the wealth against the null at this bound."""
        always, alpha = self.bets.log_e(side, bound), ON_TIME * self.alpha
        if self.sum is None:
            return log1p(-ON_TIME) + always
        return float(log_blend(log_reflected(self._total(self.sum, side, bound), self.sum.variance, self.end, alpha), always))

    def times(self, side: Side, bound: float, threshold: float) -> float | None:
        """How many times the same data it takes until one of the parts alone is enough."""
        waits = [self._crossing(self.sum, side, bound)] if self.sum else []
        waits.append(self.bets.times(side, bound, threshold - log1p(-ON_TIME)))
        return min((times for times in waits if times is not None), default=None)

    def _crossing(self, sum_: NormalSum, side: Side, bound: float) -> float | None:
        total = self._total(sum_, side, bound)
        times = float(ndtri(1 - ON_TIME * self.alpha / 2)) * sqrt(self.end) / total if total > 0 else inf
        return times if times * sum_.variance < self.end else None

    def _total(self, sum_: NormalSum, side: Side, bound: float) -> float:
        return sum_.weight * (self.estimate - bound) * (1 if side == "above" else -1)
