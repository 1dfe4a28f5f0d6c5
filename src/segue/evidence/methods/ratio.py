"""P6 on moments: does a ratio of sums (precision, recall, F1), or the difference of two such, lie beyond a bound?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from segue.errors import DomainError
from segue.evidence.methods.normal_mixture import BURN_IN_EVENTS, NormalMixture, asymptotic, tuned_rho
from segue.evidence.process import Floats, Method
from segue.facts.evidence import NotEnough
from segue.facts.question import Question
from segue.facts.summary import MomentCell, Moments

PAIRED: Final = "paired"
"""The `arm` of cells that hold both variants' numbers."""


def ratio(question: Question, moments: Moments) -> Method:
    """Linearise the ratios (delta method) and bet on the sum of `psi` with a normal mixture; asymptotic at any look.

    A unit's vector is (N, D), for paired units (N_b, D_b, N_a, D_a). With R = sum N / sum D: one sample `psi = N - R D`; paired
    `psi = (N_b - R_b D_b) / mean D_b - factor (N_a - R_a D_a) / mean D_a`; randomised the same per arm, each unit weighted by
    the propensity of the arm that it did not get, so that both arms stand for the same population under any ramp.
    Null: the ratio, or R_b - factor R_a, is at most (at least) the bound.
    Source: Deng, Knoblich & Lu 2018 (arXiv 1803.06336) for the linearisation; Waudby-Smith et al. 2024 (arXiv 2103.06476).

    *Holds when* what the design needs holds, and each variant has 20 units' worth of its rarer events.

    Raises:
        DomainError: vectors of a length that the design does not have.
    """
    if question.design == "randomised":
        return _randomised(question, moments)
    return _paired(question, moments) if question.design == "paired" else _one_sample(question, moments)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Total:
    # Sums of the vector over units, weighted, and the matrix of its products; those of the burn-in without weights.
    n: int
    sums: Floats
    products: Floats
    rarer: int

    def rate(self, place: int = 0) -> float:
        return float(self.sums[place] / self.sums[place + 1])

    def variance(self, psi: Floats) -> float:
        return max(float(psi @ self.products @ psi), 0.0)


def _one_sample(question: Question, moments: Moments) -> Method:
    total = _total(question, [(cell, 1.0) for cell in moments.cells if cell.arm == question.candidate])
    if total.rarer < BURN_IN_EVENTS:
        return _too_few(total.rarer)
    rate, weight = total.rate(), float(total.sums[1])
    bets = _bets(question, rate, weight, total.variance(np.array([1.0, -rate])))
    return asymptotic(question, bets, n={question.candidate: total.n}, have=total.n)


def _paired(question: Question, moments: Moments) -> Method:
    total = _total(question, [(cell, 1.0) for cell in moments.cells if cell.arm == PAIRED])
    if total.rarer < BURN_IN_EVENTS:
        return _too_few(total.rarer)
    factor, n, b, a = question.claim.factor, total.n, total.rate(), total.rate(2)
    psi = n * np.array([1.0, -b, -factor, factor * a]) / np.repeat(total.sums[[1, 3]], 2)
    bets = _bets(question, b - factor * a, float(n), total.variance(psi))
    return asymptotic(question, bets, n={question.candidate: n, question.champion: n}, have=n)


def _randomised(question: Question, moments: Moments) -> Method:
    cells = [cell for cell in moments.cells if 0 < cell.propensity < 1 and cell.arm in {question.candidate, question.champion}]
    b = _total(question, [(cell, 1 - cell.propensity) for cell in cells if cell.arm == question.candidate])
    a = _total(question, [(cell, cell.propensity) for cell in cells if cell.arm == question.champion])
    if min(b.rarer, a.rarer) < BURN_IN_EVENTS:
        return _too_few(min(b.rarer, a.rarer))
    factor, weight = question.claim.factor, sum(cell.n * cell.propensity * (1 - cell.propensity) for cell in cells)
    variance = b.variance(np.array([1.0, -b.rate()]) * weight / b.sums[1])
    variance += a.variance(np.array([1.0, -a.rate()]) * factor * weight / a.sums[1])
    bets = _bets(question, b.rate() - factor * a.rate(), weight, variance)
    return asymptotic(question, bets, n={question.candidate: b.n, question.champion: a.n}, have=b.n + a.n)


def _bets(question: Question, estimate: float, weight: float, variance: float) -> NormalMixture:
    rho = tuned_rho(question, variance / weight)
    return NormalMixture(estimate=estimate, weight=weight, variance=variance, rho=rho)


def _total(question: Question, cells: Iterable[tuple[MomentCell, float]]) -> _Total:
    size = 4 if question.design == "paired" else 2
    n, (sums, plain), (products, seen) = 0, np.zeros((2, size)), np.zeros((2, size, size))
    for cell, weight in cells:
        if len(cell.sums) != size:
            raise DomainError(f"{question.design} ratios need vectors of {size}, not {len(cell.sums)}", question=question.id)
        matrix = np.zeros((size, size))
        matrix[np.triu_indices(size)] = cell.products
        matrix += np.triu(matrix, 1).T
        n, plain, seen = n + cell.n, plain + cell.sums, seen + matrix
        sums, products = sums + weight * np.array(cell.sums), products + weight**2 * matrix
    rarer = min(_carriers(plain[place : place + 2], seen[place : place + 2, place : place + 2]) for place in range(0, size, 2))
    return _Total(n=n, sums=sums, products=products, rarer=rarer)


def _carriers(sums: Floats, products: Floats) -> int:
    # How many units' worth of events, and of non-events, there are: (sum x)^2 / sum x^2, the count itself for 0 and 1.
    worth = []
    for part in (np.array([1.0, 0.0]), np.array([-1.0, 1.0])):
        squares = float(part @ products @ part)
        worth.append(float(part @ sums) ** 2 / squares if squares > 0 else 0.0)
    return int(min(worth) + 1e-9)


def _too_few(rarer: int) -> NotEnough:
    reason = "a ratio's normal limit is not believed before"
    return NotEnough(have=rarer, need=BURN_IN_EVENTS, unit="rarer events per variant", reason=reason)
