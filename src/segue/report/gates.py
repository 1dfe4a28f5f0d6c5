"""How did the evidence of each gate grow, look by look?"""

from collections.abc import Sequence
from typing import Literal, cast

import msgspec

from segue.facts.decision import Decision, Verdict
from segue.facts.evidence import Evidence
from segue.facts.question import Question
from segue.report import words
from segue.report.gathered import Asked, Gate, Look
from segue.report.walks import Walk, by_version, finite


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict at one kept decision."""

    decision: Decision
    verdict: Verdict
    question: Question


def gates(walk: Walk) -> tuple[Gate, ...]:
    """Every gate with a question, those first that a move rested on; a gate's stages stand in their order."""
    by_gate: dict[tuple[str, str], list[Looked]] = {}
    for decision in walk.decisions:
        for verdict in decision.verdicts:
            if verdict.question is not None and verdict.role != "precondition":
                looked = Looked(decision=decision, verdict=verdict, question=verdict.question)
                by_gate.setdefault((verdict.gate, verdict.text), []).append(looked)
    found = [_gate(walk, looks) for looks in by_gate.values()]
    found.sort(key=lambda gate: (not gate.decided, gate.role != "objective"))
    return tuple(found)


def _gate(walk: Walk, looks: Sequence[Looked]) -> Gate:
    first = looks[0]
    by_question: dict[str, list[Looked]] = {}
    for look in looks:
        by_question.setdefault(look.question.id, []).append(look)
    return Gate(
        gate=first.verdict.gate,
        text=first.verdict.text,
        role=first.verdict.role,
        metric=first.question.metric.name,
        measured=words.measured(first.question, walk.candidate, walk.champion),
        unit=words.effect_unit(first.question),
        better=_better(walk, first.question),
        decided=any(_moved_by(look) for look in looks),
        asked=tuple(_asked(walk, parts) for parts in by_question.values()),
    )


def _better(walk: Walk, question: Question) -> Literal["above", "below"]:
    if question.metric.kind == "latency_quantile":
        return "below"  # a share of slow answers
    return cast("Literal['above', 'below']", words.better_side(walk.spec.metrics[question.metric.name]))


def _moved_by(look: Looked) -> bool:
    """Whether the decision rested on this verdict: harm that was shown, or a gate that was passed on the way forward."""
    trigger, verdict = look.decision.trigger, look.verdict
    if trigger == "harm":
        return verdict.role == "guardrail" and verdict.outcome == "fail"
    forward = trigger in {"next_stage", "release", "passed", "passed_last"}
    return forward and verdict.role == "objective" and verdict.outcome == "pass"


def _asked(walk: Walk, looks: Sequence[Looked]) -> Asked:
    first, last, question = looks[0], looks[-1], looks[0].question
    evidence = [(look, look.verdict.evidence) for look in looks if isinstance(look.verdict.evidence, Evidence)]
    newest = evidence[-1][1] if evidence else None
    wanted = "fail" if last.verdict.role == "guardrail" else "pass"
    shown = next(
        (it.decision.at for it, said in evidence if it.verdict.outcome == wanted and said.log_e >= said.threshold), None
    )
    plain = Asked(
        stage=question.stage,
        began_at=first.decision.at,
        ended_at=last.decision.at,
        bound=question.claim.bound,
        side=question.claim.side,
        zero=0.0 if question.champion and question.metric.kind != "agreement" else None,
        alpha=question.alpha,
        level=1 - 2 * question.alpha,
        threshold=newest.threshold if newest else 0.0,
        looks=tuple(_look(walk, it.decision, said) for it, said in evidence),
        shown_at=shown,
        outcome=last.verdict.outcome,
        reason=last.verdict.reason,
    )
    if newest is None:
        return plain
    return msgspec.structs.replace(plain, method=newest.method, validity=newest.validity, assumptions=newest.assumptions)


def _look(walk: Walk, decision: Decision, evidence: Evidence) -> Look:
    return Look(
        at=decision.at,
        decision=decision.number,
        estimate=evidence.estimate,
        low=finite(evidence.low),
        high=finite(evidence.high),
        log_e=evidence.log_e,
        n=by_version(walk, evidence.n),
    )
