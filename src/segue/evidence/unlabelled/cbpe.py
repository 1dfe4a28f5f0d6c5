"""How good are the predicted labels, if scores still mean what they meant in training? Confidence-based estimates (CBPE).

Each score is turned into the chance p of the positive label by the training profile's calibration; then the confusion matrix is
known in expectation: TP = sum of p over the predicted positives, FN = sum of p over the others, and so on. The area under the
curve takes each row for p positives and 1 - p negatives at its score. Under concept drift all of this stays as it was, or goes
the wrong way: measured, a real area of 0.73 was estimated as 0.82. So it may warn, and never promote.
"""

from collections.abc import Iterator
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.facts.drift.findings import Estimate
from segue.facts.drift.profile import Calibration
from segue.facts.evidence import NotEnough

Z: Final = 1.959963984540054
ASSUMPTIONS: Final = (
    "a score means what it meant in training: no concept drift",
    "the calibration is that of the same version",
)


def chances(calibration: Calibration, scores: Floats) -> Floats:
    """The chance of the positive label of each score; a step function, flat beyond its ends.

    >>> made = Calibration(positive="1", scores=(0.2, 0.6), rates=(0.1, 0.7), rows=100)
    >>> chances(made, np.array([0.0, 0.3, 0.6, 2.0])).tolist()
    [0.1, 0.1, 0.7, 0.7]
    """
    place = np.searchsorted(calibration.scores, scores, side="right") - 1
    rates: Floats = np.array(calibration.rates)[place.clip(min=0)]
    return rates


def estimated(calibration: Calibration, scores: Floats, positive: NDArray[np.bool_]) -> dict[str, Estimate | NotEnough]:
    """Accuracy, precision, recall, F1 and the area under the curve, each with its sampling error.

    Args:
        calibration: of the version, from its profile.
        scores: finite, one a prediction.
        positive: whether the predicted label is the positive one.

    Raises:
        DomainError: other lengths, or a score that is no number.
    """
    if len(scores) != len(positive) or not np.isfinite(scores).all():
        raise DomainError(f"{len(scores)} scores and {len(positive)} labels; scores are finite")
    p = chances(calibration, scores)
    tp, fp = float(p[positive].sum()), float((1 - p)[positive].sum())
    fn, tn = float(p[~positive].sum()), float((1 - p)[~positive].sum())
    parts = {
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }
    found: dict[str, Estimate | NotEnough] = {}
    for name, (of, among) in parts.items():
        error = 0.0 if among == 0 else sqrt(max(of / among * (1 - of / among), 0.0) / (among / (2 if name == "f1" else 1)))
        found[name] = _estimate(name, (of / among, error), len(p)) if among > 0 else _none(name)
    found["roc_auc"] = _area(p, scores)
    return found


def _area(p: Floats, scores: Floats) -> Estimate | NotEnough:
    """Mann-Whitney with weights; the error is Hanley and McNeil's (1982), of as many positives as are expected."""
    positives, negatives = float(p.sum()), float((1 - p).sum())
    if positives <= 0 or negatives <= 0:
        return _none("roc_auc")
    _, place = np.unique(scores, return_inverse=True)
    plus, minus = np.bincount(place, weights=p), np.bincount(place, weights=1 - p)
    below = np.cumsum(minus) - minus
    area = float(np.sum(plus * (below + minus / 2)) / (positives * negatives))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (max(positives - 1, 0)) * (q1 - area**2) + max(negatives - 1, 0) * (q2 - area**2)
    return _estimate("roc_auc", (area, sqrt(max(spread, 0.0) / (positives * negatives))), len(p))


def warnings(estimates: dict[str, Estimate | NotEnough], floors: dict[str, float]) -> Iterator[str]:
    """A sentence for each metric whose whole interval lies below what people want; never a verdict."""
    for name, floor in floors.items():
        found = estimates.get(name)
        if isinstance(found, Estimate) and found.high < floor:
            guess = f"{name} is estimated as {found.value:.4g}, below {floor:.4g}"
            yield f"without outcomes, {guess} ({found.method}, {found.rows:,} rows)"


def _estimate(metric: str, found: tuple[float, float], rows: int) -> Estimate:
    value, error = found
    low, high = max(value - Z * error, 0.0), min(value + Z * error, 1.0)
    method = "cbpe[isotonic]"
    return Estimate(metric=metric, value=value, low=low, high=high, rows=rows, method=method, assumptions=ASSUMPTIONS)


def _none(metric: str) -> NotEnough:
    return NotEnough(have=0, need=1, unit=f"rows that {metric} counts", reason="nothing to divide by")
