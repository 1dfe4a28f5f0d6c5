"""Which kinds of metric are there, and what does a summary of one say?"""

from collections.abc import Callable
from math import sqrt
from typing import Final

from segue.errors import DomainError
from segue.facts.evidence import UNKNOWN, NotEnough
from segue.facts.question import MetricRef
from segue.facts.summary import Counts, Histogram, Moments, ScoreTable, Summary
from segue.measure.kinds.agreement import agreement
from segue.measure.kinds.business import COST, mean
from segue.measure.kinds.classification import accuracy, f1, precision, recall
from segue.measure.kinds.fairness import demographic_parity, equal_opportunity, equalized_odds
from segue.measure.kinds.operational import error_rate, latency_quantile, quantile
from segue.measure.kinds.ranking import auc, roc_auc
from segue.measure.kinds.reading import Columns, Reading, Rule
from segue.measure.kinds.regression import brier, log_loss, mae, rmse
from segue.spec.metric import kind_of

READINGS: Final[dict[str, Callable[[MetricRef, Columns], Reading]]] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "brier": brier,
    "mae": mae,
    "rmse": rmse,
    "mean": mean,
    "error_rate": error_rate,
    "latency_quantile": latency_quantile,
    "agreement": agreement,
}
"""One entry for each of `spec.metric.KINDS`. A new kind is one function and its row here."""
GAP_READINGS: Final[dict[str, Callable[[MetricRef, Columns], Reading]]] = {
    "demographic_parity_difference": demographic_parity,
    "equal_opportunity_difference": equal_opportunity,
    "equalized_odds_difference": equalized_odds,
}
"""One entry for each of `spec.metric.GAPS`."""
_EVERY: Final = {**READINGS, **GAP_READINGS}


def rule_of(metric: MetricRef) -> Rule | None:
    """When the metric's predictions are judged; None for at once, because it needs no outcome."""
    if metric.of == COST or metric.kind not in _EVERY or not kind_of(metric.kind).outcome:
        return None
    return Rule(window_us=round(metric.window_s * 1_000_000), missing=metric.missing)


def reading_of(metric: MetricRef, rules: tuple[Rule, ...]) -> Reading:
    """The metric as SQL over a row that has the columns of these rules.

    Raises:
        DomainError: no such kind.
    """
    if metric.kind not in _EVERY:
        raise DomainError(f"no kind of metric is called {metric.kind!r}", metric=metric.name)
    rule = rule_of(metric)
    index, guessed = -1 if rule is None else rules.index(rule), UNKNOWN in metric.parameters
    columns = Columns(index=index, missing=metric.missing, guessed=guessed)
    return _EVERY[metric.kind](metric, columns)


def value(metric: MetricRef, summary: Summary | None) -> float | NotEnough:
    """What the summary says the metric is.

    Returns:
        `NotEnough` where there is nothing to divide by.

    Raises:
        DomainError: a summary that is not of this kind of metric.

    >>> precision = MetricRef(name="precision", kind="precision")
    >>> value(precision, Counts(yes=3, no=1))
    0.75
    >>> value(precision, Counts(yes=0, no=0)).need
    1
    """
    found: float | None
    match summary:
        case None:
            found = None
        case Counts(yes=yes, no=no):
            found = yes / (yes + no) if yes + no else None
        case Moments(cells=cells):
            n = sum(cell.n for cell in cells)
            found = sum(cell.sums[0] for cell in cells) / n if n else None
            found = sqrt(found) if found is not None and metric.kind == "rmse" else found
        case Histogram():
            found = quantile(summary, float(metric.parameters["q"]))
        case ScoreTable():
            found = auc(summary)
        case _:
            raise DomainError(f"no metric is read off {type(summary).__name__}", metric=metric.name)
    return NotEnough(have=0, need=1, unit=_unit(metric), reason="nothing to divide by") if found is None else found


def _unit(metric: MetricRef) -> str:
    return {
        "precision": "predicted positives",
        "recall": "actual positives",
        "f1": "positives",
        "roc_auc": "pairs of a positive and a negative",
        "agreement": "pairs of answers",
        "error_rate": "requests",
        "latency_quantile": "answers",
    }.get(metric.kind, "judged predictions")
