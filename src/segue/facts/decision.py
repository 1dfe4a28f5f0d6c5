"""What was decided, on which grounds, and what has to be done about it?"""

from datetime import datetime
from typing import Literal

import msgspec

from segue.facts.evidence import Evidence, Health, NotEnough
from segue.facts.question import Question
from segue.facts.summary import Summary

Phase = Literal[
    "queued", "pending", "running", "paused", "awaiting_approval", "held", "champion_unhealthy", "watching", "promoted",
    "rolled_back", "aborted",
]  # fmt: skip
"""queued: applied while the route had another rollout, and waits until that is over. pending: applied, its versions not yet
ready. running: in a stage. paused: by a person. awaiting_approval: the gates passed, a person must say yes. held: time ran out
without evidence. champion_unhealthy: what everything is compared with is ill, and nothing moves forward. watching: promoted,
the old champion keeps a hold-back. promoted, rolled_back, aborted: over."""

Trigger = Literal[
    "ready", "ready_release", "step", "next_stage", "release", "passed", "passed_last",
    "approve", "approve_release", "approve_last",
    "promote", "promote_release", "promote_last", "promote_full", "promote_full_last",
    "pause", "resume", "resume_pending", "resume_watch", "abort", "superseded", "retry",
    "override", "undo", "begin", "amend",
    "unhealthy", "recovered", "recovered_approval", "recovered_watch", "fall_back",
    "harm", "leave", "time_out_hold", "time_out_rollback", "futile_hold", "futile_rollback", "watched", "hold",
]  # fmt: skip
"""What moves a rollout: the triggers of `decide.machine`. People ask with `pause`, `resume`, `approve`, `promote`,
`promote_full`, `abort`, `retry`, `override`, `undo` and, by applying a changed spec, `amend`; where a trigger leads to the
full stage it is a `_release`, to the very end a `_last`."""

