"""At which looks of a stretch may something move? Few of thousands, and `decide` is asked only there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segue.decide.gates.contest import GRACE
from segue.decide.preconditions.stage import FAILURE_GAP, MATURE
from segue.decide.questions import Asked
from segue.decide.walk import alive, stage_of, steps_of, watch_of
from segue.evidence.process import Floats
from segue.facts.decision import State
from segue.facts.question import Question
from segue.simulate.seen.lenses import Path
from segue.simulate.seen.sides import sides_of
from segue.simulate.seen.view import View, counted
from segue.simulate.worlds.clockwork import minutes
from segue.spec.gate import Alternatives, grouped
from segue.spec.metric import needs_outcome
from segue.spec.rollout import Rollout

Truths = NDArray[np.bool_]
_LONGEST_PAUSE: Final = 24
"""Looks until a rollout that only an audit holds is asked again, once it has been held for long: a day, by the hour."""


class Ahead(NamedTuple):
    """What a stretch brings.

    Args:
        moments: at which somebody looks, shape (looks,).
        views: of each candidate, at these moments.
        paths: of each question, by its id.
    """

    moments: Floats
    views: Mapping[str, View]
    paths: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rollout stands when a stretch begins.

    Args:
        spec: the policy.
        state: after the last decision.
        asked: of its gates.
        moved: minute of the last move.
        patience: minutes that a person takes to say yes.
    """

    spec: Rollout
    state: State
    asked: tuple[Asked, ...]
    moved: float
    patience: float

    def places(self, ahead: Ahead) -> list[int]:
        """The looks of a stretch at which something may move, in order."""
        last, (harm, shown) = len(ahead.moments) - 1, self._crossings(ahead)
        due = [np.flatnonzero(places) for places in self._due(ahead, shown)]
        first = min((int(places[0]) for places in due if len(places)), default=last)
        wanted_at = {harm} if harm is not None else set()
        wanted_at.update(self._remembered(ahead, last if sharing(self.spec, self.state) else first))
        for places in due:
            wanted_at.update(thinned(places.tolist()))
        return sorted(place for place in wanted_at if harm is None or place <= harm)

    def _crossings(self, ahead: Ahead) -> tuple[int | None, dict[str, Truths]]:
        """The first look at which harm is shown, and for each look whether all that a candidate needs was shown by then."""
        looks, paths = len(ahead.moments), ahead.paths
        harm: int | None = None
        shown: dict[str, dict[str, Truths]] = {name: {} for name in alive(self.spec, self.state)}
        for asked in self.asked:
            over = np.zeros(looks, dtype=bool)
            for question in both(asked):
                over |= (paths[question.id].log_e >= self._enough(asked, question)) | (question.id in self.state.crossed)
            if asked.kind == "guardrail":
                places = np.flatnonzero(over)
                if len(places):
                    harm = int(places[0]) if harm is None else min(harm, int(places[0]))
            else:
                shown[asked.candidate][asked.gate.path] = np.logical_or.accumulate(over)
        groups = stage_of(self.spec, self.state).any_of
        return harm, {name: passed(gates, groups, looks) for name, gates in shown.items()}

    def _remembered(self, ahead: Ahead, until: int) -> set[int]:
        """Looks at which a gate was shown that is no longer so later: once shown it stays shown, so somebody has to see it.

        Where claims share an error budget, what they show together is only known by asking: at all looks that come near.
        """
        found = set()
        for asked in self.asked:
            for question in both(asked) if asked.kind == "promotion" else ():
                enough = self._enough(asked, question)
                log_e = ahead.paths[question.id].log_e[: until + 1]
                over = np.flatnonzero(log_e >= enough)
                if question.id in self.state.crossed or not len(over):
                    continue
                if enough < -log(question.alpha):
                    alone = np.flatnonzero(log_e >= -log(question.alpha))
                    found.update(over[over <= (alone[0] if len(alone) else until)].tolist())
                elif over[-1] < until:
                    found.add(int(over[0]))
        return found

    def _enough(self, asked: Asked, question: Question) -> float:
        """The log e-value below which a gate is certainly not shown, alone or together with what shares its error budget."""
        share = 1
        if asked.kind == "promotion":
            share = len(self.spec.candidates) * stage_of(self.spec, self.state).alternatives(asked.gate.path)
        return -log(min(share * question.alpha, 1.0))

    def _hopeless(self, name: str, ahead: Ahead) -> Truths:
        """For each look, whether some promotion gate of a candidate is given up; only a stage that may end so gives any up."""
        found = np.zeros(len(ahead.moments), dtype=bool)
        if stage_of(self.spec, self.state).at_most is None:
            return found
        for asked in self.asked:
            mine = asked.kind == "promotion" and asked.candidate == name
            if mine and asked.question.id not in self.state.crossed:
                found |= ahead.paths[asked.question.id].against >= -log(asked.question.alpha)
        return found

    def _due(self, ahead: Ahead, shown: dict[str, Truths]) -> list[Truths]:
        """For each look, whether the clocks, the gates and the conditions let something move; then for each candidate alone."""
        state, stage, moments = self.state, stage_of(self.spec, self.state), ahead.moments
        age = moments - minutes(state.entered_at)
        if state.phase == "watching":
            return [np.asarray(age * 60 >= watch_of(self.spec, state).watch_s)]
        if state.phase == "awaiting_approval":
            return [np.asarray(moments - self.moved >= self.patience)]
        out_of_time = self._used_up(ahead, age)
        if state.passed:
            out_of_time |= age >= GRACE * min(state.passed.values()) / 60
        steps, may = steps_of(stage), np.ones(len(moments), dtype=bool)
        if steps:
            may = (moments - minutes(state.step_at)) * 60 >= steps[state.step].age_s
            if state.step < len(steps) - 1:
                return [out_of_time | may]
        may &= age * 60 >= stage.at_least.age_s
        ready = {
            name: may & self._conditions(ahead.views[name]) & (shown[name] | self._hopeless(name, ahead)) for name in shown
        }
        alone = [found for name, found in ready.items() if name not in state.passed] if len(ready) > 1 else []
        return [out_of_time | np.all(list(ready.values()), axis=0), *alone]

    def _used_up(self, ahead: Ahead, age: Floats) -> Truths:
        """For each look, whether the stage may take no longer, or count no more."""
        limit = stage_of(self.spec, self.state).at_most
        if limit is None:
            return np.zeros(len(age), dtype=bool)
        over: Truths = age * 60 >= limit.age_s
        if limit.outcomes:
            ending = [asked.question for asked in self.asked if asked.kind == "promotion" and asked.question.horizon]
            for name in alive(self.spec, self.state):
                view, mine = ahead.views[name], [question for question in ending if question.candidate == name]
                seen = [counted(question, view) for question in mine] or [sides_of(self.spec, view)[0].known]
                over |= np.min(seen, axis=0) >= limit.outcomes
        return over

    def _conditions(self, view: View) -> Truths:
        """For each look, whether enough of a candidate is judged, and it and the champion are known equally well."""
        stage, candidate, champion = stage_of(self.spec, self.state), *sides_of(self.spec, view)
        fine: Truths = candidate.known >= stage.at_least.outcomes
        metrics = [self.spec.metrics[name] for gate in stage.promote_when if (name := getattr(gate, "metric", ""))]
        if any(needs_outcome(metric) for metric in metrics):
            answered = candidate.asked - candidate.failed
            fine &= (answered > 0) & (candidate.judged >= MATURE * answered)
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.abs(candidate.failed / candidate.asked - champion.failed / champion.asked)
        fine &= ~(gap > FAILURE_GAP)
        return fine

    def marks(self) -> Iterator[float]:
        """Minutes at which a clock of the stage or of its step has run out."""
        stage, stage_began = stage_of(self.spec, self.state), minutes(self.state.entered_at)
        yield stage_began + stage.at_least.age_s / 60
        if stage.at_most is not None:
            yield stage_began + stage.at_most.age_s / 60
        steps = steps_of(stage)
        if steps:
            yield minutes(self.state.step_at) + steps[self.state.step].age_s / 60
        if self.state.passed:
            yield stage_began + GRACE * min(self.state.passed.values()) / 60
        yield stage_began + watch_of(self.spec, self.state).watch_s / 60

    def soonest_end(self, now: float) -> float:
        """When the stretch most likely ends, so that little is drawn in vain; past it, the next stretch goes on."""
        stage, steps = stage_of(self.spec, self.state), steps_of(stage_of(self.spec, self.state))
        later = [mark for mark in self.marks() if mark > now]
        if self.state.phase == "watching" or (steps and self.state.step < len(steps) - 1):
            return max(later, default=0.0)
        return min(later, default=0.0) if stage.at_least.age_s else 0.0


