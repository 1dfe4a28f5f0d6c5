"""How often is the predicted label right?

With tp, fp, fn the predictions that are rightly positive, wrongly positive and wrongly negative:
precision = tp / (tp + fp), recall = tp / (tp + fn), f1 = 2 tp / (2 tp + fp + fn), accuracy = right / all.
"""

from segue.facts.question import MetricRef
from segue.measure.kinds.reading import Columns, Reading, all_of, positive


def accuracy(_metric: MetricRef, columns: Columns) -> Reading:
    """One for each prediction whose label came true."""
    return Reading(
        form="share",
        rows="answers",
        due=columns.due,
        judged=_known(columns),
        numerator=f"($r.label = {columns.truth})::INTEGER",
    )


def precision(metric: MetricRef, columns: Columns) -> Reading:
    """Of the predicted positives, those that are."""
    predicted, true = _signs(metric, columns)
    return _ratio(columns, f"({predicted} AND {true})::INTEGER", f"({predicted})::INTEGER")


def recall(metric: MetricRef, columns: Columns) -> Reading:
    """Of the actual positives, those that were predicted."""
    predicted, true = _signs(metric, columns)
    return _ratio(columns, f"({predicted} AND {true})::INTEGER", f"({true})::INTEGER")


def f1(metric: MetricRef, columns: Columns) -> Reading:
    """The harmonic mean of precision and recall, as 2 tp over predicted plus actual positives."""
    predicted, true = _signs(metric, columns)
    return _ratio(columns, f"2 * ({predicted} AND {true})::INTEGER", f"({predicted})::INTEGER + ({true})::INTEGER")


def _ratio(columns: Columns, numerator: str, denominator: str) -> Reading:
    return Reading(
        form="ratio",
        rows="answers",
        due=columns.due,
        judged=_known(columns),
        numerator=f"({numerator})",
        denominator=f"({denominator})",
    )


def _known(columns: Columns) -> str:
    return all_of(columns.due, "$r.label IS NOT NULL", f"{columns.truth} IS NOT NULL")


def _signs(metric: MetricRef, columns: Columns) -> tuple[str, str]:
    label = positive(metric)
    return f"$r.label = {label}", f"{columns.truth} = {label}"
