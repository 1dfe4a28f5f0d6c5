"""From the lake to a version's days."""

import random
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from sklearn.metrics import confusion_matrix, roc_auc_score

from segue.evidence.drift.profiling import profile_of
from segue.facts.daily import DayCell
from segue.facts.outcome import Outcome
from segue.facts.question import MetricRef
from segue.measure.answers import score_table
from segue.measure.kinds.models.scores import calibration_bias, ece
from segue.measure.measurement.daily import Daily
from segue.monitor.begin import apply
from segue.monitor.telling.daily import Days, days
from segue.monitor.tick import Monitor
from segue.ports.lake import Segment
from segue.testkit.small_world import SPEC, SmallWorld

Row = tuple[int, str | None, str, float, str]


@pytest.fixture
def world(small_world: SmallWorld) -> SmallWorld:
    """In the shadow stage, over two days, with scores, tiers and features."""
    apply(small_world.outside, SPEC)
    small_world.host()
    Monitor(small_world.outside).tick()
    small_world.scored = {"champion": 1.0, "v8": 1.5}
    small_world.tiers = ("new", "vip")
    small_world.features = lambda rng: {"age": rng.gauss(40, 10), "plan": rng.choice("abc")}
    for _ in range(4):
        small_world.traffic(400, hours=8)
    return small_world


def found(world: SmallWorld, version: str = "8", **more: str) -> Days:
    """All days of a version."""
    asked = Daily(route="churn", version=version, begin=0, end=world.clock.now_us() // 3_600_000_000 + 1, **more)
    return days(world.outside.engine, world.outside.lake, asked)


def rows(world: SmallWorld, version: str) -> list[Row]:
    """Day, tier, label, score and truth of each answer, counted without our SQL."""
    lake = world.outside.lake
    files = {kind: list(lake.locations(lake.segments(kind, "churn"))) for kind in ("predictions", "outcomes")}
    read = "SELECT {} FROM read_parquet($files, hive_partitioning = false)"
    with duckdb.connect() as connection:
        told = connection.execute(read.format("request_id, label"), {"files": files["outcomes"]}).fetchall()
        names = """request_id, epoch_us("at") // 86400000000, context['tier'], label, score"""
        query = read.format(names) + " WHERE version = $version AND role IN ('served', 'shadow') AND error = ''"
        asked = connection.execute(query, {"files": files["predictions"], "version": version}).fetchall()
    truths = dict(told)
    return [(day, tier, label, score, truths[name]) for name, day, tier, label, score in asked]


def test_every_cell_is_what_scikit_learn_says(world: SmallWorld) -> None:
    """Of whole days and of each segment in them: confusion, AUC, calibration error and bias, for both versions."""
    for version in ("7", "8"):
        listed = rows(world, version)
        cells = {(cell.day, cell.segment): cell for cell in found(world, version, segment="tier").cells}
        assert len({day for day, _ in cells}) >= 2
        assert set(cells) == {(day, tier) for day, *_ in listed for tier in (None, "new", "vip")}
        for (day, tier), cell in cells.items():
            assert_same(cell, [row for row in listed if row[0] == day and tier in (None, row[1])])


def assert_same(cell: DayCell, listed: list[Row]) -> None:
    """A cell is what its rows are."""
    truth, label, score = [row[4] for row in listed], [row[2] for row in listed], [row[3] for row in listed]
    tn, fp, fn, tp = confusion_matrix(truth, label, labels=["0", "1"]).ravel()
    assert (cell.tp, cell.fp, cell.fn, cell.tn) == (tp, fp, fn, tn)
    assert cell.answers == cell.known == len(listed)
    assert cell.auc == pytest.approx(roc_auc_score([it == "1" for it in truth], score), abs=1e-12)
    counts = Counter((value, int(true == "1")) for value, true in zip(score, truth, strict=True))
    table = score_table((value, up, count) for (value, up), count in counts.items() if 0 <= value <= 1)
    metric = MetricRef(name="ece", kind="ece", parameters={"bins": "uniform", "count": 15})
    assert cell.ece == pytest.approx(ece(table, metric), abs=1e-12)
    assert cell.bias == pytest.approx(calibration_bias(table, metric), abs=1e-12)


def test_the_last_outcome_counts_and_one_without_a_label_withdraws(world: SmallWorld) -> None:
    """Corrections change the confusion, withdrawals make rows unknown, and a file that came twice changes nothing."""
    before = found(world).cells
    lake, at = world.outside.lake, world.clock.now()
    ids = sorted({str(name) for (name,) in world.outside.engine.run("SELECT request_id FROM outcomes")})
    rng = random.Random(1)
    wrong, gone = rng.sample(ids, 30), set(ids[:10])
    wrong = [name for name in wrong if name not in gone]
    hour = world.clock.now_us() // 3_600_000_000
    late = [
        Outcome(route="churn", request_id=name, at=at, received_at=at + timedelta(seconds=1), label=label)
        for name, label in [*((name, "1") for name in wrong), *((name, None) for name in gone)]
    ]
    for name in ("late", "again"):
        lake.put_outcomes(Segment(kind="outcomes", route="churn", hour=hour, name=name), late)
    after = found(world).cells
    assert sum(cell.known for cell in before) - sum(cell.known for cell in after) == len(gone)
    assert sum(cell.answers for cell in before) == sum(cell.answers for cell in after)
    assert sum(cell.tp + cell.fn for cell in after) > sum(cell.tp + cell.fn for cell in before) - len(gone)
    assert all(cell.tp + cell.fp + cell.fn + cell.tn == cell.known for cell in after)


def test_an_answer_that_came_twice_counts_once(world: SmallWorld) -> None:
    """A file of predictions that is there under a second name as well changes no cell."""
    before = found(world, segment="tier").cells
    lake = world.outside.lake
    for location in lake.locations(lake.segments("predictions", "churn")):
        shutil.copy(location, Path(location).with_name(f"again-{Path(location).name}"))
    assert [rounded(cell) for cell in found(world, segment="tier").cells] == [rounded(cell) for cell in before]


def test_portions_change_nothing(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day at a time gives the cells and the counts of all at once."""
    rng = random.Random(1)
    profile = profile_of({"age": [rng.gauss(40, 10) for _ in range(500)], "plan": [rng.choice("abc") for _ in range(500)]})
    asked = Daily(route="churn", version="7", begin=0, end=world.clock.now_us() // 3_600_000_000 + 1, segment="tier")
    engine, lake = world.outside.engine, world.outside.lake
    whole = days(engine, lake, asked, profile)
    monkeypatch.setattr(type(engine), "rows_at_once", property(lambda _: 1))
    parts = days(engine, lake, asked, profile)
    assert [rounded(cell) for cell in parts.cells] == [rounded(cell) for cell in whole.cells]
    assert parts.moved == whole.moved
    assert parts.by_day == whole.by_day
    assert sum(it.rows for it in whole.by_day if it.column == "age") == 1600
    assert all(it.psi < 0.2 for it in whole.by_day)


def rounded(cell: DayCell) -> tuple[object, ...]:
    """A cell, but for the last bits of its sums."""
    return (cell.day, cell.segment, cell.answers, cell.tp, cell.fp, cell.fn, cell.tn, cell.auc, round(cell.ece or 0, 12))


def test_nobody_asked(world: SmallWorld) -> None:
    """A version without an answer has no day."""
    assert found(world, "9") == Days()
