"""Does a positive score higher than a negative?"""

from segue.facts.question import MetricRef
from segue.facts.summary import ScoreTable
from segue.measure.kinds.reading import Columns, Reading, all_of, positive


def roc_auc(metric: MetricRef, columns: Columns) -> Reading:
    """Chance that a positive scores higher than a negative, ties half; exact, by ranks.

    Source: Hanley and McNeil 1982, Radiology 143, 29; scikit-learn's `roc_auc_score`.
    """
    return Reading(
        form="ranking",
        rows="answers",
        due=columns.due,
        judged=all_of(columns.due, "isfinite($r.score)", f"{columns.truth} IS NOT NULL"),
        numerator="$r.score",
        denominator=f"({columns.truth} = {positive(metric)})::INTEGER",
    )


def auc_of(table: ScoreTable, _metric: MetricRef) -> float | None:
    """The area under the ROC curve."""
    return auc(table)


def auc(table: ScoreTable) -> float | None:
    """The area under the ROC curve, exact: `(sum over positives of (negatives below + half of those equal)) / (P N)`.

    Returns:
        None without a positive or without a negative.

    >>> auc(ScoreTable(scores=(0.2, 0.5, 0.9), positives=(0, 1, 1), negatives=(1, 1, 0)))
    0.875
    """
    below = twice = 0
    for positives, negatives in zip(table.positives, table.negatives, strict=True):
        twice += positives * (2 * below + negatives)
        below += negatives
    pairs = sum(table.positives) * below
    return twice / (2 * pairs) if pairs else None
