"""P6 on areas: does an area under the ROC curve, or the difference of two such, lie beyond a bound?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.errors import DomainError
from segue.evidence.methods.normal_mixture import BURN_IN_EVENTS, NormalMixture, asymptotic, tuned_rho
from segue.evidence.methods.ranking.curves import placements
from segue.evidence.process import Floats, Method
from segue.facts.evidence import NotEnough
from segue.facts.question import Question
from segue.facts.summary import RankCell, Ranks


def roc_area(question: Question, ranks: Ranks) -> Method:
    """Bet on DeLong's placements with a normal mixture; asymptotic at any look.

    A positive's influence is the share of negatives below it, a negative's that of positives above it; their spread gives the
    area's variance, and for pairs their common spread that of the difference. Drawn units are weighted by the propensity of
    the arm that they did not get, so that both arms stand for the same population under any ramp.
    Null: the area, or area_b - factor area_a, is at most (at least) the bound. Source: DeLong, DeLong & Clarke-Pearson 1988;
    Waudby-Smith et al. 2024 (arXiv 2103.06476).

    *Holds when* what the design needs holds, and each variant has 20 positives, 20 negatives and 20 rows that are misplaced.
    """
    if question.design == "randomised":
        return _randomised(question, ranks)
    arm, n = ("paired", [question.candidate, question.champion]) if question.design == "paired" else (question.candidate, [])
    cells = [cell for cell in ranks.cells if cell.arm == arm]
    areas = _Areas.of(question, [(cell, 1.0) for cell in cells], factor=question.claim.factor)
    if areas.carriers < BURN_IN_EVENTS:
        return _too_few(areas.carriers)
    bets = _bets(question, areas.area, float(areas.n), areas.variance)
    return asymptotic(question, bets, n=dict.fromkeys(n or [question.candidate], areas.n), have=areas.n)


def _randomised(question: Question, ranks: Ranks) -> Method:
    cells = [cell for cell in ranks.cells if 0 < cell.propensity < 1]
    b = _Areas.of(question, [(cell, 1 - cell.propensity) for cell in cells if cell.arm == question.candidate])
    a = _Areas.of(question, [(cell, cell.propensity) for cell in cells if cell.arm == question.champion])
    if (fewest := min(a.carriers, b.carriers)) < BURN_IN_EVENTS:
        return _too_few(fewest)
    weight = sum(_size(cell) * cell.propensity * (1 - cell.propensity) for cell in cells)
    factor = question.claim.factor
    bets = _bets(question, b.area - factor * a.area, weight, b.variance + factor**2 * a.variance)
    return asymptotic(question, bets, n={question.candidate: b.n, question.champion: a.n}, have=a.n + b.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Areas:
    # An area, or for pairs the difference of two; its variance; and how many rows carry that variance.
    n: int
    area: float = 0.0
    variance: float = 0.0
    carriers: int = 0

    @classmethod
    def of(cls, question: Question, cells: Sequence[tuple[RankCell, float]], factor: float = 1.0) -> "_Areas":
        weights = np.concatenate([np.full(len(cell.scores), weight) for cell, weight in cells] or [np.zeros(0)])
        scores, rival, positives, negatives = (_column(cells, name) for name in ("scores", "rival", "positives", "negatives"))
        n, fewest = int(positives.sum() + negatives.sum()), int(min(positives.sum(), negatives.sum()))
        if bool(len(rival)) != (question.design == "paired") and n:
            raise DomainError(f"{question.design} areas over scores of another design", question=question.id)
        if fewest < BURN_IN_EVENTS:
            return cls(n=n, carriers=fewest)
        below, above = placements(scores, weights * positives, weights * negatives)
        if len(rival):
            rival_below, rival_above = placements(rival, weights * positives, weights * negatives)
            below, above = below - factor * rival_below, above - factor * rival_above
        of_positives, of_negatives = _Part.of(below, weights, positives), _Part.of(above, weights, negatives)
        variance = of_positives.variance + of_negatives.variance
        fourth = of_positives.fourth + of_negatives.fourth
        carriers = int(variance**2 / fourth + 1e-9) if fourth > 0 else 0
        return cls(n=n, area=of_positives.mean, variance=variance, carriers=min(carriers, fewest))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    # The weighted mean of one kind's placements, its variance (unbiased), and the sum of fourth powers of its parts.
    mean: float
    variance: float
    fourth: float

    @classmethod
    def of(cls, values: Floats, weights: Floats, counts: Floats) -> "_Part":
        total = float(weights @ counts)
        mean = float((weights * values) @ counts) / total
        parts = weights * (values - mean) / total
        worth = total**2 / float(weights**2 @ counts)  # how many rows of equal weight these are
        return cls(mean=mean, variance=float(parts**2 @ counts) * worth / (worth - 1), fourth=float(parts**4 @ counts))


def _bets(question: Question, estimate: float, weight: float, variance: float) -> NormalMixture:
    rho = tuned_rho(question, weight * variance)
    return NormalMixture(estimate=estimate, weight=weight, variance=weight**2 * variance, rho=rho)


def _column(cells: Sequence[tuple[RankCell, float]], name: str) -> Floats:
    return np.array([value for cell, _ in cells for value in getattr(cell, name)], dtype=float)


def _size(cell: RankCell) -> int:
    return sum(cell.positives) + sum(cell.negatives)


def _too_few(have: int) -> NotEnough:
    reason = "an area's normal limit is not believed before"
    return NotEnough(have=have, need=BURN_IN_EVENTS, unit="positives, negatives and misplaced rows per variant", reason=reason)
