"""What is expected of a question before its data are seen?

Taken from the baselines that were known when the stage was entered and from the stage's plan, never from the question's own
data. A wrong expectation costs time to a verdict, never its validity.
"""

from math import sqrt
from typing import Final

from segue.decide.gates.claims import COMPARISONS
from segue.facts.decision import State
from segue.facts.grid import variance_where_planned
from segue.facts.question import Claim, Prior, Question
from segue.spec.gate import Gate, MetricGate
from segue.spec.metric import KINDS, Metric, kind_of
from segue.spec.stage import Ab, Canary, Shadow, Stage

CHAMPION: Final = "champion"
_SLACK: Final = 1.05  # buckets are whole, and shares are cut to them
_RARE: Final = 0.01
_LEAST: Final = 1e-9
_SMALL: Final = 0.1  # a small effect: a tenth of a standard deviation
_LARGE: Final = 0.14  # of a guardrail: where 1 % of failures becomes 6 %, of drawn halves, the bets then grow fastest


def prior(gate: Gate, metric: Metric, claim: Claim, *, stage: Stage, state: State) -> Prior:
    """Mean and variance of one observation, and the effect that the power is meant for; in the metric's own unit."""
    if not isinstance(gate, MetricGate):  # variation between days, gaps between groups: planned for none
        return Prior(effect=0.0)
    if metric.kind == "latency_quantile" and gate.test in COMPARISONS:  # bets at every value, and on none in particular
        return Prior(effect=(1.0 if claim.side == "above" else -1.0) * abs(claim.bound))
    if metric.kind == "roc_auc" and gate.test in COMPARISONS and not isinstance(stage.strategy, Shadow):
        mean, variance = 0.7, 0.25  # of one unit's part in the area; in a shadow one observation is an hour's area
    else:
        mean, variance = state.baselines.get(metric.name) or _unknown(metric, claim)
    sign = 1.0 if claim.side == "above" else -1.0
    spread = sqrt(variance)
    if gate.test not in COMPARISONS:
        return Prior(mean=mean, variance=variance, effect=_value(metric, claim, mean, sign))
    no_difference = (1.0 - claim.factor) * mean
    margin = abs(claim.bound - no_difference)
    planned = _planned(stage, metric, mean, no_difference)
    if gate.test == "worse_than_champion_by":
        effect = claim.bound + sign * max(margin, _LARGE * spread)  # large harm first: it costs most until it is found
    elif planned is not None:
        effect = planned
    elif gate.test == "better_than_champion":
        effect = claim.bound + sign * max(margin, _SMALL * spread)
    else:
        effect = no_difference
    return Prior(mean=mean, variance=variance, effect=effect)


def is_planned(gate: Gate, stage: Stage) -> bool:
    """Whether the stage's plan says which effect a superiority is meant to have; below that the gate is futile."""
    planned = stage.plan is not None and isinstance(gate, MetricGate) and stage.plan.metric == gate.metric
    return planned and isinstance(gate, MetricGate) and gate.test == "better_than_champion"


def end_of_looking(question: Question, stage: Stage, candidates: int = 1) -> float | None:
    """The variance that the question's sum will have after the candidate's `at_most.outcomes`; None for no end.

    n observations of one sample or of pairs add n times the variance of one; drawn units n (1 - share) times, n those of the
    candidate. Of yes and no that variance is the one where the planned effect is true, not the champion's alone: where
    10 % become 11 % it is 4 % more, and a clock set by the champion's would run out 8 % early. Only means and shares have an
    end: what a ratio's or an area's observation adds is not known before.
    """
    n: float = 0 if stage.at_most is None else stage.at_most.outcomes
    if not n or kind_of(question.metric.kind).shape not in {"proportion", "mean"} or question.design in {"days", "groups"}:
        return None
    share = _share(stage, question, candidates) if question.design == "randomised" else 0.0
    n *= question.sampled or 1.0
    return n * (1.0 - share) * max(variance_where_planned(question, share=share), _LEAST) if share < 1.0 else None


def chance_most(stage: Stage, candidates: int) -> float:
    """The largest chance of a candidate against the champion that a unit of this stage is drawn with, and a little more.

    Also of units that come back: outside a range that grew from s1 to s2 it is (s2 - s1) / (1 - s1), which is less than s2.
    """
    match stage.strategy:
        case Ab(shares=shares):
            champion = shares.get(CHAMPION, 0.0)
            chances = [share / (share + champion) for name, share in shares.items() if name != CHAMPION and share + champion]
        case Canary(steps=steps):
            chances = [it.share / candidates / (it.share / candidates + 1 - it.share) for it in steps if it.share < 1]
        case _:
            chances = []
    return min(max(chances, default=1.0) * _SLACK, 1.0)


def _share(stage: Stage, question: Question, candidates: int) -> float:
    match stage.strategy:
        case Ab(shares=shares):
            mine, theirs = shares.get(question.candidate, 0.0), shares.get(question.champion, 0.0)
            return mine / (mine + theirs) if mine + theirs else 1.0
        case Canary(steps=steps):
            mine = steps[-1].share / candidates
            return mine if candidates == 1 else mine / (mine + 1.0 - steps[-1].share)
    return 1.0


def _planned(stage: Stage, metric: Metric, mean: float, no_difference: float) -> float | None:
    if stage.plan is None or stage.plan.metric != metric.name:
        return None
    if metric.kind == "rmse":
        root = sqrt(max(mean, 0.0))
        better = root * (1 - stage.plan.effect) if stage.plan.relative else root - stage.plan.effect
        return no_difference + max(better, 0.0) ** 2 - mean
    size = abs(stage.plan.effect) * (abs(mean) if stage.plan.relative else 1.0)
    return no_difference + (size if metric.goal == "increase" else -size)


def _value(metric: Metric, claim: Claim, mean: float, sign: float) -> float:
    """The candidate's own value that a claim about a constant is planned for: the baseline, or a fifth of a deviation away."""
    if metric.kind != "latency_quantile" and (mean - claim.bound) * sign > 0:
        return mean
    inside = 0.0 <= claim.bound <= 1.0 and (KINDS[metric.kind].bounded or metric.kind == "latency_quantile")
    if not inside:
        return claim.bound + sign * 2 * _SMALL * max(abs(claim.bound), 1.0)
    away = 2 * _SMALL * sqrt(claim.bound * (1.0 - claim.bound))
    halfway = (claim.bound + 1.0) / 2 if sign > 0 else claim.bound / 2
    return min(claim.bound + away, halfway) if sign > 0 else max(claim.bound - away, halfway)


def _unknown(metric: Metric, claim: Claim) -> tuple[float, float]:
    if metric.kind == "latency_quantile":
        return claim.bound, claim.bound * (1.0 - claim.bound)
    if metric.kind == "error_rate":
        return _RARE, _RARE * (1.0 - _RARE)
    if metric.kind == "roc_auc":  # one observation is an hour's, not a prediction's
        return 0.7, 0.01
    if KINDS[metric.kind].bounded:
        return 0.5, 0.25
    scale = metric.cap or max(abs(claim.bound), 1.0)
    return scale / 4, scale**2 / 16
