"""What does a tick cost beside a history of any length, and what the first one, which counts everything?

A rollout as an installation has it: the spec applied, a SQLite store, a lake in a folder, the embedded engine with its default
bounds, and the monitor's own measuring. A day of steady traffic follows the history, with a tick each hour.
"""

import shutil
import sys
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import duckdb
import msgspec
from bench.measure.data import DAYS, START, Traffic, ship
from bench.rig.machine import peak_bytes

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.engines.settings import DuckdbSettings
from segue.adapters.lakes.folder import FolderLake
from segue.adapters.stores.store import open_store
from segue.facts.allocation import Allocation
from segue.monitor.begin import apply
from segue.monitor.measuring import Findings, Measuring
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.small_world import HandClock, SmallWorld, outside_of, register

TICK_ROWS: Final = 10_000
"""Predictions between two ticks: half of them the champion's, half the shadow's."""
LATE: Final = 1000
"""Outcomes of one hour of the history that come weeks later."""
_TICKS: Final = 6
_SPEC: Final = """
segue: 1
route: churn
protocol: v2
unit: [request]
registry: embedded
variants:
  champion: {version: models:/churn@champion}
  v8: {version: models:/churn/8}
prediction: {label: outputs.label, score: outputs.score, features: inputs}
context: {segment: header:x-segment}
outcome: {window: 1h, missing: exclude}
segments: [segment]
metrics:
  accuracy: {kind: accuracy}
  precision: {kind: precision, positive: 1}
  recall: {kind: recall, positive: 1}
  f1: {kind: f1, positive: 1}
  brier: {kind: brier}
  log_loss: {kind: log_loss}
  errors: {kind: error_rate}
  p99: {kind: latency_quantile, q: 0.99}
  agreement: {kind: agreement}
guardrails:
  - errors: {worse_than_champion_by: 1pp}
stages:
  - name: shadow
    strategy: shadow
    sample: 100%
    at_least: {age: 60d, outcomes: 100}
    at_most: {age: 365d, then: rollback}
    promote_when:
      - accuracy: {not_worse_than_champion_by: 2pp}
  - name: everyone
    strategy: full
    watch: {age: 2h}
"""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; CPU is of the whole process, peak memory since its start.

    Args:
        rows: predictions of the history.
        tick_s, tick_cpu_s: median of the ticks after the first.
        late_s: a tick that finds outcomes of one old hour.
        health: of each variant, how many predictions were counted and how many have an outcome.
    """

    rows: int
    cold_s: float
    cold_cpu_s: float
    peak_bytes: int
    tick_s: float
    tick_cpu_s: float
    late_s: float
    health: dict[str, tuple[int, int]]


class _Watch:
    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, time.process_time() - self.cpu


class _Installation:
    """A rollout in its shadow stage, and its lake."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        stores = stack.enter_context(open_store(f"sqlite:///{folder}/segue.db"))
        register(stores.registry)
        self.clock = HandClock(START)
        engine = stack.enter_context(DuckdbEngine(DuckdbSettings(spill_folder=str(folder / "spill"))))
        self.outside = outside_of(stores, FolderLake(folder / "lake"), engine, self.clock)
        apply(self.outside, _SPEC)
        world = SmallWorld(self.outside, self.clock)
        world.host()
        Monitor(self.outside).tick()
        self.allocation: Allocation = world.allocation()
        self.rollout = self.allocation.rollout
        self._measuring = Measuring(self.outside)

    def tick(self, now: datetime) -> Findings:
        """What the monitor finds now."""
        self.clock.at = now
        found = self._measuring.find(load(_SPEC), self.outside.rollouts.load(self.rollout), now)
        if found.problems:
            raise RuntimeError(found.problems)
        return found


def costs(folder: Path, rows: int) -> Costs:
    """A history of so many predictions, counted from cold, and ticks after it; the folder is emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        installation = _Installation(folder, stack)
        maker = stack.enter_context(duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": str(folder)}))
        maker.execute("SET TimeZone = 'UTC'")
        lake, allocation = folder / "lake", installation.allocation
        for day in range(DAYS):
            ship(maker, lake, _of_day(rows // 2 // DAYS, day), allocation)
        end = START + timedelta(days=DAYS)
        watch = _Watch()
        installation.tick(end)
        cold = watch.read()
        peak = peak_bytes()
        found, ticks = Findings(), []
        for hour in range(_TICKS):
            first = 10**11 + hour * TICK_ROWS
            part = Traffic(first=first, requests=TICK_ROWS // 2, start=end + timedelta(hours=hour), hours=1, features=False)
            ship(maker, lake, part, allocation)
            watch = _Watch()
            found = installation.tick(end + timedelta(hours=hour + 1))
            ticks.append(watch.read())
        _correct(maker, lake, end)
        watch = _Watch()
        installation.tick(end + timedelta(hours=_TICKS, minutes=2))
        late = watch.read()
    health = {name: (it.asked, it.with_outcome) for name, it in found.health.items()}
    shutil.rmtree(folder)
    return Costs(
        rows=rows,
        cold_s=cold[0],
        cold_cpu_s=cold[1],
        peak_bytes=peak,
        tick_s=median(wall for wall, _ in ticks[2:]),
        tick_cpu_s=median(cpu for _, cpu in ticks[2:]),
        late_s=late[0],
        health=health,
    )


def _of_day(requests: int, day: int) -> Traffic:
    start = START + timedelta(days=day)
    return Traffic(first=day * requests, requests=requests, start=start, hours=24, features=False)


def _correct(maker: duckdb.DuckDBPyConnection, lake: Path, now: datetime) -> None:
    """Other truths of requests of one hour in the middle of the history, received now."""
    old = f"{lake}/outcomes/route=churn/date={START + timedelta(days=DAYS // 2):%Y-%m-%d}/hour=12/*.parquet"
    target = lake / f"outcomes/route=churn/date={now:%Y-%m-%d}/hour={now:%H}/late.parquet"
    at = f"TIMESTAMPTZ '{now + timedelta(minutes=1)}'"
    maker.execute(
        f"""COPY (SELECT * REPLACE ({at} AS "at", {at} AS received_at, '1' AS label)
        FROM read_parquet('{old}', hive_partitioning = false) LIMIT {LATE}) TO '{target}' (FORMAT parquet)"""
    )


if __name__ == "__main__":
    print(msgspec.json.encode(costs(Path(sys.argv[1]), int(sys.argv[2]))).decode())
