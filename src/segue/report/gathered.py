"""What does a report hold? The shape of `report.json`: plain data, no look.

Times are stream time, UTC. Shares are 0 to 1, differences and values stand in the metric's own unit, and `unit` says how
people write them: "pp" and "%" are shares times 100, "ms" seconds times 1000, "" the number as it is. A number that nobody
knows is null, never 0.
"""

from datetime import datetime
from typing import Literal

import msgspec

from segue.facts.decision import GateRole, Outcome3, Phase

SCHEMA: int = 1
"""Grows when a field changes its meaning or goes; fields may be added without."""

Unit = Literal["pp", "%", "ms", ""]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller of the route counted, and how the run went; the record is held against it.

    Args:
        requests: sent.
        answers: answered with a 200, by the version that the answer named.
        failures: not answered with a 200, by what went wrong.
        outcomes: posted and accepted; `outcomes_refused` posted and refused.
        slowest_lag_s: how far the caller fell behind the stream at worst, real seconds.
        wall_s: real seconds of the run.
        settings: what it was started with, for people.
    """

    requests: int
    answers: dict[str, int]
    failures: dict[str, int]
    outcomes: int
    outcomes_refused: int = 0
    slowest_lag_s: float = 0.0
    wall_s: float
    began_at: datetime
    ended_at: datetime
    settings: dict[str, str] = {}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version that took part.

    Args:
        name: as people say it (`v8`); everything else in the report names versions so.
        about: what its registration says.
        answers: to callers, as the record has them; `shadows` beside them, `failures` asked for and not given.
    """

    name: str
    about: str = ""
    answers: int = 0
    shadows: int = 0
    failures: int = 0


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A key number with its words; `good` is None where a number is neither."""

    label: str
    value: str
    note: str = ""
    good: bool | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a rollout in one stage, phase and step (of a canary, from 0)."""

    stage: str
    strategy: str
    phase: Phase
    step: int
    began_at: datetime
    ended_at: datetime


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """From `at` on, which version answered which share of the units, and which was asked beside which share of requests."""

    at: datetime
    allocation: int
    stage: str
    served: dict[str, float]
    shadows: dict[str, float] = {}
    audience: str = ""
    audience_served: dict[str, float] = {}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Which share of a day's answers under one allocation each version gave, as the record has it; `at` is their mean time."""

    at: datetime
    allocation: int
    answers: int
    served: dict[str, float]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the evidence said at one kept decision; `low` and `high` are null where the interval has no such end."""

    at: datetime
    decision: int
    estimate: float
    low: float | None
    high: float | None
    log_e: float
    n: dict[str, int]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One gate in one stage: a question of its own, with evidence of its own.

    Args:
        bound, side: the claim is that the effect lies above (below) the bound.
        zero: the effect of "no difference"; null for a value against a constant.
        alpha: chance of ever showing the claim where it is false; `level` that of the interval, 1 - 2 alpha.
        threshold: of `log_e`, where the claim is shown.
        looks: at the kept decisions that had evidence.
        shown_at: when the claim was shown first, null where it never was.
        outcome, reason: of the last verdict.
    """

    stage: str
    began_at: datetime
    ended_at: datetime
    bound: float
    side: Literal["above", "below"]
    zero: float | None
    alpha: float
    level: float
    threshold: float
    looks: tuple[Look, ...]
    shown_at: datetime | None
    outcome: Outcome3
    reason: str
    method: str = ""
    validity: str = ""
    assumptions: tuple[str, ...] = ()


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A gate of the spec, through all stages that it was asked in.

    Args:
        text: the gate as a sentence.
        measured: what the numbers are ("accuracy of v8 minus champion's").
        better: the direction in which a candidate is better.
        decided: whether a move rested on it.
    """

    gate: str
    text: str
    role: GateRole
    metric: str
    measured: str
    unit: Unit
    better: Literal["above", "below"]
    decided: bool
    asked: tuple[Asked, ...]


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict as it was recorded."""

    text: str
    role: GateRole
    outcome: Outcome3
    reason: str
    unit: Unit = ""
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    log_e: float | None = None
    threshold: float | None = None
    n: dict[str, int] = {}
    method: str = ""
    validity: str = ""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that moved something, or that somebody asked for.

    Args:
        who: "segue" where the evidence moved it, else the person.
        reasons: verbatim.
        commands: what had to be done.
    """

    number: int
    id: str
    at: datetime
    kind: str
    trigger: str
    from_phase: Phase
    to_phase: Phase
    from_stage: str
    to_stage: str
    step: int
    who: str
    reasons: tuple[str, ...]
    verdicts: tuple[Judged, ...]
    commands: tuple[str, ...]


class AliasMoved(msgspec.Struct, frozen=True, kw_only=True):
    """A move in the registry."""

    at: datetime
    alias: str
    before: str
    after: str
    who: str
    why: str


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the error budget: what one gate may spend in one stage."""

    gate: str
    stage: str
    account: str
    alpha: float


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A segment: each metric of champion and candidate, with what each was counted from."""

    segment: dict[str, str]
    compared: tuple["Compared", ...]


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of both versions in one segment; `difference` is candidate minus champion, null where either is unknown.

    Args:
        enough: whether both sides have at least as many observations as the table asks for; otherwise nothing is said.
    """

    metric: str
    unit: Unit
    better: Literal["above", "below"]
    champion: float | None
    candidate: float | None
    difference: float | None
    n_champion: int
    n_candidate: int
    enough: bool


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """The segments of one attribute (or several) under one allocation, whose shares never changed.

    Args:
        least: observations on either side below which nothing is said.
        groups: largest first.
    """

    attributes: tuple[str, ...]
    allocation: int
    stage: str
    least: int
    groups: tuple[Group, ...]


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One rollout from its beginning to where the stream ended.

    Args:
        ended_at: of the rollout, or of the stream where it is not over.
        looks: decisions of any kind that were kept.
        served: answers of the candidate to callers, within the rollout; null where nobody counted.
    """

    rollout: str
    candidate: str
    champion: str
    phase: Phase
    sentence: str
    began_at: datetime
    ended_at: datetime
    attempt: int
    looks: int
    served: int | None
    spans: tuple[Span, ...]
    shares: tuple[Shares, ...]
    seen: tuple[Seen, ...]
    moved: tuple[Moved, ...]
    gates: tuple[Gate, ...]
    segments: tuple[Segments, ...]
    budget: dict[str, float]
    spent: tuple[Spent, ...]


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of one version over one week or day; `n` observations."""

    at: datetime
    value: float | None
    n: int


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A metric over time, by version."""

    metric: str
    kind: str
    unit: Unit
    better: Literal["above", "below"]
    bucket: Literal["week", "day"]
    counted: str
    versions: dict[str, tuple[Bucket, ...]]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the reconciliation: what the caller counted against what the record holds; null: that side does not know."""

    what: str
    caller: int | None
    record: int | None
    note: str = ""

    @property
    def equal(self) -> bool | None:
        """Whether both agree; None where there is nothing to compare."""
        return None if self.caller is None or self.record is None else self.caller == self.record


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Args:
        headline: a sentence a rollout; `service` what callers noticed.
        versions: in the order that they appeared.
        aliases: every move in the registry while the demo ran.
    """

    schema: int = SCHEMA
    route: str
    headline: tuple[str, ...]
    service: str
    began_at: datetime
    ended_at: datetime
    told: Told
    numbers: tuple[Number, ...]
    versions: tuple[Version, ...]
    rollouts: tuple[Story, ...]
    courses: tuple[Course, ...]
    checks: tuple[Check, ...]
    aliases: tuple[AliasMoved, ...]
    program: str
