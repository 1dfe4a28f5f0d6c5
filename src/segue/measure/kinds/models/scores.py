"""How good is a score: does it rank, and is it the chance that it claims to be?

All are read off one exact table, of how many positives and negatives had each score. Ties count as they are: where a cut falls
into equal scores, these rows count in part, as they would on average in random order.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from segue.facts.question import MetricRef
from segue.facts.summary import ScoreTable
from segue.measure.kinds.entry import ratio
from segue.measure.kinds.models.ranking import auc
from segue.measure.kinds.reading import Columns, Reading, all_of, positive, said, word


def chances(metric: MetricRef, columns: Columns) -> Reading:
    """The score and whether the label came true, of rows whose score is a chance."""
    return _table(columns, "$r.score BETWEEN 0 AND 1", f"{columns.truth} = {positive(metric)}")


def confidences(_metric: MetricRef, columns: Columns) -> Reading:
    """The score, taken for the chance of the predicted label, and whether that label came true."""
    return _table(columns, "$r.score BETWEEN 0 AND 1 AND $r.label IS NOT NULL", f"{columns.truth} = $r.label")


def gini(table: ScoreTable, _metric: MetricRef) -> float | None:
    """2 AUC - 1. Source: Hand and Till 2001, Machine Learning 45, 171, section 2."""
    area = auc(table)
    return None if area is None else 2 * area - 1


def average_precision(table: ScoreTable, _metric: MetricRef) -> float | None:
    """Sum over thresholds of `(R_i - R_(i-1)) P_i`, from the highest score down; steps, no trapezoids.

    Source: scikit-learn's `average_precision_score`.
    """
    tp = n = total = 0.0
    for positives, negatives in zip(reversed(table.positives), reversed(table.negatives), strict=True):
        tp, n = tp + positives, n + positives + negatives
        total += positives * tp / n
    return ratio(total, tp)


def score_ks(table: ScoreTable, _metric: MetricRef) -> float | None:
    """Largest distance between the distributions of the positives' and the negatives' scores.

    Source: Kolmogorov and Smirnov's two-sample D, as `scipy.stats.ks_2samp`.
    """
    ups, downs = sum(table.positives), sum(table.negatives)
    if not ups or not downs:
        return None
    steps = zip(accumulate(table.positives), accumulate(table.negatives), strict=True)
    return max(abs(p / ups - n / downs) for p, n in steps)


def brier_skill(table: ScoreTable, _metric: MetricRef) -> float | None:
    """1 - Brier / (y (1 - y)), y the share of positives: 0 for a forecast that always says y. Source: Murphy 1973."""
    ups, downs = sum(table.positives), sum(table.negatives)
    rows = zip(table.scores, table.positives, table.negatives, strict=True)
    loss = sum(p * (1 - score) ** 2 + n * score**2 for score, p, n in rows)
    return None if not ups or not downs else 1 - loss * (ups + downs) / (ups * downs)


def calibration_bias(table: ScoreTable, _metric: MetricRef) -> float | None:
    """Mean score - share of positives: calibration in the large. Source: Steyerberg 2010, Epidemiology 21, 128."""
    ups, n = sum(table.positives), sum(table.positives) + sum(table.negatives)
    rows = zip(table.scores, table.positives, table.negatives, strict=True)
    return ratio(sum(score * (p + m) for score, p, m in rows) - ups, n)


def ece(table: ScoreTable, metric: MetricRef) -> float | None:
    """Expected calibration error: mean over rows of |mean score - share of positives| in the row's bin.

    `bins=uniform`: equal width, [b, b'). `bins=mass`: bins of equal numbers of rows, equal scores never parted. Source: Naeini
    and others 2015, AAAI; torchmetrics' `BinaryCalibrationError(norm="l1")` is uniform, NannyML's is mass with `count=10`.
    """
    bins = reliability(table, word(metric, "bins"), round(said(metric, "count")))
    n = sum(one.n for one in bins)
    return ratio(sum(abs(one.scores - one.positives) for one in bins), n)


def mce(table: ScoreTable, metric: MetricRef) -> float | None:
    """The largest |mean score - share of positives| of a bin; bins as in `ece`. Source: Naeini and others 2015, AAAI."""
    bins = reliability(table, word(metric, "bins"), round(said(metric, "count")))
    return max((abs(one.scores - one.positives) / one.n for one in bins), default=None)


def confidence_ece(table: ScoreTable, metric: MetricRef) -> float | None:
    """`ece` of the predicted label's own score against whether it was right: for any number of classes.

    Source: Guo and others 2017, ICML, equation 3; torchmetrics' `MulticlassCalibrationError(norm="l1")`.
    """
    return ece(table, metric)


def gain(table: ScoreTable, metric: MetricRef) -> float | None:
    """Of all positives, those among the `share` of rows that score highest. Source: Provost and Fawcett 2013, chapter 8."""
    n = sum(table.positives) + sum(table.negatives)
    return ratio(_positives_on_top(table, said(metric, "share") * n), sum(table.positives))


def lift(table: ScoreTable, metric: MetricRef) -> float | None:
    """`gain` / `share`: how much more often the highest scores are positive than all are. Source: as `gain`."""
    found = gain(table, metric)
    return None if found is None else found / said(metric, "share")


class Bin(NamedTuple):
    """A row of the reliability table: rows, the sum of their scores, and how many of them are positive."""

    n: int
    scores: float
    positives: int


def reliability(table: ScoreTable, bins: str, count: int) -> list[Bin]:
    """The reliability table: non-empty bins of scores, ordered.

    >>> reliability(ScoreTable(scores=(0.1, 0.9), positives=(0, 2), negatives=(1, 0)), "uniform", 2)
    [Bin(n=1, scores=0.1, positives=0), Bin(n=2, scores=1.8, positives=2)]
    """
    found: dict[int, Bin] = {}
    for at, (score, p, n) in zip(_places(table, bins, count), _rows(table), strict=True):
        old = found.get(at, Bin(0, 0.0, 0))
        found[at] = Bin(old.n + p + n, old.scores + score * (p + n), old.positives + p)
    return [found[at] for at in sorted(found)]


def _places(table: ScoreTable, bins: str, count: int) -> Iterator[int]:
    n, below = sum(table.positives) + sum(table.negatives), 0
    for score, p, m in _rows(table):
        if bins == "uniform":
            yield min(int(score * count), count - 1)
        else:
            yield below * count // n
            below += p + m


def _rows(table: ScoreTable) -> Iterator[tuple[float, int, int]]:
    return zip(table.scores, table.positives, table.negatives, strict=True)


def _positives_on_top(table: ScoreTable, rows: float) -> float:
    found = 0.0
    for p, n in zip(reversed(table.positives), reversed(table.negatives), strict=True):
        taken = min(rows / (p + n), 1.0)
        found, rows = found + p * taken, rows - (p + n)
        if rows <= 0:
            break
    return found


def _table(columns: Columns, usable: str, right: str) -> Reading:
    return Reading(
        form="ranking",
        rows="answers",
        due=columns.due,
        judged=all_of(columns.due, usable, f"{columns.truth} IS NOT NULL"),
        numerator="$r.score",
        denominator=f"({right})::INTEGER",
    )
