"""A home with a rollout in the shadow, traffic in its lake, and the `segue` command as a process."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from command_line import Said, run

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.adapters.stores.store import open_store
from segue.evidence.drift.profiling import Roles, profile_of
from segue.monitor.begin import apply
from segue.monitor.outside import outside_over
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, HandClock, SmallWorld, register

ROWS: Final = 800
HOURS: Final = 3.0


class Segue(NamedTuple):
    """The command in a home."""

    folder: Path
    world: SmallWorld

    @property
    def environment(self) -> dict[str, str]:
        """That of the home, at its stream time."""
        clock = f"{self.world.clock.at:%Y-%m-%dT%H:%M:%SZ}@{time.time():.3f}*1"
        return {"SEGUE_HOME": str(self.folder), "SEGUE_CLOCK": clock, "NO_COLOR": "1"}

    def __call__(self, *words: str) -> Said:
        """Run it as a process."""
        command = [sys.executable, "-m", "segue", *words]
        made = subprocess.run(
            command, env=os.environ | self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        return Said(made.returncode, made.stdout, made.stderr)


def people(older: float = 0.0) -> Callable[[random.Random], dict[str, object]]:
    """Features of a request."""
    return lambda rng: {"age": rng.gauss(40 + older, 10), "plan": rng.choice(["a", "b"]), "kids": rng.randrange(4)}


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Segue]:
    """8 in the shadow of 7; who asks is ten years older than in training, and in the last hour of requests 8 is often wrong."""
    folder = tmp_path_factory.mktemp("home")
    draw, rng = people(), random.Random(1)
    rows = [draw(rng) for _ in range(2000)]
    table = {name: [row[name] for row in rows] for name in rows[0]}
    scores = [rng.gauss(0, 1) + (index % 2) for index in range(2000)]
    truths = [str(index % 2) for index in range(2000)]
    labels = [str(int(score > 0.5)) for score in scores]
    (folder / "training.csv").write_text(
        "age,plan,kids\n" + "\n".join(f"{row['age']},{row['plan']},{row['kids']}" for row in rows)
    )
    with open_store(f"sqlite:///{folder}/store.db") as stores, DuckdbEngine() as engine:
        clock = HandClock()
        outside = outside_over(stores, clock, FolderLake(folder / "lake"), engine)
        register(stores.registry)
        roles = Roles(label="said", score="p", truth="came_true")
        trained = profile_of({**table, "said": labels, "p": scores, "came_true": truths}, roles, "training.csv")
        for version in ("7", "8"):
            stores.profiles.keep("churn", version, trained)
        world = SmallWorld(outside, clock)
        world.tiers, world.accuracy = ("new", "vip"), {"champion": 0.85, "v8": 0.85}
        world.accuracy_of = {("v8", "vip"): 0.6}
        world.scored = {"champion": 1.0, "v8": 1.0}
        world.features = people(older=10)
        apply(outside, SPEC)
        world.host()
        Monitor(outside).tick()
        world.traffic(ROWS, hours=HOURS)
        world.accuracy, world.accuracy_of = {"champion": 0.85, "v8": 0.3}, {}
        world.traffic(ROWS, hours=1)
        world.later(2)
        world.host()
        Monitor(outside).tick()
        yield Segue(folder, world)


Here = Callable[..., Said]


@pytest.fixture
def here(home: Segue, monkeypatch: pytest.MonkeyPatch) -> Here:
    """The same command in this process, which is quicker."""
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)

    return run
