"""Where in its spec does a rollout stand, and what comes next?"""

from datetime import datetime, timedelta
from typing import Literal

from segue.facts.decision import State
from segue.spec.rollout import Rollout
from segue.spec.stage import Canary, Full, Stage, Step

Destination = Literal["stage", "full", "end"]


def stage_of(spec: Rollout, state: State) -> Stage:
    """The stage that the rollout is in, or was in last."""
    return spec.stages[state.stage]


def alive(spec: Rollout, state: State) -> tuple[str, ...]:
    """The candidates that have not left, in the order of the spec; after the alias has moved the one that it moved to."""
    return tuple(name for name in spec.candidates if name not in state.out)


def entered(spec: Rollout, state: State) -> tuple[str, ...]:
    """The candidates with which the current stage began: a share that is divided between them stays so when one leaves."""
    return tuple(name for name in spec.candidates if state.out.get(name, state.stage) >= state.stage)


def leader(spec: Rollout, state: State) -> str:
    """The first candidate that has not left: of one, that one."""
    return next(iter(alive(spec, state)), spec.candidates[0])


def version_of(spec: Rollout, state: State, candidate: str) -> str:
    """The version that a candidate is pinned to; "" before the rollout is ready."""
    alone = candidate == spec.candidates[0] and not state.versions
    return state.candidate_version if alone else state.versions.get(candidate, "")


def steps_of(stage: Stage) -> tuple[Step, ...]:
    """The steps of a canary; none of any other strategy."""
    return stage.strategy.steps if isinstance(stage.strategy, Canary) else ()


def destination(spec: Rollout, stage: int) -> Destination:
    """What a stage of this index is: one with evidence to come, the full one, or past the end."""
    if stage >= len(spec.stages):
        return "end"
    return "full" if isinstance(spec.stages[stage].strategy, Full) else "stage"


def full_stage(spec: Rollout, after: int) -> int:
    """The index of the first full stage after this one; the number of stages where there is none."""
    later = (at for at in range(after + 1, len(spec.stages)) if destination(spec, at) == "full")
    return next(later, len(spec.stages))


def watch_of(spec: Rollout, state: State) -> Full:
    """The watch of the stage that the rollout is in; an empty one where it is no full stage."""
    strategy = stage_of(spec, state).strategy
    return strategy if isinstance(strategy, Full) else Full()


def released(state: State) -> bool:
    """Whether the alias has moved: in a watch, also while it is paused, and after it."""
    return state.phase in {"watching", "promoted"} or (
        state.phase in {"paused", "champion_unhealthy"} and state.resume_to == "watching"
    )


def stage_age_s(state: State, now: datetime) -> float:
    """Stream seconds in this stage, pauses left out."""
    return (_clock(state, now) - state.entered_at).total_seconds() - state.paused_s


def step_age_s(state: State, now: datetime) -> float:
    """Stream seconds in this step, pauses left out: a resume sets `step_at` forward by the pause."""
    return (_clock(state, now) - state.step_at).total_seconds()


def _clock(state: State, now: datetime) -> datetime:
    return state.paused_at if state.paused_at is not None else now


def after_pause(state: State, now: datetime) -> tuple[float, datetime]:
    """`paused_s` and `step_at` as they are when a pause ends now."""
    if state.paused_at is None:
        return state.paused_s, state.step_at
    pause = max((now - state.paused_at).total_seconds(), 0.0)
    return state.paused_s + pause, state.step_at + timedelta(seconds=pause)


def span(seconds: float) -> str:
    """A stream duration as people say it.

    >>> span(90), span(5400), span(172800), span(433760000)
    ('1.5 min', '1.5 h', '2 d', '5,020 d')
    """
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            number = seconds / size
            return f"{number:,.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"
    return f"{seconds:.3g} s"
