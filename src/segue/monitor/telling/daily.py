"""What did a version's days look like, from the lake alone: confusion, AUC, calibration by segment, and drift by column?

Nothing has to be running and nothing is kept. The days are read in portions of as many predictions as the engine takes at a
time, so that memory does not grow with the history.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from segue.evidence.drift.columns import PSI, as_trained, coarse, compared
from segue.evidence.drift.distances import JensenShannon, KolmogorovSmirnov
from segue.facts.daily import DayCell, DayMoved
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.drift.findings import Moved
from segue.facts.drift.profile import FeatureProfile, Profile
from segue.facts.merging import merge
from segue.measure.drift.served import of_requests
from segue.measure.expressions import quoted
from segue.measure.measurement.daily import DAY_US, MULTIPLIED, ONCE, REPEATED, Daily, cells, gone
from segue.measure.sql import HOUR_US
from segue.monitor.carrying import tally
from segue.ports.engine import Engine
from segue.ports.lake import Lake, Segment

_DAY_H = DAY_US // HOUR_US


class Days(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Args:
        cells: by day, and by day and segment.
        moved: every statistic of every feature, the whole window against training; empty without a profile.
        by_day: the distances of each feature on each day.
    """

    cells: tuple[DayCell, ...] = ()
    moved: tuple[Moved, ...] = ()
    by_day: tuple[DayMoved, ...] = ()


def days(engine: Engine, lake: Lake, asked: Daily, profile: Profile | None = None) -> Days:
    """A version's days.

    Args:
        engine: reads the files.
        lake: where they are.
        asked: route, version, hours, segment.
        profile: in whose bins the features are counted; None to count none.

    Raises:
        Unavailable: lake or engine did not answer.
    """
    predictions = [it for it in lake.segments("predictions", asked.route) if asked.begin <= it.hour < asked.end]
    outcomes = [it for it in lake.segments("outcomes", asked.route) if it.hour >= asked.begin]
    found: list[DayCell] = []
    counted: list[tuple[int, ArmBins]] = []
    portions = list(_portions(engine, lake, predictions))
    for portion in portions:
        _bind(engine, lake, portion, outcomes, few=len(portions) > 1)
        found.extend(_cells(engine, asked))
        if profile is not None:  # after the cells: the room of their tables is free again, and parsing texts needs as much
            statement = of_requests(profile, arm=_mine(asked), period_us=DAY_US)
            counted.extend(statement.read(tally(engine, statement.tally)))
    if profile is None:
        return Days(cells=tuple(found))
    return Days(cells=tuple(found), moved=_moved(profile, counted), by_day=tuple(_by_day(profile, counted)))


def _portions(engine: Engine, lake: Lake, segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Whole days, as many as the engine takes at once, and at least one."""
    portion: list[Segment] = []
    held = 0
    for _, group in groupby(segments, key=lambda segment: segment.hour // _DAY_H):
        day = list(group)
        rows = sum(engine.counts(lake.locations(day)))
        if portion and held + rows > engine.rows_at_once:
            yield portion
            portion, held = [], 0
        portion, held = [*portion, *day], held + rows
    if portion:
        yield portion


def _bind(engine: Engine, lake: Lake, portion: Sequence[Segment], outcomes: Sequence[Segment], *, few: bool) -> None:
    """Predictions and their outcomes; `few` of the files of outcomes are theirs."""
    answers, told = lake.locations(portion), lake.locations(outcomes)
    if few:
        engine.bind({"predictions": answers, "outcomes": ()})
        told = engine.holding("outcomes", "request_id", "SELECT request_id FROM predictions", told)
    engine.bind({"predictions": answers, "outcomes": told})


def _cells(engine: Engine, asked: Daily) -> list[DayCell]:
    """What is made on the way is given back as soon as nobody needs it."""
    engine.execute(asked.answers)
    if engine.run(REPEATED)[0][0]:
        engine.execute(ONCE)
    engine.execute(asked.joined(last=False))
    if engine.run(MULTIPLIED)[0][0]:
        engine.execute(asked.joined(last=True))
    engine.execute(gone("answers"))
    confusion, ranks, calibration = (engine.run(query) for query in asked.queries)
    engine.execute(gone("days"))
    return cells(confusion, ranks, calibration)


def _mine(asked: Daily) -> str:
    inside = f'epoch_us("at") // {HOUR_US} BETWEEN {asked.begin} AND {asked.end - 1}'
    return f"CASE WHEN version = {quoted(asked.version)} AND {inside} THEN 'current' END"


def _moved(profile: Profile, counted: Sequence[tuple[int, ArmBins]]) -> tuple[Moved, ...]:
    """The whole window against training; nothing where nobody asked."""
    columns = tuple(feature.name for feature in profile.features)
    whole = merge(Bins(profile="", columns=columns, arms=(bins,)) for _, bins in counted)
    if not isinstance(whole, Bins):
        return ()
    features = msgspec.structs.replace(profile, label=None, score=None)
    return compared(features, as_trained(features), whole.arms[0])


def _by_day(profile: Profile, counted: Sequence[tuple[int, ArmBins]]) -> Iterator[DayMoved]:
    for day, bins in sorted(counted):
        for feature, now in zip(profile.features, bins.counts, strict=True):
            yield _distances(feature, now, day, bins.rows)


def _distances(feature: FeatureProfile, now: Sequence[int], day: int, rows: int) -> DayMoved:
    old, new = coarse(feature, feature.counts), coarse(feature, now)
    ks, off_by = None, None
    if feature.kind == "numeric" and any(feature.counts[:-2]) and any(now[:-2]):
        distance = KolmogorovSmirnov()
        ks = distance.between(feature.counts[:-2], now[:-2])
        off_by = distance.off_by(feature.counts[:-2], now[:-2])
    psi, js = PSI.between(old, new), JensenShannon().between(old, new)
    return DayMoved(day=day, column=feature.name, rows=rows, psi=psi, js=js, ks=ks, ks_off_by=off_by)
