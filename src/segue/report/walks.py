"""Which way did a rollout go: stages, shares, decisions?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from segue.assign.ownership import owned
from segue.decide.machine import TERMINAL
from segue.facts.allocation import BUCKETS, Allocation, Split
from segue.facts.decision import Decision, Phase, Spending, State, Verdict
from segue.facts.evidence import Evidence
from segue.ports.audit import SEGUE
from segue.ports.registry import AliasMove
from segue.report import words
from segue.report.gathered import Judged, Moved, Shares, Span, Spent
from segue.spec.rollout import Rollout


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """All that the store has of a rollout.

    Args:
        allocations: of the route, in order, those of other rollouts and of rest included.
        moves: of the registry, in order.
        until: the end of the stream.
    """

    spec: Rollout
    state: State
    decisions: tuple[Decision, ...]
    allocations: tuple[Allocation, ...]
    moves: tuple[AliasMove, ...]
    until: datetime

    @property
    def candidate(self) -> str:
        """The candidate's version by name; before it is known, what the spec says."""
        version = self.state.candidate_version or self.spec.variants[self.spec.candidates[0]].version.rpartition("/")[2]
        return words.version_name(version)

    @property
    def champion(self) -> str:
        """The version by name that the rollout began with."""
        return words.version_name(self.state.champion_version)

    @property
    def over(self) -> bool:
        """Whether it is decided."""
        return self.state.phase in TERMINAL

    @property
    def ended_at(self) -> datetime:
        """When it was decided, or the end of the stream."""
        last = next((it for it in reversed(self.decisions) if it.trigger != "hold" and it.to_phase in TERMINAL), None)
        return last.at if last is not None and self.over else max(self.until, self.state.created_at)

    @property
    def versions(self) -> dict[str, str]:
        """Variant -> version by name; pinned while the rollout runs."""
        return {self.spec.champion: self.champion, self.spec.candidates[0]: self.candidate}


def spans(walk: Walk) -> tuple[Span, ...]:
    """The stretches of the rollout in which stage, phase and step were the same; what is over is none."""
    return tuple(_spans(walk))


def _spans(walk: Walk) -> Iterator[Span]:
    here, since = _Place("pending", walk.spec.stages[0].name, 0), walk.state.created_at
    for decision in walk.decisions:
        there = _Place(decision.to_phase, decision.to_stage, decision.step)
        if there != here:
            if here.phase not in TERMINAL:
                yield _span(walk, here, (since, decision.at))
            here, since = there, decision.at
    if here.phase not in TERMINAL:
        yield _span(walk, here, (since, walk.ended_at))


class _Place(NamedTuple):
    phase: Phase
    stage: str
    step: int


def _span(walk: Walk, here: _Place, when: tuple[datetime, datetime]) -> Span:
    kinds = {stage.name: type(stage.strategy).__name__.lower() for stage in walk.spec.stages}
    return Span(
        stage=here.stage,
        strategy=kinds.get(here.stage, ""),
        phase=here.phase,
        step=here.step,
        began_at=when[0],
        ended_at=when[1],
    )


def shares(walk: Walk) -> tuple[Shares, ...]:
    """Who answered which share: what was in force when the rollout began, and every allocation until it was over."""
    before = [it for it in walk.allocations if it.published_at <= walk.state.created_at and it.rollout != walk.state.rollout]
    own = [it for it in walk.allocations if it.rollout == walk.state.rollout]
    later = [
        it
        for it in walk.allocations
        if not it.rollout and own and it.number > own[-1].number and it.published_at <= walk.ended_at
    ]
    began = walk.state.created_at
    steps = [_shares(walk, it, max(it.published_at, began)) for it in (*before[-1:], *own, *later[:1])]
    return tuple(steps)


def _shares(walk: Walk, allocation: Allocation, at: datetime) -> Shares:
    audience = allocation.audiences[0] if allocation.audiences else None
    return Shares(
        at=at,
        allocation=allocation.number,
        stage=allocation.stage,
        served=_owned(walk, allocation, allocation.split),
        shadows={_version(walk, allocation, shadow.variant): shadow.share for shadow in allocation.shadows},
        audience=audience.where if audience else "",
        audience_served=_owned(walk, allocation, audience.split) if audience else {},
    )


def _owned(walk: Walk, allocation: Allocation, split: Split) -> dict[str, float]:
    found: dict[str, float] = {}
    for variant, buckets in owned(split.ranges).items():
        name = _version(walk, allocation, variant)
        found[name] = found.get(name, 0.0) + buckets / BUCKETS
    return found


def _version(walk: Walk, allocation: Allocation, variant: str) -> str:
    target = allocation.variants.get(variant)
    if target is None:
        return walk.versions.get(variant, variant)
    model, at, alias = target.version.removeprefix("models:/").partition("@")
    if not at:
        return words.version_name(target.version.rpartition("/")[2])
    moved = [it for it in walk.moves if (it.model, it.alias) == (model, alias) and it.at <= allocation.published_at]
    return words.version_name(moved[-1].after) if moved else walk.champion


def moved(walk: Walk) -> tuple[Moved, ...]:
    """Every decision that moved something or answered somebody."""
    return tuple(_moved(walk, it) for it in walk.decisions if it.trigger != "hold" or it.acts)


def _moved(walk: Walk, decision: Decision) -> Moved:
    return Moved(
        number=decision.number,
        id=decision.id,
        at=decision.at,
        kind=decision.kind,
        trigger=decision.trigger,
        from_phase=decision.from_phase,
        to_phase=decision.to_phase,
        from_stage=decision.from_stage,
        to_stage=decision.to_stage,
        step=decision.step,
        who=", ".join(act.who for act in decision.acts) or SEGUE,
        reasons=decision.reasons,
        verdicts=tuple(judged(walk, verdict) for verdict in decision.verdicts),
        commands=tuple(words.told_command(command, walk.champion, walk.candidate) for command in decision.commands),
    )


def judged(walk: Walk, verdict: Verdict) -> Judged:
    """A verdict with its numbers."""
    plain = Judged(text=verdict.text, role=verdict.role, outcome=verdict.outcome, reason=verdict.reason)
    evidence, question = verdict.evidence, verdict.question
    if not isinstance(evidence, Evidence) or question is None:
        return plain
    return msgspec.structs.replace(
        plain,
        unit=words.effect_unit(question),
        estimate=evidence.estimate,
        low=finite(evidence.low),
        high=finite(evidence.high),
        log_e=evidence.log_e,
        threshold=evidence.threshold,
        n=by_version(walk, evidence.n),
        method=evidence.method,
        validity=evidence.validity,
    )


def by_version(walk: Walk, n: Mapping[str, int]) -> dict[str, int]:
    """Counts by variant, champion first, by the names of their versions."""
    order = sorted(n, key=lambda variant: (variant != walk.spec.champion, variant))
    return {walk.versions.get(variant, variant): n[variant] for variant in order}


def finite(number: float) -> float | None:
    """An end of an interval; None where there is none on that side."""
    return number if abs(number) < float("inf") else None


def spent(kept: Sequence[Spending]) -> tuple[Spent, ...]:
    """The ledger of the error budget, as it rests with the rollout."""
    return tuple(Spent(gate=line.gate or line.text, stage=line.stage, account=line.account, alpha=line.alpha) for line in kept)
