"""Whether what people ask of a whole lake is answered by a Spark cluster of two workers as it is by DuckDB."""

import json
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from spark_cluster import assert_same

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.evidence.drift.profiling import Roles, profile_of
from segue.evidence.drift.skew import Tolerance
from segue.facts.drift.profile import Profile
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.monitor.begin import apply
from segue.monitor.drifting import Looked, Window
from segue.monitor.telling.changing import Losses, watched
from segue.monitor.telling.comparing import Offline, disagreeing, segments, skewed
from segue.monitor.telling.estimating import Guessing, guessed
from segue.monitor.telling.sampling import Closely, look_closely
from segue.monitor.tick import Monitor
from segue.ports.engine import Engine
from segue.testkit.small_world import SPEC, SmallWorld
from segue.testkit.worlds import BEGIN, World, measurement, outcome, prediction, shadow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]
OpenWorld = Callable[[Path], AbstractContextManager[SmallWorld]]
BEGIN_H = int(BEGIN.timestamp()) // 3600
WINDOW = Window(begin=BEGIN_H, end=BEGIN_H + 3)


def trained() -> Profile:
    """What training looked like, with a calibration of its scores."""
    rng = random.Random(1)
    scores = [rng.random() for _ in range(800)]
    draw: dict[str, list[object]] = {
        "age": [rng.gauss(40, 10) for _ in range(800)],
        "tier": [rng.choice(["new", "vip", "it's"]) for _ in range(800)],
        "label": [str(int(score > 0.5)) for score in scores],
        "p": list(scores),
        "true": [str(int(rng.random() < score)) for score in scores],
    }
    return profile_of(draw, Roles(label="label", score="p", truth="true"))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> FolderLake:
    """Requests of three hours, some recorded twice or of several rows, with outcomes that were corrected and withdrawn."""
    found, rng = FolderLake(tmp_path_factory.mktemp("looks")), random.Random(5)
    rows: list[Prediction | Outcome] = []
    for i in range(400):
        features = json.dumps({"age": rng.gauss(45, 9), "tier": rng.choice(["new", "vip", 'a "b"'])}) if i % 40 else None
        score = rng.random()
        told = {"features": features, "label": str(int(score > 0.5)), "score": score if i % 30 else None}
        about = {"unread": "batch of 3"} if i % 29 == 0 else {}
        rows.append(prediction(f"q{i}", 3 * rng.random(), **told, **about))
        rows.append(shadow(f"q{i}", 3 * rng.random(), **told | {"label": str(rng.randrange(2))}))
        if i % 4:
            rows.append(outcome(3 + rng.random(), request_id=f"q{i}", label=str(int(rng.random() < score))))
        if i % 11 == 0:
            rows.append(outcome(5 + rng.random(), request_id=f"q{i}", label=rng.choice(["0", "1"])))
    rows += [msgspec.structs.replace(it, label=None) for it in rows[-40:] if isinstance(it, Outcome)]
    with DuckdbEngine() as duckdb:
        world = World(found, duckdb)
        world.put(*rows)
        world.put(*(it for it in rows[::13] if isinstance(it, Prediction)))
        world.measure(measurement(), 9.0)
    return found


LOOKS: dict[str, Callable[[Engine, FolderLake], object]] = {
    "concept": lambda engine, lake: watched(engine, lake, Losses(route="churn", version="7", window=WINDOW)),
    "brier": lambda engine, lake: watched(engine, lake, Losses(route="churn", version="7", window=WINDOW, loss="brier")),
    "estimate": lambda engine, lake: guessed(engine, lake, trained(), Guessing(route="churn", version="7", window=WINDOW)),
    "estimate of some": lambda engine, lake: guessed(
        engine, lake, trained(), Guessing(route="churn", version="7", window=WINDOW, rows=90)
    ),
    "estimate of numbers": lambda engine, lake: guessed(
        engine,
        lake,
        msgspec.structs.replace(trained(), calibration=None),
        Guessing(route="churn", version="7", window=Window(begin=BEGIN_H + 2, end=BEGIN_H + 3)),
    ),
    "rows": lambda engine, lake: look_closely(
        engine,
        lake,
        trained(),
        Closely(
            looked=Looked(route="churn", version="7", window=Window(begin=BEGIN_H + 1, end=BEGIN_H + 3), against="before"),
            rows=90,
        ),
    ),
}


@pytest.mark.parametrize("name", list(LOOKS))
def test_a_look_is_the_same(spark: Engine, lake: FolderLake, name: str) -> None:
    """Losses and detectors, guesses, and statistics of the same drawn rows: counts exactly, numbers to nine digits."""
    with DuckdbEngine() as duckdb:
        found, expected = (msgspec.to_builtins(LOOKS[name](engine, lake)) for engine in (spark, duckdb))
    assert expected
    assert_same(found, expected)


def test_segments_and_skew_are_the_same(spark: Engine, open_world: OpenWorld, tmp_path: Path) -> None:
    """Where two versions differ, where they disagree, and how served values differ from those of a file."""
    with open_world(tmp_path) as world:
        apply(world.outside, SPEC)
        world.host()
        Monitor(world.outside).tick()
        world.features = lambda rng: {"age": rng.randrange(20, 60), "tier": "vip"}
        world.tiers = ("new", "vip", "old")
        world.traffic(600, hours=2)
        world.later(2)
        loaded = world.outside.rollouts.load("churn-1")
        rows = {f"q{i}": {"age": 30 + i % 9, "tier": "vip", "label": "1"} for i in range(1, 600, 2)}
        offline = Offline(rows=rows, columns=("age", "tier", "label"), version="8")
        told = [
            msgspec.to_builtins(
                (
                    segments(outside, loaded, "accuracy"),
                    disagreeing(outside, loaded),
                    skewed(outside, "churn", offline, Tolerance()),
                )
            )
            for outside in (replace(world.outside, engine=spark), world.outside)
        ]
    assert told[1][0]
    assert told[1][1]
    assert told[1][2]["joined"] == 300
    assert_same(*told)
