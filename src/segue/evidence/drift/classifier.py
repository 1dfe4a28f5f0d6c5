"""Can a classifier tell today's rows from the reference's? The domain classifier; takes scikit-learn (`segue[sklearn]`)."""

from typing import Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from segue.errors import DomainError
from segue.evidence.drift.samples import separability
from segue.evidence.process import Floats
from segue.facts.drift.findings import Moved

FOLDS: Final = 5
TREES: Final = 100


def told_apart(reference: Floats, current: Floats, seed: int) -> Moved:
    """Area under the curve of gradient-boosted trees, out of five stratified folds, pooled; NaN is a value like any other.

    Source: Lopez-Paz & Oquab 2017, *Revisiting classifier two-sample tests*.

    Args:
        reference: rows by columns.
        current: the same columns.
        seed: of folds and trees.

    Raises:
        DomainError: a side has fewer rows than there are folds.
    """
    if min(len(reference), len(current)) < FOLDS:
        raise DomainError(f"a classifier of {FOLDS} folds needs {FOLDS} rows of each side")
    rows = np.concatenate([reference, current])
    is_current = np.repeat([False, True], [len(reference), len(current)])
    scores = np.empty(len(rows))
    for learned, left in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(rows, is_current):
        trees = HistGradientBoostingClassifier(max_iter=TREES, random_state=seed)
        scores[left] = trees.fit(rows[learned], is_current[learned]).predict_proba(rows[left])[:, 1]
    return separability(scores, is_current, f"auc[domain,trees={TREES},folds={FOLDS}]")
