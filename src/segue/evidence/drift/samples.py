"""How far are two samples apart that are at hand row by row: one column, or all columns together?

Nothing is binned. What is random (permutations, folds) is drawn from the generator that is given.
"""

from collections.abc import Iterator
from math import sqrt
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist
from scipy.stats import energy_distance, ks_2samp, rankdata, wasserstein_distance
from scipy.stats import norm as normal

from segue.errors import DomainError
from segue.evidence.drift.chance import kolmogorov
from segue.evidence.process import Floats
from segue.facts.drift.findings import Moved

_LARGEST: Final = 4000
"""Rows of either sample that a kernel matrix may have; more are refused, not sampled silently."""


def of_column(column: str, reference: Floats, current: Floats) -> Iterator[Moved]:
    """Kolmogorov-Smirnov (exact p up to 10,000 rows, else asymptotic), Wasserstein and energy distance of numbers.

    Raises:
        DomainError: a side has no number, or one that is none.
    """
    if not len(reference) or not len(current) or not (np.isfinite(reference).all() and np.isfinite(current).all()):
        raise DomainError(f"{column}: samples of finite numbers are needed on both sides")
    sizes = {"reference": len(reference), "current": len(current)}
    found = ks_2samp(reference, current, method="auto")
    mean, _ = kolmogorov(float(found.statistic), len(reference), len(current))
    constant = bool(np.ptp(np.concatenate([reference, current])) == 0)
    chance = 1.0 if constant else float(found.pvalue)
    yield Moved(column=column, statistic="ks[exact]", value=float(found.statistic), expected=mean, p_value=chance, **sizes)
    earth = float(wasserstein_distance(reference, current))
    yield Moved(column=column, statistic="wasserstein[exact]", value=earth, **sizes)
    spread = float(np.std(reference))
    if spread > 0:
        yield Moved(column=column, statistic="wasserstein[exact,/std(ref)]", value=earth / spread, **sizes)
    yield Moved(column=column, statistic="energy[exact]", value=float(energy_distance(reference, current)), **sizes)


class Mmd(msgspec.Struct, frozen=True, kw_only=True):
    """Maximum mean discrepancy, squared, unbiased, with a Gaussian kernel exp(-d^2 / (2 sigma^2)).

    `sigma^2` is half the median of the squared distances among all rows of both samples (the median heuristic). The p-value is
    that of permutations: `(1 + at least as large) / (1 + permutations)`. Source: Gretton et al. 2012, lemma 6.

    Args:
        permutations: how many.
    """

    permutations: int = 200

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        return f"mmd2[rbf,median(ref+cur),unbiased,permutations={self.permutations}]"

    def between(self, reference: Floats, current: Floats, rng: np.random.Generator) -> Moved:
        """The discrepancy of two samples.

        Args:
            reference: rows by columns, each on a scale that is comparable (standardise before).
            current: the same columns.
            rng: for the permutations.

        Raises:
            DomainError: fewer than two rows on a side, too many, or other columns.
        """
        n, m = len(reference), len(current)
        if min(n, m) < 2 or max(n, m) > _LARGEST or reference.shape[1:] != current.shape[1:]:
            raise DomainError(f"samples of {reference.shape} and {current.shape}: two to {_LARGEST} rows of the same columns")
        rows = np.concatenate([reference, current])
        squared = cdist(rows, rows, "sqeuclidean")
        scale = float(np.median(pdist(rows, "sqeuclidean"))) or 1.0
        kernel = np.exp(-squared / scale)  # 2 sigma^2 is the median
        np.fill_diagonal(kernel, 0.0)
        first = np.zeros((n + m, 1 + self.permutations))
        first[:n, 0] = 1.0
        for draw in range(1, 1 + self.permutations):
            first[rng.permutation(n + m)[:n], draw] = 1.0
        value, *drawn = _discrepancies(kernel, first).tolist()
        as_large = sum(it >= value for it in drawn)
        chance = (1 + as_large) / (1 + self.permutations)
        return Moved(column="all", statistic=self.id, value=value, expected=0.0, p_value=chance, reference=n, current=m)


def separability(scores: Floats, is_current: NDArray[np.bool_], name: str) -> Moved:
    """How well a classifier that has not seen them tells the rows apart: area under the curve, 0.5 where nothing moved.

    The p-value is that of the normal approximation to the Mann-Whitney test, with ties, one-sided: only a classifier that can
    tell them apart says that something has moved.

    Args:
        scores: out of fold, of rows of both samples.
        is_current: which rows are of the current sample.
        name: of the classifier, for the id.
    """
    n, m = int(np.sum(~is_current)), int(np.sum(is_current))
    if not n or not m:
        raise DomainError("a classifier needs rows of both samples")
    ranks = rankdata(scores)
    area = float((ranks[is_current].sum() - m * (m + 1) / 2) / (n * m))
    _, ties = np.unique(scores, return_counts=True)
    total = n + m
    variance = (total + 1 - float(np.sum(ties**3 - ties)) / (total * (total - 1))) / (12 * n * m)
    chance = float(normal.sf((area - 0.5) / sqrt(variance))) if variance > 0 else 1.0
    return Moved(column="all", statistic=name, value=area, expected=0.5, p_value=chance, reference=n, current=m)


def _discrepancies(kernel: Floats, first: Floats) -> Floats:
    """Of each column of ones (in the first sample) and zeros (in the second): all of them in one product."""
    n = first[:, 0].sum()
    m = len(first) - n
    summed = kernel @ first
    within = (first * summed).sum(axis=0)
    across = summed.sum(axis=0) - within
    other = kernel.sum() - within - 2 * across
    found: Floats = within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m)
    return found
