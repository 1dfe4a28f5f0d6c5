"""What does a rollout's last decision say in numbers, for those who watch many systems at once?

Nothing is measured for it: it is what the store keeps. What is not known has no sample, so that nobody takes it for a zero.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from math import exp
from typing import Final

import msgspec

from segue.decide.walk import stage_age_s
from segue.facts.decision import Decision, State, Verdict
from segue.facts.evidence import Evidence
from segue.facts.wire.exposition import Labels, Sample

FAMILIES: Final = {
    "segue_rollout_phase": ("gauge", "1 for the phase that the rollout is in."),
    "segue_rollout_stage": ("gauge", "The place of the stage that the rollout is in, from 1."),
    "segue_rollout_stage_age_seconds": ("gauge", "Stream time spent in the stage, pauses left out."),
    "segue_decision_age_seconds": (
        "gauge",
        "Stream time since the last decision that was kept, which the gates' numbers are of.",
    ),
    "segue_measured_age_seconds": ("gauge", "Stream time since the data were measured last."),
    "segue_acts_waiting": ("gauge", "What people asked for and no tick has applied or refused yet."),
    "segue_commands_pending": ("gauge", "What was decided and is not carried out yet."),
    "segue_gate_verdict": ("gauge", "1 pass, 0 not yet, -1 fail. A guardrail fails where harm is shown."),
    "segue_gate_estimate": ("gauge", "Estimate of the gate's effect, in the metric's unit."),
    "segue_gate_low": ("gauge", "Lower end of the effect's confidence sequence."),
    "segue_gate_high": ("gauge", "Upper end of the effect's confidence sequence."),
    "segue_gate_evidence_ratio": ("gauge", "Log e-value over what it takes: at 1 the gate's claim is shown."),
    "segue_srm_p_value": ("gauge", "Always-valid p-value of the sample ratio: 1 / e, at most 1."),
    "segue_audit_alarm": ("gauge", "1 where it is shown that the data are not what they should be."),
    "segue_outcome_coverage_ratio": ("gauge", "Share of the stage's judged answers that have an outcome."),
    "segue_judged_answers": ("gauge", "Answers of the stage that are older than the outcome's window."),
}
_VALUES: Final = {"pass": 1.0, "not_yet": 0.0, "fail": -1.0}
_PLACE: Final = re.compile(r"^stages\[\d+\]\.")
_SAMPLE_RATIO: Final = "sample_ratio"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What the store keeps of a rollout.

    Args:
        last: its last decision; None before the first.
        measured_at: when its data were measured last, in stream time; None before the first time.
        asked: acts that no decision has applied.
        pending: commands that are not done.
        live: False: it is over, and nobody judges it any more.
    """

    state: State
    last: Decision | None
    measured_at: datetime | None
    asked: int
    pending: int
    live: bool


def numbers(standing: Standing, now: datetime) -> Iterator[Sample]:
    """Every sample of a rollout; of one that is over, where it has ended and what is left to be done.

    Args:
        standing: what is known.
        now: stream time.
    """
    state, last = standing.state, standing.last
    mine = (("route", state.route), ("rollout", state.rollout))
    yield "segue_rollout_phase", (*mine, ("phase", state.phase)), 1
    yield "segue_acts_waiting", mine, standing.asked
    yield "segue_commands_pending", mine, standing.pending
    if last is not None:
        yield "segue_decision_age_seconds", mine, _age_s(last.at, now)
        yield "segue_rollout_stage", (*mine, ("stage", last.to_stage)), state.stage + 1
    if not standing.live:
        return
    yield "segue_rollout_stage_age_seconds", mine, max(stage_age_s(state, now), 0.0)
    if standing.measured_at is not None:
        yield "segue_measured_age_seconds", mine, _age_s(standing.measured_at, now)
    if last is not None:
        here = (*mine, ("stage", last.from_stage))
        yield from _coverage(last, here)
        for verdict in last.verdicts:
            yield from _judged(verdict, here)


def _coverage(last: Decision, here: Labels) -> Iterator[Sample]:
    for variant, health in (last.health or {}).items():
        labels = (*here, ("variant", variant))
        yield "segue_judged_answers", labels, health.judged
        if health.coverage is not None:
            yield "segue_outcome_coverage_ratio", labels, health.coverage


def _judged(verdict: Verdict, here: Labels) -> Iterator[Sample]:
    """A gate, a condition, or an audit of the data."""
    about = (*here, ("candidate", verdict.candidate)) if verdict.candidate else here
    metric = (("metric", verdict.question.metric.name),) if verdict.question is not None else ()
    gate = (*about, ("gate", verdict.gate), ("role", verdict.role), *metric)
    yield "segue_gate_verdict", gate, _VALUES[verdict.outcome]
    found = verdict.evidence
    if not isinstance(found, Evidence):
        return
    if verdict.question is None:
        audit = _PLACE.sub("", verdict.gate)
        yield "segue_audit_alarm", (*about, ("audit", audit)), float(found.shown)
        if audit == _SAMPLE_RATIO:
            yield "segue_srm_p_value", about, exp(-max(found.log_e, 0.0))
        return
    yield "segue_gate_estimate", gate, found.estimate
    yield "segue_gate_low", gate, found.low
    yield "segue_gate_high", gate, found.high
    yield "segue_gate_evidence_ratio", gate, found.log_e / found.threshold


def _age_s(at: datetime, now: datetime) -> float:
    return max((now - at).total_seconds(), 0.0)
