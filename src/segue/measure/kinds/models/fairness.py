"""Which rates have to be alike in every group?

A group's rate is a ratio of counts over its own rows; how far apart the groups are is `evidence`'s to say. Definitions as in
Hardt, Price & Srebro 2016 (arXiv 1610.02413): *demographic parity* of the predicted positives, *equal opportunity* of the true
positive rate, *equalized odds* of the true and the false positive rate.
"""

from segue.facts.question import MetricRef
from segue.measure.kinds.reading import Columns, Reading, all_of, positive


def demographic_parity(metric: MetricRef, _columns: Columns) -> Reading:
    """Of all answers, those that are positive."""
    return Reading(
        form="ratio",
        rows="answers",
        due="TRUE",
        judged=all_of("$r.label IS NOT NULL"),
        numerator=f"($r.label = {positive(metric)})::INTEGER",
    )


def equal_opportunity(metric: MetricRef, columns: Columns) -> Reading:
    """Of the actual positives, those that were predicted."""
    predicted, true = f"$r.label = {positive(metric)}", f"{columns.truth} = {positive(metric)}"
    return Reading(
        form="ratio",
        rows="answers",
        due=columns.due,
        judged=all_of(columns.due, "$r.label IS NOT NULL", f"{columns.truth} IS NOT NULL"),
        numerator=f"({predicted} AND {true})::INTEGER",
        denominator=f"({true})::INTEGER",
    )


def equalized_odds(metric: MetricRef, columns: Columns) -> Reading:
    """Of the actual positives, and of the actual negatives, those that were predicted positive."""
    first = equal_opportunity(metric, columns)
    predicted, false = f"$r.label = {positive(metric)}", f"{columns.truth} <> {positive(metric)}"
    return Reading(
        form=first.form,
        rows=first.rows,
        due=first.due,
        judged=first.judged,
        numerator=first.numerator,
        denominator=first.denominator,
        other=(f"({predicted} AND {false})::INTEGER", f"({false})::INTEGER"),
    )
