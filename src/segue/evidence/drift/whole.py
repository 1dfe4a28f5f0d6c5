"""Have all columns together moved? Rows of two samples as numbers, and what compares them whole.

Trees are given numbers as they are (NaN where missing) and categories by their place in the profile. A kernel needs one scale:
numbers are standardised by the reference's mean and deviation (missing: the mean), and a category is a column for each of its
ten most frequent values in training, one or zero.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from segue.evidence.drift.columns import discovered
from segue.evidence.drift.profiling import category
from segue.evidence.drift.samples import Mmd, of_column
from segue.evidence.process import Floats
from segue.facts.drift.findings import Moved
from segue.facts.drift.profile import FeatureProfile

MOST_VALUES: Final = 10
LEAST: Final = 20
"""Rows of either side below which nothing is said."""

Table = Mapping[str, Sequence[Any]]


def exact(features: Sequence[FeatureProfile], reference: Table, current: Table, seed: int) -> tuple[Moved, ...]:
    """Every statistic of every number, row by row, and the kernel's of all columns; with q-values over the columns.

    Args:
        features: that are compared; both tables have a column for each.
        reference: values by column; None where missing.
        current: the same.
        seed: of permutations.
    """
    found: list[Moved] = []
    for feature in features:
        if feature.kind == "numeric":
            old, new = (_present(_numbers(table[feature.name])) for table in (reference, current))
            found += of_column(feature.name, old, new) if len(old) and len(new) else ()
    rng = np.random.default_rng(seed)
    return (*discovered(found), replace(Mmd().between(*scaled(features, reference, current), rng), column="all columns"))


def codes(features: Sequence[FeatureProfile], table: Table) -> Floats:
    """Rows by columns, for trees."""
    columns = []
    for feature in features:
        values = table[feature.name]
        if feature.kind == "numeric":
            columns.append(_numbers(values))
            continue
        place = {text: float(at) for at, text in enumerate(feature.categories)}
        texts = (None if value is None else category(value) for value in values)
        columns.append(np.array([np.nan if text is None else place.get(text, float(len(place))) for text in texts]))
    return np.stack(columns, axis=1)


def scaled(features: Sequence[FeatureProfile], reference: Table, current: Table) -> tuple[Floats, Floats]:
    """Rows by columns of both sides, for a kernel."""
    pairs = [pair for feature in features for pair in _scaled(feature, reference[feature.name], current[feature.name])]
    old, new = zip(*pairs, strict=True)
    return np.stack(old, axis=1), np.stack(new, axis=1)


def _scaled(feature: FeatureProfile, reference: Sequence[Any], current: Sequence[Any]) -> Iterator[tuple[Floats, Floats]]:
    if feature.kind == "numeric":
        old, new = _numbers(reference), _numbers(current)
        there = _present(old)
        mean, deviation = (float(there.mean()), float(there.std())) if len(there) else (0.0, 0.0)
        yield tuple(np.nan_to_num((it - mean) / (deviation or 1.0), posinf=0.0, neginf=0.0) for it in (old, new))  # type: ignore[misc]
        return
    ranked = sorted(zip(feature.counts, feature.categories, strict=False), key=lambda it: (-it[0], it[1]))
    for _, text in ranked[:MOST_VALUES]:
        yield _is(reference, text), _is(current, text)


def _is(values: Sequence[Any], text: str) -> Floats:
    return np.array([float(value is not None and category(value) == text) for value in values])


def _numbers(values: Sequence[Any]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values])


def _present(values: Floats) -> Floats:
    return values[np.isfinite(values)]
