"""What do a version's days cost from cold: 1,500 day x segment cells and the drift of twenty columns, out of the lake?

As `segue days` asks for them: an engine that keeps nothing, features as the JSON texts that were recorded, outcomes by id.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import msgspec
from bench.measure.data import CATEGORIES, DAYS, NUMBERS, START, Traffic, flat, ship
from bench.rig.machine import peak_bytes

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.engines.settings import DuckdbSettings
from segue.adapters.lakes.folder import FolderLake
from segue.evidence.drift.profiling import profile_of
from segue.facts.drift.profile import Profile
from segue.measure.measurement.daily import Daily
from segue.measure.sql import HOUR_US, micros
from segue.monitor.telling.daily import days


class Cold(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; CPU and peak memory are of the whole process."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    cells: int
    answers: int
    auc: int
    distances: int


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows say of the table that they were answered under."""

    rollout: str = "churn-1"
    stage: str = "shadow"
    number: int = 1
    spec_digest: str = ""


def make(folder: Path, rows: int, reference_rows: int) -> None:
    """The same predictions as a lake and as a table, the training table, and its profile."""
    folder.mkdir(parents=True)
    with duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": str(folder / "spill")}) as maker:
        maker.execute("SET TimeZone = 'UTC'")
        flat(maker, folder / "current.parquet", rows)
        flat(maker, folder / "reference.parquet", reference_rows, training=True)
        for day in range(DAYS):
            first, end = rows * day // DAYS, rows * (day + 1) // DAYS
            start = START + timedelta(days=day)
            part = Traffic(first=first, requests=end - first, start=start, hours=24, features=True, shadows=False)
            ship(maker, folder / "lake", part, Table())
        read = f"SELECT {', '.join((*NUMBERS, *CATEGORIES))} FROM '{folder}/reference.parquet'"
        table = maker.execute(read).fetchnumpy()
    profile = profile_of({name: table[name] if name in NUMBERS else table[name].tolist() for name in table})
    (folder / "profile.json").write_bytes(msgspec.json.encode(profile))


def cold(folder: Path) -> Cold:
    """Everything, once."""
    profile = msgspec.json.decode((folder / "profile.json").read_bytes(), type=Profile)
    begin = micros(START) // HOUR_US
    asked = Daily(route="churn", version="7", begin=begin, end=begin + DAYS * 24, segment="segment")
    wall, cpu = time.perf_counter(), time.process_time()
    settings = DuckdbSettings(spill_folder=str(folder / "spill"), kept_file_bytes=0)
    with DuckdbEngine(settings) as engine:
        found = days(engine, FolderLake(folder / "lake"), asked, profile)
    wall_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    cells = [cell for cell in found.cells if cell.segment is not None]
    return Cold(
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_bytes=peak_bytes(),
        cells=len(cells),
        answers=sum(cell.known for cell in cells),
        auc=sum(cell.auc is not None for cell in cells),
        distances=len(found.by_day),
    )


if __name__ == "__main__":
    print(msgspec.json.encode(cold(Path(sys.argv[1]))).decode())
