"""The flights of the demo: their times, and that nothing is told before it was known."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from segue.demo import flights
from segue.demo.flights import AHEAD_MIN, CATEGORIES, FEATURES, SCHEDULE, WEATHER, load, v2_headers, v2_request
from segue.errors import DomainError
from segue.host.v2 import read_request

HINDSIGHT = ("dep_time", "dep_delay", "arr_time", "arr_delay", "tailnum", "air_time")


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    """The flights as they are shipped."""
    return pd.read_csv(flights._data() / "flights.csv.zip")


def test_known_flight(demo_folder: Path) -> None:
    """The first flight of the data's own documentation has the times and the label that its row tells."""
    day = load(date(2013, 1, 1), date(2013, 1, 2), folder=demo_folder)
    flight = next(each for each in day if each.id == "UA1545-2013-01-01-EWR")  # 5:15 to Houston, due 8:19, 11 minutes late
    assert flight.requested_at == datetime(2013, 1, 1, 9, 15, tzinfo=UTC)
    assert flight.landed_at == datetime(2013, 1, 1, 14, 30, tzinfo=UTC)
    assert flight.late == 0
    assert [flight.features[name] for name in (*CATEGORIES, *SCHEDULE)] == ["UA", "EWR", "IAH", 5, 15, 1, 1400.0]
    assert flight.features["temp"] == 39.02  # observed in the hour from 3:00, the last that was over at 4:15


def test_landings_agree_with_the_time_in_the_air(year: pd.DataFrame, raw: pd.DataFrame) -> None:
    """What is left between departure and landing beside the time in the air is a plausible time on the taxiways, all year."""
    day = pd.to_datetime(raw[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    raw = raw.assign(id=raw["carrier"] + raw["flight"].astype(str) + "-" + day + "-" + raw["origin"])
    both = year.merge(raw[["id", "dep_delay", "arr_delay", "air_time"]], on="id", validate="one_to_one")
    flown = both[both["arr_delay"].notna()]
    gate_to_gate = (flown["landed_at"] - flown["departs_at"]).dt.total_seconds() / 60 - flown["dep_delay"]
    taxi = gate_to_gate - flown["air_time"]
    assert taxi.min() > 0
    assert taxi.max() < 240
    assert len(both) == len(raw) == len(year)


def test_without_arrival(demo_folder: Path) -> None:
    """A flight that never arrived is requested like any other and has no outcome; every other flight has one, later."""
    days = load(date(2013, 3, 1), date(2013, 3, 15), folder=demo_folder)
    never = [each for each in days if each.late is None]
    assert 0 < len(never) < len(days) / 10
    assert all(each.landed_at is None for each in never)
    assert all(each.landed_at > each.requested_at for each in days if each.landed_at is not None)
    assert {each.late for each in days if each.landed_at is not None} == {0, 1}


def test_order_and_span(demo_folder: Path) -> None:
    """Flights come in the order of their requests, each once, from the first day's first to before the last's."""
    days = load(date(2013, 3, 9), date(2013, 3, 12), folder=demo_folder)  # the clock goes forward in between
    assert [each.requested_at for each in days] == sorted(each.requested_at for each in days)
    assert {each.id[-14:-4] for each in days} == {"2013-03-09", "2013-03-10", "2013-03-11"}
    assert len({each.id for each in days}) == len(days)


def test_sample(demo_folder: Path) -> None:
    """A sample is the same every time, about as large as asked, and a smaller one lies in a larger one."""
    span = date(2013, 4, 1), date(2013, 4, 8)
    everyone, half, tenth = (load(*span, share, folder=demo_folder) for share in (1.0, 0.5, 0.1))
    assert {each.id for each in tenth} < {each.id for each in half} < {each.id for each in everyone}
    assert abs(len(tenth) / len(everyone) - 0.1) < 0.02
    assert tenth == load(*span, 0.1, folder=demo_folder)


@pytest.mark.parametrize(("days", "share"), [((2, 1), 1.0), ((1, 1), 1.0), ((1, 2), 0.0), ((1, 2), 1.5)])
def test_refused(days: tuple[int, int], share: float, demo_folder: Path) -> None:
    """An empty span and a share outside (0, 1] are the caller's mistakes."""
    with pytest.raises(DomainError):
        load(date(2013, 3, days[0]), date(2013, 3, days[1]), share, folder=demo_folder)


def test_request_reads_back(demo_folder: Path) -> None:
    """What the host reads out of a request's body is what the flight knows, name by name and value by value."""
    for flight in load(date(2013, 7, 4), date(2013, 7, 5), 0.2, folder=demo_folder):
        asked = read_request(msgspec.json.encode(v2_request(flight)))
        assert asked.columns == {name: [value] for name, value in flight.features.items()}
        assert (asked.id, asked.rows) == (flight.id, 1)
        assert tuple(asked.columns) == FEATURES
        assert v2_headers(flight) == {"x-carrier": flight.features["carrier"], "x-origin": flight.features["origin"]}


def test_no_hindsight_in_the_schedule(tmp_path: Path, raw: pd.DataFrame) -> None:
    """With everything scrambled that only the day itself told, every feature stays the same."""
    some = raw.sample(3000, random_state=1)
    scrambled = some.copy()
    for name in HINDSIGHT:
        scrambled[name] = some[name].sample(frac=1, random_state=2).to_numpy()
    told = [flights._parse(_data_with(tmp_path / name, rows)) for name, rows in (("as", some), ("other", scrambled))]
    pd.testing.assert_frame_equal(told[0][["id", *FEATURES]], told[1][["id", *FEATURES]])
    assert (told[0]["late"] != told[1]["late"]).any()
    assert not set(FEATURES) & {*HINDSIGHT, "late", "landed_at"}


def test_no_weather_from_the_future(tmp_path: Path, raw: pd.DataFrame) -> None:
    """Whatever the weather was in an hour that was not over at the request, the request does not show it."""
    at = pd.Timestamp("2013-03-08T15:00Z")  # observations of the hour that begins now are known an hour later
    some = raw[(raw["month"] == 3) & (raw["day"] == 8)]
    before, after = tmp_path / "as", tmp_path / "other"
    told = flights._parse(_data_with(before, some))
    _data_with(after, some)
    weather = pd.read_csv(after / "weather.csv").astype(dict.fromkeys(WEATHER, float))
    weather.loc[pd.to_datetime(weather["time_hour"]) >= at, list(WEATHER)] = -1.0
    weather.to_csv(after / "weather.csv", index=False)
    changed = flights._parse(after)
    early = told["requested_at"] < at + pd.Timedelta(hours=1)
    assert 0 < early.sum() < len(told)
    pd.testing.assert_frame_equal(told[early], changed[early])
    assert (changed.loc[~early, "temp"] == -1).all()
    assert (told["departs_at"] - told["requested_at"] == pd.Timedelta(minutes=AHEAD_MIN)).all()


def test_complete(year: pd.DataFrame) -> None:
    """No feature of any flight is missing, and the features are spelled in units that weather can have."""
    assert not year[list(FEATURES)].isna().any().any()
    assert year["wind_speed"].max() < 100
    assert np.isfinite(year[list(WEATHER)].to_numpy()).all()


def _data_with(folder: Path, rows: pd.DataFrame) -> Path:
    folder.mkdir()
    for name in ("airports.csv", "weather.csv"):
        shutil.copy(flights._data() / name, folder / name)
    rows.to_csv(folder / "flights.csv.zip", index=False, compression={"method": "zip", "archive_name": "flights.csv"})
    return folder
