"""What is a mean, with outcomes for a few rows and a guess for all of them? Prediction-powered inference.

The guesses' mean over all N rows is corrected by what they are wrong by on the n rows whose outcome has arrived:
`theta = lambda mean_N(f) + mean_n(y - lambda f)`. Unbiased however bad the guess, as long as the rows with an outcome are a
random part; a good guess makes it sharper. lambda is the one of least variance.
Source: Angelopoulos et al. 2023 (arXiv 2301.09633); Angelopoulos, Duchi & Zrnic 2023 (arXiv 2311.01453), for lambda.
"""

from math import sqrt
from typing import Final

import numpy as np

from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.evidence.unlabelled.cbpe import Z
from segue.facts.drift.findings import Estimate
from segue.facts.evidence import NotEnough

LEAST: Final = 30
"""Outcomes that a correction takes: its error is taken for normal."""


def corrected(metric: str, guesses: Floats, labelled: Floats, outcomes: Floats) -> Estimate | NotEnough:
    """The mean of a metric's single values, from guesses of all and the true values of a few.

    Args:
        metric: its name.
        guesses: of the rows without an outcome: CBPE's chance of being right, DLE's loss.
        labelled: guesses of the rows with one, in their order.
        outcomes: what the single values came out as there.

    Raises:
        DomainError: other lengths, or numbers that are none.
    """
    if len(labelled) != len(outcomes) or not all(np.isfinite(part).all() for part in (guesses, labelled, outcomes)):
        raise DomainError(f"{len(labelled)} guesses for {len(outcomes)} outcomes; all numbers are finite")
    n, rest = len(outcomes), len(guesses)
    if n < LEAST:
        return NotEnough(have=n, need=LEAST, unit="outcomes", reason="a guess is corrected by what came true")
    weight = 0.0
    if rest and float(np.var(labelled)) > 0:
        covariance = float(np.cov(outcomes, labelled, ddof=1)[0, 1])
        pooled = float(np.var(np.concatenate([guesses, labelled]), ddof=1))
        weight = min(max(covariance / (pooled * (1 + n / rest)), 0.0), 1.0) if pooled > 0 else 0.0
    value = weight * (float(guesses.mean()) if rest else 0.0) + float((outcomes - weight * labelled).mean())
    variance = float(np.var(outcomes - weight * labelled, ddof=1)) / n
    variance += weight**2 * float(np.var(guesses, ddof=1)) / rest if rest > 1 else 0.0
    error = Z * sqrt(variance)
    return Estimate(
        metric=metric,
        value=value,
        low=value - error,
        high=value + error,
        rows=n + rest,
        labelled=n,
        method=f"prediction-powered[lambda={weight:.3f}]",
        assumptions=("rows whose outcome has arrived are a random part of all rows",),
    )
