"""Does the lake still say what a decision said that it did?

Every question of the decision is measured again: over the very segments that were known to the measurement that it rests on,
judged at the same moment, under the allocations that were in force by then. Its summaries are added up in the same parts and
weighed by the same pure function. So where the lake is as it was, whatever is counted is the same to the bit; sums of
logarithms within an hour are added by the engine in an order of its own, and may differ in the last digit.

What claims that share an error budget show together (`decide.gates.together`) is then asked of these numbers, as it was then.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import isfinite
from typing import Final

import msgspec

from segue.decide.gates.together import guessed, is_joint, joint
from segue.decide.judge import taken_back
from segue.errors import Refused
from segue.facts.decision import Decision, Outcome3, Verdict
from segue.facts.drift.bins import Bins
from segue.facts.evidence import Evidence, Weighed
from segue.facts.question import Question
from segue.facts.summary import Summary
from segue.measure.measurement.plan import Measurement
from segue.measure.measurement.steps import Files, Keep
from segue.monitor.carrying import Means, carried_through
from segue.monitor.drifting import Profiles
from segue.monitor.kept import Course
from segue.monitor.measuring import weighed_all
from segue.monitor.outside import Outside
from segue.ports.lake import Lake, Segment
from segue.ports.store import Loaded
from segue.spec.load import load
from segue.spec.rollout import Rollout

ROUNDING: Final = 1e-9
"""More than the last digits of a sum can move any number of the evidence, less than anybody would notice."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict, then and now.

    Args:
        then, now: the summaries and the evidence.
        together_then, together_now: whether the gate passed only by what it shows together with others of its error budget.
        outcome_now: what the numbers of now come to; as it was, where a person passed the gate, and in a decision that does not
            say what earlier ones had shown.
        difference: the largest difference of a number of the evidence, relative to the larger or to the width of its interval;
            0 where all is the same to the bit, None where one of the two is no evidence, or speaks of other rows.
    """

    gate: str
    text: str
    outcome: str
    summary_then: Summary | None
    summary_now: Summary | None
    then: Weighed | None
    now: Weighed
    difference: float | None
    together_then: bool = False
    together_now: bool = False
    outcome_now: str = ""

    @property
    def same(self) -> bool:
        """Whether the decision still stands on this: the same rows, the same numbers up to rounding, and the same outcome."""
        near = self.difference is not None and self.difference <= ROUNDING
        return near and (self.together_then, self.outcome) == (self.together_now, self.outcome_now)


def replay(outside: Outside, loaded: Loaded, decision: Decision) -> tuple[Replayed, ...]:
    """Every verdict of a decision that rests on data, measured and weighed again; nothing is written.

    Args:
        outside: lake and engine, and the store to read from.
        loaded: the decision's rollout.
        decision: one of its decisions.

    Raises:
        Refused: the decision does not say what it was made from, or some of that is not in the lake any more.
    """
    asked = _asked(decision)
    if not asked:
        return ()
    questions = tuple(verdict.question for verdict in asked.values() if verdict.question is not None)
    spec = _spec(outside, loaded, decision)
    hours = _measured(outside, loaded, decision, (spec, questions))
    merged = {name: total for name, course in _courses(hours).items() if (total := course.total()) is not None}
    drifting = {it.question.id: it for it in Profiles(outside.profiles).drifting(questions)}
    merged |= {
        name: drifting[name].beside_training(it) for name, it in merged.items() if isinstance(it, Bins) and name in drifting
    }
    by_hour = {question.id: hours.get(question.id, {}) for question in questions if question.run_length}
    weighed, _ = weighed_all(questions, merged, by_hour)
    found = [_compared(verdict, merged.get(name), weighed[name]) for name, verdict in asked.items()]
    return _together(spec, decision, weighed, found)


def told(decision: Decision, again: Sequence[Replayed]) -> str:
    """A line a verdict: the same to the bit, or what differs."""
    if not again:
        return f"decision {decision.number} of {decision.rollout} rests on no data"
    head = f"Decision {decision.number} of {decision.rollout}, {decision.at:%Y-%m-%d %H:%M:%S} UTC, measured and weighed again:"
    return "\n".join([head, *(f"  {it.outcome.replace('_', ' '):<8} {it.text}: {_said(it)}" for it in again)])


def _said(it: Replayed) -> str:
    if it.difference is None:
        return f"DIFFERS: was {it.then}, is {it.now}"
    if it.difference > ROUNDING:
        return f"DIFFERS by {it.difference:.2g} at most"
    if it.together_then != it.together_now:
        shown = "is shown" if it.together_now else "is not shown"
        return f"DIFFERS: together with what shares its error budget it {shown} by these numbers"
    if it.outcome_now != it.outcome:
        return f"DIFFERS: by these numbers it is {it.outcome_now.replace('_', ' ')}"
    said = "the same to the bit" if it.difference == 0 else f"the same up to rounding ({it.difference:.1g})"
    return f"{said}, and shown together with what shares its error budget" if it.together_then else said


def _spec(outside: Outside, loaded: Loaded, decision: Decision) -> Rollout:
    """The spec that was in force when it was decided: the rollout may have been amended since."""
    digest = decision.inputs.spec_digest if decision.inputs else ""
    spec = load(loaded.source)
    if spec.digest == digest or not loaded.state.amended:
        return spec
    acts = (act for it in outside.rollouts.decisions(loaded.state.rollout) for act in it.acts if act.trigger == "amend")
    texts = (loaded.spec_source, *(act.target for act in acts))
    return next((found for text in texts if (found := load(text)).digest == digest), spec)


def _together(
    spec: Rollout, decision: Decision, weighed: Mapping[str, Weighed], found: Sequence[Replayed]
) -> tuple[Replayed, ...]:
    """The same, with the outcomes that the numbers of now come to, alone and together."""
    stage = next((it for it in spec.stages if it.name == decision.from_stage), None)
    if stage is None:
        return tuple(msgspec.structs.replace(it, outcome_now=it.outcome) for it in found)
    then = _asked(decision)
    now = {name: msgspec.structs.replace(it, evidence=weighed[name]) for name, it in then.items()}
    alone = tuple(msgspec.structs.replace(it, outcome=_alone(it, now.values()), reason="") for it in now.values())
    together = joint(spec, stage, alone)
    return tuple(
        msgspec.structs.replace(
            it,
            together_then=is_joint(was),
            together_now=is_joint(is_now),
            outcome_now=it.outcome if was.overridden or was.earlier is None else is_now.outcome,
        )
        for it, was, is_now in zip(found, then.values(), together, strict=True)
    )


def _alone(verdict: Verdict, others: Iterable[Verdict]) -> Outcome3:
    """What a verdict comes to by its own numbers, and by what earlier decisions had shown."""
    if verdict.role == "guardrail":
        return "fail" if _shown(verdict) else "not_yet" if verdict.outcome == "fail" else verdict.outcome
    if verdict.role == "objective":
        back = verdict.question is not None and taken_back(verdict.evidence, verdict.question)
        return "pass" if _shown(verdict) and not back else "not_yet"
    gate = next((it for it in others if (it.candidate, it.gate) == (verdict.candidate, guessed(verdict))), None)
    # Where seldom different answers have passed the gate, its own question is not shown, and there is nothing to hold.
    held = gate is not None and _kind(gate) == _kind(verdict) and _shown(gate) and not _shown(verdict)
    return "not_yet" if held else "pass"


def _shown(verdict: Verdict) -> bool:
    """Whether a claim is shown, or was in an earlier decision; where that is not said, the outcome says it."""
    if isinstance(verdict.evidence, Evidence) and verdict.evidence.shown:
        return True
    decisive = "fail" if verdict.role == "guardrail" else "pass"
    by_its_word = verdict.outcome == decisive and not verdict.overridden and not is_joint(verdict)
    return by_its_word if verdict.earlier is None else verdict.earlier


def _kind(verdict: Verdict) -> str:
    return verdict.question.metric.kind if verdict.question else ""


def _asked(decision: Decision) -> dict[str, Verdict]:
    return {verdict.question.id: verdict for verdict in decision.verdicts if verdict.question is not None}


def _measured(
    outside: Outside, loaded: Loaded, decision: Decision, asked: tuple[Rollout, tuple[Question, ...]]
) -> dict[str, dict[int, Summary]]:
    """Each question's summaries by hour, from what was known then."""
    state, made, (spec, questions) = loaded.state, decision.inputs, asked
    if made is None or made.measured_at is None:
        raise Refused("the decision does not say when its data were measured", hint="it was made by an earlier version")
    known = outside.summaries.seen(state.rollout, by=made.measured_at)
    lake = {kind: _known(outside.lake, outside.lake.segments(kind, state.route), known) for kind in ("predictions", "outcomes")}
    gone = known - {key for found in lake.values() for _, keys in found for key in keys}
    if gone:
        raise Refused(
            f"{len(gone)} of the {len(known)} segments that it rests on are not in the lake any more",
            hint="parts of a pack can be told apart until they are swept: `segue lake compact --keep-days`",
            decision=decision.id,
        )
    files = {kind: [segment for segment, _ in found] for kind, found in lake.items()}
    allocations = outside.allocations.allocations(state.route, rollout=state.rollout)
    measurement = Measurement(
        spec=spec,
        rollout=state.rollout,
        began_at=state.created_at,
        questions=questions,
        allocations=tuple(it for it in allocations if it.published_at <= made.measured_at),
        drifting=Profiles(outside.profiles).drifting(questions),
    )
    found: defaultdict[str, dict[int, Summary]] = defaultdict(dict)

    def keep(counted: Keep) -> None:
        for answer in counted.answers:
            found[answer.question][answer.hour] = answer.summary

    read = Files(predictions=files["predictions"], outcomes=files["outcomes"], seen=frozenset())
    steps = measurement.steps(read, now=made.measured_at, judged_until=None, rows_at_once=outside.engine.rows_at_once)
    carried_through(steps, Means(outside.lake, outside.engine, keep))
    return dict(found)


