"""How soon does every worker serve by what was saved, or ask no more whom a person has killed?

Measured as a person could: from the moment that the store has said yes (or the file is written) to the moment that the reports
of all workers, read out of the store, say so. The time to report is in it, and the time between two of our looks.
"""

import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.rig.figures import Figure, at_most, seen
from bench.rig.gateway_worker import Setting, allocation_of
from bench.rig.machine import process, wait_for
from bench.rig.open_loop import Caller
from bench.rig.segue import setting

from segue.adapters.stores.store import Stores
from segue.gateway.override import Override, write
from segue.ports.store import WorkerReport
from segue.wiring import home_at, stores_of

_WORKERS: Final = 4
_PUBLICATIONS: Final = 120
_KILLS: Final = 100
_RATE: Final = 400.0
_LOOK_S: Final = 0.005
_PATIENCE_S: Final = 20.0
_GOAL_S: Final = 1.0
_ROUTE: Final = "churn"


def propagation(folder: Path, ports: tuple[int, int]) -> Iterator[Figure]:
    """Publications, and kills by the override file, to several workers under a steady load."""
    chosen = setting(folder, ports)
    home = home_at(chosen.home)
    with stores_of(home) as stores, _gateway(chosen, stores), _load(chosen.port):
        published = _each(_PUBLICATIONS, lambda number: _publish(stores, chosen, number))
        killed = _each(_KILLS, lambda number: _kill(stores, home.override, number))
    where = f"to {_WORKERS} workers at {_RATE:g} requests/s"
    for what, times_s in ((f"{_PUBLICATIONS} publications", published), (f"{_KILLS} kills and lifts by the file", killed)):
        yield seen(f"propagation of {what} {where}, p50", statistics.median(times_s), "s")
        yield at_most(f"propagation of {what} {where}, p99", statistics.quantiles(times_s, n=100)[98], _GOAL_S, "s")


def _each(number: int, act: Callable[[int], float]) -> list[float]:
    """Act so often, out of step with whoever polls."""
    dice, times_s = random.Random(1), []
    for turn in range(number):
        time.sleep(dice.uniform(0.0, 0.3))
        times_s.append(act(turn))
    return times_s


def _publish(stores: Stores, chosen: Setting, turn: int) -> float:
    number = stores.allocations.publish(allocation_of(chosen), command_id=f"turn-{turn}").number
    return _until(stores, lambda report: report.allocation >= number)


def _kill(stores: Stores, file: Path, turn: int) -> float:
    kill = turn % 2 == 0
    write(file, {_ROUTE: Override(kill=("v8",), reason="measured")} if kill else {})
    return _until(stores, lambda report: report.killed == (("v8",) if kill else ()))


def _until(stores: Stores, says: Callable[[WorkerReport], bool]) -> float:
    """Seconds until all workers have said it.

    Raises:
        TimeoutError: they did not.
    """
    began_s = time.monotonic()
    while True:
        reports = stores.allocations.reports(_ROUTE)
        if len(reports) == _WORKERS and all(says(report) for report in reports):
            return time.monotonic() - began_s
        if time.monotonic() - began_s > _PATIENCE_S:
            raise TimeoutError(f"not all workers have said it: {reports}")
        time.sleep(_LOOK_S)


@contextmanager
def _gateway(chosen: Setting, stores: Stores) -> Iterator[None]:
    """As people start it."""
    stores.allocations.publish(allocation_of(chosen), command_id="first")
    words = ["gateway", "--route", _ROUTE, "--port", str(chosen.port), "--workers", str(_WORKERS), "--home", chosen.home]
    with process([sys.executable, "-m", "segue", *words], Path(chosen.home) / "log"):
        wait_for(chosen.port)
        _until(stores, lambda report: report.allocation == 1)
        yield


@contextmanager
def _load(port: int) -> Iterator[None]:
    """Somebody asks all the time."""
    over, caller = threading.Event(), Caller(port, _RATE)

    def ask() -> None:
        while not over.is_set():
            caller.run(0.5)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        over.set()
        asking.join()
        caller.close()
