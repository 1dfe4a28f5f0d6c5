"""How long do we take for the numbers that the peers give too, out of the same table, in their conventions?

The statements are those of `segue drift` and `segue days`, over a table of typed columns in place of the lake. Reading the
file is part of every time; the peers' times leave it out.
"""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
from bench.measure.data import CATEGORIES, NUMBERS

from segue.evidence.drift.conventions import evidently_psi_of_bins
from segue.evidence.drift.distances import JensenShannon
from segue.facts.drift.profile import FeatureProfile
from segue.measure.drift.counting import Counting, left_closed
from segue.measure.drift.fields import of_columns
from segue.measure.measurement.daily import Daily, cells

Numbers = dict[str, float]
_DAYS = """
CREATE TEMP TABLE days AS SELECT epoch_us(ts) // 86400000000 AS day, segment, y_pred = 1 AS predicted, y_true = 1 AS came_true,
  y_score AS score FROM '{}'
"""


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """A job's seconds and its numbers, by names that both sides use."""

    wall_s: float
    cpu_s: float
    numbers: Numbers = {}


def main() -> None:
    """Each job once, each on a connection of its own."""
    folder = Path(sys.argv[1])
    current, reference = folder / "current.parquet", folder / "reference.parquet"
    jobs: dict[str, Callable[[duckdb.DuckDBPyConnection], Numbers]] = {
        "psi": lambda connection: dict(_psi(connection, current, reference)),
        "js": lambda connection: dict(_js(connection, current, reference)),
        "cells": lambda connection: dict(_cells(connection, current)),
    }
    found = {name: _timed(job) for name, job in jobs.items()}
    print(msgspec.json.encode(found).decode())


def _timed(job: Callable[[duckdb.DuckDBPyConnection], Numbers]) -> Timed:
    with duckdb.connect(config={"threads": 2, "memory_limit": "512MB", "preserve_insertion_order": "false"}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET disabled_optimizers = 'grouping_sets'")
        wall, cpu = time.perf_counter(), time.process_time()
        numbers = job(connection)
        return Timed(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu, numbers=numbers)


def _psi(connection: duckdb.DuckDBPyConnection, current: Path, reference: Path) -> Iterator[tuple[str, float]]:
    ends = ", ".join(f"min({name}), max({name})" for name in NUMBERS)
    both = f"read_parquet(['{current}', '{reference}'])"
    total, *found = _row(connection, f"SELECT count(*), {ends}, {_distinct()} FROM {both}")
    lows, highs, listed = found[0:20:2], found[1:20:2], found[20:]
    columns = []
    for name, low, high in zip(NUMBERS, lows, highs, strict=True):
        bins = int(np.ceil(np.log2(total) + 1))  # Sturges, as numpy has it
        edges = np.linspace(low, high, bins + 1).tolist()
        columns.append(_numeric(name, edges))
    columns += [_categorical(name, values) for name, values in zip(CATEGORIES, listed, strict=True)]
    new, old = (_counts(connection, columns, file, "1")[1] for file in (current, reference))
    for column, one, other in zip(columns, old, new, strict=True):
        yield f"psi {column.name}", evidently_psi_of_bins(_inside(column, one), _inside(column, other))


def _js(connection: duckdb.DuckDBPyConnection, current: Path, reference: Path) -> Iterator[tuple[str, float]]:
    before = connection.execute(f"SELECT {', '.join(NUMBERS)} FROM '{reference}'").fetchnumpy()
    columns = [_numeric(name, np.histogram_bin_edges(before[name], bins="doane").tolist()) for name in NUMBERS]
    listed = _row(connection, f"SELECT {_distinct()} FROM read_parquet(['{current}', '{reference}'])")
    columns += [_categorical(name, values) for name, values in zip(CATEGORIES, listed, strict=True)]
    old = _counts(connection, columns, reference, "1")[1]
    for day, new in _counts(connection, columns, current, "ts::DATE").items():
        assert isinstance(day, date)
        for column, one, other in zip(columns, old, new, strict=True):
            yield f"js {column.name} {day}", JensenShannon().between(one, other)


def _cells(connection: duckdb.DuckDBPyConnection, current: Path) -> Iterator[tuple[str, float]]:
    connection.execute(_DAYS.format(current))
    asked = Daily(route="", version="", begin=0, end=0, segment="segment")
    confusion, ranks, calibration = (connection.execute(query).fetchall() for query in asked.queries)
    for cell in cells(confusion, ranks, calibration):
        if cell.segment is None:
            continue
        place = f"{datetime.fromtimestamp(cell.day * 86400, UTC):%Y-%m-%d} {cell.segment}"
        yield f"accuracy {place}", (cell.tp + cell.tn) / cell.known
        yield f"precision {place}", cell.tp / (cell.tp + cell.fp) if cell.tp + cell.fp else 0.0
        yield f"recall {place}", cell.tp / (cell.tp + cell.fn) if cell.tp + cell.fn else 0.0
        if cell.auc is not None:
            yield f"auc {place}", cell.auc


def _numeric(name: str, edges: list[float]) -> FeatureProfile:
    return FeatureProfile(name=name, kind="numeric", edges=(*left_closed(edges[:-1]), edges[-1]), counts=())


def _categorical(name: str, values: list[str]) -> FeatureProfile:
    return FeatureProfile(name=name, kind="categorical", categories=tuple(sorted(values)), counts=())


def _inside(column: FeatureProfile, counts: tuple[int, ...]) -> tuple[int, ...]:
    return counts[1:-3] if column.kind == "numeric" else counts[:-2]


def _distinct() -> str:
    return ", ".join(f"list(DISTINCT {name})" for name in CATEGORIES)


def _counts(
    connection: duckdb.DuckDBPyConnection, columns: list[FeatureProfile], file: Path, key: str
) -> dict[Any, tuple[tuple[int, ...], ...]]:
    names = {column.name: column.name for column in columns}
    counting = Counting(columns=tuple(columns), fields=of_columns(columns, names), keys=("part",))
    rows = connection.execute(counting.statement(f"SELECT *, {key} AS part FROM '{file}'")).fetchall()
    return {keys[0]: counts for keys, _, counts in counting.read(rows)}


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return list(row)


if __name__ == "__main__":
    main()