Outcome3 = Literal["pass", "fail", "not_yet"]
GateRole = Literal["objective", "guardrail", "precondition"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's answer: pass, fail or not yet, with every number that it rests on.

    Args:
        gate: its path in the spec (`stages[0].promote_when[1]`).
        text: the gate as a sentence ("precision of v8 not worse than champion's by 0.5 pp").
        reason: why this outcome, with the numbers.
        candidate: whom it is about; "" for the whole stage.
        decides_in_s: stream seconds until the claim is shown, if the estimate holds and observations come as they did so far in
            the stage; None where that is not known, or would be never.
        overridden: a person takes it for passed, whatever the numbers say; the reason names who and why.
        warning: what should be known beside the outcome, and changes none; the reason ends with it.
        futile: it is shown that more data cannot make it pass: the effect lies beyond what was planned, on the other side.
        earlier: whether its question's claim was shown in an earlier decision of the stage, so that it stays shown; None where
            there is no question, and in decisions of versions that did not say so.
    """

    gate: str
    text: str
    role: GateRole
    outcome: Outcome3
    reason: str
    candidate: str = ""
    question: Question | None = None
    summary: Summary | None = None
    evidence: Evidence | NotEnough | None = None
    futile: bool = False
    overridden: bool = False
    decides_in_s: float | None = None
    warning: str = ""
    earlier: bool | None = None


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person asked for; applied by the next tick.

    Args:
        target: what it is about, where it is about a part: the gate of an override, the version that an undo goes back
            to, `new draw` of a retry that draws the units anew, the changed spec's text of an amendment.
    """

    id: str
    rollout: str
    trigger: Trigger
    who: str
    why: str
    at: datetime
    target: str = ""


class PublishAllocation(msgspec.Struct, frozen=True, kw_only=True, tag="publish_allocation"):
    """Give each variant its share from now on.

    Args:
        id: derived from rollout and decision, so that doing it twice is seen to be the same thing.
        shares: variant -> share of the units that are drawn; sum 1.
        shadows: variant -> share of requests that it is asked beside.
        audience: expression for the units that `audience_shares` are for, or "".
        versions: variant -> the version that it stands for from now on (`models:/churn/7`), where that is not its own name
            in the spec; during a rollout every variant is pinned, so that no alias move changes what is compared.
        follow: the route is at rest from now on and its champion follows the alias; carried out only when what is served
            under the alias is the version that the alias points at.
        rests_on_alias: these shares follow an alias move of the same decision; where the move is refused, they are dropped.
    """

    id: str
    rollout: str
    stage: str
    shares: dict[str, float]
    shadows: dict[str, float] = {}
    audience: str = ""
    audience_shares: dict[str, float] = {}
    versions: dict[str, str] = {}
    follow: bool = False
    rests_on_alias: bool = False


class MoveAlias(msgspec.Struct, frozen=True, kw_only=True, tag="move_alias"):
    """Point a registry alias at another version, if it still points where it did.

    Args:
        expected: what it points at before; "" for nothing.
        keep_previous_as: another alias, to be pointed at `expected` afterwards, or "".
        decision: id of the decision that this follows from; the evidence is there.
    """

    id: str
    rollout: str
    model: str
    alias: str
    version: str
    expected: str
    why: str
    keep_previous_as: str = ""
    decision: str = ""


class SendNotice(msgspec.Struct, frozen=True, kw_only=True, tag="send_notice"):
    """Tell somebody what was decided, at least once; a repetition has the same id.

    Args:
        event: what `notify` of the spec calls it.
        url: where to; the scheme says how.
        at: of the decision, in stream time.
        decision: its id.
    """

    id: str
    rollout: str
    route: str
    event: str
    url: str
    at: datetime
    stage: str
    phase: Phase
    reasons: tuple[str, ...]
    decision: str = ""


Command = PublishAllocation | MoveAlias | SendNotice


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision was made from, so that it can be recomputed.

    Args:
        segments: how many lake segments were read, and `last_segment` the name of the last one in order.
        code: version of the program.
        measured_at: the moment at which outcomes had to be due; what was in the lake by then is known to the store.
    """

    segments: int
    last_segment: str
    spec_digest: str
    code: str
    measured_at: datetime | None = None


Kind = Literal[
    "promote", "advance", "hold", "roll_back", "pause", "resume", "abort", "retry", "finish", "start", "leave", "override",
    "suspend", "fall_back", "amend",
]  # fmt: skip
"""What a decision is, in the words of people. suspend: the champion is unhealthy. fall_back: to the version before it."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the history: what was decided at one tick, and why.

    Args:
        number: counts the decisions of a rollout from 1.
        kind: in the words of people.
        trigger: the row of the transition table that was used; "hold" where nothing moved.
        reasons: one sentence each, strongest first; never empty.
        health: variant -> how completely the data of the stage that was decided on were known; unset where nobody had looked,
            and in rows of older programs, whose bytes stay what they were.
    """

    id: str
    rollout: str
    number: int
    at: datetime
    kind: Kind
    trigger: Trigger
    from_phase: Phase
    to_phase: Phase
    from_stage: str
    to_stage: str
    step: int
    reasons: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    commands: tuple[Command, ...]
    acts: tuple[Act, ...] = ()
    inputs: Inputs | None = None
    health: dict[str, Health] | msgspec.UnsetType = msgspec.UNSET


Account = Literal["false_promotion", "false_rollback", "futility", "reserve"]


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a rollout's ledger: what one gate may spend in one stage on one candidate.

    Args:
        gate: its path in the spec.
        text: the gate as a sentence, for people.
        alpha: the chance that it is ever wrong.
        account: what it is taken from; futility: to give up what is as good as planned; reserve: not spent, for guardrails that
            are added later.
        since: rows of earlier allocations do not count, for a gate that was added while the rollout was live; 0 for all.
        weight: of a guardrail, what it weighed beside the others when the line was drawn up; 0 for any other line, and in lines
            of older programs.
        meaning: what identifies the gate's null hypotheses, the metric's definition included: the text rounds. "" for the
            reserve, and in lines of older programs, which are known by their text.
    """

    gate: str
    text: str
    stage: str
    candidate: str
    alpha: float
    account: Account
    since: int = 0
    weight: float = 0.0
    meaning: str = ""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rollout stands; with the spec and the evidence it determines the next decision.

    Args:
        stage: index into the spec's stages; `step` into the stage's steps.
        entered_at: of the stage; `step_at` of the step; `paused_s` stream seconds that this stage has spent paused.
        decisions: how many there have been.
        attempt: grows with each retry; a new attempt's evidence begins at allocation `since_allocation`.
        champion_version, candidate_version: what the champion alias pointed at when the rollout began, and what it may become;
            of several candidates the first one's, until one of them is chosen.
        versions: candidate -> its version, pinned when the rollout began; empty in rows of older programs, which had one.
        out: candidate -> index of the stage in which it left; the others go on.
        draw: how often the units were drawn anew since the rollout was applied: 0 for its own salt.
        overridden: path of a gate or condition of this stage -> who takes it for passed, and why.
        passed: candidate -> seconds of the stage's age at which everything that the stage asks of it first held.
        baselines: metric -> (mean, variance) per observation as known when the stage was entered; for priors only.
        crossed: question id -> largest log e-value so far; a claim once shown stays shown, but where the data take it back.
        resume_to: the phase that a pause came from.
        alias_version: what the registry's alias (`after.registry_alias`) points at as far as this rollout knows; where it
            points elsewhere, somebody else has moved it. "" where it pointed at nothing.
        alias_before: what it pointed at before this rollout moved it, for the way back; "" until then.
        ledger: what each gate may spend of the error budget, as it was when the rollout was applied or amended.
        amended: the text of the spec in force, where it was changed while the rollout was live; "" for the first one.
        unhealthy_since: when the champion was found unhealthy; None while it is well.
        well_since: since when nothing is wrong with it any more, while the rollout waits whether that lasts.
        apart_from: the first allocation of the time in which the champion is unhealthy; 0 for none.
        apart: first and last allocation of each such time that is over: what was recorded in it never promotes.
    """

    rollout: str
    route: str
    spec_digest: str
    phase: Phase
    stage: int = 0
    step: int = 0
    created_at: datetime
    entered_at: datetime
    step_at: datetime
    paused_at: datetime | None = None
    paused_s: float = 0.0
    decisions: int = 0
    attempt: int = 1
    since_allocation: int = 0
    champion_version: str = ""
    candidate_version: str = ""
    baselines: dict[str, tuple[float, float]] = {}
    crossed: dict[str, float] = {}
    resume_to: Phase | None = None
    alias_version: str = ""
    alias_before: str = ""
    ledger: tuple[Spending, ...] = ()
    versions: dict[str, str] = {}
    out: dict[str, int] = {}
    passed: dict[str, float] = {}
    overridden: dict[str, str] = {}
    draw: int = 0
    amended: str = ""
    unhealthy_since: datetime | None = None
    well_since: datetime | None = None
    apart_from: int = 0
    apart: tuple[tuple[int, int], ...] = ()
