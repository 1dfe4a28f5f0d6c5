"""Which hours are counted again, and that no other is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.prediction import Prediction
from segue.facts.summary import ScoreSums
from segue.measure.measurement.plan import Measured, Measurement
from segue.testkit.worlds import World, allocation, at, measurement, outcome, prediction, question, shadow


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty lake and an engine."""
    with DuckdbEngine() as engine:
        yield World(FolderLake(tmp_path), engine)


PAIRED = measurement([question("accuracy")])
UNITS = measurement([question("accuracy", "randomised", stage="canary", unit="unit")], allocation(1, 0.5))


def hours(measured: Measured) -> list[int]:
    """Hours after the begin."""
    begin = int(at(0).timestamp()) // 3600
    return [hour - begin for hour in measured.hours]


def visit(name: str, when: float, unit: str = "ada") -> Prediction:
    """A request of a unit in a canary."""
    return prediction(name, when, unit=unit, stage="canary", assigned="v8", variant="v8")


def settled(world: World, plan: Measurement, when: float) -> None:
    """Measure once, so that nothing is new."""
    world.measure(plan, when)
    assert hours(world.measure(plan, when)) == []


def test_nothing_new_is_nothing_to_do(world: World) -> None:
    """Without new rows and without a row that comes of age, no hour is touched."""
    world.put(prediction("a", 0.5), shadow("a", 0.5))
    settled(world, PAIRED, 5)
    assert hours(world.measure(PAIRED, 6)) == []


def test_coming_of_age(world: World) -> None:
    """The hour of a row that has become older than the window since."""
    world.put(prediction("a", 0.5), prediction("b", 1.5), prediction("c", 3.5))
    settled(world, PAIRED, 1.6)
    assert hours(world.measure(PAIRED, 2.49)) == []
    assert hours(world.measure(PAIRED, 2.5)) == [1]
    assert hours(world.measure(PAIRED, 9)) == [3]


def test_a_late_outcome_touches_its_request(world: World) -> None:
    """However late: the hour of the prediction, not that of the outcome."""
    world.put(*(prediction(name, when) for name, when in (("a", 0.5), ("b", 1.5))))
    settled(world, PAIRED, 50)
    world.put(outcome(48, request_id="a", label="1"), outcome(48, request_id="unknown", label="1"))
    assert hours(world.measure(PAIRED, 51)) == [0]


def test_an_outcome_of_a_unit_touches_what_it_is_about(world: World) -> None:
    """The requests that the unit made within the window before."""
    world.put(*(prediction(f"{when}", when, unit="ada") for when in (0.5, 1.5, 2.2, 4.5)))
    settled(world, PAIRED, 50)
    world.put(outcome(2.4, request_id="", unit="ada", label="1"))
    assert hours(world.measure(PAIRED, 51)) == [1, 2]


def test_a_shadow_that_comes_later(world: World) -> None:
    """Its pair lies in the hour of the request."""
    world.put(prediction("a", 0.9), outcome(1, request_id="a", label="1"))
    settled(world, PAIRED, 50)
    world.put(shadow("a", 1.1))
    assert 0 in hours(world.measure(PAIRED, 51))
    assert world.answer() is not None


def test_an_earlier_exposure_that_comes_late_takes_the_later_ones_place(world: World) -> None:
    """The unit is counted once, in the earlier hour."""
    world.put(visit("late", 5.5), outcome(6, request_id="late", label="1"))
    settled(world, UNITS, 50)
    world.put(visit("early", 1.5), outcome(6, request_id="early", label="1"))
    assert hours(world.measure(UNITS, 51)) == [1, 5]
    sums = world.answer()
    assert isinstance(sums, ScoreSums)
    assert sums.n == 1
    assert [hour - int(at(0).timestamp()) // 3600 for _, hour in world.answers] == [1]


def test_an_outcome_of_a_later_request_touches_the_first_exposure(world: World) -> None:
    """The unit's observation lies there."""
    world.put(visit("one", 1.5), visit("two", 2.2), outcome(2, request_id="one", label="1"))
    settled(world, UNITS, 50)
    world.put(outcome(3, request_id="two", label="0"))
    assert hours(world.measure(UNITS, 51)) == [1, 2]


def test_a_unit_comes_of_age_one_window_after_its_last_possible_request(world: World) -> None:
    """Two windows after its first exposure."""
    world.put(visit("one", 1.5), outcome(1.5, request_id="one", label="1"))
    settled(world, UNITS, 3.4)
    assert world.answer() is None
    assert hours(world.measure(UNITS, 3.5)) == [1]
    assert world.answer() is not None
