"""`segue drift --engine spark://...` and other looks at a whole lake, processes of their own, on a cluster of two workers."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest
from spark_cluster import SETTINGS, assert_same

from segue.evidence.drift.profiling import Roles, profile_of
from segue.monitor.begin import apply
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld

pytestmark = pytest.mark.slow

OpenWorld = Callable[[Path], AbstractContextManager[SmallWorld]]
Command = Callable[..., object]
LOOKS: Final = (
    ("drift", "churn", "--version", "churn/8", "--all"),
    ("drift", "churn", "--version", "churn/8", "--against", "champion", "--champion", "churn/7"),
    ("days", "churn", "--version", "churn/8", "--segment", "tier"),
    ("days", "churn", "--version", "churn/7", "--features"),
    ("segments", "churn-1", "accuracy"),
    ("estimate", "churn", "--version", "churn/7"),
)


@pytest.fixture
def segue(spark_master: str, open_world: OpenWorld, tmp_path: Path) -> Iterator[Command]:
    """The command, on the cluster or on this machine, in a home with traffic and training profiles; what it writes as JSON."""
    (tmp_path / "spark-defaults.conf").write_text(SETTINGS)
    with open_world(tmp_path) as world:
        rng = random.Random(1)
        trained: dict[str, list[object]] = {
            "age": [rng.gauss(40, 10) for _ in range(500)],
            "tier": [rng.choice(["new", "vip"]) for _ in range(500)],
            "label": [rng.choice("01") for _ in range(500)],
            "p": [rng.random() for _ in range(500)],
        }
        assert world.outside.profiles is not None
        for version in ("7", "8"):
            world.outside.profiles.keep("churn", version, profile_of(trained, Roles(label="label", score="p")))
        world.tiers, world.scored = ("new", "vip"), {"champion": 1.0, "v8": 1.0}
        world.features = lambda rng: {"age": rng.gauss(48, 10), "tier": rng.choice(["new", "vip"])}
        apply(world.outside, SPEC)
        world.host()
        Monitor(world.outside).tick()
        world.traffic(400, hours=2.0)
        world.later(2)
        home = {
            "SEGUE_HOME": str(tmp_path),
            "SEGUE_STORE": f"sqlite:///{tmp_path}/segue.db",
            "SEGUE_LAKE": str(tmp_path / "lake"),
            "SEGUE_CLOCK": f"{world.clock.at:%Y-%m-%dT%H:%M:%SZ}@{time.time():.3f}*1",
            "SPARK_CONF_DIR": str(tmp_path),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(tmp_path),
        }

        def said(engine: str, *words: str) -> object:
            where = spark_master if engine == "spark" else engine
            command = [sys.executable, "-m", "segue", *words, "--engine", where, "--output", "json"]
            ended = subprocess.run(command, env=os.environ | home, capture_output=True, text=True, timeout=900, check=False)
            assert ended.returncode == 0, ended.stderr[-3000:]
            return json.loads(ended.stdout)

        yield said


def test_a_process_looks_on_a_cluster(segue: Command) -> None:
    """What it writes, and nothing else, is what the same command on DuckDB writes: counts exactly, numbers to nine digits."""
    for words in LOOKS:
        found, expected = (segue(engine, *words) for engine in ("spark", "duckdb"))
        assert expected, words
        assert_same(found, expected)
