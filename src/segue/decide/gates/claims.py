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
stable, at most k x champion    variance ratio below k       -
fairness, at most g             largest gap below g          -
drift, psi_below b              every feature below b        -
drift, psi_above b              -                            some feature above b
```
"Better" is above for a goal `increase` and below for `decrease`. A relative margin d makes the effect candidate minus
(1 - d) or (1 + d) times champion, with the bound 0. A quantile q against T is a share: p99 is above 80 ms when more than 1 % of
the answers take longer; against the champion it is the difference of the two quantiles. One observation of `rmse` is a squared
error, and its bounds and factors are squared with it: rmse_b <= (1 + d) rmse_a is mse_b <= (1 + d)^2 mse_a.
"""

from typing import Final, Literal

from segue.errors import InvariantError
from segue.facts.question import Claim, Side
from segue.spec.gate import DriftGate, FairnessGate, Gate, MetricGate, StableGate
from segue.spec.metric import DRIFT, STEADY, Metric, known_in_shadow, needs_outcome
from segue.spec.rollout import OutcomeRule
from segue.spec.stage import Full, Shadow, Stage

GateKind = Literal["promotion", "guardrail"]
COMPARISONS: Final = frozenset({"better_than_champion", "not_worse_than_champion_by", "worse_than_champion_by"})
CONSTANTS: Final = frozenset({"at_least", "at_most", "above", "below"})
_OPPOSITE: Final[dict[Side, Side]] = {"above": "below", "below": "above"}
_SIDES: Final[dict[str, Side]] = {"at_least": "above", "above": "above", "at_most": "below", "below": "below"}


def compares(gate: Gate) -> bool:
    """Whether a gate sets the candidate beside the champion."""
    return isinstance(gate, StableGate) or (isinstance(gate, MetricGate) and gate.test in COMPARISONS)


def claim(gate: Gate, metric: Metric, kind: GateKind) -> Claim:
    """The claim that passes a promotion gate or breaks a guardrail.

    Raises:
        InvariantError: `missing_part` says why there is none.
    """
    match gate:
        case StableGate(at_most_times_champion=times):
            return Claim(side="below", bound=times)
        case FairnessGate(at_most=gap):
            return Claim(side="below", bound=gap)
        case DriftGate(psi_below=float(bound)):
            return Claim(side="below", bound=bound)
        case DriftGate(psi_above=float(bound)):
            return Claim(side="above", bound=bound)
        case MetricGate():
            found = _comparison(gate, metric) if gate.test in COMPARISONS else _constant(gate, metric, kind)
            return _squared(found) if metric.kind == "rmse" else found
    raise InvariantError(f"{gate.path} claims nothing that can be shown yet")


def _constant(gate: MetricGate, metric: Metric, kind: GateKind) -> Claim:
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


def _squared(found: Claim) -> Claim:
    return Claim(side=found.side, bound=found.bound**2, factor=found.factor**2)


def guarded(gate: Gate) -> Gate:
    """A guardrail as its violation: `not_worse_than_champion_by` is broken when "worse by" is shown."""
    if not isinstance(gate, MetricGate) or gate.test != "not_worse_than_champion_by":
        return gate
    return MetricGate(
        path=gate.path,
        metric=gate.metric,
        test="worse_than_champion_by",
        margin=gate.margin,
        where=gate.where,
        weight=gate.weight,
    )


def missing_part(gate: Gate, metric: Metric | None, kind: GateKind) -> str:
    """Why this version cannot judge the gate, or "" where it can."""
    if metric is None or (kind == "guardrail" and not isinstance(gate, MetricGate | DriftGate)):
        return f"gates of the kind {type(gate).__name__.removesuffix('Gate').lower()}"
    if isinstance(gate, StableGate):
        return "" if metric.kind in STEADY else f"stability of a metric of kind {metric.kind}; of {', '.join(STEADY)}"
    return _missing_test(gate, metric, kind) if isinstance(gate, MetricGate) else ""


def _missing_test(gate: MetricGate, metric: Metric, kind: GateKind) -> str:
    if gate.test == "best_with":
        return "best_with"
    if metric.kind == "rmse" and gate.test in COMPARISONS and gate.margin.value and not gate.margin.relative:
        return "rmse against the champion's by an absolute margin; give it in percent of the champion's"
    if kind == "guardrail" and gate.test == "better_than_champion":
        return "better_than_champion as a guardrail; say what would be harm (worse_than_champion_by)"
    if kind == "promotion" and gate.test == "worse_than_champion_by":
        return "worse_than_champion_by as a condition to promote; say not_worse_than_champion_by"
    return ""


def of_disagreements(gate: Gate, metric: Metric) -> bool:
    """Whether, of two answers to one request, only those that differ have to be judged: accuracies, by an absolute margin."""
    compared = isinstance(gate, MetricGate) and gate.test in COMPARISONS and not gate.margin.relative
    return compared and metric.kind == "accuracy"


def beside(gate: Gate, metric: Metric) -> bool:
    """Whether the champion's answers are needed to judge the gate."""
    return compares(gate) or metric.kind == "agreement" or (isinstance(gate, DriftGate) and gate.against == "champion")


def unwatched(gate: Gate, metric: Metric, stage: Stage, outcome: OutcomeRule) -> str:
    """Why a guardrail sees nothing in this stage, or ""."""
    alone = isinstance(stage.strategy, Full) and not stage.strategy.holdback
    if alone and beside(gate, metric):
        return f"{metric.name} beside the champion in a full stage without a holdback: nobody is given the champion any more"
    return unknowable(gate, metric, stage, outcome)


def unknowable(gate: Gate, metric: Metric, stage: Stage, outcome: OutcomeRule) -> str:
    """Why nothing that happens in this stage can answer the gate, or ""."""
    shadow = isinstance(stage.strategy, Shadow)
    if shadow and not known_in_shadow(metric):
        return f"{metric.name} in a shadow stage: what an outcome value measures was caused by the served answer"
    asked_for = shadow and outcome.wanted > 0 and needs_outcome(metric) and not of_disagreements(gate, metric)
    if asked_for:
        return f"{metric.name} in a shadow stage whose outcomes are asked for where answers differ (outcome.wanted)"
    if shadow and metric.kind == DRIFT and metric.parameters["against"] == "champion":
        return f"{metric.name} against the champion in a shadow stage: there both variants are asked the same"
    if not shadow and metric.kind == "agreement":
        return f"{metric.name} outside a shadow stage: only there do two variants answer the same request"
    return ""
