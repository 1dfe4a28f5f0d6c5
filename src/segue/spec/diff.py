"""What differs between two specs?

Compared is the meaning, not the text. Stages are matched by name and gates by metric, population and test, so that a stage
that is put in between is one stage more, and not a change of all that follow.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from segue.spec.digest import one_spelling
from segue.spec.gate import DriftGate, FairnessGate, Gate, MetricGate, StableGate
from segue.spec.metric import AGREEMENT, scale_of
from segue.spec.quantity import spell_number, spell_points, spell_seconds, spell_share
from segue.spec.rollout import GATEWAY, Rollout
from segue.spec.stage import Ab, Bandit, Canary, Full, Shadow, Stage

_LEVELS: Final = ("at_least", "at_most", "above", "below")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, as people write it.

    Args:
        path: dotted; stages and gates by name (`stages[canary].steps[2].share`).
        old, new: as written in a spec; None where there is nothing.
    """

    path: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"+ {self.path}: {self.new}"
        return f"- {self.path}: {self.old}" if self.new is None else f"~ {self.path}: {self.old} -> {self.new}"


def diff(old: Rollout, new: Rollout) -> tuple[Change, ...]:
    """All differences in the order of the new spec; what is gone comes where it stood, at the end of the list."""
    before, after = dict(_numbered(_rollout(old))), dict(_numbered(_rollout(new)))
    paths = [*after, *(path for path in before if path not in after)]
    changes = (Change(path=path, old=before.get(path), new=after.get(path)) for path in paths)
    return tuple(change for change in changes if change.old != change.new)


Lines = Iterator[tuple[str, str]]


def _numbered(lines: Lines) -> Lines:
    seen: dict[str, int] = {}
    for path, value in lines:
        seen[path] = seen.get(path, 0) + 1
        yield (path if seen[path] == 1 else f"{path} #{seen[path]}"), value


def _rollout(rollout: Rollout) -> Lines:
    yield "route", rollout.route
    yield "protocol", rollout.protocol
    yield "unit", _list(rollout.unit)
    yield "registry", rollout.registry
    yield from _if_set("provider", "" if rollout.provider == GATEWAY else rollout.provider)
    for name, variant in rollout.variants.items():
        yield f"variants.{name}.version", variant.version
        yield from _if_set(f"variants.{name}.url", variant.url)
        yield f"variants.{name}.timeout", spell_seconds(variant.timeout_s)
    for key in ("label", "score", "features", "cost"):
        yield from _if_set(f"prediction.{key}", getattr(rollout.prediction, key))
    for name, source in rollout.context.items():
        yield f"context.{name}", source
    yield "outcome.window", spell_seconds(rollout.outcome.window_s)
    yield "outcome.missing", rollout.outcome.missing
    yield from _if_set("outcome.wanted", spell_share(rollout.outcome.wanted) if rollout.outcome.wanted else "")
    yield from _if_set("segments", _list(_list(segment) for segment in rollout.segments) if rollout.segments else "")
    yield from _metrics(rollout)
    yield "error_budget.false_promotion", spell_share(rollout.error_budget.false_promotion)
    yield "error_budget.false_rollback", spell_share(rollout.error_budget.false_rollback)
    yield "error_budget.futility", spell_share(rollout.error_budget.futility)
    yield "error_budget.reserve", spell_share(rollout.error_budget.reserve)
    yield from _gates("guardrails", rollout.guardrails, rollout)
    for stage in rollout.stages:
        yield from _stage(f"stages[{stage.name}]", stage, rollout)
    yield from _if_set("stages", _list(stage.name for stage in rollout.stages))
    yield "after.registry_alias", rollout.after.registry_alias
    yield "after.keep_previous_as", rollout.after.keep_previous_as
    yield "after.moved_by_others", rollout.after.moved_by_others
    yield "when_busy", rollout.when_busy
    ill = rollout.unhealthy_champion
    yield "unhealthy_champion.errors_rise_by", spell_points(ill.errors_rise_by)
    yield "unhealthy_champion.latency_rises_by", spell_share(ill.latency_rises_by)
    yield "unhealthy_champion.then", ill.then
    yield "unhealthy_champion.after", spell_seconds(ill.after_s)
    yield "unhealthy_champion.well_for", spell_seconds(ill.well_for_s)
    for notice in rollout.notify:
        yield f"notify[{notice.url}].on", _list(notice.on)
    for one in rollout.retrain:
        if one.every_s is not None:
            yield "retrain.every", spell_seconds(one.every_s)
        yield from _gates("retrain.when", () if one.when is None else (one.when,), rollout)


