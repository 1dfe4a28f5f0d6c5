"""Whether drift is counted by a Spark cluster of two workers as it is by DuckDB: counts exactly, numbers to nine digits."""

import json
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from spark_cluster import assert_same

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.errors import DomainError, InvariantError
from segue.evidence.drift.profiling import Roles, profile_of
from segue.facts.drift.profile import Profile
from segue.facts.evidence import Evidence
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.measure.measurement.daily import Daily
from segue.monitor.begin import apply
from segue.monitor.drifting import Looked, Window, look
from segue.monitor.telling.daily import days
from segue.monitor.tick import Monitor
from segue.ports.engine import Engine
from segue.testkit.small_world import SPEC, SmallWorld
from segue.testkit.worlds import BEGIN, World, measurement, outcome, prediction, shadow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]
Rows = list[Prediction | Outcome]
OpenWorld = Callable[[Path], AbstractContextManager[SmallWorld]]

ACCURACY = "      - accuracy: {not_worse_than_champion_by: 2pp}\n"
DRIFT = SPEC.replace(ACCURACY, ACCURACY + "      - drift: {against: training, psi_below: 0.2}\n")
ODD: tuple[str | None, ...] = (
    None, "null", "[1, 2]", "3", '{"age": 1, "age": 2}', '{"age": "NaN"}', '{"age": "Infinity"}', '{"age": "1d"}',
    '{"age": " 7 "}', '{"age": "1e2"}', '{"age": 1e300}', '{"age": true}', '{"age": "true"}', '{"age": [1]}',
    '{"age": {"x": 1}}', '{"age": null}', '{"AGE": 5}', '{"age": 9007199254740993}', '{"age": ""}', '{"tier": "vip"}',
    '{"tier": 1}', '{"tier": 1.0}', '{"tier": "1.0"}', '{"tier": false}', '{"tier": "na\\u00efve \\"x\\""}',
    '{"tier": ["vip"]}', '{"tier": ""}', '{"in": [1, [2, 3]]}', '{"in": [[5]]}', '{"in": []}', '{"in": 4}',
    '{"in": [null, "8"]}', "{}",
)  # fmt: skip
"""Features as an odd client sends them; what is no JSON at all, the recorder does not write."""


def trained(*names: str) -> Profile:
    """What training looked like: numbers, categories, labels and scores."""
    rng = random.Random(1)
    draw: dict[str, list[object]] = {
        "age": [rng.gauss(40, 10) for _ in range(500)],
        "tier": [rng.choice(["new", "vip", "1", "it's"]) for _ in range(500)],
        "in[0]": [float(rng.randrange(9)) for _ in range(500)],
        "label": [rng.choice("01") for _ in range(500)],
        "p": [rng.random() for _ in range(500)],
    }
    kept = {name: draw[name] for name in (*names, "label", "p")}
    return profile_of(kept, Roles(label="label", score="p"))


def served(rng: random.Random) -> list[Prediction]:
    """Requests of three hours, odd ones among them, of two versions, with some of several rows and some that failed."""
    rows = []
    for i in range(400):
        features = ODD[i % len(ODD)]
        if i % 3:
            features = json.dumps(
                {"age": rng.gauss(45, 9), "tier": rng.choice(["new", "vip", "gold"]), "in": [rng.randrange(12)]}
            )
        told = {"features": features, "label": str(rng.randrange(3)), "score": rng.choice([None, float("nan"), rng.random()])}
        about = {"unread": "batch of 3"} if i % 29 == 0 else {}
        rows.append(prediction(f"q{i}", 3 * rng.random(), **told, **about))
        rows.append(shadow(f"q{i}", 3 * rng.random(), **told | {"label": str(rng.randrange(2))}))
    return rows


@pytest.mark.parametrize("names", [("age", "tier"), ("age", "tier", "in[0]")])
def test_what_moved_is_the_same(spark: Engine, tmp_path: Path, names: tuple[str, ...]) -> None:
    """Every statistic of features, label and score, against training, the champion and the time before; odd JSON included."""
    lake = FolderLake(tmp_path)
    profile = trained(*names)
    now = int(BEGIN.timestamp()) // 3600
    ways = (
        Looked(route="churn", version="7", window=Window(begin=now, end=now + 3)),
        Looked(route="churn", version="7", window=Window(begin=now + 1, end=now + 3), against="before"),
        Looked(route="churn", version="8", window=Window(begin=now, end=now + 2), against="champion", champion="7"),
    )
    with DuckdbEngine() as duckdb:
        world = World(lake, duckdb)
        world.put(*served(random.Random(5)))
        world.measure(measurement(), 9.0)
        for looked in ways:
            found, expected = (msgspec.to_builtins(look(engine, lake, profile, looked)) for engine in (spark, duckdb))
            assert len(expected) > len(names)
            assert_same(found, expected)


