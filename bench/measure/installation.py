"""How does an installation tick, in a process of its own, so that its time and its memory are its own?

A rollout as an installation has it: the spec applied, a SQLite store, a lake in a folder, the embedded engine with its default
bounds, and the monitor's own measuring. Each line on its input is a moment; the answer is what it cost to measure then. Where
the input ends, however that came about, it removes its folder and ends.
"""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from bench.measure.data import START
from bench.rig.machine import peak_bytes

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.engines.settings import DuckdbSettings
from segue.adapters.lakes.folder import FolderLake
from segue.adapters.stores.store import open_store
from segue.facts.allocation import Allocation
from segue.monitor.begin import apply
from segue.monitor.measuring import Measuring
from segue.monitor.outside import outside_over
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.rollout_files import rollout_file
from segue.testkit.small_world import HandClock, SmallWorld, register

_SPEC: Final = rollout_file(
    """
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
""",
    unit="[request]",
    context="{segment: header:x-segment}",
    segments="[segment]",
)


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one measurement took; CPU is of the whole process, all threads, and peak memory since its start.

    Args:
        health: of each variant, how many predictions were counted and how many have an outcome.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    health: dict[str, tuple[int, int]]


class Installation:
    """A rollout in its shadow stage, and its lake in `folder / "lake"`."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        stores = stack.enter_context(open_store(f"sqlite:///{folder}/segue.db"))
        register(stores.registry)
        self._clock = HandClock(START)
        engine = stack.enter_context(DuckdbEngine(DuckdbSettings(spill_folder=str(folder / "spill"))))
        self._outside = outside_over(stores, self._clock, FolderLake(folder / "lake"), engine)
        apply(self._outside, _SPEC)
        world = SmallWorld(self._outside, self._clock)
        world.host()
        Monitor(self._outside).tick()
        self.allocation: Allocation = world.allocation()
        self._measuring = Measuring(self._outside)
        self._spec = load(_SPEC)

    def tick(self, now: datetime) -> Cost:
        """What it costs the monitor to find what the data say now.

        Raises:
            RuntimeError: they could not be measured.
        """
        self._clock.at = now
        wall, cpu = time.perf_counter(), time.process_time()
        loaded = self._outside.rollouts.load(self.allocation.rollout)
        found = self._measuring.find(self._spec, loaded, now)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if found.problems:
            raise RuntimeError(found.problems)
        health = {name: (it.asked, it.with_outcome) for name, it in found.health.items()}
        return Cost(wall_s=wall, cpu_s=cpu, peak_bytes=peak_bytes(), health=health)


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """An installation in a new folder, which is removed at the end."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Installation(folder, stack)


def main() -> None:
    """The allocation, then a cost for each moment."""
    encoder, moments = msgspec.json.Encoder(), msgspec.json.Decoder(datetime)
    with installed(Path(sys.argv[1])) as installation:
        print(encoder.encode(installation.allocation).decode(), flush=True)
        for line in sys.stdin:
            print(encoder.encode(installation.tick(moments.decode(line))).decode(), flush=True)


if __name__ == "__main__":
    main()
