"""Does a gate pass, fail, or is it too early to say?

Only what is shown counts. A promotion gate passes when its claim is shown and is *not yet* in every other case, also where
the data point the other way: only guardrails and limits roll back. What was shown stays shown while numbers come and go, as
Ville's inequality allows; but truths are corrected and withdrawn, and a gate does not pass by data that are not there any more,
or whose estimate lies on the other side of its bound. It is *futile* besides when the same process, turned round,
has shown with an alpha of its own that the effect is not as large as it has to be (of a planned superiority: as was planned):
then the stage ends as its `at_most` says. A guardrail fails when harm is shown, passes while
harm is ruled out, and is *not yet* in between; it needs to fail to act.
"""

from collections.abc import Iterable

import msgspec

from segue.decide.gates.texts import bound_text, effect_text, evidence_text, gate_text
from segue.decide.observed import Observed
from segue.decide.questions import Asked
from segue.decide.walk import span
from segue.facts.decision import Outcome3, State, Verdict
from segue.facts.evidence import Evidence, NotEnough, Weighed
from segue.facts.question import Question
from segue.spec.gate import Alternatives


def verdicts(asked: Iterable[Asked], state: State, observed: Observed) -> tuple[Verdict, ...]:
    """One verdict for each gate of the stage and each guardrail, in the order in which they are asked: guardrails first."""
    return tuple(_judge(it, state, observed) for it in asked)


def crossed(state: State, judged: tuple[Verdict, ...]) -> dict[str, float]:
    """What has been shown so far: question id -> log e-value when it was largest."""
    now = {
        verdict.question.id: verdict.evidence.log_e
        for verdict in judged
        if verdict.question and isinstance(verdict.evidence, Evidence) and verdict.evidence.shown
    }
    return state.crossed | {name: max(log_e, state.crossed.get(name, log_e)) for name, log_e in now.items()}


def taken_back(weighed: Weighed | None, question: Question) -> bool:
    """Whether data no longer bear what they have shown: they are gone, or their estimate lies on the bound's other side."""
    if isinstance(weighed, Evidence):
        claim = question.claim
        return weighed.estimate <= claim.bound if claim.side == "above" else weighed.estimate >= claim.bound
    return weighed is not None


def overridden(state: State, verdict: Verdict) -> Verdict:
    """The verdict, passed where a person said so; never that of a guardrail."""
    said = state.overridden.get(verdict.gate, "")
    if not said or verdict.role == "guardrail" or verdict.outcome == "pass":
        return verdict
    reason = f"overridden by {said}; it said: {verdict.reason}"
    return msgspec.structs.replace(verdict, outcome="pass", reason=reason, overridden=True, futile=False)


def timed(verdict: Verdict, age_s: float) -> Verdict:
    """The verdict of a gate that is open, with the time until it is shown at the rate of the stage so far."""
    found = verdict.evidence
    if verdict.role != "objective" or verdict.outcome != "not_yet" or not isinstance(found, Evidence) or verdict.futile:
        return verdict
    if found.need is None or found.have <= 0 or age_s <= 0:
        return verdict
    rest_s = age_s * max(found.need - found.have, 0) / found.have
    reason = f"{verdict.reason}, about {span(rest_s)} more at the rate so far"
    return msgspec.structs.replace(verdict, reason=reason, decides_in_s=rest_s)


def _judge(asked: Asked, state: State, observed: Observed) -> Verdict:
    verdict, decisive = _of(asked, asked.question, state, observed), "fail" if asked.kind == "guardrail" else "pass"
    if asked.instead is None or verdict.outcome == decisive:
        return verdict
    instead = _of(asked, asked.instead, state, observed)
    if instead.outcome != decisive:
        return verdict
    how = "since some hour" if asked.instead.run_length else "without a label, by how seldom the answers differ"
    return msgspec.structs.replace(instead, reason=f"{how}, {instead.reason}")


def _of(asked: Asked, question: Question, state: State, observed: Observed) -> Verdict:
    metric = asked.metric
    weighed = observed.weighed.get(question.id)
    before = state.crossed.get(question.id)
    outcome, reason = _said(asked, question, weighed, before)
    warned = observed.warnings.get(question.id, "")
    return Verdict(
        gate=question.gate,
        text=gate_text(asked.gate, metric, asked.candidate, asked.kind),
        role="guardrail" if asked.kind == "guardrail" else "objective",
        outcome=outcome,
        reason=f"{reason}; {warned}" if warned else reason,
        candidate=asked.candidate,
        question=question,
        summary=observed.summaries.get(question.id),
        evidence=weighed,
        warning=warned,
        earlier=before is not None,
        futile=asked.kind == "promotion" and outcome == "not_yet" and isinstance(weighed, Evidence) and weighed.futile,
    )


