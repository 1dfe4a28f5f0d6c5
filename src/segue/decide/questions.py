"""What must the data answer, so that this rollout can move?

Promotion gates ask in their own stage; guardrails ask in every stage, and in every phase in which somebody may be harmed. A
question's id is made from its content: a new stage, attempt or margin is a new question with evidence of its own.
"""

from collections.abc import Sequence
from math import ceil
from typing import Final

import msgspec

from segue.decide.allocate import model_of
from segue.decide.budget import Purse
from segue.decide.gates.claims import (
    GateKind,
    beside,
    claim,
    compares,
    guarded,
    missing_part,
    of_disagreements,
    unknowable,
    unwatched,
)
from segue.decide.gates.expectation import chance_most, end_of_looking, is_planned, prior
from segue.decide.gates.subjects import subject
from segue.decide.machine import LIVE
from segue.decide.walk import alive, destination, entered, stage_of, version_of
from segue.errors import InvariantError
from segue.facts.decision import Spending, State
from segue.facts.question import Design, Futility, MetricRef, Prior, Question, Unit
from segue.facts.wire.codec import to_json
from segue.ids import derived
from segue.spec.gate import DriftGate, FairnessGate, Gate, MetricGate, StableGate
from segue.spec.metric import AGREEMENT, Metric, kind_of, needs_outcome, observed_cap
from segue.spec.rollout import Rollout
from segue.spec.stage import Bandit, Full, Shadow, Stage

