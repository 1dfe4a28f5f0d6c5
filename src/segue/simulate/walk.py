"""One rollout in one world, from its first stage to its end, decided by the very same code as in life.

Between two moments at which something may move, every tick would say "hold": the clocks of stage and step, the evidence of
every question and the state of every condition are known at all looks of a stretch at once, so `decide` is asked only where
one of them changes. A test asks it at every look, and gets the same decisions.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from math import inf, log
from typing import Final
from zlib import crc32

import msgspec
import numpy as np

from segue.decide.budget import ledger
from segue.decide.decide import decide
from segue.decide.machine import LIVE
from segue.decide.observed import Observed
from segue.decide.preconditions.audits import wanted
from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import Asked, asked_gates
from segue.decide.walk import alive, leader, released, stage_of
from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.evidence.weighing import weigh
from segue.facts.decision import Act, Decision, Phase, PublishAllocation, State
from segue.facts.evidence import Weighed
from segue.facts.question import Question
from segue.facts.summary import Summary
from segue.simulate.seen.dealing import audits_at
from segue.simulate.seen.forms import lens_of
from segue.simulate.seen.lenses import Lens, Path, path
from segue.simulate.seen.sides import sides_of
from segue.simulate.seen.turning import Ahead, Standing, both, sharing
from segue.simulate.seen.view import Glance, View
from segue.simulate.worlds.clockwork import BEGIN, looks, minutes
from segue.simulate.worlds.recorded import Recorded
from segue.simulate.worlds.streams import CANDIDATE, Share, Stretch
from segue.simulate.worlds.world import DAY_MIN, FAILURES, World
from segue.spec.rollout import Rollout

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
        lenses: of questions that were asked before, by id: other rollouts of this policy in this world ask most of them too.
    """

    spec: Rollout
    world: World
    seed: tuple[int, ...]
    days: float = 30.0
    approve_after_days: float | None = 0.0
    recorded: Recorded | None = None
    every_look: bool = False
    lenses: dict[str, Lens] = field(default_factory=dict)
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
            created_at=BEGIN, entered_at=BEGIN, step_at=BEGIN, ledger=ledger(self.spec),
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
        standing = Standing(self.spec, self.state, self._asked(), self._moved_at(), self._patience())
        fresh = self._since + _AHEAD_MIN
        until = min([end, *(mark for mark in (fresh, standing.soonest_end(self.now)) if mark > self.now)])
        moments = looks(self.now, until, self._since, tuple(standing.marks()))
        edges = np.concatenate([[self.now], moments])
        self._draw(edges)
        hoped = self._hoped()
        views = self._views(moments)
        lenses = [self._lens(question) for question in self._questions()]
        paths = {it.question.id: path(it, views[it.question.candidate], hoped.get(it.question.id)) for it in lenses}
        passed = self.state.passed
        for place in range(len(moments)) if self.every_look else standing.places(Ahead(moments, views, paths)):
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

    def _hoped(self) -> dict[str, float]:
        """The effect below which a gate is given up, where that is not its claim's own bound."""
        found = {}
        for asked in self._asked():
            claim, effect = asked.question.claim, asked.question.prior.effect
            if asked.planned:
                found[asked.question.id] = max(claim.bound, effect) if claim.side == "above" else min(claim.bound, effect)
        return found

    # -- one decision -----------------------------------------------------------------------------------------------------

    def _decide(self, paths: dict[str, Path], place: int) -> Decision:
        self._asks += 1
        if self._asks > _PATIENCE:
            raise DomainError(f"a simulated rollout does not come to rest in {stage_of(self.spec, self.state).name}")
        observed = self._observed(paths, place)
        return self._moved(*decide(self.spec, self.state, observed, BEGIN + timedelta(minutes=self.now)))

    def _observed(self, paths: dict[str, Path], place: int) -> Observed:
        live, views = alive(self.spec, self.state), self._views(np.array([self.now]))
        sides = {name: sides_of(self.spec, views[name]) for name in live}
        health = {name: candidate.health(0) for name, (candidate, _) in sides.items()}
        health[self.spec.champion] = sides[live[0]][1].health(0)
        weighed, summaries = self._weighed(views, paths, place)
        names = wanted(self.spec, stage_of(self.spec, self.state)) if self.state.phase != "watching" else ()
        return Observed(
            weighed=weighed,
            summaries=summaries,
            health=health,
            seen_in_step=min(self._seen_in_step(views[name]) for name in live),
            acts=self._acts(),
            alias=self.state.alias_version,
            versions=self._versions(),
            allocation=self._number,
            baselines=self._baselines,
            audits=tuple(audit for name in live if names for audit in audits_at(self.spec, name, views[name])),
        )

    def _views(self, moments: Floats) -> dict[str, View]:
        """Of each candidate, what has come of this stage."""
        return {name: View(self._stretches[name], moments) for name in alive(self.spec, self.state)}

    def _seen_in_step(self, view: View) -> int:
        current = [it for it in view.glances if it.stretch.share.number == self._number]
        return int(sum(float(it.at(it.stretch.asked())[0, CANDIDATE, 0]) for it in current))

    def _weighed(
        self, views: dict[str, View], paths: dict[str, Path], place: int
    ) -> tuple[dict[str, Weighed], dict[str, Summary]]:
        weighed: dict[str, Weighed] = {}
        summaries: dict[str, Summary] = {}
        for question in self._questions():
            if not self.every_look and self._idle(question, paths, place):
                continue
            summary = self._lens(question).summary(views[question.candidate])
            weighed[question.id] = weigh(question, summary)
            if summary is not None:
                summaries[question.id] = summary
        return weighed, summaries

    def _idle(self, question: Question, paths: dict[str, Path], place: int) -> bool:
        """Whether it makes no difference to this decision what the question's data say; of several candidates it may.

        Of what was shown before it does too: data may take that back, or hold it.
        """
        if sharing(self.spec, self.state) or question.id in self.state.crossed:
            return False
        quiet = -log(question.alpha) - 1e-6
        nothing = paths[question.id].log_e[place] < quiet and paths[question.id].against[place] < quiet
        return bool(nothing)

    def _asked(self) -> tuple[Asked, ...]:
        return self._standing()[0]

    def _questions(self) -> tuple[Question, ...]:
        return self._standing()[1]

    def _standing(self) -> tuple[tuple[Asked, ...], tuple[Question, ...]]:
        """What is asked in the state that the rollout stands in; asking costs more than looking, so it is kept."""
        if self._asked_in is not self.state:
            gates = asked_gates(self.spec, self.state)
            again = (it.question for it in what_ifs(gates, self.state))
            every = (question for asked in gates for question in both(asked))
            self._asked_in, self._kept = self.state, (gates, (*every, *again))
        return self._kept

    def _lens(self, question: Question) -> Lens:
        if question.id not in self.lenses:
            self.lenses[question.id] = lens_of(question, self.world.of(question.candidate))
        return self.lenses[question.id]

    def _acts(self) -> tuple[Act, ...]:
        if self.state.phase != "awaiting_approval" or self.now - self._moved_at() < self._patience():
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
        for glance in (Glance(stretch, moment) for stretches in self._stretches.values() for stretch in stretches):
            stretch = glance.stretch
            served = int(glance.at(stretch.came("request"))[0, CANDIDATE])
            paired = int(glance.at(stretch.paired())[0]) if stretch.share.paired else 0
            asked, exposed = asked + served + paired, exposed + served
        return asked, exposed

    # -- what is known ----------------------------------------------------------------------------------------------------

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

    def _moved_at(self) -> float:
        return minutes(self.decisions[-1].at) if self.decisions else 0.0

    def _patience(self) -> float:
        return inf if self.approve_after_days is None else self.approve_after_days * DAY_MIN