def _said(asked: Asked, question: Question, weighed: Weighed | None, before: float | None) -> tuple[Outcome3, str]:
    shown: Outcome3 = "fail" if asked.kind == "guardrail" else "pass"
    word = "harm is shown" if shown == "fail" else "shown"
    if before is not None and asked.kind == "promotion" and taken_back(weighed, question):
        before, earlier = None, f"shown earlier (log e {before:z.2f}), and taken back by the data since; "
    else:
        earlier = ""
    if isinstance(weighed, Evidence):
        numbers = evidence_text(weighed, question, asked.metric)
        if weighed.shown:
            return shown, f"{word}: {numbers}"
        if before is not None:
            return shown, f"{word} earlier (log e {before:z.2f}), and once shown it stays shown; now {numbers}"
        outcome, reason = _not_shown(asked, question, weighed, numbers)
        return outcome, earlier + reason
    if before is not None:
        return shown, f"{word} earlier (log e {before:z.2f}), and once shown it stays shown"
    if isinstance(weighed, NotEnough):
        return "not_yet", earlier + _too_few(weighed)
    return "not_yet", "not measured yet"


def _not_shown(asked: Asked, question: Question, evidence: Evidence, numbers: str) -> tuple[Outcome3, str]:
    claim, bound = question.claim, bound_text(question, asked.metric)
    contrary = evidence.high < claim.bound if claim.side == "above" else evidence.low > claim.bound
    if asked.kind == "guardrail":
        return (
            ("pass", f"harm ({bound}) is ruled out: {numbers}")
            if contrary
            else ("not_yet", f"harm ({bound}) is not shown: {numbers}")
        )
    if contrary or evidence.futile:
        wanted = question.futility.effect if question.futility else claim.bound
        missed = f"the planned {effect_text(question, asked.metric, wanted)} cannot be reached"
        what = f"the data show the opposite of {bound}" if contrary else missed if asked.planned else f"{bound} is out of reach"
        return "not_yet", f"{what}: {numbers}{_given_up(evidence)}"
    need = (
        f"about {evidence.need:,} judged in all, if the estimate holds" if evidence.need else "for ever, if the estimate holds"
    )
    return "not_yet", f"{bound} is not shown: {numbers}; it takes {need}"


def _given_up(evidence: Evidence) -> str:
    if not evidence.futile or evidence.log_e_futile is None or evidence.futile_threshold is None:
        return ""
    strength = f"log e {evidence.log_e_futile:z.2f} of {evidence.futile_threshold:.2f} against waiting"
    return f"; it cannot be passed any more ({strength})"


def _too_few(few: NotEnough) -> str:
    return f"{few.have:,} of at least {few.need:,} {few.unit}" + (f": {few.reason}" if few.reason else "")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """All verdicts of one tick, preconditions included, the questions that they are about, and which gates are alternatives."""

    verdicts: tuple[Verdict, ...]
    crossed: dict[str, float]
    any_of: tuple[Alternatives, ...] = ()

    def of(self, role: str, candidate: str = "") -> tuple[Verdict, ...]:
        """The verdicts of one role; of one candidate, with those that are about everybody, where one is named."""
        mine = {"", candidate}
        return tuple(it for it in self.verdicts if it.role == role and (not candidate or it.candidate in mine))

    @property
    def harm(self) -> tuple[Verdict, ...]:
        """The guardrails that are broken."""
        return tuple(verdict for verdict in self.of("guardrail") if verdict.outcome == "fail")

    def futile(self, candidate: str) -> tuple[Verdict, ...]:
        """A candidate's gates that cannot pass any more, where all else of the stage is in order and they can be believed."""
        if any(verdict.outcome != "pass" for verdict in self.of("precondition", candidate)):
            return ()
        lost = tuple(verdict for verdict in self.of("objective", candidate) if verdict.futile)
        return tuple(verdict for verdict in lost if not self._spared(verdict, {it.gate for it in lost}))

    def still_open(self, candidate: str = "") -> tuple[Verdict, ...]:
        """What keeps the stage from being left (by one candidate): every condition and gate that is not passed."""
        mine = {"", candidate}
        return tuple(
            verdict
            for verdict in self.verdicts
            if verdict.role != "guardrail" and verdict.outcome != "pass" and (not candidate or verdict.candidate in mine)
            if not self._settled(verdict)
        )

    def _settled(self, verdict: Verdict) -> bool:
        """Whether another alternative of the same candidate has passed whole, so that nothing of this one is waited for."""
        mine = [it for it in self.verdicts if it.candidate == verdict.candidate]
        passed = {it.gate for it in mine if it.outcome == "pass"}
        held = {it.gate.rpartition(".")[0] for it in mine if it.role == "precondition" and it.outcome != "pass"}
        return any(passed.issuperset(alternative) and held.isdisjoint(alternative) for alternative in self._beside(verdict))

    def _spared(self, verdict: Verdict, lost: set[str]) -> bool:
        """Whether some alternative to a gate that cannot pass can pass still."""
        return any(lost.isdisjoint(alternative) for alternative in self._beside(verdict))

    def _beside(self, verdict: Verdict) -> Alternatives:
        """The alternatives of the group in which a gate stands, or the gate that a condition is about."""
        gates = {verdict.gate, verdict.gate.rpartition(".")[0]}
        groups = (group for group in self.any_of if any(not gates.isdisjoint(alternative) for alternative in group))
        return next(groups, ()) if verdict.role != "guardrail" else ()
