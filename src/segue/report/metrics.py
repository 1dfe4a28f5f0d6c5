"""What were the metrics, week by week and segment by segment? From the cells of the cube, merged, nothing measured anew."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast

import msgspec

from segue.facts.evidence import NotEnough
from segue.facts.merging import merge
from segue.facts.question import MetricRef
from segue.facts.summary import Cell, Summary
from segue.measure.kinds.catalogue import value
from segue.measure.kinds.entry import observations
from segue.ports.store import SummaryStore
from segue.report.gathered import Bucket, Compared, Course, Group, Segments
from segue.report.words import better_side, value_unit
from segue.spec.metric import KINDS, Metric
from segue.spec.rollout import Rollout

LEAST: Final = 100
"""Observations on either side of a segment below which nothing is said about it."""
_DAY: Final = 24
_WEEK: Final = 7 * _DAY
_MONDAY: Final = 4 * _DAY  # the epoch was a Thursday: its hour 96 began a Monday
_FEW_DAYS: Final = timedelta(days=15)

Side = Literal["above", "below"]
Place = tuple[tuple[str, str], ...]


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as the metrics see it: which variant stood for which version, and which allocation lay in which stage."""

    rollout: str
    spec: Rollout
    versions: dict[str, str]
    stages: dict[int, str]

    @property
    def candidate(self) -> str:
        """The variant that is compared."""
        return self.spec.candidates[0]


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of one metric of one rollout, sorted into what they are needed for."""

    metric: Metric
    hours: dict[tuple[str, int], list[Summary]]
    places: dict[tuple[int, Place, str], list[Summary]]
    seen: dict[tuple[int, str], int]


def reference(metric: Metric) -> MetricRef:
    """A metric as the estimators take it."""
    return MetricRef(name=metric.name, kind=metric.kind, of=metric.of, parameters=metric.parameters, cap=metric.cap)


def tallies(summaries: SummaryStore, sides: Sides) -> list[Tally]:
    """Read the cells of every metric of the spec, a metric at a time."""
    return [_tally(metric, summaries.cells(sides.rollout, metric=name), sides) for name, metric in sides.spec.metrics.items()]


def _tally(metric: Metric, cells: Iterable[Cell], sides: Sides) -> Tally:
    hours: defaultdict[tuple[str, int], list[Summary]] = defaultdict(list)
    places: defaultdict[tuple[int, Place, str], list[Summary]] = defaultdict(list)
    seen: defaultdict[tuple[int, str], int] = defaultdict(int)
    for cell in cells:
        if cell.segment:
            places[cell.allocation, tuple(sorted(cell.segment.items())), cell.variant].append(cell.summary)
        else:
            hours[sides.versions.get(cell.variant, cell.variant), cell.hour].append(cell.summary)
            seen[cell.allocation, cell.variant] += observations(cell.summary)
    return Tally(metric=metric, hours=hours, places=places, seen=seen)


def courses(tallied: Sequence[Tally], versions: Sequence[str], span: timedelta) -> tuple[Course, ...]:
    """Each metric over time, by version, all rollouts together."""
    size, bucket = (_DAY, "day") if span <= _FEW_DAYS else (_WEEK, "week")
    named: dict[str, list[Tally]] = {}
    for tally in tallied:
        if tally.hours:
            named.setdefault(tally.metric.name, []).append(tally)
    return tuple(_course(parts, versions, size, cast("Literal['week', 'day']", bucket)) for parts in named.values())


def _course(parts: Sequence[Tally], versions: Sequence[str], size: int, bucket: Literal["week", "day"]) -> Course:
    metric = parts[0].metric
    collected: defaultdict[tuple[str, int], list[Summary]] = defaultdict(list)
    for part in parts:
        for (version, hour), summaries in part.hours.items():
            collected[version, (hour - _MONDAY) // size].extend(summaries)
    by_version = {
        version: tuple(
            _bucket(metric, number * size + _MONDAY, summaries)
            for (whose, number), summaries in sorted(collected.items())
            if whose == version
        )
        for version in versions
    }
    return Course(
        metric=metric.name,
        kind=metric.kind,
        unit=value_unit(metric.kind),
        better=cast("Side", better_side(metric)),
        bucket=bucket,
        counted=_counted(metric),
        versions={version: buckets for version, buckets in by_version.items() if buckets},
    )


def _bucket(metric: Metric, hour: int, summaries: Sequence[Summary]) -> Bucket:
    whole = merge(summaries)
    return Bucket(at=datetime.fromtimestamp(hour * 3600, UTC), value=_known(metric, whole), n=observations(whole))


def _known(metric: Metric, summary: Summary | None) -> float | None:
    found = value(reference(metric), summary)
    return None if isinstance(found, NotEnough) else found


def _counted(metric: Metric) -> str:
    kind = KINDS[metric.kind]
    if not kind.outcome:
        return "times asked" if metric.kind == "error_rate" else "answers"
    return {"precision": "predicted positives", "recall": "actual positives"}.get(metric.kind, "answers with an outcome")


def segments(tallied: Sequence[Tally], sides: Sides) -> tuple[Segments, ...]:
    """Champion and candidate in each segment of the spec, under the one allocation that says most.

    Shares are constant under one allocation, so no mix of busy and quiet weeks stands between the two. Of all allocations the
    one counts under which the smaller side has most observations.
    """
    judged = [tally for tally in tallied if KINDS[tally.metric.kind].needs != "nothing" and tally.metric.kind != "agreement"]
    allocation = _best_allocation(judged, sides)
    if allocation is None:
        return ()
    here = {attributes: _groups(judged, sides, allocation, attributes) for attributes in sides.spec.segments}
    return tuple(
        Segments(
            attributes=attributes,
            allocation=allocation,
            stage=sides.stages.get(allocation, ""),
            least=LEAST,
            groups=groups,
        )
        for attributes, groups in here.items()
        if groups
    )


def _best_allocation(tallied: Sequence[Tally], sides: Sides) -> int | None:
    smaller: dict[int, int] = {}
    for tally in tallied[:1]:
        for number in {number for number, _ in tally.seen}:
            smaller[number] = min(tally.seen.get((number, name), 0) for name in (sides.spec.champion, sides.candidate))
    best = max(smaller, key=lambda number: smaller[number], default=None)
    return best if best is not None and smaller[best] > 0 else None


def _groups(tallied: Sequence[Tally], sides: Sides, allocation: int, attributes: Sequence[str]) -> tuple[Group, ...]:
    wanted = tuple(sorted(attributes))
    places = {
        place
        for tally in tallied
        for number, place, _ in tally.places
        if number == allocation and tuple(name for name, _ in place) == wanted
    }
    groups = [
        Group(
            segment={name: dict(place)[name] for name in attributes},
            compared=tuple(_compared(tally, sides, (allocation, place)) for tally in tallied),
        )
        for place in places
    ]
    groups.sort(key=lambda group: (-_least(group), tuple(group.segment.values())))
    return tuple(groups)


def _least(group: Group) -> int:
    return min(group.compared[0].n_champion, group.compared[0].n_candidate)


def _compared(tally: Tally, sides: Sides, where: tuple[int, Place]) -> Compared:
    champion, candidate = (merge(tally.places.get((*where, variant), ())) for variant in (sides.spec.champion, sides.candidate))
    mine, theirs = _known(tally.metric, candidate), _known(tally.metric, champion)
    n = observations(champion), observations(candidate)
    return Compared(
        metric=tally.metric.name,
        unit=value_unit(tally.metric.kind),
        better=cast("Side", better_side(tally.metric)),
        champion=theirs,
        candidate=mine,
        difference=None if mine is None or theirs is None else mine - theirs,
        n_champion=n[0],
        n_candidate=n[1],
        enough=min(n) >= LEAST,
    )
