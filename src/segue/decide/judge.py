"""Does a gate pass, fail, or is it too early to say?

Only what is shown counts. A promotion gate passes when its claim is shown and is *not yet* in every other case, also where
the data point the other way: only guardrails and time limits roll back. A guardrail fails when harm is shown, passes while
harm is ruled out, and is *not yet* in between; it needs to fail to act.
"""

import msgspec

from segue.decide.gates.texts import bound_text, evidence_text, gate_text
from segue.decide.observed import Observed
from segue.decide.questions import Asked, asked_gates
from segue.facts.decision import Outcome3, State, Verdict
from segue.facts.evidence import Evidence, NotEnough, Weighed
from segue.spec.metric import Metric
from segue.spec.rollout import Rollout


def verdicts(spec: Rollout, state: State, observed: Observed) -> tuple[Verdict, ...]:
    """One verdict for each gate of the stage and each guardrail, guardrails first."""
    return tuple(_judge(asked, asked.metric, state, observed) for asked in asked_gates(spec, state))


def crossed(state: State, judged: tuple[Verdict, ...]) -> dict[str, float]:
    """What has been shown so far: question id -> log e-value when it was largest. A claim once shown stays shown."""
    now = {
        verdict.question.id: verdict.evidence.log_e
        for verdict in judged
        if verdict.question and isinstance(verdict.evidence, Evidence) and verdict.evidence.shown
    }
    return state.crossed | {name: max(log_e, state.crossed.get(name, log_e)) for name, log_e in now.items()}


def _judge(asked: Asked, metric: Metric, state: State, observed: Observed) -> Verdict:
    question = asked.question
    weighed = observed.weighed.get(question.id)
    before = state.crossed.get(question.id)
    outcome, reason = _said(asked, metric, weighed, before)
    return Verdict(
        gate=question.gate,
        text=gate_text(asked.gate, metric, asked.candidate, asked.kind),
        role="guardrail" if asked.kind == "guardrail" else "objective",
        outcome=outcome,
        reason=reason,
        question=question,
        summary=observed.summaries.get(question.id),
        evidence=weighed,
    )


def _said(asked: Asked, metric: Metric, weighed: Weighed | None, before: float | None) -> tuple[Outcome3, str]:
    shown: Outcome3 = "fail" if asked.kind == "guardrail" else "pass"
    word = "harm is shown" if shown == "fail" else "shown"
    if isinstance(weighed, Evidence):
        numbers = evidence_text(weighed, asked.question, metric)
        if weighed.shown:
            return shown, f"{word}: {numbers}"
        if before is not None:
            return shown, f"{word} earlier (log e {before:.2f}), and once shown it stays shown; now {numbers}"
        return _not_shown(asked, metric, weighed, numbers)
    if before is not None:
        return shown, f"{word} earlier (log e {before:.2f}), and once shown it stays shown"
    if isinstance(weighed, NotEnough):
        return "not_yet", _too_few(weighed)
    return "not_yet", "not measured yet"


def _not_shown(asked: Asked, metric: Metric, evidence: Evidence, numbers: str) -> tuple[Outcome3, str]:
    claim, bound = asked.question.claim, bound_text(asked.question, metric)
    contrary = evidence.high < claim.bound if claim.side == "above" else evidence.low > claim.bound
    if asked.kind == "guardrail":
        return (
            ("pass", f"harm ({bound}) is ruled out: {numbers}")
            if contrary
            else ("not_yet", f"harm ({bound}) is not shown: {numbers}")
        )
    if contrary:
        return "not_yet", f"the data show the opposite of {bound}: {numbers}; more data will hardly pass this gate"
    need = f"about {evidence.need} judged in all, if the estimate holds" if evidence.need else "for ever, if the estimate holds"
    return "not_yet", f"{bound} is not shown: {numbers}; it takes {need}"


def _too_few(few: NotEnough) -> str:
    return f"{few.have} of at least {few.need} {few.unit}" + (f": {few.reason}" if few.reason else "")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """All verdicts of one tick, preconditions included, and the questions that they are about."""

    verdicts: tuple[Verdict, ...]
    crossed: dict[str, float]

    def of(self, role: str) -> tuple[Verdict, ...]:
        """The verdicts of one role."""
        return tuple(verdict for verdict in self.verdicts if verdict.role == role)

    @property
    def harm(self) -> tuple[Verdict, ...]:
        """The guardrails that are broken."""
        return tuple(verdict for verdict in self.of("guardrail") if verdict.outcome == "fail")

    @property
    def open(self) -> tuple[Verdict, ...]:
        """What keeps the stage from being left: every condition and gate that is not passed."""
        return tuple(verdict for verdict in self.verdicts if verdict.role != "guardrail" and verdict.outcome != "pass")
