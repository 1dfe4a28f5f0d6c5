"""Whether a Spark cluster of two workers measures what DuckDB measures: counts exactly, numbers to nine digits."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from spark_cluster import assert_same

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.errors import DomainError, InvariantError, Unavailable
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.facts.question import Claim
from segue.measure.measurement.plan import Measurement
from segue.monitor.begin import apply
from segue.monitor.tick import Monitor
from segue.ports.engine import Engine
from segue.testkit.small_world import SPEC, SmallWorld
from segue.testkit.worlds import World, allocation, measurement, metric, outcome, prediction, question, shadow, spec

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]
Rows = list[Prediction | Outcome]
OpenWorld = Callable[[Path], AbstractContextManager[SmallWorld]]

METRICS = (
    metric("accuracy", "accuracy"),
    metric("errors", "error_rate"),
    metric("p99", "latency_quantile", parameters={"q": 0.99}),
    metric("auc", "roc_auc"),
    metric("spend", "mean", of="outcome.spend"),
    metric("buyers", "unit_conversion", of="outcome.spend"),
    metric("confusion", "matthews"),
)


def shadowed(rng: random.Random) -> Rows:
    """Two hours of a shadow stage: answers of both, failures, a row that came twice, late and absent outcomes."""
    rows: Rows = []
    for i in range(150):
        when, name = 2 * rng.random(), f"q{i}"
        truth = str(rng.randrange(2))
        about = {"context": {"country": rng.choice(["DE", "O'Hare"])}, "latency_upstream_s": rng.lognormvariate(-4, 1)}
        failed = {"error": "timeout", "status": 0, "role": "failed", "label": None, "score": None} if i % 17 == 0 else {}
        told = {"label": truth if rng.random() < 0.8 else "0", "score": rng.random()}
        rows.append(prediction(name, when, **(about | told | failed)))
        rows.append(shadow(name, when, **about | {"label": str(rng.randrange(2)), "score": round(rng.random(), 1)}))
        if i % 5:
            values = {"spend": rng.gammavariate(1, 9), "clicks": float(rng.random() < 0.3)}
            rows.append(outcome(when, when + rng.expovariate(1), request_id=name, label=truth, values=values))
    return [*rows, rows[3]]


def drawn(rng: random.Random) -> Rows:
    """A canary of units that come back, some of them across two shares, with outcomes of the unit."""
    rows: Rows = []
    for i in range(150):
        when, unit = 3 * rng.random(), f"u{rng.randrange(60)}"
        number = 1 if when < 1.5 else 2
        who = "v8" if (hash_of(unit) + number) % 2 else "champion"
        about = {"stage": "canary", "allocation": number, "unit": unit, "assigned": who, "variant": who, "propensity": 0.5}
        said = {"label": str(rng.randrange(2)), "score": round(rng.random(), 1), "latency_upstream_s": rng.expovariate(9)}
        if i % 13 == 0:
            said |= {"role": "failed", "error": "timeout", "status": 0, "label": None, "score": None}
        rows.append(prediction(f"d{i}", when, **(about | said)))
        if rng.random() < 0.7:
            rows.append(outcome(when + rng.random(), unit=unit, label=str(rng.randrange(2)), values={"spend": rng.random()}))
    return rows


def hash_of(unit: str) -> int:
    """A number of the unit."""
    return sum(map(ord, unit))


def corrected(rows: Rows) -> Rows:
    """Outcomes that take back or correct what was told, and two told in one moment that differ in their values alone."""
    known = [row for row in rows if isinstance(row, Outcome) and row.request_id][:12]
    later = [msgspec.structs.replace(row, received_at=row.received_at.replace(year=2014)) for row in known]
    changed: Rows = [msgspec.structs.replace(row, label="1", values={"spend": 3.5}) for row in later[:6]]
    changed += [msgspec.structs.replace(row, label=None, values={}) for row in later[6:9]]
    changed += [msgspec.structs.replace(row, values={"spend": spend}) for row in later[9:] for spend in (1.0, 10.0)]
    return changed


def plan() -> Measurement:
    """What the gates of a shadow and of a canary ask, and the cube by country."""
    claim, canary = Claim(side="below", bound=0.01), {"stage": "canary"}
    p99 = {"q": 0.99}
    asked = [
        question("accuracy", id="accuracy in DE", segment={"country": "DE"}, where="country != 'FR'"),
        question("error_rate", "one_sample", id="errors", claim=claim),
        question("latency_quantile", id="p99", parameters=p99, claim=claim),
        question("accuracy", "randomised", id="drawn units", unit="unit", **canary),
        question("latency_quantile", "randomised", id="drawn p99", parameters=p99, claim=claim, **canary),
        question("roc_auc", id="area by the hour", claim=Claim(side="above", bound=0.0)),
        question("roc_auc", "randomised", id="drawn area", **canary),
        question("f1", id="f1", parameters={"positive": "1"}),
        question("agreement", "one_sample", id="agreement"),
        question("agreement", id="agreement in pairs"),
        question("mean", "randomised", id="drawn mean", of="outcome.spend", cap=20.0, unit="unit", **canary),
        question("mean", "randomised", id="drawn requests", of="outcome.spend", cap=20.0, **canary),
        question("error_rate", "events", id="events", unit="unit", claim=Claim(side="below", bound=1.1), **canary),
    ]
    allocations = allocation(1, 0.5), allocation(2, 0.5, salt="s2")
    return measurement(asked, *allocations, spec_of=spec(METRICS, segments=(("country",),)))


def told(world: World) -> list[object]:
    """Everything that a store would keep, in an order of its own."""
    cells = [cell for hour in sorted(world.cells) for cell in world.cells[hour]]
    cells.sort(key=lambda c: (c.hour, c.metric, c.variant, c.version, c.allocation, sorted(c.segment.items())))
    return [msgspec.to_builtins(it) for it in (*(world.answers[key] for key in sorted(world.answers)), *cells)]


def test_measures_what_duckdb_measures(spark: Engine, tmp_path: Path) -> None:
    """The same rows, told in two parts with late and corrected outcomes, give the same answers and cells after each."""
    with ExitStack() as stack:
        engines = {"spark": spark, "duckdb": stack.enter_context(DuckdbEngine())}
        worlds = [World(FolderLake(tmp_path / name), engine) for name, engine in engines.items()]
        kept = []
        for world in worlds:
            rng = random.Random(4)
            rows = [*shadowed(rng), *drawn(rng)]
            world.put(*rows)
            world.measure(plan(), 3.5)
            first = told(world)
            world.put(*corrected(rows))
            world.measure(plan(), 9.0)
            kept.append((first, told(world)))
    for found, expected in zip(*kept, strict=True):
        assert_same(found, expected)
    first, second = kept[1]
    assert first != second
    names = {str(it["question"]) for it in second if isinstance(it, dict) and "question" in it}
    assert names == {it.id for it in plan().questions}


def test_counts_rows_of_files(spark: Engine, tmp_path: Path) -> None:
    """Each file's rows are counted, in the order asked, and no file may lack what a query wants."""
    lake = FolderLake(tmp_path)
    with DuckdbEngine() as duckdb:
        world = World(lake, duckdb)
        world.put(*(prediction(f"q{i}", hours) for i, hours in enumerate((0.1, 0.2, 1.5, 2.5, 2.6, 2.7))))
        world.measure(plan(), 9.0)
        files = lake.locations(lake.segments("predictions", "churn"))
        assert spark.counts(files) == duckdb.counts(files)
        assert sorted(spark.counts(files)) == [1, 2, 3]
    assert spark.holding("predictions", "unit", "SELECT 'nobody'", files) == files
    assert spark.counts([]) == []


