"""What does a whole rollout take: each stage and gate, its budget, and what another strategy would have taken?"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from segue.decide.budget import ledger
from segue.decide.gates.claims import GateKind, missing_part, unknowable, unwatched
from segue.decide.gates.subjects import subject
from segue.decide.gates.texts import gate_text
from segue.decide.gates.weights import weighed
from segue.decide.questions import Asked, asked_gates, blind
from segue.errors import DomainError
from segue.facts.decision import Spending, State
from segue.planning.assumptions import DAY_S, Assumed
from segue.planning.figures import percent, span
from segue.planning.gates import GatePlan, Setting, plan_gate
from segue.planning.pace import least_days
from segue.spec.gate import Gate
from segue.spec.metric import KINDS
from segue.spec.rollout import Rollout
from segue.spec.stage import Ab, Bandit, Canary, Full, Shadow, Stage, Step, Strategy

_POWER: Final = 0.8
_NO_MEANS: Final = ("ranking", "quantile")
_SOMETIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SHARES: Final = (0.25, 0.05, 0.01)
Name = Literal["shadow", "canary", "ab", "bandit", "full"]
_NAMES: Final[dict[type[Strategy], Name]] = {Shadow: "shadow", Canary: "canary", Ab: "ab", Bandit: "bandit", Full: "full"}


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """The same gate under another strategy.

    Args:
        gate: as a sentence.
        strategy: in words ("A/B, half each").
        days: until the gate's power; None where it is not known or never.
        n: observations; None where the strategy cannot answer the gate.
        why_not: the reason then.
    """

    gate: str
    strategy: str
    n: int | None
    labels: int | None
    days: float | None
    why_not: str = ""


class StagePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One stage.

    Args:
        least_days: what its ages alone take.
        days: until all of its gates have decided, with the power that is planned; None where that is not known or never.
        limit_days: where the spec has one, and `then` what happens.
        slowest: the gate that takes longest, as a sentence, or "".
        power: the chance that all gates are to have together.
    """

    name: str
    strategy: Name
    least_days: float
    days: float | None
    limit_days: float | None
    then: str
    slowest: str
    power: float


class RolloutPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What `segue plan` says.

    Args:
        warnings: what will not work as it is written, most serious first.
        notes: what was taken for granted.
        unplanned: gates that nothing can be said about, and why.
        weights: what each guardrail weighs, and why, one sentence each.
    """

    route: str
    spec_digest: str
    assumed: Assumed
    false_promotion: float
    false_rollback: float
    futility: float
    stages: tuple[StagePlan, ...]
    gates: tuple[GatePlan, ...]
    alternatives: tuple[Alternative, ...]
    ledger: tuple[Spending, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    unplanned: tuple[str, ...]
    weights: tuple[str, ...] = ()

    @property
    def days(self) -> float | None:
        """All stages together; None where one of them is not known."""
        every = [stage.days for stage in self.stages]
        return None if None in every else sum(day for day in every if day is not None)


def plan(
    spec: Rollout, assumed: Assumed, say: Callable[[str], None] = lambda _: None, kept: tuple[Spending, ...] = ()
) -> RolloutPlan:
    """Plan a rollout.

    Args:
        spec: what is asked for.
        assumed: traffic, baselines, shares.
        say: told what is being worked on.
        kept: the ledger of a rollout that is live, amended by this spec; empty for one that is not begun.
    """
    gates: list[GatePlan] = []
    stages: list[StagePlan] = []
    unplanned: dict[str, None] = {}
    for index, stage in enumerate(spec.stages):
        say(f"stage {stage.name}")
        mine = []
        for each in _planned(spec, assumed, index, kept):
            if isinstance(each, str):
                unplanned[each] = None
            else:
                mine.append(each)
        gates += mine
        stages.append(_stage(stage, [gate for gate in mine if gate.kind == "promotion"], assumed))
    say("other strategies")
    spent = kept or ledger(spec)
    return RolloutPlan(
        route=spec.route,
        spec_digest=spec.digest,
        assumed=assumed,
        false_promotion=spec.error_budget.false_promotion,
        false_rollback=spec.error_budget.false_rollback,
        futility=spec.error_budget.futility,
        stages=tuple(stages),
        gates=tuple(gates),
        alternatives=tuple(_alternatives(spec, assumed)),
        ledger=spent,
        warnings=tuple(_warnings(spec, assumed, stages, gates)),
        notes=tuple(dict.fromkeys(note for gate in gates for note in gate.notes)),
        unplanned=tuple(unplanned),
        weights=weighed(spec, spent),
    )


def _planned(spec: Rollout, assumed: Assumed, index: int, kept: tuple[Spending, ...] = ()) -> Iterator[GatePlan | str]:
    stage, asked = spec.stages[index], asked_gates(spec, _standing(spec, assumed, index, kept))
    setting = Setting(spec=spec, stage=stage, assumed=assumed, gates=len(stage.promote_when), power=_power(stage))
    known = {one.question.gate for one in asked}
    for gate in (*stage.promote_when, *spec.guardrails):
        if gate.path not in known:
            yield f"{gate.path} in stage {stage.name}: {_reason(spec, gate, stage)}"
    for one in asked:
        yield _or_why(one, setting)


def _reason(spec: Rollout, gate: Gate, stage: Stage) -> str:
    metric = subject(gate, spec)
    if metric is None:
        return "this kind of gate is not planned yet"
    kind: GateKind = "promotion" if gate in stage.promote_when else "guardrail"
    blind_to = unwatched if kind == "guardrail" else unknowable
    return blind_to(gate, metric, stage, spec.outcome) or missing_part(gate, metric, kind)


def _or_why(asked: Asked, setting: Setting) -> GatePlan | str:
    try:
        return plan_gate(asked, setting)
    except DomainError as error:
        return f"{asked.question.gate} in stage {setting.stage.name}: {error.message}"


def _standing(spec: Rollout, assumed: Assumed, index: int, kept: tuple[Spending, ...]) -> State:
    # A rollout that has just entered this stage, knowing of the champion what the plan knows.
    # Of an area and a quantile a rollout knows no baseline: what is said of them here is for the plan alone.
    means = {name: it for name, it in assumed.baselines.items() if KINDS[spec.metrics[name].kind].shape not in _NO_MEANS}
    return State(
        rollout="", route=spec.route, spec_digest=spec.digest, phase="running", stage=index, baselines=means,
        created_at=_SOMETIME, entered_at=_SOMETIME, step_at=_SOMETIME, ledger=kept,
    )  # fmt: skip


def _power(stage: Stage) -> float:
    return stage.plan.power if stage.plan is not None else _POWER


def _stage(stage: Stage, gates: list[GatePlan], assumed: Assumed) -> StagePlan:
    least = least_days(stage)
    slowest = max(gates, key=lambda gate: float("inf") if gate.days is None else gate.days, default=None)
    known = slowest is None or slowest.days is not None
    days = None if not known else max([least, *(gate.days for gate in gates if gate.days is not None)])
    if stage.at_least.outcomes and assumed.requests is None:
        days = None
    return StagePlan(
        name=stage.name,
        strategy=_NAMES[type(stage.strategy)],
        least_days=least,
        days=days,
        limit_days=None if stage.at_most is None else stage.at_most.age_s / DAY_S,
        then="" if stage.at_most is None else stage.at_most.then,
        slowest="" if slowest is None else slowest.text,
        power=_power(stage),
    )


def _alternatives(spec: Rollout, assumed: Assumed) -> Iterator[Alternative]:
    """Each different promotion gate under each strategy that a stage could have."""
    seen = set()
    even = dict.fromkeys(spec.variants, 1 / len(spec.variants))
    evenly = "A/B, half each" if len(even) == 2 else f"A/B, one of {len(even)} each"
    options: dict[str, Strategy] = {"shadow": Shadow(), evenly: Ab(shares=even)}
    options |= {f"canary of {100 * share:g} %": Canary(steps=(Step(share=share, age_s=0.0),)) for share in _SHARES}
    for stage in spec.stages:
        for gate in stage.promote_when:
            content = repr(msgspec.structs.replace(gate, path=""))
            if content in seen:
                continue
            seen.add(content)
            for name, strategy in options.items():
                other = msgspec.structs.replace(stage, strategy=strategy, promote_when=(gate,))
                alone = msgspec.structs.replace(spec, stages=(other,), guardrails=())
                yield from _alternative(alone, assumed, name, gate)


def _alternative(spec: Rollout, assumed: Assumed, name: str, gate: Gate) -> Iterator[Alternative]:
    metric = subject(gate, spec)
    text = gate.path if metric is None else gate_text(gate, metric, spec.candidates[0], "promotion")
    for found in _planned(spec, assumed, 0):
        if isinstance(found, GatePlan) and found.candidate != spec.candidates[0]:
            continue  # planned for the first candidate, as the others would be
        if isinstance(found, str):
            yield Alternative(gate=text, strategy=name, n=None, labels=None, days=None, why_not=found.partition(": ")[2])
        else:
            yield Alternative(gate=text, strategy=name, n=found.n, labels=found.labels, days=found.days)


def _warnings(spec: Rollout, assumed: Assumed, stages: list[StagePlan], gates: list[GatePlan]) -> Iterator[str]:
    if assumed.requests is None:
        yield "no traffic given, so nothing can be said in days: --traffic 100000/day"
    for gate in gates:
        if gate.kind == "promotion":
            yield from _late(gate, next(stage for stage in stages if stage.name == gate.stage))
    for stage in spec.stages:
        yield from _short_watch(spec, stage, [gate for gate in gates if gate.stage == stage.name])
    yield from blind(spec)
    yield from _thin([gate for gate in gates if gate.kind == "promotion"])


def _thin(gates: list[GatePlan]) -> Iterator[str]:
    for gate in gates:
        parts = sorted((part for part in gate.segments if part.enough is False), key=lambda part: -part.share)
        if parts:
            others = f" and in {len(parts) - 1} smaller parts" if len(parts) > 1 else ""
            yield (
                f"{gate.stage}: insufficient data to judge {gate.metric} where {parts[0].where} "
                f"({percent(parts[0].share)} of the requests){others}; that is no pass, were it asked there"
            )


def _late(gate: GatePlan, stage: StagePlan) -> Iterator[str]:
    if gate.n is None and gate.of == "periods":
        yield (
            f"{gate.stage}: {gate.text} is shown at its last look in only {100 * max(gate.chance, default=0.0):.0f} % of such "
            f"rollouts (planned {100 * gate.power:.3g} %)"
        )
    elif gate.n is None:
        yield f"{gate.stage}: {gate.text} would hardly ever be shown; plan a larger effect or margin"
    elif gate.in_time is not None and gate.in_time < gate.power:
        yield (
            f"{gate.stage}: {gate.text} is decided within the limit of {span(stage.limit_days)} in only "
            f"{100 * gate.in_time:.0f} % of such rollouts (planned {100 * gate.power:.3g} %); then: {stage.then}"
        )


def _short_watch(spec: Rollout, stage: Stage, gates: list[GatePlan]) -> Iterator[str]:
    if not isinstance(stage.strategy, Full) or not stage.strategy.watch_s:
        return
    watch = stage.strategy.watch_s / DAY_S
    by_unit = spec.unit != ("request",) and any(gate.of == "units" and gate.window_days for gate in gates)
    if by_unit and stage.strategy.watch_s < 2 * spec.outcome.window_s:
        yield f"{stage.name}: a watch shorter than two outcome windows judges hardly any unit; lengthen it"
    for gate in gates:
        if gate.days_half is not None and gate.days_half > watch:
            yield (
                f"{stage.name}: {gate.metric} as bad as supposed would mostly not be found within the watch of {span(watch)}; "
                "a larger holdback sees sooner"
            )