def _known(lake: Lake, segments: Sequence[Segment], known: AbstractSet[str]) -> list[tuple[Segment, tuple[str, ...]]]:
    """The files that hold what was known and nothing else, and which of the known segments each one is."""
    found: list[tuple[Segment, tuple[str, ...]]] = []
    for segment in segments:
        parts = lake.parts(segment) if segment.packed else ()
        keys = tuple(part.key for part in parts if part.key in known)
        if segment.key in known or (parts and len(keys) == len(parts)):
            found.append((segment, (segment.key, *keys)))
        elif keys:  # it was packed with what came later
            found += [(part, (part.key,)) for part in lake.parts(segment, left=True) if part.key in known]
    return found


def _courses(hours: dict[str, dict[int, Summary]]) -> dict[str, Course]:
    courses: dict[str, Course] = {}
    for name, summaries in hours.items():
        courses[name] = Course()
        for hour, summary in summaries.items():
            courses[name].put(hour, summary)
    return courses


def _compared(verdict: Verdict, summary: Summary | None, now: Weighed) -> Replayed:
    same = verdict.summary == summary and verdict.evidence == now
    return Replayed(
        gate=verdict.gate,
        text=verdict.text,
        outcome=verdict.outcome,
        summary_then=verdict.summary,
        summary_now=summary,
        then=verdict.evidence,
        now=now,
        difference=0.0 if same else _difference(verdict.evidence, now),
    )


def _difference(then: Weighed | None, now: Weighed) -> float | None:
    if not isinstance(then, Evidence) or not isinstance(now, Evidence) or (then.n, then.have) != (now.n, now.have):
        return None
    # An estimate of nothing is a rest of rounding: what matters is how far it moves within its interval.
    wide = then.high - then.low
    pairs = [(getattr(then, name), getattr(now, name), wide if isfinite(wide) else 0.0) for name in ("estimate", "low", "high")]
    pairs.append((then.log_e, now.log_e, 1.0))
    return max(abs(a - b) / max(abs(a), abs(b), least) if a != b else 0.0 for a, b, least in pairs)
