"""What happened, in a sentence a rollout? From the decisions alone."""

from datetime import datetime, timedelta

from segue.facts.decision import Decision, Verdict
from segue.facts.evidence import Evidence
from segue.facts.question import Question
from segue.report import words
from segue.report.gathered import Number, Told
from segue.report.walks import Walk


def sentence(walk: Walk, served: int | None) -> str:
    """How a rollout ended, or where it stands.

    Args:
        walk: what the store has of it.
        served: answers of the candidate to callers; None where nobody counted.
    """
    state, last = walk.state, _last_move(walk)
    if last is None:
        return f"{walk.candidate} was never started: {_why(walk.decisions[-1:])}."
    took = words.lasted(walk.ended_at - _started_at(walk))
    match state.phase, last.trigger:
        case "rolled_back", "harm":
            return _harmed(walk, last, served)
        case "rolled_back", "undo":
            return f"{walk.candidate} was promoted, and taken back after {took}: {_why((last,))}."
        case "rolled_back", _:
            return _timed_out(walk, last, f"was given up after {took}")
        case "promoted", _:
            return f"{walk.candidate} was promoted after {took}{_grounds(walk)}."
        case "aborted", _:
            return f"{walk.candidate} was stopped after {took}: {_why((last,))}."
        case "watching", _:
            return f"{walk.candidate} took over and is still watched when the stream ends, after {took}{_grounds(walk)}."
        case "held", _:
            return _timed_out(walk, last, f"was held after {took}")
        case _:
            return (
                f"The stream ended after {took} with {walk.candidate} {state.phase.replace('_', ' ')} in {last.to_stage}: "
                f"{_why(walk.decisions[-1:])}."
            )


def service(told: Told, candidates: int, *, agreed: bool) -> str:
    """What callers got, and whether the record agrees."""
    doubt = "" if agreed else " The record does not agree with what the caller counted: see the books."
    failed = sum(told.failures.values())
    asked = words.many(told.requests, "request")
    if not told.requests:
        return f"Nobody asked for anything.{doubt}"
    if not failed:
        each = "a candidate" if candidates == 1 else "candidates"
        return f"No request failed: all {asked} were answered while {each} came and went behind one unchanged address.{doubt}"
    return f"{words.counted(failed)} of {asked} {'was' if failed == 1 else 'were'} not answered.{doubt}"


def numbers(told: Told, recorded: tuple[int, int, int], decisions: tuple[int, int]) -> tuple[Number, ...]:
    """The key numbers.

    Args:
        told: what the caller counted.
        recorded: predictions, outcomes, and outcomes that found their prediction.
        decisions: kept, and of those the ones that moved something.
    """
    failed = sum(told.failures.values())
    predictions, outcomes, joined = recorded
    streamed = told.ended_at - told.began_at
    faster = streamed.total_seconds() / told.wall_s if told.wall_s > 0 else 0.0
    kinds = ", ".join(f"{words.counted(count)} {name}" for name, count in sorted(told.failures.items()))
    return (
        Number(label="requests answered", value=words.counted(sum(told.answers.values())), note=_each(told)),
        Number(label="requests failed", value=words.counted(failed), note=kinds or "for the caller", good=failed == 0),
        Number(label="predictions recorded", value=words.counted(predictions), note="answers, shadows and failures"),
        Number(label="outcomes joined", value=words.counted(joined), note=f"of {words.counted(outcomes)} received"),
        Number(label="decisions", value=words.counted(decisions[1]), note=f"of {words.counted(decisions[0])} looks kept"),
        Number(
            label="streamed",
            value=words.lasted(streamed),
            note=f"in {words.lasted(timedelta(seconds=told.wall_s))}, about {_round(faster)} times as fast",
        ),
    )


def _each(told: Told) -> str:
    return ", ".join(f"{version} {words.counted(count)}" for version, count in sorted(told.answers.items()))


def _round(number: float) -> str:
    """Two digits are enough: "20,000"."""
    return f"{float(f'{number:.2g}'):,.0f}"


def _last_move(walk: Walk) -> Decision | None:
    return next((it for it in reversed(walk.decisions) if it.trigger != "hold"), None)


def _started_at(walk: Walk) -> datetime:
    """When its versions were ready and the first stage began."""
    return next((it.at for it in walk.decisions if it.to_phase != "pending"), walk.state.created_at)


