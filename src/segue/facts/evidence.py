"""How strong is the evidence, and when may it be looked at?"""

from typing import Final, Literal

import msgspec

Validity = Literal["exact at any look", "asymptotic at any look", "fixed look"]


class NotEnough(msgspec.Struct, frozen=True, kw_only=True, tag="not_enough"):
    """There are too few data to say anything: a value, not an error and not a zero.

    Args:
        have, need: how many of `unit` there are, and how many it takes at least.
        unit: what is counted ("judged predictions", "errors of the champion").
    """

    have: int
    need: int
    unit: str
    reason: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, tag="evidence"):
    """What the data say about one question; the interval and the verdict come from the same process.

    Args:
        question: its id.
        estimate: of the effect, in the metric's unit; for a ratio of rates, the ratio.
        low, high: two-sided confidence sequence at 1 - 2 x alpha of the question.
        log_e: logarithm of the e-value against the null.
        threshold: log(1 / alpha): the claim is shown when log_e >= threshold.
        log_e_futile, futile_threshold: the same of the null that waiting is worth while, by the same process with an alpha of
            its own; None where the question does not give up.
        n: observations per variant.
        have, need: judged observations, and how many the claim takes if the estimate were true (None: it never would).
        method: the name of the process ("paired betting", "randomised likelihood ratio").
        assumptions: what has to hold, in words.
    """

    question: str
    estimate: float
    low: float
    high: float
    log_e: float
    threshold: float
    n: dict[str, int]
    have: int
    need: int | None
    method: str
    validity: Validity
    assumptions: tuple[str, ...]
    log_e_futile: float | None = None
    futile_threshold: float | None = None

    @property
    def futile(self) -> bool:
        """Whether it is shown at this look that more data will not help."""
        return (
            self.log_e_futile is not None and self.futile_threshold is not None and self.log_e_futile >= self.futile_threshold
        )

    @property
    def shown(self) -> bool:
        """Whether the claim is shown at this look."""
        return self.log_e >= self.threshold


Weighed = Evidence | NotEnough

UNKNOWN: Final = "unknown"
"""A parameter of a question's metric: what an unknown truth is taken for, "wrong" or "right" for the variant that answered. Of
a pair it is what the champion, or what the candidate said: where both said the same, no truth can part them."""

AuditName = Literal["sample_ratio", "segments", "outcome_stream", "propensity", "cohorts", "coverage", "shadows", "capture"]
HealthName = Literal["champion_errors", "champion_latency"]
"""Audits of the champion beside its own past."""


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has to hold of the data themselves before any of them may be believed, and the evidence *against* it.

    Args:
        name: what was audited.
        part: the segment, cohort or variant in which it looks worst ("country": "DE"); empty for everybody.
        found: its claim, once shown, is that the data are broken.
        expected: what the estimate would be if all were well.
        candidate: who was audited beside the champion; "" in rows of older programs, which had one.
    """

    name: AuditName | HealthName
    candidate: str = ""
    part: dict[str, str] = {}
    found: Weighed
    expected: float

    @property
    def broken(self) -> bool:
        """Whether it is shown, at this look, that the data are not what they should be."""
        return isinstance(self.found, Evidence) and self.found.shown


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How completely one variant's side of the current stage is known.

    Args:
        asked: how often it was to answer, in the stage so far.
        failed: how often it did not.
        judged: its answers that are older than the outcome's window.
        with_outcome: of these, how many have an outcome.
    """

    asked: int = 0
    failed: int = 0
    judged: int = 0
    with_outcome: int = 0

    @property
    def failure_rate(self) -> float | None:
        """Failures per question; None before the first."""
        return self.failed / self.asked if self.asked else None

    @property
    def coverage(self) -> float | None:
        """Outcomes per judged answer; None before the first."""
        return self.with_outcome / self.judged if self.judged else None
