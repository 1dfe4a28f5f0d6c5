"""Which questions and summaries make no sense, whatever the data?"""

from collections.abc import Callable, Iterable
from math import inf, isfinite
from typing import Any, Final

from segue.errors import DomainError
from segue.facts.drift.bins import Bins
from segue.facts.question import Question
from segue.facts.summary import (
    Agreements,
    ArmCounts,
    Counts,
    Days,
    Moments,
    PairedCounts,
    Ranks,
    ScoreSums,
    Spreads,
    Summary,
)


def check_question(question: Question) -> None:
    """Refuse what no method can answer.

    Raises:
        DomainError: an alpha outside (0, 1); a bound, factor or prior that is no number; a factor that is not positive.
    """
    claim, prior, futility = question.claim, question.prior, question.futility
    for alpha in (question.alpha,) if futility is None else (question.alpha, futility.alpha):
        if not 0 < alpha < 1:
            raise DomainError(f"alpha is a chance of error in (0, 1), not {alpha}", question=question.id)
    _refuse_unless(futility is None or isfinite(futility.effect), futility)
    _refuse_unless(_finite(claim.bound, claim.factor, prior.mean, prior.variance, prior.effect), f"{claim}, {prior}")
    _refuse_unless(claim.factor > 0 and prior.variance >= 0, f"{claim}, {prior}")
    if question.horizon is not None and (not 0 < question.horizon < inf or question.design == "events"):
        raise DomainError(
            f"a horizon of {question.horizon} over the design {question.design}",
            question=question.id,
            hint="a horizon is a positive variance; events are rare, and have the always-valid clock only",
        )


def check_summary(summary: Summary) -> None:
    """Refuse numbers that no data can have.

    Raises:
        DomainError: negative counts, sums that are no numbers, propensities outside [0, 1].
    """
    _CHECKS.get(type(summary), lambda _: None)(summary)


def _counts(summary: Counts) -> None:
    _not_negative(summary, summary.yes, summary.no)


def _paired_counts(summary: PairedCounts) -> None:
    _not_negative(summary, summary.plus, summary.minus, summary.zero)


def _agreements(summary: Agreements) -> None:
    _not_negative(summary, summary.same, summary.different)


def _arm_counts(summary: ArmCounts) -> None:
    for cell in summary.cells:
        _not_negative(cell, cell.candidate_yes, cell.candidate_no, cell.champion_yes, cell.champion_no)
        _refuse_unless(0 <= cell.propensity <= 1, cell)


def _score_sums(summary: ScoreSums) -> None:
    _not_negative(summary, summary.n, summary.n_candidate, summary.z2, summary.z4, summary.weight)
    _refuse_unless(_finite(summary.z, summary.z2, summary.z4, summary.weight, *summary.log_growth), summary)


def _moments(summary: Moments) -> None:
    for cell in summary.cells:
        k = len(cell.sums)
        _not_negative(cell, cell.n)
        _refuse_unless(_finite(*cell.sums, *cell.products), cell)
        _refuse_unless(k > 0 and len(cell.products) == k * (k + 1) // 2 and 0 <= cell.propensity <= 1, cell)


def _ranks(summary: Ranks) -> None:
    for cell in summary.cells:
        columns = (cell.scores, cell.positives, cell.negatives, cell.rival or cell.scores)
        _refuse_unless(len({len(column) for column in columns}) == 1 and 0 <= cell.propensity <= 1, cell)
        _refuse_unless(_finite(*cell.scores, *cell.rival), cell)
        _not_negative(cell, *cell.positives, *cell.negatives)


def _spreads(summary: Spreads) -> None:
    for cell in summary.cells:
        _refuse_unless(0 <= cell.propensity <= 1, cell)
        for histogram in (cell.candidate, cell.champion):
            _refuse_unless(1 < histogram.base < inf, histogram)
            _not_negative(histogram, histogram.at_most_zero, *histogram.buckets.values())


def _days(summary: Days) -> None:
    for day in summary.days:
        _not_negative(day, day.candidate_yes, day.candidate_no, day.champion_yes, day.champion_no)


def _bins(summary: Bins) -> None:
    for arm in summary.arms:
        _refuse_unless(len(arm.counts) == len(summary.columns), summary)
        _not_negative(arm.arm, arm.rows, *(count for column in arm.counts for count in column))


_CHECKS: Final[dict[type, Callable[[Any], None]]] = {
    Counts: _counts,
    PairedCounts: _paired_counts,
    Agreements: _agreements,
    ArmCounts: _arm_counts,
    ScoreSums: _score_sums,
    Moments: _moments,
    Ranks: _ranks,
    Spreads: _spreads,
    Days: _days,
    Bins: _bins,
}


def _not_negative(where: object, *numbers: float) -> None:
    _refuse_unless(all(number >= 0 for number in numbers), where)


def _finite(*numbers: float) -> bool:
    return all(map(isfinite, _floats(numbers)))


def _floats(numbers: Iterable[float]) -> Iterable[float]:
    return (float(number) for number in numbers)


def _refuse_unless(condition: bool, what: object) -> None:
    if not condition:
        raise DomainError(f"outside its domain: {what}")