def _harmed(walk: Walk, last: Decision, served: int | None) -> str:
    broken = next((it for it in last.verdicts if it.role == "guardrail" and it.outcome == "fail"), None)
    stages = [it for it in walk.decisions if it.to_stage == last.from_stage and it.to_phase not in {"pending", "rolled_back"}]
    entered = stages[0].at if stages else walk.state.created_at
    text = f"{walk.candidate} was rolled back after {words.lasted(last.at - entered)} in {last.from_stage}"
    if served is not None:
        text += ", before any caller saw it" if served == 0 else f", when it had given {words.many(served, 'answer')}"
    return f"{text}: {_finding(walk, broken) if broken else _why((last,))}."


def _timed_out(walk: Walk, last: Decision, ended: str) -> str:
    compared = [it for it in last.verdicts if it.role == "objective" and it.outcome != "pass"]
    text = f"{walk.candidate} {ended}: the evidence that {last.from_stage} asks for never came"
    best = next((it for it in compared if isinstance(it.evidence, Evidence)), None)
    stays = f", and {walk.champion} stayed" if walk.over else ""
    return text + (f"; {_finding(walk, best)}{stays}." if best else f"{stays}.")


def _grounds(walk: Walk) -> str:
    """What the promotion rested on: who passed over the gates; else the last comparison shown, "better" before "not worse"."""
    by_hand = [decision for decision in walk.decisions if decision.trigger in {"promote_full", "promote_full_last"}]
    if by_hand:
        return f": {_why((by_hand[-1],))}"
    passed = [
        verdict
        for decision in walk.decisions
        if decision.trigger in {"next_stage", "release", "passed", "passed_last"}
        for verdict in decision.verdicts
        if verdict.role == "objective" and verdict.outcome == "pass" and isinstance(verdict.evidence, Evidence)
    ]
    if not passed:
        return ""
    best = max(enumerate(passed), key=lambda pair: (_strength(pair[1]), pair[0]))[1]
    return f": {_finding(walk, best)}"


def _strength(verdict: Verdict) -> int:
    question = verdict.question
    if question is None or not question.champion:
        return 0
    outward = question.claim.bound >= 0 if question.claim.side == "above" else question.claim.bound <= 0
    return 2 if outward else 1


def _finding(walk: Walk, verdict: Verdict) -> str:
    """A verdict's evidence as a clause: what was measured, against what, with its interval."""
    question, evidence = verdict.question, verdict.evidence
    if question is None or not isinstance(evidence, Evidence):
        return verdict.reason
    unit = words.effect_unit(question)
    said = words.interval(evidence.low, evidence.high, unit)
    ends = f"{words.percent(1 - 2 * question.alpha)} interval {said}, {evidence.validity}"
    if verdict.outcome == "pass" and verdict.role == "objective" and not evidence.shown and not verdict.overridden:
        ends += "; it had been shown before, and what is shown stays shown"
    return f"{_compared(walk, question, evidence)} ({ends})"


def _compared(walk: Walk, question: Question, evidence: Evidence) -> str:
    unit, metric = words.effect_unit(question), question.metric
    name = words.metric_name(metric.name, metric.kind)
    whom = f" where {question.where}" if question.where else ""
    if metric.kind == "latency_quantile":
        limit = words.amount(float(metric.parameters.get("threshold_s", 0.0)), "ms")
        share, most = words.amount(evidence.estimate, unit), words.amount(question.claim.bound, unit)
        return f"{share} of its answers{whom} took longer than {limit}, where {most} may"
    if question.design == "one_sample":
        bound = words.amount(question.claim.bound, unit)
        return f"its {name}{whom} was {words.amount(evidence.estimate, unit)}, against a limit of {bound}"
    size = words.amount(abs(evidence.estimate), unit)
    if question.claim.factor != 1:
        times = f"{question.claim.factor:.4g} times {walk.champion}'s"
        return f"its {name}{whom} was {words.signed(evidence.estimate, unit)} off {times}"
    up = walk.spec.metrics[metric.name].goal == "increase"
    direction = "better" if (evidence.estimate > 0) == up else "worse"
    return f"its {name}{whom} was {size} {direction} than {walk.champion}'s"


def _why(decisions: tuple[Decision, ...]) -> str:
    return decisions[-1].reasons[0] if decisions else "no decision was kept"
