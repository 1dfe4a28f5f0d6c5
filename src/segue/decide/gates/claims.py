"""What must be shown for a gate to pass, or for a guardrail to be broken?

A promotion gate passes when its claim is shown. A guardrail is broken when the opposite of what it guards is shown: "not yet
shown" never rolls back and never promotes.

```
test                            to pass a promotion gate     to break a guardrail
better_than_champion (by m)     effect better than +m        -
not_worse_than_champion_by m    effect better than -m        effect worse than -m
worse_than_champion_by m        -                            effect worse than -m
at_least c                      value above c                value below c
at_most c                       value below c                value above c
above c, below c                value above (below) c        value above (below) c
```
"Better" is above for a goal `increase` and below for `decrease`. A relative margin d makes the effect candidate minus
(1 - d) or (1 + d) times champion, with the bound 0. A quantile q against T is a share: p99 is above 80 ms when more than 1 % of
the answers take longer.
"""

from typing import Final, Literal

from segue.facts.question import Claim, Side
from segue.spec.gate import Gate, MetricGate
from segue.spec.metric import Metric, known_in_shadow
from segue.spec.stage import Shadow, Stage

GateKind = Literal["promotion", "guardrail"]
COMPARISONS: Final = frozenset({"better_than_champion", "not_worse_than_champion_by", "worse_than_champion_by"})
CONSTANTS: Final = frozenset({"at_least", "at_most", "above", "below"})
_OPPOSITE: Final[dict[Side, Side]] = {"above": "below", "below": "above"}
_SIDES: Final[dict[str, Side]] = {"at_least": "above", "above": "above", "at_most": "below", "below": "below"}


def claim(gate: MetricGate, metric: Metric, kind: GateKind) -> Claim:
    """The claim that passes a promotion gate or breaks a guardrail; `missing_part` says for which there is none."""
    if gate.test in COMPARISONS:
        return _comparison(gate, metric)
    side = _SIDES[gate.test]
    if kind == "guardrail" and gate.test in {"at_least", "at_most"}:
        side = _OPPOSITE[side]
    bound = 1.0 - float(metric.parameters["q"]) if metric.kind == "latency_quantile" else gate.margin.value
    return Claim(side=side, bound=bound)


def _comparison(gate: MetricGate, metric: Metric) -> Claim:
    better: Side = "above" if metric.goal == "increase" else "below"
    upwards = 1.0 if better == "above" else -1.0
    loss = -1.0 if gate.test != "better_than_champion" else 1.0
    side = _OPPOSITE[better] if gate.test == "worse_than_champion_by" else better
    shift = upwards * loss * gate.margin.value
    return Claim(side=side, bound=0.0, factor=1.0 + shift) if gate.margin.relative else Claim(side=side, bound=shift + 0.0)


def guarded(gate: MetricGate) -> MetricGate:
    """A guardrail as its violation: `not_worse_than_champion_by` is broken when "worse by" is shown."""
    if gate.test != "not_worse_than_champion_by":
        return gate
    return MetricGate(path=gate.path, metric=gate.metric, test="worse_than_champion_by", margin=gate.margin, where=gate.where)


def missing_part(gate: Gate, metric: Metric | None, kind: GateKind) -> str:
    """Why this version cannot judge the gate, or "" where it can."""
    if not isinstance(gate, MetricGate) or metric is None:
        return f"gates of the kind {type(gate).__name__.removesuffix('Gate').lower()}"
    if gate.test == "best_with":
        return "best_with"
    if metric.kind == "latency_quantile" and gate.test in COMPARISONS:
        return "a latency quantile against the champion's; give a limit (above, below, at_most)"
    if kind == "guardrail" and gate.test == "better_than_champion":
        return "better_than_champion as a guardrail; say what would be harm (worse_than_champion_by)"
    if kind == "promotion" and gate.test == "worse_than_champion_by":
        return "worse_than_champion_by as a condition to promote; say not_worse_than_champion_by"
    return ""


def unknowable(gate: MetricGate, metric: Metric, stage: Stage) -> str:
    """Why nothing that happens in this stage can answer the gate, or ""."""
    shadow = isinstance(stage.strategy, Shadow)
    if shadow and not known_in_shadow(metric):
        return f"{metric.name} in a shadow stage: what an outcome value measures was caused by the served answer"
    if not shadow and metric.kind == "agreement":
        return f"{metric.name} outside a shadow stage: only there do two variants answer the same request"
    if not shadow and metric.kind == "roc_auc" and gate.test in COMPARISONS:
        return f"{metric.name} against the champion outside a shadow stage: each variant ranks other requests"
    return ""
