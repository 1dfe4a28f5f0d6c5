"""In which worlds is a policy tried out? One for each way in which it could be wrong, made from the spec itself.

In every world it is known what should come of it: a candidate on the very edge of a gate, or worse, must not be promoted; one
that harms nobody must not be rolled back for harm.
"""

from collections.abc import Iterator
from math import sqrt
from typing import Final, Literal

import msgspec

from segue.decide.gates.claims import COMPARISONS, claim, guarded
from segue.decide.gates.texts import gate_text
from segue.decide.questions import Asked, asked_gates
from segue.errors import DomainError
from segue.facts.decision import State
from segue.facts.question import Claim
from segue.planning.assumptions import Assumed
from segue.simulate.seen.forms import lens_of
from segue.simulate.worlds.clockwork import BEGIN
from segue.simulate.worlds.recorded import Recorded
from segue.simulate.worlds.world import FAILURES, Outage, Truth, World
from segue.spec.gate import Gate, MetricGate, grouped
from segue.spec.metric import AGREEMENT, KINDS, Metric
from segue.spec.rollout import Rollout
from segue.spec.stage import Bandit, Canary, Stage

_REQUESTS: Final = 100_000.0
_PART: Final = 0.1
_RARE: Final = 0.01
_AGREE: Final = 0.95
_SMALL: Final = 0.1  # of a standard deviation
_MORE_FAILURES: Final = 0.05


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A spec as it can be simulated, the worlds to simulate it in, and what was taken for granted."""

    spec: Rollout
    worlds: tuple[World, ...]
    notes: tuple[str, ...]


def battery(spec: Rollout, assumed: Assumed) -> Tried:
    """The worlds for a spec: as it hopes, as if nothing had changed, on the edge of each gate, and worse.

    Raises:
        DomainError: nothing is left of the spec that could be simulated.
    """
    notes: dict[str, None] = {}
    made = _Making(spec, assumed, notes)
    spec = made.reduced()
    return Tried(spec=spec, worlds=tuple(made.worlds(spec)), notes=tuple(notes))


def on_real_days(tried: Tried, days: Recorded, name: str) -> tuple[World, ...]:
    """The same worlds on recorded days: `same` is the champion against itself, a placebo; and what was recorded, as it was.

    Args:
        tried: a spec and its worlds.
        days: of a rollout's lake.
        name: of that rollout.
    """
    worlds = [
        msgspec.structs.replace(it, name="placebo", says="on the recorded days, the champion against itself")
        if it.name == "same"
        else it
        for it in tried.worlds
    ]
    known = {variant for _, variant in days.rates}
    if known & set(tried.spec.candidates):
        again = (
            f"what {', '.join(sorted(known & set(tried.spec.candidates)))} answered in {name}; whether it is good is not known"
        )
        base = next(it for it in tried.worlds if it.name == "same")
        worlds.append(msgspec.structs.replace(base, name="recorded", says=again, right="unknown", harmful=False, replayed=True))
    return tuple(worlds)


class _Making:
    def __init__(self, spec: Rollout, assumed: Assumed, notes: dict[str, None]) -> None:
        self._spec, self._assumed, self._notes = spec, assumed, notes
        self._populations = {where: self._part(where) for where in _expressions(spec)}
        self._base = {name: self._truth(name, metric) for name, metric in spec.metrics.items() if metric.kind != "error_rate"}
        apart = max((truth.differ or 0.0 for truth in self._base.values()), default=0.0)  # who is right alone answers otherwise
        self._base[AGREEMENT.name] = Truth(champion=0.5, differ=max(1 - _AGREE, apart))
        self._base[FAILURES] = self._failures()

    def reduced(self) -> Rollout:
        """The spec without what no simulated world answers; what is left out is noted."""
        spec, world = self._spec, self._world("", "", self._base)
        stages = [stage for stage in spec.stages if not isinstance(stage.strategy, Bandit)]
        for stage in spec.stages:
            if isinstance(stage.strategy, Bandit):
                self._note(f"stage {stage.name}: bandits are not simulated yet; the stage is left out")
        if not stages:
            raise DomainError("nothing is left of this spec that could be simulated")
        kept = msgspec.structs.replace(spec, stages=tuple(stages))
        blind = set(self._blind(kept, world))
        guardrails = tuple(gate for gate in kept.guardrails if gate.path not in blind)
        return msgspec.structs.replace(
            kept,
            guardrails=guardrails,
            stages=tuple(
                msgspec.structs.replace(
                    stage, promote_when=tuple(gate for gate in stage.promote_when if gate.path not in blind)
                )
                for stage in stages
            ),
        )

    def worlds(self, spec: Rollout) -> Iterator[World]:
        """All of them, the hoped-for one first."""
        better, who = self._better(spec), "the candidate" if len(spec.candidates) == 1 else "each candidate"
        yield self._world("better", f"{who} is as good as the rollout hopes", better)
        yield self._world("same", f"{who} is the champion again", self._base)
        for at, gates in enumerate(_certain(spec), start=1):
            truths = dict(better)
            for gate in gates:
                truths = self._worst(truths, gate, spec.metrics[gate.metric])
            texts = " or ".join(self._text(spec, gate) for gate in gates)
            yield self._world(f"edge {at}", f"as hoped, but on the very edge of: {texts}", truths)
        worse = {name: self._worse(truth, spec.metrics.get(name)) for name, truth in self._base.items()}
        yield self._world("worse", f"{who} is worse in everything that people notice", worse)
        if len(spec.candidates) > 1:
            others = spec.candidates[1:]
            alone = f"{spec.candidates[0]} is as good as hoped, and {', '.join(others)} the champion again"
            yield self._world("one better", alone, better, apart=dict.fromkeys(others, self._base))
            last = spec.candidates[-1]
            yield self._world("one worse", f"{last} is worse in everything, the others as hoped", better, apart={last: worse})
        failing = msgspec.structs.replace(self._base[FAILURES], shift=_MORE_FAILURES)
        yield self._world("failing", f"{who} fails for 5 % more of the requests", better | {FAILURES: failing})
        storm = Outage(after_days=1.25, hours=2.0, failures=0.2)
        yield self._world("outage", "the same, and for two hours a fifth of all answers fails", self._base, outage=storm)
        yield self._world("late", "the same, and more of the candidate's outcomes come late", self._base, late=(0.1, 0.3))

    # -- one world ------------------------------------------------------------------------------------------------------------

    def _world(
        self,
        name: str,
        says: str,
        truths: dict[str, Truth],
        *,
        outage: Outage | None = None,
        late: tuple[float, float] = (0.0, 0.0),
        apart: dict[str, dict[str, Truth]] = {},  # noqa: B006 - nobody writes into it
    ) -> World:
        judged = {candidate: self._judged(apart.get(candidate, truths)) for candidate in self._spec.candidates}
        good = [candidate for candidate, (right, _) in judged.items() if right == "promote"]
        return World(
            name=name,
            says=says,
            right="promote" if good else "stay",
            harmful=all(harmful for _, harmful in judged.values()),
            apart=apart,
            bad=tuple(candidate for candidate in judged if good and candidate not in good),
            requests=self._assumed.requests or _REQUESTS,
            units=self._assumed.units,
            truths=truths,
            populations=self._populations,
            outage=outage,
            late=late,
        )

    def _judged(self, truths: dict[str, Truth]) -> tuple[Literal["promote", "stay"], bool]:
        spec = self._spec
        harmful = any(
            _holds(gate, spec.metrics[gate.metric], truths, "guardrail")
            for gate in spec.guardrails
            if isinstance(gate, MetricGate)
        )
        good = all(self._passes(stage, truths) for stage in spec.stages)
        return ("promote" if good and not harmful else "stay"), harmful

    def _passes(self, stage: Stage, truths: dict[str, Truth]) -> bool:
        """Whether all that a stage asks is true, of alternatives one; what no world answers is."""
        spec = self._spec
        holds = {
            gate.path: _holds(gate, spec.metrics[gate.metric], truths, "promotion")
            for gate in stage.promote_when
            if isinstance(gate, MetricGate) and _truth_name(spec, gate) in truths
        }
        alternatives = grouped(stage.any_of)
        certain = all(true for path, true in holds.items() if path not in alternatives)
        return certain and all(any(all(holds.get(path, True) for path in one) for one in group) for group in stage.any_of)

    def _better(self, spec: Rollout) -> dict[str, Truth]:
        found = dict(self._base)
        for stage in spec.stages:
            for gate in stage.promote_when:
                if isinstance(gate, MetricGate):
                    name, metric = _truth_name(spec, gate), spec.metrics[gate.metric]
                    found[name] = self._improved(found[name], metric, gate, stage)
        return found

    def _improved(self, truth: Truth, metric: Metric, gate: MetricGate, stage: Stage) -> Truth:
        aim = claim(gate, metric, "promotion")
        up = 1.0 if metric.goal == "increase" else -1.0
        if gate.test not in COMPARISONS:
            bound = aim.bound / truth.high
            beyond = (truth.candidate - bound) * (1 if aim.side == "above" else -1)
            if beyond > 0.2 * sqrt(bound * (1 - bound)):
                return truth
            there = (bound + (1.0 if aim.side == "above" else 0.0)) / 2
            return msgspec.structs.replace(truth, factor=0.0, shift=there)
        size = _size(truth, metric, gate, stage)
        chance = min(max(truth.champion + up * size, 0.0), 1.0)
        wanted = chance - truth.champion
        return truth if up * (truth.candidate - truth.champion) >= up * wanted else msgspec.structs.replace(truth, shift=wanted)

    def _text(self, spec: Rollout, gate: MetricGate) -> str:
        stage = next(stage.name for stage in spec.stages if gate in stage.promote_when)
        return f"{gate_text(gate, spec.metrics[gate.metric], spec.candidates[0], 'promotion')} ({stage})"

    def _worst(self, truths: dict[str, Truth], gate: MetricGate, metric: Metric) -> dict[str, Truth]:
        """On the edge of the gate, or beyond it where the truth is already."""
        edge, name = claim(gate, metric, "promotion"), _truth_name(self._spec, gate)
        moved = self._moved(truths[name], edge, gate)
        beyond = not _holds(gate, metric, truths, "promotion")
        return truths if beyond else truths | {name: moved}

    def _moved(self, truth: Truth, edge: Claim, gate: MetricGate) -> Truth:
        if gate.test in COMPARISONS:
            return msgspec.structs.replace(truth, factor=edge.factor, shift=edge.bound / truth.high)
        if gate.metric == AGREEMENT.name:
            return msgspec.structs.replace(truth, differ=1 - edge.bound)
        return msgspec.structs.replace(truth, factor=0.0, shift=edge.bound / truth.high)

    def _worse(self, truth: Truth, metric: Metric | None) -> Truth:
        spread = sqrt(truth.champion * (1 - truth.champion))
        up = -1.0 if metric is None or metric.goal == "decrease" else 1.0
        chance = min(max(truth.champion - up * max(2 * _SMALL * spread, 0.0), 0.0), 1.0)
        return msgspec.structs.replace(truth, factor=1.0, shift=chance - truth.champion)

    # -- what is known --------------------------------------------------------------------------------------------------------

    def _truth(self, name: str, metric: Metric) -> Truth:
        if metric.kind == "latency_quantile":
            return Truth(champion=(1 - float(metric.parameters["q"])) / 2)
        if metric.kind == "agreement":
            return Truth(champion=0.5, differ=1 - _AGREE)
        known = self._assumed.baselines.get(name)
        if known is None:
            known = self._guessed(name, metric)
        mean, variance = known
        high = 1.0 if KINDS[metric.kind].bounded else (mean + variance / mean if mean > 0 else 1.0)
        high = min(high, metric.cap) if metric.cap is not None else high
        counted = self._assumed.counted.get(name, 0.5 if KINDS[metric.kind].shape == "ratio" else 1.0)
        differ = self._assumed.differ.get(name)
        return Truth(champion=min(max(mean / high, 0.0), 1.0), high=high, differ=differ, counted=counted)

    def _guessed(self, name: str, metric: Metric) -> tuple[float, float]:
        scale = 1.0 if KINDS[metric.kind].bounded else metric.cap or 1.0
        mean = 0.9 if KINDS[metric.kind].bounded and metric.goal == "increase" else 0.1 * scale
        self._note(f"{name}: nothing is known of the champion, {mean:g} taken (--baseline {name}=...)")
        return mean, mean * (scale - mean)

    def _failures(self) -> Truth:
        for name, metric in self._spec.metrics.items():
            if metric.kind == "error_rate" and name in self._assumed.baselines:
                return Truth(champion=self._assumed.baselines[name][0])
        self._note(f"{100 * _RARE:g} % of the champion's answers are taken to fail")
        return Truth(champion=_RARE)

    def _part(self, where: str) -> float:
        if where in self._assumed.populations:
            return self._assumed.populations[where]
        self._note(f'`{where}` is taken to hold for {100 * _PART:g} % of the requests (--population "{where}=...")')
        return _PART

    def _blind(self, spec: Rollout, world: World) -> Iterator[str]:
        for place in range(len(spec.stages)):
            for asked in _asked_in(spec, place):
                try:
                    lens_of(asked.question, world)
                except (DomainError, KeyError) as error:
                    said = error.message if isinstance(error, DomainError) else f"nothing is known of {error}"
                    what = "is never broken" if asked.kind == "guardrail" else "is taken to pass"
                    self._note(f"{asked.question.gate}: {said}; it {what}")
                    yield asked.question.gate

    def _note(self, text: str) -> None:
        self._notes[text] = None


def _asked_in(spec: Rollout, place: int) -> tuple[Asked, ...]:
    state = State(
        rollout="simulated", route=spec.route, spec_digest="", phase="running", stage=place,
        created_at=BEGIN, entered_at=BEGIN, step_at=BEGIN,
    )  # fmt: skip
    return asked_gates(spec, state)


def _certain(spec: Rollout) -> Iterator[tuple[MetricGate, ...]]:
    """What has to pass: each gate by itself, and of alternatives all together, for one of them is enough."""
    for stage in spec.stages:
        gates = {gate.path: gate for gate in stage.promote_when if isinstance(gate, MetricGate)}
        alternatives = grouped(stage.any_of)
        yield from ((gate,) for path, gate in gates.items() if path not in alternatives)
        for group in stage.any_of:
            together = tuple(gates[path] for alternative in group for path in alternative if path in gates)
            if all(any(path in gates for path in alternative) for alternative in group):
                yield together


def _expressions(spec: Rollout) -> list[str]:
    gates: list[Gate] = [*spec.guardrails, *(gate for stage in spec.stages for gate in stage.promote_when)]
    found = [gate.where for gate in gates if isinstance(gate, MetricGate) and gate.where]
    for stage in spec.stages:
        if isinstance(stage.strategy, Canary):
            found += [step.audience for step in stage.strategy.steps if step.audience]
    return list(dict.fromkeys(found))


def _truth_name(spec: Rollout, gate: MetricGate) -> str:
    return FAILURES if spec.metrics[gate.metric].kind == "error_rate" else gate.metric


def _size(truth: Truth, metric: Metric, gate: MetricGate, stage: Stage) -> float:
    """How much better than the champion is hoped for, as a chance."""
    if stage.plan is not None and stage.plan.metric == metric.name:
        return abs(stage.plan.effect) * truth.champion if stage.plan.relative else abs(stage.plan.effect) / truth.high
    margin = abs(gate.margin.value) * (truth.champion if gate.margin.relative else 1 / truth.high)
    spread = sqrt(truth.champion * (1 - truth.champion))
    return margin + 2 * _SMALL * spread if gate.test == "better_than_champion" else margin


def _holds(gate: MetricGate, metric: Metric, truths: dict[str, Truth], kind: Literal["promotion", "guardrail"]) -> bool:
    """Whether what the gate claims is true in the world, beyond rounding."""
    truth = truths.get(FAILURES if metric.kind == "error_rate" else gate.metric)
    if truth is None:
        return kind == "promotion"
    shown = claim(guarded(gate) if kind == "guardrail" else gate, metric, kind)
    if metric.kind == "agreement":
        value = 1 - (truth.differ or 0.0)
    else:
        value = truth.candidate * truth.high
        if gate.test in COMPARISONS:
            value -= shown.factor * truth.champion * truth.high
    away = value - shown.bound
    return away > 1e-9 if shown.side == "above" else away < -1e-9
