"""What is the summary of two stretches of data together?

Addition in any order: integers add exactly; floats are added with one rounding at the end (`math.fsum`), so that the order
of the parts never changes a bit, and their grouping changes the last digit at most.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import fsum
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from segue.errors import DomainError
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.summary import (
    Agreements,
    ArmCell,
    ArmCounts,
    Counts,
    Daily,
    Day,
    Days,
    Histogram,
    MomentCell,
    Moments,
    PairedCounts,
    RankCell,
    Ranks,
    ScoreSums,
    ScoreTable,
    SpreadCell,
    Spreads,
    Summary,
    Tally,
    Units,
)

S = TypeVar("S")
K = TypeVar("K")


def merge(summaries: Iterable[Summary]) -> Summary | None:
    """The summary of all parts together; None where there is no part.

    Cells and columns come out in their order, each key once, whatever the order of the parts.

    Raises:
        DomainError: the parts are of different kinds, or of one kind with different shapes (grids, bases, vectors).

    >>> merge([Counts(yes=1, no=2), Counts(yes=10, no=20)])
    Counts(yes=11, no=22)
    >>> merge([]) is None
    True
    """
    parts = tuple(summaries)
    if not parts:
        return None
    kinds = {type(part) for part in parts}
    if len(kinds) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise DomainError(f"summaries of different kinds do not add: {names}")
    return _MERGERS[kinds.pop()](parts)


def _counts(parts: Sequence[Counts]) -> Counts:
    return Counts(yes=sum(part.yes for part in parts), no=sum(part.no for part in parts))


def _paired_counts(parts: Sequence[PairedCounts]) -> PairedCounts:
    return PairedCounts(
        plus=sum(part.plus for part in parts), minus=sum(part.minus for part in parts), zero=sum(part.zero for part in parts)
    )


def _agreements(parts: Sequence[Agreements]) -> Agreements:
    return Agreements(same=sum(part.same for part in parts), different=sum(part.different for part in parts))


def _arm_counts(parts: Sequence[ArmCounts]) -> ArmCounts:
    groups = _grouped((cell for part in parts for cell in part.cells), lambda cell: cell.propensity)
    cells = (ArmCell(propensity=propensity, **_yes_and_no(group)) for propensity, group in groups)
    return ArmCounts(cells=tuple(cells))


def _yes_and_no(parts: Sequence[ArmCell] | Sequence[Day]) -> dict[str, int]:
    return {
        "candidate_yes": sum(part.candidate_yes for part in parts),
        "candidate_no": sum(part.candidate_no for part in parts),
        "champion_yes": sum(part.champion_yes for part in parts),
        "champion_no": sum(part.champion_no for part in parts),
    }


def _score_sums(parts: Sequence[ScoreSums]) -> ScoreSums:
    growths = [part.log_growth for part in parts]
    return ScoreSums(
        n=sum(part.n for part in parts),
        n_candidate=sum(part.n_candidate for part in parts),
        z=fsum(part.z for part in parts),
        z2=fsum(part.z2 for part in parts),
        z4=fsum(part.z4 for part in parts),
        weight=fsum(part.weight for part in parts),
        log_growth=_columns(growths, "score sums over different grids do not add"),
    )


def _moments(parts: Sequence[Moments]) -> Moments:
    groups = _grouped((cell for part in parts for cell in part.cells), lambda cell: (cell.arm, cell.propensity))
    cells = (
        MomentCell(
            arm=arm,
            propensity=propensity,
            n=sum(cell.n for cell in group),
            sums=_columns([cell.sums for cell in group], "moments of vectors of different length do not add"),
            products=_columns([cell.products for cell in group], "moments of vectors of different length do not add"),
        )
        for (arm, propensity), group in groups
    )
    return Moments(cells=tuple(cells))


def _histogram(parts: Sequence[Histogram]) -> Histogram:
    if len({part.base for part in parts}) > 1:
        raise DomainError("histograms of different bases do not add")
    buckets: defaultdict[int, int] = defaultdict(int)
    for part in parts:
        for bucket, count in part.buckets.items():
            buckets[bucket] += count
    at_most_zero = sum(part.at_most_zero for part in parts)
    return Histogram(base=parts[0].base, at_most_zero=at_most_zero, buckets=dict(sorted(buckets.items())))


def _score_table(parts: Sequence[ScoreTable]) -> ScoreTable:
    rows = (row for part in parts for row in zip(part.scores, part.positives, part.negatives, strict=True))
    groups = _grouped(rows, lambda row: row[0])
    return ScoreTable(
        scores=tuple(score for score, _ in groups),
        positives=tuple(sum(row[1] for row in group) for _, group in groups),
        negatives=tuple(sum(row[2] for row in group) for _, group in groups),
    )


def _ranks(parts: Sequence[Ranks]) -> Ranks:
    groups = _grouped((cell for part in parts for cell in part.cells), lambda cell: (cell.arm, cell.propensity))
    return Ranks(cells=tuple(_rank_cell(group) for _, group in groups))


def _rank_cell(cells: Sequence[RankCell]) -> RankCell:
    if len({bool(cell.rival) for cell in cells if cell.scores}) > 1:
        raise DomainError("scores of one variant and of two do not add")
    rows = (row for cell in cells for row in _rows(cell))
    groups = _grouped(rows, lambda row: row[0])
    paired = any(cell.rival for cell in cells)
    return RankCell(
        arm=cells[0].arm,
        propensity=cells[0].propensity,
        scores=tuple(at[0] for at, _ in groups),
        rival=tuple(at[1] for at, _ in groups) if paired else (),
        positives=tuple(sum(row[1] for row in group) for _, group in groups),
        negatives=tuple(sum(row[2] for row in group) for _, group in groups),
    )


def _rows(cell: RankCell) -> Iterable[tuple[tuple[float, float], int, int]]:
    scores = zip(cell.scores, cell.rival or cell.scores, strict=True)
    return zip(scores, cell.positives, cell.negatives, strict=True)


def _spreads(parts: Sequence[Spreads]) -> Spreads:
    groups = _grouped((cell for part in parts for cell in part.cells), lambda cell: cell.propensity)
    cells = (
        SpreadCell(
            propensity=propensity,
            candidate=_histogram([cell.candidate for cell in group]),
            champion=_histogram([cell.champion for cell in group]),
        )
        for propensity, group in groups
    )
    return Spreads(cells=tuple(cells))


def _days(parts: Sequence[Days]) -> Days:
    groups = _grouped((day for part in parts for day in part.days), lambda day: day.day)
    days = (Day(day=day, **_yes_and_no(group)) for day, group in groups)
    return Days(days=tuple(days))


def _bins(parts: Sequence[Bins]) -> Bins:
    first = parts[0]
    if any((part.profile, part.columns) != (first.profile, first.columns) for part in parts):
        raise DomainError("counts in the bins of different profiles do not add")
    arms = _grouped((arm for part in parts for arm in part.arms), lambda arm: arm.arm)
    return replace(first, arms=tuple(_arm_bins(arm, group) for arm, group in arms))


def _arm_bins(arm: str, parts: Sequence[ArmBins]) -> ArmBins:
    counts = tuple(
        tuple(map(sum, zip(*of_column, strict=True))) for of_column in zip(*(part.counts for part in parts), strict=True)
    )
    return ArmBins(arm=arm, rows=sum(part.rows for part in parts), counts=counts)


def _tally(parts: Sequence[Tally]) -> Tally:
    if len({len(key) for part in parts for key in part.keys}) > 1:
        raise DomainError("tables of keys of different length do not add")
    groups = _grouped((row for part in parts for row in zip(part.keys, part.counts, strict=True)), lambda row: row[0])
    return Tally(keys=tuple(key for key, _ in groups), counts=tuple(sum(row[1] for row in group) for _, group in groups))


def _units(parts: Sequence[Units]) -> Units:
    if len({part.limit for part in parts}) > 1:
        raise DomainError("units that were kept to different numbers do not add")
    if len(parts) == 1:
        return parts[0]
    limit = parts[0].limit
    once: dict[str, tuple[int, float, int, int]] = {}  # most units are in one part only, and there may be many
    often: dict[str, list[tuple[int, float, int, int]]] = {}
    for part in parts:
        columns = zip(part.requests, part.values, part.first, part.last, strict=True)
        for unit, mine in zip(part.hashes, columns, strict=True):
            known = once.setdefault(unit, mine)
            if known is not mine:
                often.setdefault(unit, [known]).append(mine)
    for unit, group in often.items():
        requests, values, first, last = zip(*group, strict=True)
        once[unit] = (sum(requests), fsum(values), min(first), max(last))
    hashes = tuple(sorted(once)[:limit])
    return Units(
        limit=limit,
        hashes=hashes,
        requests=tuple(once[unit][0] for unit in hashes),
        values=tuple(once[unit][1] for unit in hashes),
        first=tuple(once[unit][2] for unit in hashes),
        last=tuple(once[unit][3] for unit in hashes),
    )


def _daily(parts: Sequence[Daily]) -> Daily:
    groups = _grouped((row for part in parts for row in zip(part.days, part.parts, strict=True)), lambda row: row[0])
    merged = ((day, merge(row[1] for row in group)) for day, group in groups)
    days = [(day, whole) for day, whole in merged if whole is not None]
    return Daily(days=tuple(day for day, _ in days), parts=tuple(whole for _, whole in days))


def _grouped(items: Iterable[S], key: Callable[[S], K]) -> list[tuple[K, list[S]]]:
    groups: defaultdict[K, list[S]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return sorted(groups.items(), key=lambda pair: pair[0])  # type: ignore[arg-type,return-value]  # keys are floats, names


def _columns(rows: Sequence[tuple[float, ...]], otherwise: str) -> tuple[float, ...]:
    if len({len(row) for row in rows}) > 1:
        raise DomainError(otherwise)
    return tuple(fsum(column) for column in zip(*rows, strict=True))


_MERGERS: Final[dict[type, Callable[[Any], Summary]]] = {
    Counts: _counts,
    PairedCounts: _paired_counts,
    Agreements: _agreements,
    ArmCounts: _arm_counts,
    ScoreSums: _score_sums,
    Moments: _moments,
    Histogram: _histogram,
    ScoreTable: _score_table,
    Ranks: _ranks,
    Spreads: _spreads,
    Days: _days,
    Bins: _bins,
    Tally: _tally,
    Units: _units,
    Daily: _daily,
}
