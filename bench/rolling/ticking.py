"""One tick over a hundred rollouts that are live at once, with real stores, a real lake and the real engine."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import monotonic, process_time
from typing import Final

from bench.rig.figures import Figure, at_most, seen

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.adapters.stores.store import open_store
from segue.monitor.begin import apply
from segue.monitor.outside import outside_over
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, HandClock, SmallWorld, register

_ROUTES: Final = 100
_REQUESTS: Final = 200
_ROUNDS: Final = 5


def ticks() -> Iterator[Figure]:
    """A tick where every rollout has an hour of new data, one where a tenth has, and one where none has."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as place, ExitStack() as stack:
        worlds, monitor = _begun(Path(place), stack)
        clock = worlds[0].clock
        for every, what in ((1, "each with new data"), (10, "a tenth of them with new data"), (0, "none with new data")):
            took = []
            for _ in range(_ROUNDS):
                for world in worlds[::every] if every else ():
                    at = clock.at
                    world.traffic(_REQUESTS, hours=1.0)
                    clock.at = at
                clock.at += timedelta(hours=1.0 if every else 0.02)
                began, cpu = monotonic(), process_time()
                monitor.tick()
                took.append((monotonic() - began, process_time() - cpu))
            if every == 1:
                yield seen("the same: CPU of measuring and deciding each once", _round(worlds, monitor), "s")
            name = f"a tick over {_ROUTES} active rollouts, {what}"
            yield at_most(name, median(wall for wall, _ in took), 2.0, "s")
            yield seen(f"{name}: CPU", median(cpu for _, cpu in took), "s")


def _round(worlds: list[SmallWorld], monitor: Monitor) -> float:
    """CPU until an hour of new data of every rollout has been counted, over as many ticks as that takes."""
    clock, store = worlds[0].clock, worlds[0].outside.summaries
    for world in worlds:
        at = clock.at
        world.traffic(_REQUESTS, hours=1.0)
        clock.at = at
    clock.at += timedelta(hours=1.0)
    began = process_time()
    while any(store.judged_until(f"{world.route}-1") != clock.at for world in worlds):
        monitor.tick()
    return process_time() - began


def _begun(folder: Path, stack: ExitStack) -> tuple[list[SmallWorld], Monitor]:
    """A hundred routes, each with a rollout in its first stage and some hours of data."""
    stores = stack.enter_context(open_store(f"sqlite:///{folder / 'store.db'}"))
    clock = HandClock()
    outside = outside_over(stores, clock, FolderLake(folder / "lake"), stack.enter_context(DuckdbEngine()))
    monitor = Monitor(outside)
    worlds = []
    for number in range(_ROUTES):
        route = f"route{number}"
        world = SmallWorld(outside, clock, seed=number, route=route)
        register(outside.registry, route)
        world.host()
        apply(outside, SPEC.replace("churn", route).replace("age: 2h, outcomes: 100", "age: 13d, outcomes: 100"))
        worlds.append(world)
    monitor.tick()
    for _ in range(3):
        for world in worlds:
            at = clock.at
            world.traffic(_REQUESTS, hours=1.0)
            clock.at = at
        clock.at += timedelta(hours=1.0)
        monitor.tick()
    return worlds, monitor
