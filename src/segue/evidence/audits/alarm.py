"""When does an audit raise its alarm, and how is its process read off?"""

from collections.abc import Mapping
from math import log
from typing import Final

import msgspec
import numpy as np

from segue.evidence.methods.bounded_mean import on_values
from segue.evidence.process import Betting, Process
from segue.evidence.settling import settle
from segue.facts.evidence import Audit, AuditName, Evidence, HealthName
from segue.facts.grid import BOLDEST
from segue.facts.question import Claim, MetricRef, Question

ALARM: Final = 1000.0
"""An audit says that the data are broken when the e-value against "all is well" reaches this: where all is well, it does so
in at most one of a thousand rollouts, however often it is looked at."""
_STEPS: Final = 16
_LOG_WEIGHTS: Final = np.full(_STEPS, -log(_STEPS))
_SHRINKING: Final = np.exp2(-np.arange(_STEPS, dtype=np.float64))


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is audited.

    Args:
        name: of the audit.
        candidate, champion: the two variants.
        part: the segment, cohort or variant that it is about.
        weight: its share of the alarm; the shares of a family sum to at most 1 (Bonferroni).
        intervals: whether anybody reads more than the verdict.
        sides: 1 where one process tests both directions, or only one direction is an alarm; 2 for one process a direction.
    """

    name: AuditName | HealthName
    candidate: str
    champion: str
    part: dict[str, str] = {}
    weight: float = 1.0
    sides: int = 1
    intervals: bool = True

    @property
    def alpha(self) -> float:
        """The chance of a false alarm of one process."""
        return self.weight / (ALARM * self.sides)

    def question(self, claim: Claim) -> Question:
        """The subject in the form in which a process is read off."""
        return Question(
            id=self.name,
            gate=self.name,
            rollout="",
            route="",
            stage="",
            metric=MetricRef(name=self.name, kind="accuracy", cap=1.0),
            design="randomised",
            candidate=self.candidate,
            champion=self.champion,
            claim=claim,
            alpha=self.alpha,
        )


def against(subject: Subject, process: Process, expected: float) -> Audit:
    """The audit that an estimate differs from what is expected, towards the side on which it lies.

    The bets of the other side cannot have won: with `log(1 + u) <= u` their wealth is at most 1 there.
    """
    claim = Claim(side="above" if process.estimate >= expected else "below", bound=expected)
    return audit_of(subject, settle(subject.question(claim), process, interval=subject.intervals), expected)


def audit_of(subject: Subject, found: Evidence, expected: float) -> Audit:
    """An audit out of what was found."""
    return Audit(name=subject.name, part=subject.part, found=found, expected=expected)


def mean_of(subject: Subject, counts: Mapping[float, int], n: Mapping[str, int], assumptions: tuple[str, ...]) -> Process:
    """Bets on the running mean of values of which there are few; exact at any look.

    `log E_j = sum_v n_v log(1 + l_j (v - bound))`, the bets l_j from the boldest, which risks 0.9 of its stake, downwards by
    halves to a 33,000th of it, on equal stakes. Source: Waudby-Smith & Ramdas 2024 (arXiv 2010.09686), with fixed bets.

    Args:
        subject: names the method.
        counts: value -> how often it was seen; at least two values, one of them seen.
        n: observations per variant.
        assumptions: what has to hold.
    """
    values = sorted(counts, reverse=True)
    times = [counts[value] for value in values]
    have = sum(times)
    return Process(
        bets=Betting(on_values(values, times, _SHRINKING * (BOLDEST / (values[0] - values[-1]))), _LOG_WEIGHTS),
        estimate=sum(value * seen for value, seen in zip(values, times, strict=True)) / have,
        support=(values[-1], values[0]),
        n=n,
        have=have,
        method=f"betting on a mean ({subject.name})",
        validity="exact at any look",
        assumptions=assumptions,
    )


def weights(count: int) -> list[float]:
    """Shares of a family's alarm by order of appearance, 1 / (k (k + 1)): they sum to less than 1 however many come.

    >>> [round(weight, 4) for weight in weights(3)]
    [0.5, 0.1667, 0.0833]
    """
    return [1 / (k * (k + 1)) for k in range(1, count + 1)]
