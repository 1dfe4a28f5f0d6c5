"""Would a gate still pass if the answers that only the candidate failed to give had been wrong?

Whoever fails on the hard requests looks good on the rest: quality is judged on what was answered. A variant that fails on a
share e more of its requests than the champion can look better by at most e, in a mean of values in [0, 1]. So the interval of
a gate that is shown has to lie e beyond its bound. Source: Horowitz & Manski 2000 (J. Am. Stat. Assoc. 95), worst-case bounds.
"""

from collections.abc import Iterable, Iterator, Sequence

from segue.decide.gates.texts import difference
from segue.decide.observed import Observed
from segue.decide.questions import Asked
from segue.facts.decision import Verdict
from segue.facts.evidence import Evidence, Health
from segue.facts.question import Question
from segue.spec.metric import kind_of

_OF_ONE_ANSWER = frozenset({"proportion", "mean"})
_DESIGNS = frozenset({"one_sample", "paired", "randomised"})


def unanswered(asked: Sequence[Asked], found: Iterable[Verdict], observed: Observed, champion: str) -> Iterator[Verdict]:
    """One verdict for each promotion gate on the quality of answers, where the candidate fails more often than the champion."""
    gates = {(it.candidate, it.gate): it for it in found if it.role == "objective"}
    for it in asked:
        excess = _excess(it, observed, champion)
        verdict = gates.get((it.candidate, it.question.gate))
        if excess > 0 and verdict is not None and verdict.question is not None:
            yield _held(it, verdict, verdict.question, excess)


def _excess(asked: Asked, observed: Observed, champion: str) -> float:
    kind = kind_of(asked.question.metric.kind)
    judged_by_answers = kind.needs != "nothing" and kind.bounded and kind.shape in _OF_ONE_ANSWER
    if asked.kind != "promotion" or not judged_by_answers or asked.question.design not in _DESIGNS:
        return 0.0
    mine, theirs = (observed.health.get(name, Health()).failure_rate for name in (asked.candidate, champion))
    return 0.0 if mine is None or theirs is None else mine - theirs


def _held(asked: Asked, verdict: Verdict, question: Question, excess: float) -> Verdict:
    claim, evidence = question.claim, verdict.evidence
    room = 0.0
    if isinstance(evidence, Evidence):
        room = evidence.low - claim.bound if claim.side == "above" else claim.bound - evidence.high
    metric, more = asked.metric, f"it fails on {100 * excess:.3g} pp more of its requests"
    text = f"{metric.name} of {asked.candidate} would pass too, had the answers been wrong that only it failed to give"
    shown = verdict.outcome == "pass"
    beyond = f"its interval lies {difference(metric, room)} beyond the bound" if shown else "nothing is shown yet"
    return Verdict(
        gate=f"{question.gate}.unanswered",
        text=text,
        role="precondition",
        outcome="not_yet" if shown and room < excess else "pass",
        reason=f"{more}, and {beyond}",
        candidate=asked.candidate,
    )
