"""May the gates be believed and the stage be left at all?

Age, outcomes, and whether both sides are seen equally well. A failed precondition holds; it never promotes or rolls back.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from segue.decide.gates.subjects import subjects
from segue.decide.observed import Observed
from segue.decide.preconditions.audits import audited
from segue.decide.walk import alive, span, stage_age_s, stage_of, step_age_s, steps_of
from segue.facts.decision import Outcome3, State, Verdict
from segue.facts.evidence import Health
from segue.spec.metric import kind_of, needs_outcome
from segue.spec.rollout import GATEWAY, Rollout
from segue.spec.stage import Shadow, Stage

FAILURE_GAP: Final = 0.01
"""Failure rates of two variants may differ by so much before a gate on quality is held: whoever fails on hard requests looks
good on the rest."""
COVERAGE_GAP: Final = 0.05
"""Shares of judged predictions with an outcome may differ by so much between the variants before gates on outcomes are held,
where both answer the same requests; where units are drawn, a test says whether they differ at all."""
MATURE: Final = 0.1
"""So large a share of the candidate's answers has to be older than the outcome's window: before, few hours are judged."""


def preconditions(spec: Rollout, state: State, observed: Observed, now: datetime) -> tuple[Verdict, ...]:
    """What has to hold before the stage may be left by its gates."""
    stage, path = stage_of(spec, state), f"stages[{state.stage}]"
    found = [*_age(stage, path, state, now), *_steps(stage, path, state, now), *_data(path, observed)]
    for candidate in alive(spec, state):
        found += _seen(spec, path, observed, candidate)
        found += _outcomes(stage, path, observed, candidate)
        found += _balance(spec, stage, path, (observed, candidate))
        found += audited(spec, stage, path, (observed, candidate))
    return tuple(found)


def _age(stage: Stage, path: str, state: State, now: datetime) -> Iterator[Verdict]:
    need, have = stage.at_least.age_s, stage_age_s(state, now)
    if need > 0:
        yield _verdict(
            f"{path}.at_least.age", f"the stage is at least {span(need)} old", f"it is {span(have)} old", ok=have >= need
        )


def _steps(stage: Stage, path: str, state: State, now: datetime) -> Iterator[Verdict]:
    steps = steps_of(stage)
    if steps:
        need, have, last = steps[state.step].age_s, step_age_s(state, now), state.step == len(steps) - 1
        text = f"all {len(steps)} steps are done, the last one for {span(steps[-1].age_s)}"
        reason = f"step {state.step + 1} of {len(steps)} is {span(have)} old and stays at least {span(need)}"
        yield _verdict(f"{path}.steps", text, reason, ok=last and have >= need)


def _data(path: str, observed: Observed) -> Iterator[Verdict]:
    for problem in observed.problems:
        yield _verdict(f"{path}.measured", "everything is measured", problem, ok=False)


def _seen(spec: Rollout, path: str, observed: Observed, candidate: str) -> Iterator[Verdict]:
    """However much the champion answers, nobody is promoted who was not asked."""
    if spec.provider != GATEWAY:
        return  # nothing records there: no gate came past the lint, so the stage is left by a person's yes alone
    seen = observed.health.get(candidate, Health()).asked
    text, reason = f"answers of {candidate} were recorded in this stage", f"{seen:,} were recorded"
    yield _verdict(f"{path}.seen", text, reason, ok=seen > 0, candidate=candidate)


def _outcomes(stage: Stage, path: str, observed: Observed, candidate: str) -> Iterator[Verdict]:
    need, have = stage.at_least.outcomes, observed.health.get(candidate, Health()).with_outcome
    if need > 0:
        text = f"at least {need:,} judged outcomes of {candidate}"
        yield _verdict(f"{path}.at_least.outcomes", text, f"{have:,} so far", ok=have >= need, candidate=candidate)


def _balance(spec: Rollout, stage: Stage, path: str, seen: tuple[Observed, str]) -> Iterator[Verdict]:
    observed, name = seen
    metrics = subjects(stage.promote_when, spec)
    reading = any(kind_of(metric.kind).needs != "nothing" or needs_outcome(metric) for metric in metrics)
    waiting = any(needs_outcome(metric) for metric in metrics)
    candidate, champion = observed.health.get(name, Health()), observed.health.get(spec.champion, Health())
    if reading:
        rates = (candidate.failure_rate, champion.failure_rate)
        yield _gap(f"{path}.failures", (name, f"failure rates of {name} and {spec.champion}"), rates, FAILURE_GAP)
    if waiting and isinstance(stage.strategy, Shadow):
        rates = (candidate.coverage, champion.coverage)
        said = f"shares with an outcome of {name} and {spec.champion}"
        yield _gap(f"{path}.coverage", (name, said), rates, COVERAGE_GAP)
    if waiting:
        yield _mature(f"{path}.maturity", name, candidate)


def _mature(path: str, name: str, health: Health) -> Verdict:
    answered = health.asked - health.failed
    text = f"at least {100 * MATURE:g} % of the answers of {name} are older than the outcome's window"
    return _verdict(path, text, f"{health.judged:,} of {answered:,}", ok=0 < answered * MATURE <= health.judged, candidate=name)


def _gap(path: str, of: tuple[str, str], rates: tuple[float | None, float | None], bound: float) -> Verdict:
    candidate, what = of
    text = f"{what} differ by at most {100 * bound:g} pp"
    one, other = rates
    if one is None or other is None:
        return _verdict(path, text, "not known for both", ok=False, candidate=candidate)
    said = f"{100 * one:.3g} % and {100 * other:.3g} %"
    return _verdict(path, text, said, ok=abs(one - other) <= bound, candidate=candidate)


def _verdict(path: str, text: str, reason: str, *, ok: bool, candidate: str = "") -> Verdict:
    outcome: Outcome3 = "pass" if ok else "not_yet"
    return Verdict(gate=path, text=text, role="precondition", outcome=outcome, reason=reason, candidate=candidate)
