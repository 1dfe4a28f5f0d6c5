"""`segue days`: how did a version do, day by day and segment by segment?"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter

from segue.cli.data.versions import Version, known, profile_of
from segue.cli.options import Engine, HomeFolder, RouteName
from segue.cli.output import Listing, Output, show
from segue.facts.daily import DayCell, DayMoved
from segue.wiring import clock_of, home_at, lake_of, measuring_engine_of, stores_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def days(
    route: RouteName,
    *,
    version: Version,
    segment: Annotated[str, Parameter(help="An attribute of the context; each of its values gets a row a day.")] = "",
    last: Annotated[float, Parameter(help="How many days, up to now.")] = 30.0,
    positive: Annotated[str, Parameter(help="The label that counts as positive.")] = "1",
    features: Annotated[bool, Parameter(negative="", help="The features' distances from training instead.")] = False,
    engine: Engine = "duckdb",
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """Confusion, AUC and calibration of a version by day and segment, or the drift of its features by day.

    Read from the lake alone, at once: nothing has to be running, and no rollout has to ask for it. Every answer counts whose
    outcome is known by now, found by the request's id.
    """
    from msgspec.structs import replace

    from segue.measure.measurement.daily import Daily
    from segue.monitor.drifting import Window
    from segue.monitor.telling.daily import days as find

    place = replace(home_at(home), engine=engine)
    with stores_of(place) as stores, measuring_engine_of(place, once=True) as reader:
        name = known(stores, version)
        profile = profile_of(stores, version) if features else None
        window = Window.of_last(clock_of(place).now(), 24 * last)
        asked = Daily(route=route, version=name, begin=window.begin, end=window.end, segment=segment, positive=positive)
        found = find(reader, lake_of(place), asked, profile)
    show(moved(found.by_day) if features else cells(found.cells), output)


def cells(found: tuple[DayCell, ...]) -> Listing:
    """Cells as rows."""
    names = ("answers", "known", "tp", "fp", "fn", "tn", "auc", "ece", "bias")
    rows = [{"day": _date(cell.day), "segment": cell.segment} | {name: getattr(cell, name) for name in names} for cell in found]
    columns = {name: name for name in ("day", "segment", *names)}
    return Listing(rows=rows, name="day", columns=columns, empty="nothing was recorded")


def moved(found: tuple[DayMoved, ...]) -> Listing:
    """Distances as rows."""
    names = ("column", "rows", "psi", "js", "ks")
    rows: list[dict[str, object]] = [
        {"day": _date(one.day), "ks_off_by": one.ks_off_by} | {name: getattr(one, name) for name in names} for one in found
    ]
    columns, wide = {name: name for name in ("day", *names)}, {"ks off by": "ks_off_by"}
    return Listing(rows=rows, name="day", columns=columns, wide=wide, empty="nothing was recorded")


def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()
