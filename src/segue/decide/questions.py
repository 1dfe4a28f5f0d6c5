"""What must the data answer, so that this rollout can move?

Promotion gates ask in their own stage; guardrails ask in every stage, and in every phase in which somebody may be harmed. A
question's id is made from its content: a new stage, attempt or margin is a new question with evidence of its own.
"""

from typing import Final

import msgspec

from segue.decide.budget import guardrail_alpha, promotion_alpha
from segue.decide.gates.claims import COMPARISONS, GateKind, claim, guarded, missing_part, unknowable
from segue.decide.gates.expectation import prior
from segue.decide.machine import LIVE
from segue.decide.walk import stage_of
from segue.facts.decision import State
from segue.facts.question import Design, MetricRef, Question, Unit
from segue.facts.wire.codec import to_json
from segue.ids import derived
from segue.spec.gate import Gate, MetricGate
from segue.spec.metric import KINDS, Metric, needs_outcome
from segue.spec.rollout import Rollout
from segue.spec.stage import Bandit, Shadow, Stage

AT_REST: Final = frozenset({"pending"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A gate together with what it asks about one candidate."""

    gate: MetricGate
    kind: GateKind
    candidate: str
    question: Question


def questions(spec: Rollout, state: State) -> tuple[Question, ...]:
    """Everything to be measured and weighed at this tick; nothing before the first stage and after the end."""
    return tuple(asked.question for asked in asked_gates(spec, state))


def asked_gates(spec: Rollout, state: State) -> tuple[Asked, ...]:
    """The gates of the current stage and all guardrails, each with its question for each candidate."""
    if state.phase not in LIVE or state.phase in AT_REST or state.resume_to in AT_REST:
        return ()
    stage = stage_of(spec, state)
    gates: list[tuple[Gate, GateKind]] = [(gate, "guardrail") for gate in spec.guardrails]
    gates += [(gate, "promotion") for gate in stage.promote_when]
    return tuple(
        _asked(spec, state, gate if kind == "promotion" else guarded(gate), kind=kind, candidate=candidate)
        for gate, kind in gates
        if isinstance(gate, MetricGate) and not missing_part(gate, spec.metrics[gate.metric], kind)
        if not unknowable(gate, spec.metrics[gate.metric], stage)
        for candidate in spec.candidates
    )


def blind(spec: Rollout) -> tuple[str, ...]:
    """Guardrails that cannot see in some stage, one sentence each: there they are not watched, and people are told."""
    return tuple(
        f"{gate.path} does not watch stage {stage.name}: {reason}"
        for gate in spec.guardrails
        if isinstance(gate, MetricGate)
        for stage in spec.stages
        if (reason := unknowable(gate, spec.metrics[gate.metric], stage))
    )


def unbuilt(spec: Rollout) -> tuple[str, ...]:
    """What the spec asks for and this version cannot decide, by name; a rollout with any of it is not begun."""
    found = []
    if len(spec.candidates) != 1:
        found.append(f"variants: {len(spec.candidates)} candidates; this version moves exactly one")
    for stage in spec.stages:
        if isinstance(stage.strategy, Bandit):
            found.append(f"stage {stage.name}: strategy bandit")
        for gate in stage.promote_when:
            metric = spec.metrics[gate.metric] if isinstance(gate, MetricGate) else None
            reason = missing_part(gate, metric, "promotion")
            if not reason and isinstance(gate, MetricGate) and metric is not None:
                reason = unknowable(gate, metric, stage)
            if reason:
                found.append(f"{gate.path}: {reason}")
    for gate in spec.guardrails:
        reason = missing_part(gate, spec.metrics[gate.metric] if isinstance(gate, MetricGate) else None, "guardrail")
        if reason:
            found.append(f"{gate.path}: {reason}")
    return tuple(found)


def _asked(spec: Rollout, state: State, gate: Gate, *, kind: GateKind, candidate: str) -> Asked:
    assert isinstance(gate, MetricGate)  # noqa: S101 - asked_gates filters; mypy cannot follow it through `guarded`
    stage, metric = stage_of(spec, state), spec.metrics[gate.metric]
    shown = claim(gate, metric, kind)
    question = Question(
        id="",
        gate=gate.path,
        rollout=state.rollout,
        route=state.route,
        stage=stage.name,
        metric=_reference(gate, metric),
        design=_design(gate, stage),
        unit=_unit(spec, gate, stage),
        candidate=candidate,
        champion=spec.champion if gate.test in COMPARISONS or metric.kind == "agreement" else "",
        where=gate.where,
        claim=shown,
        alpha=promotion_alpha(spec) if kind == "promotion" else guardrail_alpha(spec),
        prior=prior(gate, metric, shown, stage=stage, state=state),
        since_allocation=state.since_allocation,
    )
    content = to_json(question).decode()
    named = msgspec.structs.replace(question, id=derived("q", state.attempt, content))
    return Asked(gate=gate, kind=kind, candidate=candidate, question=named)


def _design(gate: MetricGate, stage: Stage) -> Design:
    if gate.test not in COMPARISONS:
        return "one_sample"
    return "paired" if isinstance(stage.strategy, Shadow) else "randomised"


def _unit(spec: Rollout, gate: MetricGate, stage: Stage) -> Unit:
    drawn = _design(gate, stage) == "randomised"
    return "unit" if drawn and spec.unit != ("request",) else "request"


def _reference(gate: MetricGate, metric: Metric) -> MetricRef:
    parameters = dict(metric.parameters)
    if metric.kind == "latency_quantile":
        parameters["threshold_s"] = gate.margin.value
    return MetricRef(
        name=metric.name,
        kind=metric.kind,
        of=metric.of,
        parameters=parameters,
        cap=metric.cap if metric.cap is not None or not KINDS[metric.kind].bounded else 1.0,
        window_s=metric.window_s if needs_outcome(metric) else 0.0,
        missing=metric.missing,
    )