OF_AGREEMENT: Final = 0.1
"""The share of a gate's alpha that is spent on showing it without labels: costs the rest 0.1 of log(1 / alpha)."""
OF_CHANGE: Final = 0.5
"""The share of a guardrail's alpha in a watch that is spent on harm that begins late: costs the rest 0.7 of log(1 / alpha)."""
AT_REST: Final = frozenset({"pending"})


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A gate together with what it asks about one candidate.

    Args:
        metric: that the gate is about.
        planned: the stage's plan says how large a superiority is meant to be.
        instead: another question; where its claim is shown, the gate passes as well.
    """

    gate: Gate
    metric: Metric
    kind: GateKind
    candidate: str
    question: Question
    planned: bool = False
    instead: Question | None = None


def questions(spec: Rollout, state: State) -> tuple[Question, ...]:
    """Everything to be measured and weighed at this tick; nothing before the first stage and after the end."""
    return questions_of(asked_gates(spec, state))


def questions_of(asked: Sequence[Asked]) -> tuple[Question, ...]:
    """What these gates ask, each question once, and what would do instead."""
    every = (*(it.question for it in asked), *(it.instead for it in asked if it.instead is not None))
    return tuple({question.id: question for question in every}.values())


def asked_gates(spec: Rollout, state: State) -> tuple[Asked, ...]:
    """The gates of the current stage and all guardrails, each with its question for each candidate."""
    if state.phase not in LIVE or state.phase in AT_REST or state.resume_to in AT_REST:
        return ()
    stage = stage_of(spec, state)
    gates: list[tuple[Gate, GateKind]] = [(gate, "guardrail") for gate in spec.guardrails]
    gates += [(gate, "promotion") for gate in stage.promote_when]
    purse = Purse(spec, state.ledger)
    return tuple(
        _asked(Standing(spec, state, purse), gate if kind == "promotion" else guarded(gate), spent, kind=kind)
        for gate, kind in gates
        if (metric := subject(gate, spec)) is not None
        if not missing_part(gate, metric, kind) and not unknowable(gate, metric, stage, spec.outcome)
        for candidate in alive(spec, state)
        if (spent := purse.line(stage, gate, kind, candidate)) is not None
    )


def blind(spec: Rollout) -> tuple[str, ...]:
    """Guardrails that cannot see in some stage, one sentence each: there they are not watched, and people are told."""
    return tuple(
        f"{gate.path} does not watch stage {stage.name}: {reason}"
        for gate in spec.guardrails
        if (metric := subject(gate, spec)) is not None
        for stage in spec.stages
        if (reason := unwatched(gate, metric, stage, spec.outcome))
    )


def unbuilt(spec: Rollout) -> tuple[str, ...]:
    """What the spec asks for and this version cannot decide, by name; a rollout with any of it is not begun."""
    found = []
    if not spec.candidates:
        found.append("variants: no candidate")
    found += _choosing(spec)
    for stage in spec.stages:
        if isinstance(stage.strategy, Bandit):
            found.append(f"stage {stage.name}: strategy bandit")
        for gate in stage.promote_when:
            metric = subject(gate, spec)
            reason = missing_part(gate, metric, "promotion")
            if not reason and metric is not None:
                reason = unknowable(gate, metric, stage, spec.outcome)
            if reason:
                found.append(f"{gate.path}: {reason}")
    for gate in spec.guardrails:
        reason = missing_part(gate, subject(gate, spec), "guardrail")
        if reason:
            found.append(f"{gate.path}: {reason}")
    return tuple(found)


def _choosing(spec: Rollout) -> list[str]:
    """Several candidates need a stage that tells them apart before one of them is released."""
    ends = [at for at in range(len(spec.stages) + 1) if destination(spec, at) != "stage"][:1]
    if len(spec.candidates) < 2:
        return []
    before = spec.stages[ends[0] - 1] if ends[0] else None
    if before is not None and before.promote_when:
        return []
    where = f"stage {before.name}" if before else "stages"
    return [f"{where}: {len(spec.candidates)} candidates, and no gate before the release to choose one by"]


class Standing(msgspec.Struct, frozen=True):
    """Where it is asked, and who pays."""

    spec: Rollout
    state: State
    purse: Purse


def _asked(standing: Standing, gate: Gate, spent: Spending, *, kind: GateKind) -> Asked:
    spec, state, candidate = standing.spec, standing.state, spent.candidate
    stage, metric = stage_of(spec, state), subject(gate, spec)
    if metric is None:
        raise InvariantError(f"{gate.path} is about no metric")
    shown = claim(gate, metric, kind)
    question = Question(
        id="",
        gate=gate.path,
        rollout=state.rollout,
        route=state.route,
        stage=stage.name,
        metric=_reference(gate, metric) if not isinstance(gate, DriftGate) else _moved(metric, spec, state, candidate),
        design=_design(gate, stage),
        unit=_unit(spec, metric, gate, stage),
        candidate=candidate,
        champion=spec.champion if beside(gate, metric) else "",
        where=gate.where if isinstance(gate, MetricGate) else "",
        claim=shown,
        alpha=spent.alpha,
        prior=prior(gate, metric, shown, stage=stage, state=state),
        since_allocation=max(state.since_allocation, spent.since),
        chance_most=chance_most(stage, len(entered(spec, state))) if _design(gate, stage) == "randomised" else 1.0,
        apart=state.apart if kind == "promotion" else (),
        expected=f"context.{metric.expected}" if metric.expected and _design(gate, stage) == "randomised" else "",
        over=gate.over if isinstance(gate, FairnessGate) else "",
        every_s=gate.every_s if isinstance(gate, StableGate) else 0.0,
        sampled=spec.outcome.wanted if of_disagreements(gate, metric) and isinstance(stage.strategy, Shadow) else 0.0,
    )
    instead = _without_labels(gate, question) if kind == "promotion" else _since_some_hour(question, stage)
    if instead is not None:
        question = msgspec.structs.replace(question, alpha=question.alpha - instead.alpha)
    if kind == "promotion":
        # A gate that was added later has missed the beginning, and nobody knows when its own looking ends.
        end = None if spent.since > state.since_allocation else end_of_looking(question, stage, len(entered(spec, state)))
        given_up = _futility(standing, gate, question)
        question = msgspec.structs.replace(question, horizon=end, futility=given_up)
    return Asked(
        gate=gate,
        metric=metric,
        kind=kind,
        candidate=candidate,
        question=_named(question, state),
        planned=is_planned(gate, stage),
        instead=None if instead is None else _named(instead, state),
    )


def _futility(standing: Standing, gate: Gate, question: Question) -> Futility | None:
    """The effect below which nobody waits: the planned one of a superiority, the bound of any other claim."""
    stage, claim = stage_of(standing.spec, standing.state), question.claim
    spent = standing.purse.line(stage, gate, "futility", question.candidate)
    if spent is None:
        return None
    towards = question.prior.effect if is_planned(gate, stage) else claim.bound
    effect = max(claim.bound, towards) if claim.side == "above" else min(claim.bound, towards)
    return Futility(effect=effect, alpha=spent.alpha)


def _named(question: Question, state: State) -> Question:
    # Where it stands in the file says nothing about it: it is the same question when another gate is put before it.
    return msgspec.structs.replace(
        question, id=derived("q", state.attempt, to_json(msgspec.structs.replace(question, gate="")).decode())
    )


def _since_some_hour(question: Question, stage: Stage) -> Question | None:
    """What breaks a guardrail of a watch as well: harm that began in any of its hours, by half of the guardrail's alpha.

    A detector of run length T / alpha that bets anew on T hours raises a false alarm with chance at most alpha. A watch of some
    hours that begins within one touches one more; of what is longer, by a pause, the hours that come then are not bet on anew.
    """
    hours = stage.strategy.watch_s / 3600 if isinstance(stage.strategy, Full) else 0.0
    bounded = kind_of(question.metric.kind).shape == "proportion" or question.metric.cap is not None
    if hours <= 0 or not (bounded or question.design == "one_sample") or kind_of(question.metric.kind).shape == "ranking":
        return None
    alpha = question.alpha * OF_CHANGE
    return msgspec.structs.replace(question, alpha=alpha, run_length=(ceil(hours) + 1) / alpha)


def _without_labels(gate: Gate, question: Question) -> Question | None:
    """What passes the gate as well: that the answers to one request seldom differ, which bounds a difference of accuracy."""
    bounded = question.design == "paired" and question.metric.kind == "accuracy" and question.claim.factor == 1
    if not bounded or not isinstance(gate, MetricGate) or gate.test != "not_worse_than_champion_by":
        return None
    margin = abs(question.claim.bound)
    return msgspec.structs.replace(
        question,
        sampled=0.0,
        metric=MetricRef(name=AGREEMENT.name, kind=AGREEMENT.kind, cap=1.0),
        alpha=question.alpha * OF_AGREEMENT,
        prior=Prior(mean=1.0 - margin / 4, variance=margin / 4 * (1 - margin / 4), effect=question.prior.effect),
    )


def _design(gate: Gate, stage: Stage) -> Design:
    if isinstance(gate, StableGate):
        return "days"
    if isinstance(gate, FairnessGate):
        return "groups"
    if isinstance(gate, DriftGate):
        return "drift"
    if not compares(gate):
        return "one_sample"
    return "paired" if isinstance(stage.strategy, Shadow) else "randomised"


def _unit(spec: Rollout, metric: Metric, gate: Gate, stage: Stage) -> Unit:
    # A quantile and an area are of single answers: of a drawn unit, that to its first request.
    single = kind_of(metric.kind).shape in {"quantile", "ranking"}
    drawn = _design(gate, stage) == "randomised"
    return "unit" if drawn and not single and spec.unit != ("request",) else "request"


def _moved(metric: Metric, spec: Rollout, state: State, candidate: str) -> MetricRef:
    """In the bins of the candidate's profile; in a shadow it is asked whatever anybody is."""
    shadow = isinstance(stage_of(spec, state).strategy, Shadow)
    name = spec.variants[candidate].version
    profile = f"{model_of(name)}/{version_of(spec, state, candidate) or name.rpartition('/')[2]}"
    parameters = metric.parameters | {"profile": profile, "asked": "all" if shadow else "assigned"}
    return MetricRef(name=metric.name, kind=metric.kind, parameters=parameters)


def _reference(gate: Gate, metric: Metric) -> MetricRef:
    parameters = dict(metric.parameters)
    if metric.kind == "latency_quantile" and isinstance(gate, MetricGate) and not compares(gate):
        parameters["threshold_s"] = gate.margin.value
    cap = observed_cap(metric)
    return MetricRef(
        name=metric.name,
        kind=metric.kind,
        of=metric.of,
        parameters=parameters,
        cap=cap if cap is not None or not kind_of(metric.kind).bounded else 1.0,
        window_s=metric.window_s if needs_outcome(metric) else 0.0,
        missing=metric.missing,
    )