def test_values_are_pythons(spark: Engine) -> None:
    """A row's values are what DuckDB would give: numbers, texts, moments with a zone, lists, maps and structures."""
    query = (
        "SELECT 7 // 2, 1.5 * 2, 'O''Hare\\', [1, 2], {'a': 1, 'b': 'x'}, CASE WHEN 0 > 1 THEN 1 END, list(n) FILTER (n > 5)"
    )
    with DuckdbEngine() as duckdb:
        for engine in (duckdb, spark):
            engine.bind({"predictions": [], "outcomes": []})
        query += " FROM (SELECT 1 AS n) GROUP BY n"
        assert list(spark.run(query)) == list(duckdb.run(query))
        assert spark.run("SELECT * FROM predictions") == duckdb.run("SELECT * FROM predictions") == []


def test_refuses_by_name_what_it_cannot_do(spark: Engine) -> None:
    """What does not run on Spark is refused before it runs; our own mistakes and absent files are told apart."""
    spark.bind({"predictions": []})
    with pytest.raises(DomainError, match="`list_cosine_similarity` does not run on Spark"):
        spark.run("SELECT list_cosine_similarity([1.0], [2.0])")
    with pytest.raises(InvariantError, match="nowhere"):
        spark.run("SELECT nowhere FROM predictions")
    with pytest.raises(InvariantError, match="parsed"):
        spark.run("SELECT (")
    with pytest.raises(DomainError, match="surprises"):
        spark.bind({"surprises": []})
    with pytest.raises(Unavailable):
        spark.bind({"predictions": ["/nowhere/at-all.parquet"]})
    spark.bind({"predictions": []})
    assert spark.run("SELECT count(*) FROM predictions") == [(0,)]


def test_a_tick_decides_the_same(spark: Engine, open_world: OpenWorld, tmp_path: Path) -> None:
    """A monitor on the cluster weighs a shadow stage as one on DuckDB does: the same verdicts, in the same words."""
    began, told = datetime.now(UTC), []
    for name in ("spark", "duckdb"):
        (tmp_path / name).mkdir()
        with open_world(tmp_path / name) as world:
            outside = replace(world.outside, engine=spark) if name == "spark" else world.outside
            apply(outside, SPEC)
            world.host()
            monitor = Monitor(outside, real=lambda: began)  # the host is heard of once, and a tick may last long here
            monitor.tick()
            world.traffic(130)
            world.later(1.5)
            monitor.tick()
            (loaded,) = outside.rollouts.rollouts()
            decision = outside.rollouts.decisions(loaded.state.rollout)[-1]
            assert any("accuracy" in str(verdict) for verdict in decision.verdicts)
            told.append(msgspec.to_builtins(msgspec.structs.replace(decision, inputs=None)))
    assert_same(*told)
