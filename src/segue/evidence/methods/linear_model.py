"""P8: what does least squares with covariates say of the candidate's effect, at any look?"""

from dataclasses import dataclass
from math import isqrt, log, log1p, log10, sqrt
from typing import Final

import numpy as np

from segue.errors import DomainError
from segue.evidence.methods.normal_mixture import BURN_IN_UNITS, NEARLY_NORMAL, fixed_information, planned_variance
from segue.evidence.process import ASSUMPTIONS, FINEST, MOST_TIMES, Method, NormalSum, Process, find_root
from segue.facts.evidence import NotEnough
from segue.facts.question import Question, Side
from segue.facts.summary import LinearSums

_DIGITS: Final = log10(MOST_TIMES)


def linear_model(question: Question, sums: LinearSums) -> Method:
    """Bet on the t statistic of the candidate's coefficient, beside covariates that were known before.

    `log E = 1/2 log r + (v + 1) / 2 (log(1 + t^2 / v) - log(1 + r t^2 / v))`, r = phi / (phi + S), S the variation of the
    assignment that the covariates leave, v the degrees of freedom; phi, a function of the question, makes it sharpest at the
    planned information. A one-sided null holds every effect up to its bound, so beyond the estimate the wealth is that at
    t = 0.
    Null: the coefficient is at most (at least) the bound. Source: Lindon, Ham, Tingley & Bojinov 2022 (arXiv 2210.08589).

    *Holds when* units were drawn with one propensity; exact for errors of one normal law, else as the sample grows, and there
    only where both variants vary alike or the propensity is one half.

    Raises:
        DomainError: a factor other than 1, another design, or products that are no triangle of four columns or more.
    """
    size = (isqrt(8 * len(sums.products) + 1) - 1) // 2
    if question.claim.factor != 1 or size < 3 or size * (size + 1) // 2 != len(sums.products):
        raise DomainError(f"no linear model of {len(sums.products)} products, {question.claim}", question=question.id)
    fewest = min(sums.n_candidate, sums.n - sums.n_candidate)
    if fewest < BURN_IN_UNITS:
        reason = "a normal limit is not believed before"
        return NotEnough(have=fewest, need=BURN_IN_UNITS, unit="drawn units per variant", reason=reason)
    fit = Fit.of(sums, size, tuned_phi(question))
    return Process(
        bets=fit,
        estimate=fit.estimate,
        support=fit.reach(-log(question.alpha), question.claim.bound),
        n={question.candidate: sums.n_candidate, question.champion: sums.n - sums.n_candidate},
        have=sums.n,
        method="linear model",
        validity="asymptotic at any look",
        assumptions=(*ASSUMPTIONS["randomised"], "one propensity throughout", "covariates were known before", NEARLY_NORMAL),
        normal=NormalSum(weight=fit.left, variance=fit.left * fit.variance),
    )


def log_t(t: float, freedom: float, r: float) -> float:
    """Logarithm of the e-value of a t statistic.

    >>> round(log_t(3.0, 98, 1 / 101), 10)
    1.9965882109
    """
    return log_f(t * t, 1, freedom, r)


def log_f(f: float, among: int, freedom: float, r: float) -> float:
    """Logarithm of the e-value of an F statistic: does any of `among` coefficients differ from its null? Of two sides.

    `d/2 log r + (v + d) / 2 (log(1 + d F / v) - log(1 + r d F / v))`.
    """
    part = among * f / freedom
    return among * log(r) / 2 + (freedom + among) / 2 * (log1p(part) - log1p(r * part))


def tuned_phi(question: Question) -> float:
    """Phi such that the e-value is sharpest at the information of a fixed sample of power 0.8."""
    doubled = -2 * log(min(question.alpha, 0.5))
    return fixed_information(question) * planned_variance(question) / (doubled + log(1 + doubled))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Least squares, as far as the candidate's coefficient goes.

    Args:
        estimate: the coefficient.
        left: S, the variation of the assignment that the covariates leave.
        variance: of the errors.
        freedom: v, degrees of freedom.
        phi: of the mixture.
    """

    estimate: float
    left: float
    variance: float
    freedom: int
    phi: float

    @classmethod
    def of(cls, sums: LinearSums, size: int, phi: float) -> "Fit":
        """From sums of products; columns are (1, assigned, covariates..., value)."""
        matrix = np.zeros((size, size))
        matrix[np.triu_indices(size)] = sums.products
        matrix += np.triu(matrix, 1).T
        known = [0, *range(2, size - 1)]  # intercept and covariates
        rest = np.ix_([1, size - 1], [1, size - 1])
        cross = matrix[np.ix_(known, [1, size - 1])]
        # Frisch, Waugh and Lovell: what is left of assignment and value when the covariates are taken out of both
        left = matrix[rest] - cross.T @ np.linalg.lstsq(matrix[np.ix_(known, known)], cross, rcond=FINEST)[0]
        estimate, freedom = float(left[0, 1] / left[0, 0]), sums.n - (size - 1)
        unexplained = max(float(left[1, 1] - estimate * left[0, 1]), 1e-12 * float(matrix[-1, -1]))
        return cls(estimate=estimate, left=float(left[0, 0]), variance=unexplained / freedom, freedom=freedom, phi=phi)

    def log_e(self, side: Side, bound: float) -> float:
        """Logarithm of the wealth against the null at this bound."""
        return self._log_e(side, bound, 1.0)

    def times(self, side: Side, bound: float, threshold: float) -> float | None:
        """How many times the same data it takes to reach the threshold."""

        def excess(log_times: float) -> float:
            return self._log_e(side, bound, 10**log_times) - threshold

        return None if excess(_DIGITS) < 0 else float(10 ** find_root(excess, -6.0, _DIGITS))

    def reach(self, threshold: float, bound: float) -> tuple[float, float]:
        """Effects that are surely rejected on either side, and the bound."""
        far = 1.0
        while self.log_e("above", self.estimate - far) < threshold and far < MOST_TIMES:
            far *= 2
        while self.log_e("above", self.estimate - far / 2) >= threshold and far > 1 / MOST_TIMES:
            far /= 2
        return min(self.estimate - far, bound), max(self.estimate + far, bound)

    def _log_e(self, side: Side, bound: float, times: float) -> float:
        t = (self.estimate - bound) * (1 if side == "above" else -1) * sqrt(times * self.left / self.variance)
        return log_t(max(t, 0.0), times * self.freedom, self.phi / (self.phi + times * self.left))