def _metrics(rollout: Rollout) -> Lines:
    for name, metric in rollout.metrics.items():
        if metric == AGREEMENT:
            continue
        path = f"metrics.{name}"
        yield f"{path}.kind", metric.kind
        yield from _if_set(f"{path}.of", metric.of)
        yield f"{path}.goal", metric.goal
        yield from _if_set(f"{path}.cap", "" if metric.cap is None else spell_number(metric.cap))
        yield from _if_set(f"{path}.expected", metric.expected)
        yield f"{path}.window", spell_seconds(metric.window_s)
        yield f"{path}.missing", metric.missing
        for parameter, value in metric.parameters.items():
            yield f"{path}.{parameter}", value if isinstance(value, str) else spell_number(value)


def _stage(path: str, stage: Stage, rollout: Rollout) -> Lines:
    yield f"{path}.strategy", type(stage.strategy).__name__.lower()
    yield from _strategy(path, stage, tuple(rollout.context))
    yield f"{path}.at_least.age", spell_seconds(stage.at_least.age_s)
    yield f"{path}.at_least.outcomes", str(stage.at_least.outcomes)
    if stage.at_most is not None:
        yield f"{path}.at_most.age", spell_seconds(stage.at_most.age_s)
        yield f"{path}.at_most.then", stage.at_most.then
        yield from _if_set(f"{path}.at_most.outcomes", str(stage.at_most.outcomes or ""))
    yield from _gates(f"{path}.promote_when", stage.promote_when, rollout)
    yield from _if_set(f"{path}.any_of", "; ".join(" | ".join(" + ".join(one) for one in group) for group in stage.any_of))
    if stage.plan is not None:
        yield f"{path}.plan.metric", stage.plan.metric
        effect = stage.plan.effect
        spelled = spell_share(effect) if stage.plan.relative else _difference(effect, rollout.metrics[stage.plan.metric].kind)
        yield f"{path}.plan.effect", spelled
        yield f"{path}.plan.power", spell_share(stage.plan.power)
    yield from _if_set(f"{path}.approve", stage.approve)


def _strategy(path: str, stage: Stage, attributes: tuple[str, ...]) -> Lines:
    match stage.strategy:
        case Shadow(sample=sample):
            yield f"{path}.sample", spell_share(sample)
        case Canary(steps=steps):
            for index, step in enumerate(steps):
                yield f"{path}.steps[{index}].share", spell_share(step.share)
                yield f"{path}.steps[{index}].age", spell_seconds(step.age_s)
                yield from _if_set(f"{path}.steps[{index}].audience", one_spelling(step.audience, attributes))
        case Ab(shares=shares):
            for variant, share in shares.items():
                yield f"{path}.shares.{variant}", spell_share(share)
        case Bandit() as bandit:
            yield f"{path}.policy", bandit.policy
            yield f"{path}.reward", bandit.reward
            yield f"{path}.floor", spell_share(bandit.floor)
            yield f"{path}.update", spell_seconds(bandit.update_s)
        case Full(watch_s=watch_s, holdback=holdback):
            yield f"{path}.watch.age", spell_seconds(watch_s)
            yield f"{path}.watch.holdback", spell_share(holdback)


def _gates(path: str, gates: tuple[Gate, ...], rollout: Rollout) -> Lines:
    for gate in gates:
        match gate:
            case MetricGate():
                population = f" where {one_spelling(gate.where, tuple(rollout.context))}" if gate.where else ""
                yield f"{path}[{gate.metric}{population}].{gate.test}", _amount(gate, rollout.metrics[gate.metric].kind)
            case StableGate():
                times = f"{spell_number(gate.at_most_times_champion)}x champion"
                yield f"{path}[{gate.metric}].stable", f"every {spell_seconds(gate.every_s)}, at most {times}"
            case DriftGate(against=against, psi_below=below, psi_above=above):
                name, value = ("psi_above", above) if below is None else ("psi_below", below)
                yield from _if_set(f"{path}[drift against {against}].{name}", "" if value is None else spell_number(value))
            case FairnessGate():
                yield f"{path}[fairness of {gate.metric} over {gate.over}].at_most", spell_number(gate.at_most)


def _amount(gate: MetricGate, kind: str) -> str:
    value = gate.margin.value
    if gate.margin.relative or gate.test == "best_with":
        return spell_share(value)
    if gate.test not in _LEVELS:
        return _difference(value, kind)
    scale = scale_of(kind)
    if scale == "duration":
        return spell_seconds(value)
    return spell_share(value) if scale == "proportion" else spell_number(value)


def _difference(value: float, kind: str) -> str:
    scale = scale_of(kind)
    if scale == "duration":
        return spell_seconds(value)
    return spell_points(value) if scale == "proportion" else spell_number(value)


def _if_set(path: str, value: str) -> Lines:
    if value:
        yield path, value


def _list(values: Iterator[str] | tuple[str, ...]) -> str:
    return f"[{', '.join(values)}]"
