"""What is a column's profile, given the column?

Numbers are cut at the percentiles of the training data (each an observed value, `inverted_cdf`), categories at the most
frequent ones. What is missing is a bin, what was never seen is one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.facts.drift.profile import Calibration, FeatureProfile, Profile

FINE: Final = 100
"""Bins of a number: what a Kolmogorov-Smirnov distance that is read off them may miss is at most 1 / FINE and a tie."""
COARSE: Final = 10
"""Groups of these bins: deciles, the credit industry's convention for the population stability index."""
FEW: Final = 20
"""A number with at most so many different values has a bin for each."""
MOST_CATEGORIES: Final = 100
"""Rarer categories than the first so many count as *elsewhere*."""
_SHARES: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)

Column = Sequence[Any] | NDArray[Any]


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """Which columns of a training table are no features; "" for none.

    Args:
        label, score: the version's own predictions.
        truth: what came true; never profiled, it serves the calibration alone.
        positive: the true label that a score speaks of.
        left_out: ids, times and the like.
    """

    label: str = ""
    score: str = ""
    truth: str = ""
    positive: str = "1"
    left_out: tuple[str, ...] = ()


def profile_of(table: Mapping[str, Column], roles: Roles | None = None, source: str = "") -> Profile:
    """The profile of a training table; with score and truth it is calibrated too.

    Raises:
        DomainError: a column that is named is not there, or no feature is left.
    """
    roles = roles or Roles()
    named = [name for name in (roles.label, roles.score, roles.truth) if name]
    unknown = [name for name in (*named, *roles.left_out) if name not in table]
    features = [name for name in table if name not in {*named, *roles.left_out}]
    if unknown or not features:
        said = f"no column is called {', '.join(unknown)}" if unknown else "no column is left to be a feature"
        raise DomainError(said, hint=f"columns: {', '.join(table)}")
    score = profiled(roles.score, table[roles.score]) if roles.score else None
    if score is not None and score.kind != "numeric":
        raise DomainError(f"the score {roles.score} is no number")
    return Profile(
        features=tuple(profiled(name, table[name]) for name in features),
        label=categorical(roles.label, table[roles.label]) if roles.label else None,
        score=score,
        calibration=_calibration(table, roles) if roles.score and roles.truth else None,
        rows=len(table[features[0]]),
        source=source,
    )


def profiled(name: str, values: Column) -> FeatureProfile:
    """The profile of a column: of numbers where all that is there are numbers, else of categories.

    Args:
        name: of the column.
        values: one a row; None and NaN are missing. Booleans are categories.

    Raises:
        DomainError: there is no row.

    >>> profiled("age", [31.0, 40.0, None]).counts
    (0, 1, 1, 0, 0, 1)
    >>> profiled("tier", ["vip", "new", "vip"]).bins
    ('new', 'vip', 'elsewhere', 'missing')
    """
    if not len(values):
        raise DomainError(f"the column {name} has no row")
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return numeric(name, values.astype(float))
    present = [value for value in values if not _missing(value)]
    if present and all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in present):
        return numeric(name, np.array([np.nan if _missing(it) else float(it) for it in values]))
    return categorical(name, values)


def numeric(name: str, values: Floats) -> FeatureProfile:
    """The profile of numbers; NaN is missing."""
    there = np.sort(values[~np.isnan(values)])
    missing = len(values) - len(there)
    finite = there[np.isfinite(there)]
    if not len(finite):
        return FeatureProfile(name=name, kind="numeric", edges=(0.0,), groups=(0, 1), counts=(0, len(there), 0, missing))
    edges = _edges(finite)
    counts = np.bincount(np.searchsorted(edges, there, side="left"), minlength=len(edges) + 1)
    return FeatureProfile(
        name=name,
        kind="numeric",
        edges=tuple(edges.tolist()),
        groups=_groups(edges, finite),
        counts=(*map(int, counts), 0, missing),
        quantiles=tuple((share, float(np.quantile(finite, share, method="inverted_cdf"))) for share in _SHARES),
        mean=float(finite.mean()),
        std=float(finite.std()),
    )


def categorical(name: str, values: Column, most: int = MOST_CATEGORIES) -> FeatureProfile:
    """The profile of categories, each as one text (`category`)."""
    found = Counter(category(value) for value in values if not _missing(value))
    kept = sorted(sorted(found, key=lambda text: (-found[text], text))[:most])
    counts = [found[text] for text in kept]
    elsewhere = sum(found.values()) - sum(counts)
    missing = len(values) - sum(found.values())
    return FeatureProfile(name=name, kind="categorical", categories=tuple(kept), counts=(*counts, elsewhere, missing))


def category(value: object) -> str:
    """The one text of a category: as JSON writes it, a whole number without its point.

    >>> [category(value) for value in (1, 1.0, True, "1", 2.5)]
    ['1', '1', 'true', '1', '2.5']
    """
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def calibrated(scores: Floats, positives: NDArray[np.bool_], positive: str) -> Calibration:
    """How often each score meant the positive label: isotonic least squares (pool adjacent violators).

    Source: Barlow et al. 1972; Zadrozny & Elkan 2002, *Transforming classifier scores into accurate multiclass probability
    estimates*.

    Raises:
        DomainError: no row, or scores that are not numbers.
    """
    if not len(scores) or not np.isfinite(scores).all():
        raise DomainError("a calibration takes finite scores, and at least one")
    values, inverse = np.unique(scores, return_inverse=True)
    n = np.bincount(inverse).astype(float)
    rate = np.bincount(inverse, weights=positives.astype(float)) / n
    rates = isotonic_regression(rate, weights=n).x.clip(0.0, 1.0)
    steps = np.flatnonzero(np.diff(rates, prepend=-1.0) > 0)
    return Calibration(
        positive=positive,
        scores=tuple(values[steps].tolist()),
        rates=tuple(rates[steps].tolist()),
        rows=len(scores),
    )


def _calibration(table: Mapping[str, Any], roles: Roles) -> Calibration:
    pairs = [
        (float(score), category(truth) == roles.positive)
        for score, truth in zip(table[roles.score], table[roles.truth], strict=True)
        if not _missing(score) and not _missing(truth)
    ]
    return calibrated(np.array([it[0] for it in pairs]), np.array([it[1] for it in pairs], dtype=bool), roles.positive)


def _edges(ordered: Floats) -> Floats:
    distinct = np.unique(ordered)
    if len(distinct) > FEW:
        distinct = np.unique(_parts(ordered, FINE))
    below = np.nextafter(ordered[0], -np.inf)
    return np.concatenate([[below], distinct])


def _groups(edges: Floats, ordered: Floats) -> tuple[int, ...]:
    """The coarse bin of each interval: a value each where there are few, else deciles with infinite ends."""
    if len(np.unique(ordered)) <= FEW:
        return tuple(range(len(edges) + 1))
    inner = np.unique(_parts(ordered, COARSE)[:-1])
    return (*np.searchsorted(inner, edges, side="left").tolist(), len(inner))


def _parts(ordered: Floats, parts: int) -> Floats:
    """The values at 1, 2, ... parts of so many: the least ones with at least that share at or below them."""
    n = len(ordered)
    ends: Floats = ordered[(np.arange(1, parts + 1) * n + parts - 1) // parts - 1]
    return ends


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))
