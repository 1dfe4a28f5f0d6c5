"""How long do we take for the numbers that the peers give too, out of the same table, in their conventions?

The statements and the counting are those of `segue drift` and `segue days`, over a table of typed columns in place of the
lake. Every time begins with a new connection and a closed file, once the libraries have been loaded and have run.
"""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench.measure.data import CATEGORIES, NUMBERS
from numpy.typing import NDArray

from segue.adapters.engines.tallying import tallied, tallied_batches
from segue.evidence.drift.conventions import evidently_psi_of_bins
from segue.evidence.drift.distances import JensenShannon
from segue.facts.drift.profile import FeatureProfile
from segue.measure.drift.counting import Counting, left_closed
from segue.measure.drift.fields import of_columns
from segue.measure.measurement.daily import Daily, cells

_RUNS: Final = 3
_ROWS: Final = 32_768
"""So many of the training table are counted at a time."""
Numbers = dict[str, float]
Counts = tuple[tuple[int, ...], ...]
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
    """Each job three times, each on a connection of its own; the middle one is told."""
    folder = Path(sys.argv[1])
    current, reference = folder / "current.parquet", folder / "reference.parquet"
    jobs: dict[str, Callable[[duckdb.DuckDBPyConnection], Numbers]] = {
        "psi": lambda connection: dict(_psi(connection, current, reference)),
        "js": lambda connection: dict(_js(connection, current, reference)),
        "cells": lambda connection: dict(_cells(connection, current)),
    }
    found = {
        name: sorted((_timed(job) for _ in range(_RUNS)), key=lambda it: it.cpu_s)[_RUNS // 2] for name, job in jobs.items()
    }
    print(msgspec.json.encode(found).decode())


def _timed(job: Callable[[duckdb.DuckDBPyConnection], Numbers]) -> Timed:
    with duckdb.connect(config={"threads": 2, "memory_limit": "512MB", "preserve_insertion_order": "false"}) as connection:
        connection.execute("SET TimeZone = 'UTC'; SET disabled_optimizers = 'grouping_sets'")
        wall, cpu = time.perf_counter(), time.process_time()
        numbers = job(connection)
        return Timed(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu, numbers=numbers)


def _psi(connection: duckdb.DuckDBPyConnection, current: Path, reference: Path) -> Iterator[tuple[str, float]]:
    ends = ", ".join(f"min({name}), max({name})" for name in NUMBERS)
    training = _training(reference)
    total, *found = _row(connection, f"SELECT count(*), {ends} FROM read_parquet(['{current}', '{reference}'])")
    numbers = []
    for name, low, high in zip(NUMBERS, found[0::2], found[1::2], strict=True):
        bins = int(np.ceil(np.log2(total) + 1))  # Sturges, as numpy has it
        numbers.append(_numeric(name, np.linspace(low, high, bins + 1).tolist()))
    columns, old, days = _counted(connection, numbers, current, training, "1")
    for column, one, other in zip(columns, old, days[1], strict=True):
        yield f"psi {column.name}", evidently_psi_of_bins(_inside(column, one), _inside(column, other))


def _js(connection: duckdb.DuckDBPyConnection, current: Path, reference: Path) -> Iterator[tuple[str, float]]:
    training = _training(reference)
    numbers = [_numeric(name, _doane(training.numbers[name])) for name in NUMBERS]
    columns, old, days = _counted(connection, numbers, current, training, "epoch_us(ts) // 86400000000")
    for day, new in days.items():
        for column, one, other in zip(columns, old, new, strict=True):
            yield f"js {column.name} {datetime.fromtimestamp(day * 86400, UTC):%Y-%m-%d}", JensenShannon().between(one, other)


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


def _doane(values: NDArray[np.float64]) -> list[float]:
    """Edges by the rule of Doane 1976 as numpy has it; its own takes cubes by `pow`."""
    apart = (values - values.mean()) / values.std()
    skewed = abs(float(np.mean(apart * apart * apart)))
    n, low, high = len(values), values.min(), values.max()
    width = (high - low) / (1 + np.log2(n) + np.log2(1 + skewed / np.sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))))
    return [float(edge) for edge in np.linspace(low, high, int(np.ceil((high - low) / width)) + 1)]


def _inside(column: FeatureProfile, counts: tuple[int, ...]) -> tuple[int, ...]:
    return counts[1:-3] if column.kind == "numeric" else counts[:-2]


class _Training(NamedTuple):
    """The training table, read once.

    Args:
        numbers: by name.
        categories: of each name those that occur.
        rows: a key, the numbers, and the place of each category in its list.
    """

    numbers: dict[str, NDArray[np.float64]]
    categories: dict[str, list[str]]
    rows: pa.RecordBatch


def _training(reference: Path) -> _Training:
    table = pq.read_table(reference, columns=[*NUMBERS, *CATEGORIES], read_dictionary=list(CATEGORIES)).unify_dictionaries()
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    places = {name: pc.add(columns[name].indices, 1) for name in CATEGORIES}
    return _Training(
        numbers={name: columns[name].to_numpy() for name in NUMBERS},
        categories={name: columns[name].dictionary.to_pylist() for name in CATEGORIES},
        rows=pa.record_batch({"part": pa.repeat(1, len(table)), **columns, **places}),
    )


def _counted(
    connection: duckdb.DuckDBPyConnection, numbers: list[FeatureProfile], current: Path, training: _Training, key: str
) -> tuple[tuple[FeatureProfile, ...], Counts, dict[int, Counts]]:
    """Both tables in the bins of the numbers and of all categories that occur; the current one by a key.

    The current one is counted in the categories of training first, and again only where others turn up.
    """
    counting = _counting(numbers, training.categories)
    new = _counts(connection, counting, current, key)
    others = (counts[-2] for day in new.values() for it, counts in zip(counting.columns, day, strict=True) if it.categories)
    if any(others):
        asked = ", ".join(f"list(DISTINCT {name})" for name in CATEGORIES)
        listed = zip(training.categories.items(), _row(connection, f"SELECT {asked} FROM '{current}'"), strict=True)
        counting = _counting(numbers, {name: [*old, *sorted(set(found) - set(old))] for (name, old), found in listed})
        new = _counts(connection, counting, current, key)
    parts = [training.rows.slice(start, _ROWS) for start in range(0, len(training.rows), _ROWS)]
    ((_, _, old),) = counting.read(tallied_batches(parts, 1, counting.bins))
    return counting.columns, old, new


def _counting(numbers: list[FeatureProfile], categories: dict[str, list[str]]) -> Counting:
    listed = [FeatureProfile(name=name, kind="categorical", categories=tuple(it), counts=()) for name, it in categories.items()]
    fields = of_columns([*numbers, *listed], {name: name for name in (*NUMBERS, *CATEGORIES)})
    return Counting(columns=(*numbers, *listed), fields=fields, keys=("part",))


def _counts(connection: duckdb.DuckDBPyConnection, counting: Counting, file: Path, key: str) -> dict[int, Counts]:
    rows = tallied(connection, counting.statement(f"SELECT *, {key} AS part FROM '{file}'"), 1, counting.bins)
    return {keys[0]: counts for keys, _, counts in counting.read(rows)}


def _row(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return list(row)


if __name__ == "__main__":
    main()
