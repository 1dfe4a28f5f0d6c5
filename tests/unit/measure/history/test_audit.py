"""Counts of the draw: units by the chance that they were drawn with, cohort, logged propensity and segment."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.allocation import Allocation, Audience, Range, Split
from segue.facts.merging import merge
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.facts.summary import ArmCell, ArmCounts
from segue.measure.history.audit import COHORTS, DRAWN, LOGGED, OUTCOMES, Audited, draws
from segue.measure.history.propensity import Exposed
from segue.measure.measurement.plan import Measurement
from segue.testkit.worlds import BEGIN, ROLLOUT, World, allocation, outcome, prediction, spec

UNIT = "header:x-user-id"
CANARY = {"stage": "canary", "unit_source": UNIT}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A lake that is measured."""
    with DuckdbEngine() as engine:
        yield World(FolderLake(tmp_path / "lake"), engine)


def auditing(*allocations: Allocation) -> Measurement:
    """A measurement that asks nothing but how the canary's units were drawn, by country too."""
    scope = Exposed(stage="canary", since_allocation=0)
    audited = Audited(scope=scope, candidate="v8", champion="champion", segments=(("country",), ("country", "tier")))
    return Measurement(
        spec=spec(unit=(UNIT, "request"), segments=()),
        rollout=ROLLOUT,
        began_at=BEGIN,
        questions=(),
        allocations=allocations,
        audited=(audited,),
    )


def counted(world: World, metric: str, **segment: str) -> dict[tuple[int, float], tuple[int, int, int, int]]:
    """Allocation and chance -> candidate yes, no, champion yes, no."""
    found = {}
    cells = [cell for group in world.cells.values() for cell in group if cell.metric == metric and cell.segment == segment]
    for number in sorted({cell.allocation for cell in cells}):
        whole = merge(cell.summary for cell in cells if cell.allocation == number)
        assert isinstance(whole, ArmCounts)
        for it in whole.cells:
            found[number, round(it.propensity, 9)] = (it.candidate_yes, it.candidate_no, it.champion_yes, it.champion_no)
    return found


def seen(unit: str, hours: float, to: str, number: int = 1, **changes: object) -> Prediction:
    """A unit's request under an allocation, answered by what it was assigned."""
    share = {1: 0.1, 2: 0.3}[number]
    logged = share if to == "v8" else 1 - share
    same = {"unit": unit, "allocation": number, "assigned": to, "variant": to, "propensity": logged}
    return prediction(f"{unit}-{hours}", hours, **{**CANARY, **same, **changes})


def known(hours: float, **changes: object) -> Outcome:
    """What came true at an hour."""
    return msgspec.structs.replace(outcome(hours, label="1"), **changes)


def test_units_count_once_by_state_of_their_outcome(world: World) -> None:
    """Due with an outcome, due without, and not yet due; the second request of a unit counts for nothing."""
    world.put(seen("a", 0.1, "v8"), seen("a", 0.5, "v8"), seen("b", 0.2, "champion"), seen("c", 0.3, "champion"))
    world.put(seen("late", 3.5, "champion"), known(0.6, request_id="a-0.1"), known(0.9, request_id="c-0.3"))
    world.measure(auditing(allocation(1, 0.1)), 4)
    assert counted(world, DRAWN) == {(1, 0.1): (1, 0, 2, 1)}
    assert counted(world, OUTCOMES) == {(1, 0.1): (1, 0, 1, 1)}


def test_a_unit_comes_of_age(world: World) -> None:
    """Measured again later, the hour of a unit that has become due is counted again, also when nothing new came."""
    world.put(seen("late", 3.5, "champion"))
    asked = auditing(allocation(1, 0.1))
    world.measure(asked, 4)
    assert counted(world, DRAWN) == {(1, 0.1): (0, 0, 0, 1)}
    world.measure(asked, 5)
    assert counted(world, DRAWN) == {(1, 0.1): (0, 0, 1, 0)}


