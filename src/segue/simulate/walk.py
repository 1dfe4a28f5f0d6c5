"""One rollout in one world, from its first stage to its end, decided by the very same code as in life.

Between two moments at which something may move, every tick would say "hold": the clocks of stage and step, the evidence of
every question and the state of every condition are known at all looks of a stretch at once, so `decide` is asked only where
one of them changes. A test asks it at every look, and gets the same decisions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import log
from typing import Final
from zlib import crc32

import msgspec
import numpy as np

from segue.decide.decide import decide
from segue.decide.gates.contest import GRACE
from segue.decide.machine import LIVE
from segue.decide.observed import Observed
from segue.decide.preconditions.audits import wanted
from segue.decide.preconditions.missing import what_ifs
from segue.decide.preconditions.stage import FAILURE_GAP, MATURE
from segue.decide.questions import Asked, asked_gates
from segue.decide.walk import alive, leader, released, stage_of, steps_of, watch_of
from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.evidence.weighing import weigh
from segue.facts.decision import Act, Decision, Phase, PublishAllocation, State
from segue.facts.evidence import Weighed
from segue.facts.question import Question
from segue.facts.summary import Summary
from segue.simulate.seen.dealing import audits_at
from segue.simulate.seen.lenses import Path, counted, path, summary_at
from segue.simulate.seen.sides import Side, asked_of
from segue.simulate.seen.turning import Truths, both, passed, thinned
from segue.simulate.worlds.clockwork import looks
from segue.simulate.worlds.recorded import Recorded
from segue.simulate.worlds.streams import CANDIDATE, CHAMPION, Share, Stretch, at
from segue.simulate.worlds.world import DAY_MIN, FAILURES, World
from segue.spec.metric import needs_outcome
from segue.spec.rollout import Rollout

BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_AHEAD_MIN: Final = 1440.0
"""A stretch ends where a share is a day old: what comes then is looked at by the hour, and drawn to the end at once."""
_PATIENCE: Final = 10_000
"""More calls of `decide` than any rollout can need: a walk that takes more has a fault of its own."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How one rollout went.

    Args:
        phase: the last one; a live one where the days ran out before it was over.
        trigger: of the move that ended it, or "".
        days: until that move, or all.
        asked: requests that the candidate was asked, in the shadow too.
        exposed: those that it answered itself, so that somebody saw it.
        stages: days at which each stage was entered, by name.
        why: first reason of the last move.
        promoted: the candidate that the alias moved to, or "".
    """

    phase: Phase
    trigger: str
    days: float
    asked: int
    exposed: int
    stages: dict[str, float]
    why: str
    promoted: str = ""


@dataclass(slots=True)
class Walker:
    """Walks one rollout.

    Args:
        spec: the policy.
        world: what is true.
        seed: where chance comes from; the same seed gives the same rollout.
        days: after which the simulation ends.
        approve_after_days: that a person takes to say yes; None for nobody who does.
        recorded: real days that the simulated ones are like; None for the world's own.
        every_look: ask `decide` at every look, as a monitor does; slow, for the test that compares.
    """

    spec: Rollout
    world: World
    seed: tuple[int, ...]
    days: float = 30.0
    approve_after_days: float | None = 0.0
    recorded: Recorded | None = None
    every_look: bool = False
    state: State = field(init=False)
    now: float = field(default=0.0, init=False)
    decisions: list[Decision] = field(default_factory=list, init=False)
    _number: int = field(default=0, init=False)  # of the allocation in force
    _shares: dict[str, Share] = field(default_factory=dict, init=False)  # of each candidate, beside the champion
    _since: float = field(default=0.0, init=False)  # when the shares in force were new
    _entered: dict[str, float] = field(default_factory=dict, init=False)
    _stretches: dict[str, list[Stretch]] = field(default_factory=dict, init=False)  # of this stage, by candidate
    _earlier: tuple[int, int] = field(default=(0, 0), init=False)  # what the candidate met in earlier stages
    _baselines: dict[str, tuple[float, float]] = field(default_factory=dict, init=False)
    _asks: int = field(default=0, init=False)
    _drawn: int = field(default=0, init=False)  # stretches so far
    _asked_in: State | None = field(default=None, init=False)
    _kept: tuple[tuple[Asked, ...], tuple[Question, ...]] = field(default=((), ()), init=False)

    def run(self) -> Run:
        """Walk to the end.

        Raises:
            DomainError: the spec asks what no simulated world answers.
        """
        self.state = State(
            rollout="simulated", route=self.spec.route, spec_digest=self.spec.digest, phase="pending",
            created_at=BEGIN, entered_at=BEGIN, step_at=BEGIN,
        )  # fmt: skip
        versions = self._versions()
        first = Observed(versions=versions, alias=versions[self.spec.champion], baselines=self._known_before())
        last = self._moved(*decide(self.spec, self.state, first, BEGIN))
        end = self.days * DAY_MIN
        while self.state.phase in LIVE and self.state.phase != "held" and self.now < end:
            last = self._stretch(end) or last
        return Run(
            phase=self.state.phase,
            trigger=last.trigger if self.state.phase not in LIVE else "",
            days=self.now / DAY_MIN,
            asked=self._met()[0],
            exposed=self._met()[1],
            stages={name: since / DAY_MIN for name, since in self._entered.items()},
            why=last.reasons[0],
            promoted=leader(self.spec, self.state) if released(self.state) else "",
        )

    def _versions(self) -> dict[str, str]:
        return {name: str(place) for place, name in enumerate(self.spec.variants, start=1)}

    # -- one stretch ------------------------------------------------------------------------------------------------------

    def _stretch(self, end: float) -> Decision | None:
        """On to the next move, or to the end of a stretch of looks without one."""
        stage_began, step_began = self._minutes(self.state.entered_at), self._minutes(self.state.step_at)
        fresh = self._since + _AHEAD_MIN
        marks = tuple(self._marks(stage_began, step_began))
        until = min([end, *(mark for mark in (fresh, self._soonest_end(marks)) if mark > self.now)])
        moments = looks(self.now, until, self._since, marks)
        edges = np.concatenate([[self.now], moments])
        self._draw(edges)
        hoped = self._hoped()
        paths = {
            question.id: path(question, self._stretches[question.candidate], moments, hoped.get(question.id))
            for question in self._questions()
        }
        passed = self.state.passed
        for place in self._places(moments, paths):
            self.now = float(moments[place])
            decision = self._decide(paths, place)
            if decision.trigger != "hold":
                return decision
            if self.state.passed != passed:  # from now on there is another clock
                self._cut()
                return None
        self.now = float(moments[-1])
        return None

    def _draw(self, edges: Floats) -> None:
        """What comes in until the last of these edges; of several candidates the champion's side is drawn once."""
        self._drawn += 1
        first: Stretch | None = None
        past = None if self.recorded is None else self.recorded.drawn(self.seed, self.days)
        for name in alive(self.spec, self.state):
            stretch = Stretch(
                world=self.world.of(name),
                share=self._shares[name],
                edges=edges,
                parts=tuple(self.world.populations),
                seed=(*self.seed, self._drawn, *(() if first is None else (crc32(name.encode()),))),
                beside=first,
                past=None if past is None else (past, name, self.spec.champion),
            )
            first = first or stretch
            self._stretches.setdefault(name, []).append(stretch)

    def _cut(self) -> None:
        """What was drawn past this moment does not come: another allocation is in force, or another stretch is drawn."""
        for stretches in self._stretches.values():
            for stretch in stretches:
                stretch.ends = min(stretch.ends, self.now)

    def _places(self, moments: Floats, paths: dict[str, Path]) -> Iterator[int]:
        """The looks of a stretch at which something may move, in order."""
        if self.every_look:
            yield from range(len(moments))
            return
        harm, shown = self._crossings(moments, paths)
        due = [np.flatnonzero(places) for places in self._due(moments, shown, paths)]
        first = min((int(places[0]) for places in due if len(places)), default=len(moments) - 1)
        wanted_at = {harm} if harm is not None else set()
        wanted_at.update(self._remembered(paths, len(moments) - 1 if self._sharing() else first))
        for places in due:
            wanted_at.update(thinned(places.tolist()))
        yield from sorted(place for place in wanted_at if harm is None or place <= harm)

    def _crossings(self, moments: Floats, paths: dict[str, Path]) -> tuple[int | None, dict[str, Truths]]:
        """The first look at which harm is shown, and for each look whether all that a candidate needs was shown by then."""
        harm: int | None = None
        shown: dict[str, dict[str, Truths]] = {name: {} for name in alive(self.spec, self.state)}
        for asked in self._asked():
            over = np.zeros(len(moments), dtype=bool)
            for question in both(asked):
                over |= (paths[question.id].log_e >= self._enough(asked, question)) | (question.id in self.state.crossed)
            if asked.kind == "guardrail":
                places = np.flatnonzero(over)
                if len(places):
                    harm = int(places[0]) if harm is None else min(harm, int(places[0]))
            else:
                shown[asked.candidate][asked.gate.path] = np.logical_or.accumulate(over)
        groups = stage_of(self.spec, self.state).any_of
        return harm, {name: passed(gates, groups, len(moments)) for name, gates in shown.items()}

    def _remembered(self, paths: dict[str, Path], until: int) -> set[int]:
        """Looks at which a gate was shown that is no longer so later: once shown it stays shown, so somebody has to see it.

        Where claims share an error budget, what they show together is only known by asking: at all looks that come near.
        """
        found = set()
        for asked in self._asked():
            for question in both(asked) if asked.kind == "promotion" else ():
                enough = self._enough(asked, question)
                over = np.flatnonzero(paths[question.id].log_e[: until + 1] >= enough)
                if question.id in self.state.crossed or not len(over):
                    continue
                if enough < -log(question.alpha):
                    alone = np.flatnonzero(paths[question.id].log_e[: until + 1] >= -log(question.alpha))
                    found.update(over[over <= (alone[0] if len(alone) else until)].tolist())
                elif over[-1] < until:
                    found.add(int(over[0]))
        return found

    def _sharing(self) -> bool:
        """Whether claims of this stage share an error budget."""
        return len(self.spec.candidates) > 1 or bool(stage_of(self.spec, self.state).any_of)

    def _enough(self, asked: Asked, question: Question) -> float:
        """The log e-value below which a gate is certainly not shown, alone or together with what shares its error budget."""
        share = 1
        if asked.kind == "promotion":
            share = len(self.spec.candidates) * stage_of(self.spec, self.state).alternatives(asked.gate.path)
        return -log(min(share * question.alpha, 1.0))

    def _hoped(self) -> dict[str, float]:
        """The effect below which a gate is given up, where that is not its claim's own bound."""
        found = {}
        for asked in self._asked():
            claim, effect = asked.question.claim, asked.question.prior.effect
            if asked.planned:
                found[asked.question.id] = max(claim.bound, effect) if claim.side == "above" else min(claim.bound, effect)
        return found

    def _hopeless(self, name: str, moments: Floats, paths: dict[str, Path]) -> Truths:
        """For each look, whether some promotion gate of a candidate is given up; only a stage that may end so gives any up."""
        found = np.zeros(len(moments), dtype=bool)
        if stage_of(self.spec, self.state).at_most is None:
            return found
        for asked in self._asked():
            mine = asked.kind == "promotion" and asked.candidate == name
            if mine and asked.question.id not in self.state.crossed:
                found |= paths[asked.question.id].against >= -log(asked.question.alpha)
        return found

    def _due(self, moments: Floats, shown: dict[str, Truths], paths: dict[str, Path]) -> list[Truths]:
        """For each look, whether the clocks, the gates and the conditions let something move; then for each candidate alone."""
        state, stage = self.state, stage_of(self.spec, self.state)
        age = moments - self._minutes(state.entered_at)
        if state.phase == "watching":
            return [np.asarray(age * 60 >= watch_of(self.spec, state).watch_s)]
        if state.phase == "awaiting_approval":
            patience = np.inf if self.approve_after_days is None else self.approve_after_days * DAY_MIN
            return [np.asarray(moments - self._since_phase() >= patience)]
        out_of_time = self._used_up(moments, age)
        if state.passed:
            out_of_time |= age >= GRACE * min(state.passed.values()) / 60
        steps, may = steps_of(stage), np.ones(len(moments), dtype=bool)
        if steps:
            may = (moments - self._minutes(state.step_at)) * 60 >= steps[state.step].age_s
            if state.step < len(steps) - 1:
                return [out_of_time | may]
        may &= age * 60 >= stage.at_least.age_s
        ready = {
            name: may & self._conditions(name, moments) & (shown[name] | self._hopeless(name, moments, paths)) for name in shown
        }
        alone = [found for name, found in ready.items() if name not in state.passed] if len(ready) > 1 else []
        return [out_of_time | np.all(list(ready.values()), axis=0), *alone]

    def _used_up(self, moments: Floats, age: Floats) -> Truths:
        """For each look, whether the stage may take no longer, or count no more."""
        limit = stage_of(self.spec, self.state).at_most
        if limit is None:
            return np.zeros(len(moments), dtype=bool)
        over: Truths = age * 60 >= limit.age_s
        if limit.outcomes:
            ending = [asked.question for asked in self._asked() if asked.kind == "promotion" and asked.question.horizon]
            for name in alive(self.spec, self.state):
                mine = [question for question in ending if question.candidate == name]
                seen = [counted(question, self._stretches[name], moments) for question in mine]
                over |= np.min(seen or [self._sides(moments, name)[0].known], axis=0) >= limit.outcomes
        return over

    def _conditions(self, name: str, moments: Floats) -> Truths:
        """For each look, whether enough of a candidate is judged, and it and the champion are known equally well."""
        stage, candidate, champion = stage_of(self.spec, self.state), *self._sides(moments, name)
        fine: Truths = candidate.known >= stage.at_least.outcomes
        metrics = [self.spec.metrics[name] for gate in stage.promote_when if (name := getattr(gate, "metric", ""))]
        if any(needs_outcome(metric) for metric in metrics):
            answered = candidate.asked - candidate.failed
            fine &= (answered > 0) & (candidate.judged >= MATURE * answered)
        with np.errstate(invalid="ignore", divide="ignore"):
            gap = np.abs(candidate.failed / candidate.asked - champion.failed / champion.asked)
        fine &= ~(gap > FAILURE_GAP)
        return fine

    # -- one decision -----------------------------------------------------------------------------------------------------

    def _decide(self, paths: dict[str, Path], place: int) -> Decision:
        self._asks += 1
        if self._asks > _PATIENCE:
            raise DomainError(f"a simulated rollout does not come to rest in {stage_of(self.spec, self.state).name}")
        observed = self._observed(paths, place)
        return self._moved(*decide(self.spec, self.state, observed, BEGIN + timedelta(minutes=self.now)))

    def _observed(self, paths: dict[str, Path], place: int) -> Observed:
        moment = np.array([self.now])
        live = alive(self.spec, self.state)
        health = {name: self._sides(moment, name)[0].health(0) for name in live}
        health[self.spec.champion] = self._sides(moment, live[0])[1].health(0)
        weighed, summaries = self._weighed(paths, place)
        names = wanted(self.spec, stage_of(self.spec, self.state)) if self.state.phase != "watching" else ()
        return Observed(
            weighed=weighed,
            summaries=summaries,
            health=health,
            seen_in_step=min(self._seen_in_step(name, moment) for name in live),
            acts=self._acts(),
            alias=self.state.alias_version,
            versions=self._versions(),
            allocation=self._number,
            baselines=self._baselines,
            audits=tuple(
                audit for name in live if names for audit in audits_at(self.spec, name, self._stretches[name], self.now)
            ),
        )

    def _seen_in_step(self, name: str, moment: Floats) -> int:
        current = [stretch for stretch in self._stretches[name] if stretch.share.number == self._number]
        return int(sum(float(asked_of(stretch, moment, CANDIDATE)[0][0]) for stretch in current))

    def _weighed(self, paths: dict[str, Path], place: int) -> tuple[dict[str, Weighed], dict[str, Summary]]:
        weighed: dict[str, Weighed] = {}
        summaries: dict[str, Summary] = {}
        for question in self._questions():
            if not self.every_look and self._idle(question, paths, place):
                continue
            summary = summary_at(question, self._stretches[question.candidate], self.now)
            weighed[question.id] = weigh(question, summary)
            if summary is not None:
                summaries[question.id] = summary
        return weighed, summaries

    def _idle(self, question: Question, paths: dict[str, Path], place: int) -> bool:
        """Whether it makes no difference to this decision what the question's data say; of several candidates it may."""
        if self._sharing():
            return False
        quiet = -log(question.alpha) - 1e-6
        nothing = paths[question.id].log_e[place] < quiet and paths[question.id].against[place] < quiet
        return question.id in self.state.crossed or bool(nothing)

    def _asked(self) -> tuple[Asked, ...]:
        return self._standing()[0]

    def _questions(self) -> tuple[Question, ...]:
        return self._standing()[1]

    def _standing(self) -> tuple[tuple[Asked, ...], tuple[Question, ...]]:
        """What is asked in the state that the rollout stands in; asking costs more than looking, so it is kept."""
        if self._asked_in is not self.state:
            gates = asked_gates(self.spec, self.state)
            again = (it.question for it in what_ifs(self.spec, self.state))
            every = (question for asked in gates for question in both(asked))
            self._asked_in, self._kept = self.state, (gates, (*every, *again))
        return self._kept

    def _acts(self) -> tuple[Act, ...]:
        patience = np.inf if self.approve_after_days is None else self.approve_after_days * DAY_MIN
        if self.state.phase != "awaiting_approval" or self.now - self._since_phase() < patience:
            return ()
        return (Act(id="yes", rollout="simulated", trigger="approve", who="simulation", why="", at=BEGIN),)

    # -- what a decision does ---------------------------------------------------------------------------------------------

    def _moved(self, decision: Decision, after: State) -> Decision:
        before, self.state = self.state, after
        if decision.trigger == "hold":
            return decision
        self.decisions.append(decision)
        self._cut()
        if after.stage != before.stage or before.phase == "pending":
            self._earlier, self._stretches = self._met(), {}
            self._entered.setdefault(stage_of(self.spec, after).name, self.now)
        published = [command for command in decision.commands if isinstance(command, PublishAllocation)]
        if published and self.state.phase in LIVE:
            self._number += 1
            self._shares = {name: self._share_of(name, published[0]) for name in alive(self.spec, after)}
            self._since = self.now
        return decision

    def _share_of(self, candidate: str, published: PublishAllocation) -> Share:
        shares = published.audience_shares or published.shares
        both = shares.get(candidate, 0.0) + shares.get(self.spec.champion, 0.0)
        return Share(
            number=self._number,
            drawn=both * (self.world.populations.get(published.audience, 0.0) if published.audience else 1.0),
            candidate=shares.get(candidate, 0.0) / both if both else 0.0,
            paired=published.shadows.get(candidate, 0.0),
        )

    def _met(self) -> tuple[int, int]:
        """Requests that candidates were asked, and those of them that they answered themselves."""
        asked, exposed = self._earlier
        moment = np.array([self.now])
        for stretch in (stretch for stretches in self._stretches.values() for stretch in stretches):
            served = int(at(stretch, stretch.arrivals("request"), moment)[0, CANDIDATE].sum())
            paired = int(at(stretch, stretch.pairs(), moment)[0].sum()) if stretch.share.paired else 0
            asked, exposed = asked + served + paired, exposed + served
        return asked, exposed

    # -- what is known ----------------------------------------------------------------------------------------------------

    def _sides(self, moments: Floats, name: str) -> tuple[Side, Side]:
        zeros = [Side.none(len(moments)) for _ in range(2)]
        lag = max((metric.window_s for metric in self.spec.metrics.values() if needs_outcome(metric)), default=0.0) / 60
        for stretch in self._stretches[name]:
            zeros = [
                side.plus(stretch, moments, lag, variant) for side, variant in zip(zeros, (CANDIDATE, CHAMPION), strict=True)
            ]
        return zeros[0], zeros[1]

    def _known_before(self) -> dict[str, tuple[float, float]]:
        """What the champion is known to be when the rollout begins: the truth, for priors only."""
        found = {}
        for name, metric in self.spec.metrics.items():
            truth = self.world.truths.get(FAILURES if metric.kind == "error_rate" else name)
            if truth is not None and metric.kind not in {"latency_quantile", "agreement", "roc_auc"}:
                mean = truth.champion * truth.high
                found[name] = mean, mean * (truth.high - mean)
        self._baselines = found
        return found

    def _marks(self, stage_began: float, step_began: float) -> Iterator[float]:
        stage = stage_of(self.spec, self.state)
        yield stage_began + stage.at_least.age_s / 60
        if stage.at_most is not None:
            yield stage_began + stage.at_most.age_s / 60
        steps = steps_of(stage)
        if steps:
            yield step_began + steps[self.state.step].age_s / 60
        if self.state.passed:
            yield stage_began + GRACE * min(self.state.passed.values()) / 60
        yield stage_began + watch_of(self.spec, self.state).watch_s / 60

    def _soonest_end(self, marks: tuple[float, ...]) -> float:
        """When the stretch most likely ends, so that little is drawn in vain; past it, the next stretch goes on."""
        stage, steps = stage_of(self.spec, self.state), steps_of(stage_of(self.spec, self.state))
        by_clock = self.state.phase == "watching" or (steps and self.state.step < len(steps) - 1)
        if by_clock:
            return max((mark for mark in marks if mark > self.now), default=0.0)
        return min((mark for mark in marks if mark > self.now), default=0.0) if stage.at_least.age_s else 0.0

    def _minutes(self, moment: datetime) -> float:
        return (moment - BEGIN).total_seconds() / 60

    def _since_phase(self) -> float:
        return self._minutes(self.decisions[-1].at) if self.decisions else 0.0