def both(asked: Asked) -> tuple[Question, ...]:
    """What a gate asks, and what would do instead."""
    return (asked.question,) if asked.instead is None else (asked.question, asked.instead)


def passed(shown: Mapping[str, Truths], groups: Sequence[Alternatives], looks: int) -> Truths:
    """For each look, whether a candidate has all gates, of alternatives one; a gate that nobody asks is had.

    Args:
        shown: path of a gate -> for each look whether it has been shown by then.
        groups: of the stage.
        looks: how many there are.

    >>> never, late = np.array([False, False]), np.array([False, True])
    >>> passed({"a": late, "b": never}, (), 2).tolist(), passed({"a": late, "b": never}, ((("a",), ("b",)),), 2).tolist()
    ([False, False], [False, True])
    """
    found = np.ones(looks, dtype=bool)
    alternatives = grouped(groups)
    for gate, over in shown.items():
        if gate not in alternatives:
            found &= over
    for group in groups:
        whole = [[shown[path] for path in alternative if path in shown] for alternative in group]
        found &= np.any([np.all(gates, axis=0) if gates else np.ones(looks, dtype=bool) for gates in whole], axis=0)
    return found


def thinned(places: Sequence[int]) -> Iterator[int]:
    """The first place, the one after it, then every 2nd, 4th... up to a day: whom an audit holds, it mostly holds for long."""
    at, pause = 0, 1
    while at < len(places):
        yield places[at]
        at, pause = at + pause, min(2 * pause, _LONGEST_PAUSE)


def sharing(spec: Rollout, state: State) -> bool:
    """Whether claims of the stage share an error budget."""
    return len(spec.candidates) > 1 or bool(stage_of(spec, state).any_of)
