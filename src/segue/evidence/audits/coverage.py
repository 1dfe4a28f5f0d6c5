"""Do outcomes, and shadows' answers, reach the record for both variants alike?"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from segue.evidence.audits.alarm import Subject, against, audit_of, mean_of
from segue.evidence.audits.sample_ratio import Epoch, sample_ratio
from segue.evidence.methods.randomised_difference import randomised_difference
from segue.evidence.process import Process
from segue.evidence.settling import settle
from segue.facts.evidence import Audit, NotEnough
from segue.facts.question import Claim, Prior
from segue.facts.summary import ArmCounts

LOST_SHADOWS: Final = 0.05
"""So large a share of the shadows' answers may be missing: those that are dropped are those of the busy hours."""
LOST_ROWS: Final = 0.001
"""Shares of the rows that are missing may differ by so much: it moves no difference of two rates by more."""
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
    return audit_of(subject, settle(subject.question(claim), process, interval=subject.intervals), 1.0)


class Written(NamedTuple):
    """What gateways wrote down of one variant, and what of it is in the record.

    Args:
        captured: rows that gateways say they have written.
        recorded: rows that the lake has.
    """

    captured: int
    recorded: int

    @property
    def missing(self) -> int:
        """Rows that are on their way, or lost; a gateway that has forgotten its count hides some."""
        return max(self.captured - self.recorded, 0)


def capture(subject: Subject, candidate: Written, champion: Written) -> Audit:
    """Whether rows of one variant go missing more often on their way from the gateways to the lake.

    Where rows are lost, or on their way, without regard to who answered, the missing ones fall to the variants as the captured
    ones do: a sample ratio of what is missing. The estimate is the factor on its odds, 1 where all is well. Rows on their way
    come in time, so that an alarm of them ends by itself. Where no row is missing, or the shares of missing rows differ by less
    than `LOST_ROWS`, there is nothing to tell apart: not enough, which is no alarm.

    Args:
        subject: named "capture".
        candidate: its rows.
        champion: its rows.
    """
    missing = candidate.missing + champion.missing
    both = candidate.captured and champion.captured
    if not missing or not both:
        reason = "no row is missing" if both else "rows of both are not written down yet"
        few = NotEnough(have=0, need=1, unit="missing rows", reason=reason)
        return Audit(name=subject.name, part=subject.part, found=few, expected=1.0)
    share = candidate.captured / (candidate.captured + champion.captured)
    found = sample_ratio(subject, [Epoch(share, candidate.missing, champion.missing)])
    sides = (candidate, champion)
    shares = [side.missing / max(side.captured, 1) for side in sides]
    apart = abs(shares[0] - shares[1])
    if found.broken and apart < LOST_ROWS:
        more = sides[shares.index(max(shares))]
        need = missing + max(round((LOST_ROWS - apart) * more.captured), 1)
        reason = f"the shares of missing rows differ by less than {100 * LOST_ROWS:g} pp"
        few = NotEnough(have=missing, need=need, unit="missing rows", reason=reason)
        return msgspec.structs.replace(found, found=few)
    return found
