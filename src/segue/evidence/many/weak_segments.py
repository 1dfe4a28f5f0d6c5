"""In which segments does the candidate differ most from the champion, and could that be chance?

Nobody names the segments before: all values of all attributes, and of their pairs, are looked at, and the false discovery
rate is held over all of them together. Within an allocation a unit's variant is drawn, so differences are taken within each
allocation and averaged with the weights `n m / (n + m)` (Mantel & Haenszel 1959); shares that changed do not bias them.

These are numbers for people, at a fixed look: a hint where to look, never a gate. In a shadow both variants answer the same
requests, and the p-values, which take them for independent, are larger than they have to be.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Final

import msgspec
from scipy.stats import norm as normal

from segue.errors import DomainError
from segue.evidence.drift.chance import false_discovery
from segue.facts.drift.findings import SegmentDifference
from segue.facts.merging import merge
from segue.facts.summary import Cell, Counts, Moments, Summary

LEAST: Final = 50
"""Rows of either variant below which a segment is not looked at: people and chance would both be seen."""

Side = tuple[int, float, float]


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """Whom it is about.

    Args:
        least: rows of each variant that a segment needs.
    """

    candidate: str
    champion: str
    least: int = LEAST


def weak_segments(cells: Iterable[Cell], sides: Sides) -> tuple[SegmentDifference, ...]:
    """Each segment that is large enough, the surest difference first; of one metric.

    Args:
        cells: of one metric, those of segments; the cells of everybody are passed over.
        sides: the two variants.

    Raises:
        DomainError: cells of several metrics, or of one that is no mean of single observations.
    """
    groups: defaultdict[tuple[tuple[str, str], ...], list[Cell]] = defaultdict(list)
    metrics = set()
    for cell in cells:
        if cell.segment:
            groups[tuple(sorted(cell.segment.items()))].append(cell)
            metrics.add(cell.metric)
    if len(metrics) > 1:
        raise DomainError(f"one metric at a time, not {', '.join(sorted(metrics))}")
    found = [it for segment, mine in groups.items() if (it := _difference(segment, mine, sides)) is not None]
    q_values = false_discovery({str(place): it.p_value for place, it in enumerate(found)})
    judged = [msgspec.structs.replace(it, q_value=q_values[str(place)]) for place, it in enumerate(found)]
    return tuple(sorted(judged, key=lambda it: (it.q_value, it.p_value, -abs(it.difference), str(it.segment))))


def _difference(segment: tuple[tuple[str, str], ...], cells: Sequence[Cell], sides: Sides) -> SegmentDifference | None:
    strata: list[tuple[Side, Side]] = []
    for allocation in sorted({cell.allocation for cell in cells}):
        here = [cell for cell in cells if cell.allocation == allocation]
        pair = [_side([cell.summary for cell in here if cell.variant == name]) for name in (sides.candidate, sides.champion)]
        if pair[0] is not None and pair[1] is not None:
            strata.append((pair[0], pair[1]))
    n, m = sum(one[0] for one, _ in strata), sum(other[0] for _, other in strata)
    if min(n, m) < sides.least:
        return None
    weights = [one[0] * other[0] / (one[0] + other[0]) for one, other in strata]
    total = sum(weights)
    difference = sum(w * (one[1] - other[1]) for w, (one, other) in zip(weights, strata, strict=True)) / total
    variance = (
        sum(w**2 * (one[2] / one[0] + other[2] / other[0]) for w, (one, other) in zip(weights, strata, strict=True)) / total**2
    )
    error = sqrt(variance)
    chance = 1.0 if difference == 0 else 0.0 if error == 0 else 2 * float(normal.sf(abs(difference) / error))
    return SegmentDifference(
        segment=dict(segment),
        candidate=sum(w * one[1] for w, (one, _) in zip(weights, strata, strict=True)) / total,
        champion=sum(w * other[1] for w, (_, other) in zip(weights, strata, strict=True)) / total,
        difference=difference,
        low=difference - 1.96 * error,
        high=difference + 1.96 * error,
        p_value=chance,
        q_value=1.0,
        n_candidate=n,
        n_champion=m,
    )


def _side(summaries: Sequence[Summary]) -> Side | None:
    """Rows, mean, and variance of one row (of a share: with a row of each kind added, so that 0 of 50 is not certain)."""
    match merge(summaries):
        case Counts(yes=yes, no=no) if yes + no:
            share = (yes + 1) / (yes + no + 2)
            return yes + no, yes / (yes + no), share * (1 - share)
        case Moments(cells=cells) if n := sum(cell.n for cell in cells):
            mean = sum(cell.sums[0] for cell in cells) / n
            return n, mean, max(sum(cell.products[0] for cell in cells) / n - mean**2, 0.0)
        case None | Counts() | Moments():
            return None
        case other:
            raise DomainError(f"segments are compared in means, not in {type(other).__name__}")
