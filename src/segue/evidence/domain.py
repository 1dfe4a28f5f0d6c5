"""Which questions and summaries make no sense, whatever the data?"""

from collections.abc import Iterable
from math import isfinite

from segue.errors import DomainError
from segue.facts.question import Question
from segue.facts.summary import ArmCounts, Counts, MomentCell, Moments, PairedCounts, ScoreSums, Summary


def check_question(question: Question) -> None:
    """Refuse what no method can answer.

    Raises:
        DomainError: alpha outside (0, 1); a bound, factor or prior that is no number; a factor that is not positive.
    """
    claim, prior = question.claim, question.prior
    if not 0 < question.alpha < 1:
        raise DomainError(f"alpha is a chance of error in (0, 1), not {question.alpha}", question=question.id)
    _refuse_unless(_finite(claim.bound, claim.factor, prior.mean, prior.variance, prior.effect), f"{claim}, {prior}")
    _refuse_unless(claim.factor > 0 and prior.variance >= 0, f"{claim}, {prior}")


def check_summary(summary: Summary) -> None:
    """Refuse numbers that no data can have.

    Raises:
        DomainError: negative counts, sums that are no numbers, propensities outside [0, 1].
    """
    if isinstance(summary, Counts):
        _not_negative(summary, summary.yes, summary.no)
    elif isinstance(summary, PairedCounts):
        _not_negative(summary, summary.plus, summary.minus, summary.zero)
    elif isinstance(summary, ArmCounts):
        for cell in summary.cells:
            _not_negative(cell, cell.candidate_yes, cell.candidate_no, cell.champion_yes, cell.champion_no)
            _refuse_unless(0 <= cell.propensity <= 1, cell)
    elif isinstance(summary, ScoreSums):
        _not_negative(summary, summary.n, summary.n_candidate, summary.z2, summary.z4, summary.weight)
        _refuse_unless(_finite(summary.z, summary.z2, summary.z4, summary.weight, *summary.log_growth), summary)
    elif isinstance(summary, Moments):
        for moments in summary.cells:
            _check_moments(moments)


def _check_moments(cell: MomentCell) -> None:
    k = len(cell.sums)
    _not_negative(cell, cell.n)
    _refuse_unless(_finite(*cell.sums, *cell.products), cell)
    _refuse_unless(k > 0 and len(cell.products) == k * (k + 1) // 2 and 0 <= cell.propensity <= 1, cell)


def _not_negative(where: object, *numbers: float) -> None:
    _refuse_unless(all(number >= 0 for number in numbers), where)


def _finite(*numbers: float) -> bool:
    return all(map(isfinite, _floats(numbers)))


def _floats(numbers: Iterable[float]) -> Iterable[float]:
    return (float(number) for number in numbers)


def _refuse_unless(condition: bool, what: object) -> None:
    if not condition:
        raise DomainError(f"outside its domain: {what}")
