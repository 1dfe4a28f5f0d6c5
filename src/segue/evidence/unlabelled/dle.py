"""How large is a regression's loss, if its errors still depend on the features as in training? Direct loss estimation (DLE).

Gradient-boosted trees learn the loss of single predictions on the reference and are asked about today's rows. Like CBPE it sees
what the features show and nothing of a changed concept: it may warn, and never promote. Takes scikit-learn (`segue[sklearn]`).
"""

from math import sqrt
from typing import Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.evidence.unlabelled.cbpe import Z
from segue.facts.drift.findings import Estimate

LEAST: Final = 50
_ASSUMPTIONS: Final = ("errors depend on the features as they did in training: no concept drift",)


def guessed(reference: Floats, losses: Floats, current: Floats, seed: int) -> Floats:
    """The loss of each of today's rows.

    Args:
        reference: rows by features (and the prediction itself), NaN where missing.
        losses: of the reference rows, such as |error|.
        current: rows by the same columns.
        seed: of the trees.

    Raises:
        DomainError: too few rows, or other columns.
    """
    if len(reference) != len(losses) or len(losses) < LEAST or reference.shape[1:] != current.shape[1:]:
        raise DomainError(
            f"losses are learned from {LEAST} rows of the same columns, not from {reference.shape} for {current.shape}"
        )
    found: Floats = HistGradientBoostingRegressor(random_state=seed).fit(reference, losses).predict(current)
    return found.clip(min=0.0)


def estimated(metric: str, guesses: Floats, residual: float) -> Estimate:
    """The mean loss.

    Args:
        metric: its name ("mae").
        guesses: of today's rows.
        residual: variance of a single loss around its guess, on reference rows that the trees have not seen.

    Raises:
        DomainError: no row.
    """
    if not len(guesses):
        raise DomainError("no row, no loss")
    error = Z * sqrt((float(np.var(guesses)) + residual) / len(guesses))
    value = float(guesses.mean())
    return Estimate(
        metric=metric,
        value=value,
        low=max(value - error, 0.0),
        high=value + error,
        rows=len(guesses),
        method="dle[gradient-boosted trees]",
        assumptions=_ASSUMPTIONS,
    )
