"""What do a version's days cost beside Evidently and NannyML: the time of the same numbers, and are they the same?"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final, TypeVar

import msgspec
from bench.measure.table import Numbers, Timed
from bench.measure.window import Cold, make
from bench.rig.figures import Figure, at_least, at_most, seen

T = TypeVar("T")
_RUNS: Final = 3
_SAME: Final = 1e-9
_JOBS: Final = {
    "psi": "PSI of 20 columns",
    "js": "daily JS of 20 columns",
    "cells": "1,500 day x segment cells of accuracy, precision, recall, AUC",
}
_PEERS: Final = {"evidently": "Evidently", "nannyml": "NannyML"}


class Theirs(Timed, frozen=True, kw_only=True):
    """A peer's job.

    Args:
        share: of the whole job that was timed; its time is the rest's measure.
    """

    share: float


def figures(folder: Path, rows: int, name: str, peers: str) -> Iterator[Figure]:
    """From cold out of the lake; then the same numbers as each peer's, out of the same table, in the same run.

    Args:
        folder: a new one.
        rows: of the table.
        name: of that number.
        peers: the Python of their environment; "" to leave them out.
    """
    make(folder, rows, rows // 5)
    yield from _cold([_told(Cold, "bench.measure.window", folder) for _ in range(_RUNS)], rows, name)
    if not peers:
        return
    ours = _told(dict[str, Timed], "bench.measure.table", folder)
    for job, said in _JOBS.items():
        yield seen(f"{said} at {name}: ours, CPU", ours[job].cpu_s, "s")
    for peer, said in _PEERS.items():
        command = [peers, str(Path(__file__).parent / "peers.py"), peer, str(folder)]
        answered = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1]
        for job, theirs in msgspec.json.decode(answered, type=dict[str, Theirs]).items():
            yield from _beside(f"{_JOBS[job]} at {name}", said, ours[job], theirs)


def _cold(runs: list[Cold], rows: int, name: str) -> Iterator[Figure]:
    for run in runs:
        if (run.cells, run.auc, run.answers, run.distances) != (1500, 1500, rows, 600):
            raise RuntimeError(f"not everything was counted: {run}")
    what = f"1,500 cells of confusion, AUC, calibration; PSI, JS, KS of 20 columns by day; {name}, from cold out of the lake"
    yield at_most(f"{what}, wall, median of {_RUNS}", median(run.wall_s for run in runs), 5, "s")
    yield seen(f"{what}, CPU", median(run.cpu_s for run in runs), "s")
    yield at_most(f"{what}, peak memory of the process", max(run.peak_bytes for run in runs) / 2**30, 0.5, "GiB")


def _beside(what: str, peer: str, ours: Timed, theirs: Theirs) -> Iterator[Figure]:
    part = "" if theirs.share == 1 else f", {theirs.share:.3g} of it timed"
    yield seen(f"{what}: {peer}{part}, CPU", theirs.cpu_s / theirs.share, "s")
    yield at_least(f"{what}: {peer} over ours, CPU", theirs.cpu_s / theirs.share / ours.cpu_s, 20)
    yield seen(f"{what}: {peer} over ours, wall", theirs.wall_s / theirs.share / ours.wall_s, "x")
    yield at_most(f"{what}: largest difference from {peer}", _apart(ours.numbers, theirs.numbers), _SAME, "")


def _apart(ours: Numbers, theirs: Numbers) -> float:
    missing = theirs.keys() - ours.keys()
    if missing or not theirs:
        raise RuntimeError(f"numbers that we have not: {sorted(missing)[:5]} of {len(theirs)}")
    worst = max(theirs, key=lambda name: abs(ours[name] - theirs[name]))
    print(f"{len(theirs)} numbers; furthest apart: {worst}, {ours[worst]!r} and {theirs[worst]!r}", file=sys.stderr)
    return abs(ours[worst] - theirs[worst])


def _told(kind: type[T], module: str, folder: Path) -> T:
    answered = subprocess.run([sys.executable, "-m", module, str(folder)], check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(answered.stdout, type=kind)
