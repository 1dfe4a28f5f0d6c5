"""Do outcomes, and shadows' answers, reach the record for both variants alike?"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from segue.evidence.audits.alarm import Subject, against, audit_of, mean_of
from segue.evidence.methods.randomised_difference import randomised_difference
from segue.evidence.process import Process
from segue.evidence.settling import settle
from segue.facts.evidence import Audit, NotEnough
from segue.facts.question import Claim, Prior
from segue.facts.summary import ArmCounts

LOST_SHADOWS: Final = 0.05
"""So large a share of the shadows' answers may be missing: those that are dropped are those of the busy hours."""
_EXPECTED: Final = Prior(mean=0.95, variance=0.05 * 0.95, effect=0.01)
"""What costs power where it is wrong, never validity. Where most outcomes stay away, their own stream tells more."""


class Shadowed(NamedTuple):
    """What was recorded of a shadow under one allocation.

    Args:
        share: of the requests that it was to be asked beside, in (0, 1].
        requests: how many there were.
        answers: beside how many of them it is in the record, failures included.
    """

    share: float
    requests: int
    answers: int


def coverage(subject: Subject, outcomes: ArmCounts) -> Audit:
    """Whether the candidate's due units have an outcome as often as the champion's.

    The estimate is the difference of the two shares, 0 where the record of outcomes does not know the variants; bets are those
    of P3 on "has an outcome", on both sides. Exact at any look, under any ramp.

    Args:
        subject: named "coverage", of two sides.
        outcomes: due units with an outcome (yes) and without (no), by chance.
    """
    question = msgspec.structs.replace(subject.question(Claim(side="above", bound=0.0)), prior=_EXPECTED)
    process = randomised_difference(question, outcomes)
    if isinstance(process, Process):
        return against(subject, process, 0.0)
    return Audit(name=subject.name, part=subject.part, found=process, expected=0.0)


def shadows(subject: Subject, found: Sequence[Shadowed]) -> Audit:
    """Whether more of a shadow's answers are missing from the record than `LOST_SHADOWS`.

    The estimate is the mean of `recorded / share` over requests, 1 where nothing is lost. A lost answer leaves no row, so that
    pairs are compared of the other requests only. Exact at any look.
    """
    counts: Counter[float] = Counter()
    for it in found:
        answers = min(it.answers, it.requests)
        counts[1 / it.share] += answers
        counts[0.0] += it.requests - answers
    if not counts.total():
        few = NotEnough(have=0, need=1, unit="requests with a shadow", reason="none so far")
        return Audit(name=subject.name, found=few, expected=1.0)
    n = {subject.candidate: sum(it.answers for it in found), subject.champion: sum(it.requests for it in found)}
    process = mean_of(subject, counts, n, ("a shadow's sample is drawn by the request",))
    claim = Claim(side="below", bound=1 - LOST_SHADOWS)
    return audit_of(subject, settle(subject.question(claim), process), 1.0)
