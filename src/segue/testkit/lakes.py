"""Does a lake keep its segments as the port promises?"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.ports.lake import Lake, Segment
from segue.testkit import samples

_PROCESSES = multiprocessing.get_context("spawn")
_WAIT_S = 60.0
_ROWS = 400
HOUR: Final = samples.hour_of(samples.NOW)

LakeOpener = Callable[[], Lake]
Reader = Callable[[str], list[dict[str, object]]]


def segment(name: str = "j1-1", route: str = "churn", hour: int = HOUR) -> Segment:
    """A segment of predictions."""
    return Segment(kind="predictions", route=route, hour=hour, name=name)


def outcome_segment(name: str = "j1-1", route: str = "churn") -> Segment:
    """A segment of outcomes."""
    return Segment(kind="outcomes", route=route, hour=HOUR, name=name)


def predictions(count: int, prefix: str = "q", route: str = "churn", hour: int = HOUR) -> list[Prediction]:
    """Rows of one hour."""
    begin = samples.NOW + timedelta(hours=hour - HOUR)
    return [samples.prediction(f"{prefix}-{place}", route, begin + timedelta(microseconds=place)) for place in range(count)]


class LakeSuite:
    """What every lake promises; override `opener`, and `read` where locations are no paths."""

    @pytest.fixture
    def opener(self, tmp_path: Path) -> LakeOpener:
        """Opens one and the same lake at each call, empty before the first; picklable, so that other processes may too."""
        raise NotImplementedError

    @pytest.fixture
    def lake(self, opener: LakeOpener) -> Lake:
        """An opening."""
        return opener()

    @pytest.fixture
    def read(self) -> Reader:
        """Reads the rows of a location; raises where that is no whole Parquet file."""
        from pyarrow import parquet  # noqa: PLC0415 - only who tests a lake needs it

        def rows(location: str) -> list[dict[str, object]]:
            with parquet.ParquetFile(location) as file:
                found: list[dict[str, object]] = file.read().to_pylist()
                return found

        return rows

    def test_an_unknown_route_is_empty(self, lake: Lake) -> None:
        """Nothing, for both kinds, before and after another route has something."""
        assert list(lake.segments("predictions", "churn")) == []
        lake.put_predictions(segment(), predictions(1))
        assert list(lake.segments("outcomes", "churn")) == []
        assert list(lake.segments("predictions", "chu")) == []
        assert list(lake.segments("predictions", "churn2")) == []
        assert list(lake.locations([])) == []

    def test_rows_come_back(self, lake: Lake, read: Reader) -> None:
        """Every prediction once, with its values; the time to the microsecond."""
        rows = predictions(5)
        lake.put_predictions(segment(), rows)
        (location,) = lake.locations(lake.segments("predictions", "churn"))
        found = sorted(read(location), key=lambda row: str(row["request_id"]))
        for column in ("request_id", "route", "role", "propensity", "label", "score", "cost", "features", "unit", "allocation"):
            assert [row[column] for row in found] == [getattr(it, column) for it in rows], column
        assert [row["request_body"] for row in found] == [it.request_body for it in rows]
        assert [_instant(row["at"]) for row in found] == [it.at.timestamp() for it in rows]

    def test_outcomes_come_back(self, lake: Lake, read: Reader) -> None:
        """Every outcome once; one that withdraws has no label."""
        rows: Sequence[Outcome] = [
            samples.outcome("q-1"),
            Outcome(route="churn", unit="u", at=samples.NOW, received_at=samples.NOW),
        ]
        lake.put_outcomes(outcome_segment(), rows)
        (location,) = lake.locations(lake.segments("outcomes", "churn"))
        found = sorted(read(location), key=lambda row: str(row["request_id"]), reverse=True)
        assert [(row["request_id"], row["unit"], row["label"]) for row in found] == [("q-1", "", "1"), ("", "u", None)]

    def test_putting_twice_is_once(self, lake: Lake, opener: LakeOpener, read: Reader) -> None:
        """The same name again, also from another process's view and with other rows, changes nothing."""
        lake.put_predictions(segment(), predictions(3))
        lake.put_outcomes(outcome_segment(), [samples.outcome()])
        opener().put_predictions(segment(), predictions(3))
        opener().put_predictions(segment(), predictions(9, "other"))
        opener().put_outcomes(outcome_segment(), [samples.outcome()])
        assert list(lake.segments("predictions", "churn")) == [segment()]
        assert list(lake.segments("outcomes", "churn")) == [outcome_segment()]
        (location,) = lake.locations([segment()])
        assert {row["request_id"] for row in read(location)} == {"q-0", "q-1", "q-2"}

    def test_segments_are_ordered(self, lake: Lake, opener: LakeOpener, read: Reader) -> None:
        """By hour as a number, then by name; locations come in the order of the segments; every opening says the same."""
        day = 24
        asked = [
            segment(name, hour=hour) for hour in (HOUR + day, HOUR, HOUR - 1, HOUR + 10 * day) for name in ("j2-1", "j1-1")
        ]
        for place, it in enumerate(asked):
            lake.put_predictions(it, predictions(1, f"q{place}", hour=it.hour))
        found = list(opener().segments("predictions", "churn"))
        assert found == sorted(asked)
        first_ids = [read(location)[0]["request_id"] for location in lake.locations(found)]
        assert first_ids == [f"q{asked.index(it)}-0" for it in found]

    def test_routes_are_apart(self, lake: Lake) -> None:
        """A route whose name begins like another's has its own segments."""
        for route in ("churn", "churn-2", "chur"):
            lake.put_predictions(segment(route=route), predictions(1, route=route))
        for route in ("churn", "churn-2", "chur"):
            assert list(lake.segments("predictions", route)) == [segment(route=route)]

    def test_a_name_appears_with_its_whole_content(self, lake: Lake, opener: LakeOpener, read: Reader) -> None:
        """Who looks while segments are written finds each one whole or not at all."""
        count = 8
        done = threading.Event()

        def write() -> None:
            for place in range(count):
                lake.put_predictions(segment(f"j-{place}"), predictions(_ROWS, f"q{place}"))
            done.set()

        writer = threading.Thread(target=write)
        writer.start()
        looking = opener()
        over, found = False, 0
        while not over:
            over = done.is_set()  # read before the look, so that the last look comes after the last write
            locations = looking.locations(looking.segments("predictions", "churn"))
            assert all(len(read(location)) == _ROWS for location in locations)
            found = len(locations)
        writer.join()
        assert found == count

    def test_a_killed_writer_leaves_whole_segments(self, opener: LakeOpener, read: Reader) -> None:
        """Killed at any moment: what is listed is whole, and putting again completes the rest."""
        process = _PROCESSES.Process(target=_put_for_ever, args=(opener,))
        process.start()
        lake = opener()
        try:
            give_up = time.monotonic() + _WAIT_S
            while not lake.segments("predictions", "churn") and time.monotonic() < give_up:
                time.sleep(0.01)
        finally:
            process.kill()
            process.join()
            process.close()
        found = lake.segments("predictions", "churn")
        assert found
        assert all(len(read(location)) == _ROWS for location in lake.locations(found))
        following = segment(f"j-{len(found):06}")
        lake.put_predictions(following, predictions(_ROWS))
        assert list(lake.segments("predictions", "churn")) == sorted([*found, following])


def _put_for_ever(opener: LakeOpener) -> None:
    lake = opener()
    place = 0
    while True:
        lake.put_predictions(segment(f"j-{place:06}"), predictions(_ROWS, f"q{place}"))
        place += 1


def _instant(value: object) -> float:
    """Seconds since the epoch of what a file holds for a time: a date, which is UTC where it has no zone, or microseconds."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    assert isinstance(value, int)
    return value / 1e6
