"""What do these data say about this question?"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from segue.errors import DomainError
from segue.evidence.domain import check_question, check_summary
from segue.evidence.drift.any_look import drift
from segue.evidence.methods.bounded_mean import bounded_mean
from segue.evidence.methods.days.stability import stability
from segue.evidence.methods.event_split import event_split
from segue.evidence.methods.horizon import on_horizon
from segue.evidence.methods.indirect.agreement import agreement
from segue.evidence.methods.indirect.group_gaps import group_gaps
from segue.evidence.methods.indirect.quantile import quantile
from segue.evidence.methods.paired_difference import paired_difference
from segue.evidence.methods.randomised_difference import randomised_difference
from segue.evidence.methods.ranking.delong import roc_area
from segue.evidence.methods.ratio import ratio
from segue.evidence.methods.score import score
from segue.evidence.process import Method
from segue.evidence.settling import given_up, settle
from segue.facts.drift.bins import Bins
from segue.facts.evidence import NotEnough, Weighed
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

METHODS: Final[dict[tuple[type, str], Callable[[Question, Any], Method]]] = {
    (Counts, "one_sample"): bounded_mean,
    (PairedCounts, "paired"): paired_difference,
    (ArmCounts, "randomised"): randomised_difference,
    (ArmCounts, "events"): event_split,
    (ScoreSums, "one_sample"): score,
    (ScoreSums, "paired"): score,
    (ScoreSums, "randomised"): score,
    (Ranks, "one_sample"): roc_area,
    (Ranks, "paired"): roc_area,
    (Ranks, "randomised"): roc_area,
    (Agreements, "paired"): agreement,
    (Spreads, "paired"): quantile,
    (Spreads, "randomised"): quantile,
    (Days, "days"): stability,
    (Moments, "one_sample"): ratio,
    (Moments, "paired"): ratio,
    (Moments, "randomised"): ratio,
    (Moments, "groups"): group_gaps,
    (Bins, "drift"): drift,
}
"""Which method weighs which summary under which design. A new method is one file and its rows here."""


def weigh(question: Question, summary: Summary | None) -> Weighed:
    """The evidence in a summary for a question's claim, valid at any look.

    A pure function of its two arguments: the same question over the same data gives the same verdict for ever.

    Args:
        question: the claim, alpha in (0, 1), and the prior that the bets are laid by.
        summary: of all the question's rows, merged; None where no row was.

    Returns:
        `NotEnough` where the data are too few to say anything, else the evidence.

    Raises:
        DomainError: alpha outside (0, 1), negative counts, numbers that are none, or a summary that does not fit the design.

    >>> from segue.facts.question import Claim, MetricRef, Prior
    >>> precision = MetricRef(name="precision", kind="precision")
    >>> question = Question(id="q", gate="g", rollout="r", route="r", stage="s", metric=precision, design="paired",
    ...     candidate="v8", champion="champion", claim=Claim(side="above", bound=-0.01), alpha=0.05,
    ...     prior=Prior(variance=0.06, effect=0.01))
    >>> evidence = weigh(question, PairedCounts(plus=60, minus=25, zero=915))
    >>> evidence.shown, round(evidence.estimate, 3), round(evidence.low, 3), round(evidence.high, 3)
    (True, 0.035, 0.011, 0.061)
    >>> weigh(question, None)
    NotEnough(have=0, need=1, unit='judged predictions', reason='no row so far')
    """
    check_question(question)
    if summary is None:
        unit = "judged predictions" if question.unit == "request" else "judged units"
        return NotEnough(have=0, need=1, unit=unit, reason="no row so far")
    method = METHODS.get((type(summary), question.design))
    if method is None:
        kind = type(summary).__name__
        raise DomainError(f"no method weighs {kind} under the design {question.design}", question=question.id)
    check_summary(summary)
    process = method(question, summary)
    if isinstance(process, NotEnough):
        return process
    evidence, futility = settle(question, on_horizon(question, process)), question.futility
    if futility is None:
        return evidence
    waiting = on_horizon(msgspec.structs.replace(question, alpha=futility.alpha), process)
    return given_up(evidence, question.claim, futility, waiting)