def test_who_returns_belongs_to_the_first_cohort(world: World) -> None:
    """Under a grown share the chance is the conditional one, and the log is no witness to it; the cohort is the first one."""
    world.put(prediction("b-0", 0.1, unit="b", stage="shadow"), seen("new", 2.1, "v8", 2), seen("b", 2.2, "v8", 2))
    world.measure(auditing(allocation(1, 0.1, stage="shadow"), allocation(2, 0.3)), 9)
    returning = round((0.3 - 0.1) / (1 - 0.1), 9)
    assert counted(world, COHORTS, cohort="1") == {(2, returning): (1, 0, 0, 0)}
    assert counted(world, COHORTS, cohort="2") == {(2, 0.3): (1, 0, 0, 0)}
    assert counted(world, LOGGED) == {(2, 0.3): (1, 0, 0, 0)}
    assert counted(world, DRAWN) == {(2, returning): (1, 0, 0, 0), (2, 0.3): (1, 0, 0, 0)}


def test_the_log_is_read_as_it_is(world: World) -> None:
    """A wrong propensity in the rows is counted as the log has it, beside the chance that the table gives."""
    world.put(seen("a", 0.1, "v8", propensity=0.2), seen("b", 0.2, "champion", propensity=0.8))
    world.measure(auditing(allocation(1, 0.1)), 9)
    assert counted(world, LOGGED) == {(1, 0.2): (1, 0, 1, 0)}
    assert counted(world, DRAWN) == {(1, 0.1): (1, 0, 1, 0)}


def test_segments(world: World) -> None:
    """A unit lies in a segment by the context of its first exposure; without the attribute it lies in none."""
    world.put(seen("a", 0.1, "v8", context={"country": "DE", "tier": "vip"}), seen("a", 0.2, "v8", context={"country": "FR"}))
    world.put(seen("b", 0.2, "champion", context={"country": "DE"}), seen("c", 0.2, "champion"))
    world.measure(auditing(allocation(1, 0.1)), 9)
    assert counted(world, DRAWN, country="DE") == {(1, 0.1): (1, 0, 1, 0)}
    assert counted(world, DRAWN, country="DE", tier="vip") == {(1, 0.1): (1, 0, 0, 0)}
    assert counted(world, DRAWN, country="FR") == {}


def test_piecemeal_is_all_at_once(world: World) -> None:
    """Hour by hour, with rows that come late and first, the counts are those of one measurement in the end."""
    asked = auditing(allocation(1, 0.1), allocation(2, 0.3))
    batches: list[tuple[float, list[Prediction | Outcome]]] = [
        (2.0, [seen("a", 1.5, "champion", 1), seen("b", 1.6, "v8", 1)]),
        (4.0, [seen("a", 3.5, "v8", 2), seen("c", 3.6, "champion", 2), known(3.7, unit="a")]),
        (5.0, [seen("b", 0.4, "champion", 1), seen("a", 0.5, "champion", 1)]),
        (9.0, [known(1.1, unit="b")]),
    ]
    for hours, rows in batches:
        world.put(*rows)
        world.measure(asked, hours)
    metrics = [(DRAWN, {}), (OUTCOMES, {}), (LOGGED, {}), (COHORTS, {"cohort": "1"}), (COHORTS, {"cohort": "2"})]
    piecemeal = [counted(world, metric, **segment) for metric, segment in metrics]
    world.restart()
    world.measure(asked, 9.0)
    assert [counted(world, metric, **segment) for metric, segment in metrics] == piecemeal
    assert piecemeal[0]


def test_which_allocations_draw() -> None:
    """A split between two variants draws; one owner does not, nor does an audience that is served by rule."""
    half = Split(salt="s", kind="v", ranges=(Range(start=0, end=5, variant="v8"), Range(start=5, end=10, variant="champion")))
    whole = allocation(1, 0.0)
    assert draws(allocation(1, 0.5))
    assert not draws(whole)
    assert draws(allocation(1, 0.0, audiences=(Audience(where="tier == 'vip'", split=half, comparable=True),)))
    assert not draws(allocation(1, 0.0, audiences=(Audience(where="tier == 'vip'", split=half, comparable=False),)))
    assert ArmCell(propensity=0.5, candidate_yes=0, candidate_no=0, champion_yes=0, champion_no=0).propensity == 0.5
