"""What can a spec say that this version cannot do yet?

A spec is read whole; what is read but not built is refused by name before anything is applied, never ignored.
"""

from collections.abc import Iterator
from typing import Final

from segue.errors import Problem, SpecError
from segue.spec.document.tree import parse, places
from segue.spec.gate import Gate, MetricGate, StableGate
from segue.spec.metric import STEADY
from segue.spec.rollout import Rollout
from segue.spec.stage import Bandit

_HINT: Final = "take it out to apply this spec"


def unbuilt(rollout: Rollout) -> tuple[Problem, ...]:
    """What this version cannot do yet, in the order of the file; a rollout is applied only where there is none."""
    where: dict[str, tuple[int, int]] = {}
    if rollout.source:
        where = {path: (line, column) for path, line, column in places(parse(rollout.source))}
    found = (*_top(rollout), *_stages(rollout), *_gates(rollout))
    return tuple(sorted(Problem(*where.get(path, (0, 1)), path, f"{what} not built yet", _HINT) for path, what in found))


def require_built(rollout: Rollout, name: str = "rollout.yaml") -> None:
    """Refuse what this version cannot do yet.

    Raises:
        SpecError: naming each.
    """
    problems = unbuilt(rollout)
    if problems:
        raise SpecError(f"{name}: {len(problems)} of its parts can be read, but not run yet", problems)


def _top(rollout: Rollout) -> Iterator[tuple[str, str]]:
    if rollout.protocol != "v2":  # our hosts speak v2 alone
        for name, variant in rollout.variants.items():
            if not variant.url:
                yield f"variants.{name}", f"variants of the protocol `{rollout.protocol}` without a `url` are"
    for index, source in enumerate(rollout.unit):
        if source.startswith(("body:", "query:")):
            yield f"unit[{index}]", f"units from `{source}` are"
    for attribute, source in rollout.context.items():
        if source.startswith(("body:", "query:")):
            yield f"context.{attribute}", f"attributes from `{source}` are"
    if rollout.retrain:
        yield "retrain", "training again is"


def _stages(rollout: Rollout) -> Iterator[tuple[str, str]]:
    for index, stage in enumerate(rollout.stages):
        if isinstance(stage.strategy, Bandit):
            yield f"stages[{index}].strategy", "the strategy `bandit` is"
        if stage.plan is not None and rollout.metrics[stage.plan.metric].kind == "roc_auc":
            yield f"stages[{index}].plan.metric", "plans for `roc_auc` are"


def _gates(rollout: Rollout) -> Iterator[tuple[str, str]]:
    retrain = tuple(one.when for one in rollout.retrain if one.when is not None)
    objectives = tuple(gate for stage in rollout.stages for gate in stage.promote_when)
    for gate in (*rollout.guardrails, *objectives, *retrain):
        what = _of(gate, rollout)
        if what:
            yield gate.path, f"{what} are"


def _of(gate: Gate, rollout: Rollout) -> str:
    match gate:
        case StableGate(metric=name):
            steady = rollout.metrics[name].kind in STEADY
            return "" if steady else f"gates on stability (`stable`) of another kind than {', '.join(STEADY)}"
        case MetricGate():
            return _of_metric(gate, rollout.metrics[gate.metric].kind)
    return ""


def _of_metric(gate: MetricGate, kind: str) -> str:
    if gate.test == "best_with":
        return "gates `best_with`"
    absolute = gate.margin.value and not gate.margin.relative and gate.test.endswith(("champion_by", "than_champion"))
    if kind == "rmse" and absolute:  # squares do not tell a difference of roots
        return "gates on `rmse` against the champion by an absolute margin (say it in percent)"
    return ""
