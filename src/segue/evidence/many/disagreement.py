"""In which segments do two versions disagree most, and could that be chance?

Both answered the same requests, so no outcome is needed. Each segment is held against all requests outside of it; segments are
all values of all attributes and of their pairs, and the false discovery rate is held over all of them together. Numbers for
people, at a fixed look: where to look, never a gate.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import sqrt
from typing import Final

from msgspec.structs import replace
from scipy.stats import chi2

from segue.evidence.drift.chance import false_discovery, homogeneity
from segue.evidence.many.weak_segments import LEAST
from segue.facts.drift.findings import SegmentAgreement
from segue.facts.merging import merge
from segue.facts.summary import Cell, Counts

_Z: Final = 1.959963984540054
_SMALL: Final = 1e-300


def disagreements(cells: Iterable[Cell], candidate: str, least: int = LEAST) -> tuple[SegmentAgreement, ...]:
    """Each segment that is large enough, the surest first.

    Args:
        cells: of `agreement`; the cells of everybody are what segments are held against.
        candidate: the variant in the shadow.
        least: requests that a segment needs.
    """
    groups: defaultdict[tuple[tuple[str, str], ...], list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.variant == candidate:
            groups[tuple(sorted(cell.segment.items()))].append(cell)
    whole = _counts(groups.pop((), []))
    found = [
        _of(dict(segment), counts, Counts(yes=whole.yes - counts.yes, no=whole.no - counts.no))
        for segment, mine in groups.items()
        if (counts := _counts(mine)).yes + counts.no >= least
    ]
    q_values = false_discovery({str(place): it.p_value for place, it in enumerate(found)})
    judged = [replace(it, q_value=q_values[str(place)]) for place, it in enumerate(found)]
    return tuple(sorted(judged, key=lambda it: (it.q_value, it.p_value, -it.different, str(it.segment))))


def _of(segment: dict[str, str], inside: Counts, outside: Counts) -> SegmentAgreement:
    n, others = inside.yes + inside.no, outside.yes + outside.no
    low, high = wilson(inside.no, n)
    statistic, degrees, _ = homogeneity((inside.yes, inside.no), (outside.yes, outside.no)) if others else (0.0, 0, 1.0)
    return SegmentAgreement(
        segment=segment,
        different=inside.no / n,
        elsewhere=outside.no / others if others else None,
        low=low,
        high=high,
        p_value=max(float(chi2.sf(statistic, degrees)), _SMALL) if degrees else 1.0,
        q_value=1.0,
        n=n,
    )


def wilson(yes: int, n: int) -> tuple[float, float]:
    """A share's 95 % interval. Source: Wilson 1927.

    >>> [round(end, 4) for end in wilson(0, 100)]
    [0.0, 0.037]
    """
    p, z2 = yes / n, _Z**2
    middle, half = (p + z2 / (2 * n)) / (1 + z2 / n), _Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _counts(cells: Iterable[Cell]) -> Counts:
    found = merge(cell.summary for cell in cells)
    return found if isinstance(found, Counts) else Counts(yes=0, no=0)