def test_days_are_the_same(spark: Engine, tmp_path: Path) -> None:
    """Confusion, AUC and calibration by day and segment, and the distances of features, also of rows that came twice."""
    lake = FolderLake(tmp_path)
    begin = int(BEGIN.timestamp()) // 3600
    asked = Daily(route="churn", version="7", begin=begin, end=begin + 60, segment="country")
    with DuckdbEngine() as duckdb:
        world, rng = World(lake, duckdb), random.Random(7)
        rows: list[Prediction] = [
            msgspec.structs.replace(it, context={"country": rng.choice("AB")} if i % 5 else {})
            for i, it in enumerate(served(rng))
        ]
        rows = [msgspec.structs.replace(it, at=it.at + timedelta(hours=8 * rng.randrange(5)), unread="") for it in rows]
        told = [
            outcome(2 + rng.random(), request_id=it.request_id, label=rng.choice("01")) for it in rows if rng.random() < 0.7
        ]
        first: Rows = [*rows, *{it.request_id: it for it in told}.values()]
        again: Rows = [*rows[::9], *(msgspec.structs.replace(it, values={"spend": 1.0}, label=None) for it in told[::7])]
        for more in (first, again):
            world.put(*more)
            world.measure(measurement(), 90.0)
            found, expected = (
                msgspec.to_builtins(days(engine, lake, asked, trained("age", "tier"))) for engine in (spark, duckdb)
            )
            assert len(expected["cells"]) > 4
            assert len(expected["by_day"]) >= 4
            assert_same(found, expected)


def test_tallies_what_duckdb_tallies(spark: Engine, tmp_path: Path) -> None:
    """Texts, NULLs and numbers are keys alike; edges far apart and close together, and codes, count the same values."""
    lake = FolderLake(tmp_path)
    query = (
        "SELECT variant, CASE WHEN latency_upstream_s < 0.01 THEN NULL ELSE allocation END, score, latency_upstream_s, "
        "CASE WHEN label <> '2' THEN label::INTEGER END FROM (SELECT * FROM predictions WHERE features IS NOT NULL)"
    )
    columns = ([0.25, 0.5, 0.75], [1e-300, 0.009, 0.01, 0.010000001, 1e300], 2)
    told = []
    with DuckdbEngine() as duckdb:
        world = World(lake, duckdb)
        rng = random.Random(2)
        world.put(*(msgspec.structs.replace(it, latency_upstream_s=rng.choice([0.01, 0.0095, 2.0])) for it in served(rng)))
        world.measure(measurement(), 9.0)
        files = lake.locations(lake.segments("predictions", "churn"))
        for engine in (spark, duckdb):
            engine.bind({"predictions": files})
            told.append(sorted(engine.tally(query, 2, columns), key=str))
            engine.bind({"predictions": []})
            assert engine.tally(query, 2, columns) == []
    assert told[0] == told[1]
    assert len(told[1]) == 4


@pytest.mark.parametrize(
    "query",
    [
        "SELECT variant, avg(score) FROM predictions GROUP BY variant",
        "SELECT variant, row_number() OVER () FROM predictions",
        "SELECT DISTINCT variant, score FROM predictions",
        "SELECT p.variant, score FROM predictions p JOIN outcomes o USING (request_id)",
        "SELECT variant, score FROM predictions LIMIT 3",
        "SELECT variant, score FROM predictions UNION ALL SELECT variant, score FROM predictions",
        "SELECT variant, score FROM predictions WHERE request_id IN (SELECT request_id FROM predictions)",
        "SELECT variant, arg_max_null(score, allocation) FROM predictions",
    ],
)
def test_only_rows_alone_are_tallied(spark: Engine, query: str) -> None:
    """A query that a worker could not answer from its own rows is refused, instead of being answered in part."""
    spark.bind({"predictions": [], "outcomes": []})
    with pytest.raises(DomainError, match="each of one row"):
        spark.tally(query, 1, [[0.5]])


def test_our_own_mistakes_reach_no_worker(spark: Engine) -> None:
    """SQL that DuckDB refuses is refused by it, before the cluster is asked."""
    spark.bind({"predictions": []})
    with pytest.raises(InvariantError, match="nowhere"):
        spark.tally("SELECT variant, nowhere FROM predictions", 1, [[0.5]])


def test_a_gate_on_drift_decides_the_same(spark: Engine, open_world: OpenWorld, tmp_path: Path) -> None:
    """A monitor on the cluster weighs a gate on drift as one on DuckDB does: the same verdicts, in the same words."""
    began, told = datetime.now(UTC), []
    for name in ("spark", "duckdb"):
        (tmp_path / name).mkdir()
        with open_world(tmp_path / name) as world:
            outside = replace(world.outside, engine=spark) if name == "spark" else world.outside
            rng = random.Random(1)
            people = [{"age": rng.gauss(40, 10), "tier": rng.choice(["new", "vip"])} for _ in range(2000)]
            assert outside.profiles is not None
            outside.profiles.keep("churn", "8", profile_of({key: [row[key] for row in people] for key in people[0]}))
            world.features = lambda rng: {"age": rng.gauss(40, 10), "tier": rng.choice(["new", "vip"])}
            apply(outside, DRIFT)
            world.host()
            monitor = Monitor(outside, real=lambda: began)  # the host is heard of once, and a tick may last long here
            monitor.tick()
            world.traffic(600, hours=2)
            world.later(1.5)
            monitor.tick()
            (loaded,) = outside.rollouts.rollouts()
            decision = outside.rollouts.decisions(loaded.state.rollout)[-1]
            (verdict,) = [it for it in decision.verdicts if " psi " in it.text]
            assert isinstance(verdict.evidence, Evidence), verdict.reason
            told.append(msgspec.to_builtins(decision.verdicts))
    assert_same(*told)
