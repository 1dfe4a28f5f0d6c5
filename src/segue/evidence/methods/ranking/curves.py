"""How well are positives ranked above negatives? The areas, and each row's part in them."""

import numpy as np

from segue.evidence.process import Floats
from segue.facts.summary import ScoreTable


def placements(scores: Floats, positives: Floats, negatives: Floats) -> tuple[Floats, Floats]:
    """Per row, the share of negatives that lie below its score and of positives that lie above it; ties count half.

    Args:
        scores: shape (rows,), in any order.
        positives: their weight at each row; the sum is positive.
        negatives: the same.

    >>> below, above = placements(np.array([0.2, 0.5, 0.9]), np.array([0, 1, 1.0]), np.array([1, 1, 0.0]))
    >>> below, above
    (array([0.25, 0.75, 1.  ]), array([1.  , 0.75, 0.25]))
    """
    _, at = np.unique(scores, return_inverse=True)
    down, up = (np.bincount(at, weights=weights) for weights in (negatives, positives))
    below = (np.cumsum(down) - down / 2) / down.sum()
    above = 1 - (np.cumsum(up) - up / 2) / up.sum()
    return below[at], above[at]


def auc(table: ScoreTable) -> float | None:
    """The chance that a positive scores above a negative, ties half; None without one of each.

    >>> auc(ScoreTable(scores=(0.2, 0.5, 0.9), positives=(0, 1, 1), negatives=(1, 1, 0)))
    0.875
    """
    positives, negatives = np.array(table.positives, dtype=float), np.array(table.negatives, dtype=float)
    if not (positives.sum() and negatives.sum()):
        return None
    below, _ = placements(np.array(table.scores), positives, negatives)
    return float(positives @ below / positives.sum())


def average_precision(table: ScoreTable) -> float | None:
    """`sum_k (R_k - R_(k-1)) P_k` down the distinct scores, the step-wise area under precision and recall; None likewise.

    >>> round(average_precision(ScoreTable(scores=(0.1, 0.4, 0.8), positives=(0, 1, 1), negatives=(1, 1, 0))), 6)
    0.833333
    """
    positives, negatives = np.array(table.positives[::-1], dtype=float), np.array(table.negatives[::-1], dtype=float)
    if not (positives.sum() and negatives.sum()):
        return None
    precision = positives.cumsum() / (positives + negatives).cumsum()
    return float(positives @ precision / positives.sum())
