"""How often does each value occur in the columns of a query? Counted batch by batch, as the query's rows come.

Numbers are sorted into intervals by a table of a fine even grid, which says how many edges lie below each of its cells; what
is left are the edges within the cell, which are compared one by one. So every number is compared with the very edges that it
lies between, and falls where a search among all of them would put it, at a fifth of its time.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from segue.ports.engine import Row

_ROWS_A_BATCH: Final = 32_768
"""So few that what is computed of a column stays in the processor's cache."""
_CELLS: Final = 1 << 12
_NEAR: Final = 1e-6
"""Of a cell's width: rounding cannot put a number further off than that, so an edge as near belongs to both cells."""
_ROUNDED: Final = 1e-9
"""A grid finer than this beside its numbers would be lost in rounding; then all edges are searched."""
_LARGEST: Final = sys.float_info.max / 4
_MOST_COMPARED: Final = 8
"""More edges within one cell than this are searched for."""

Columns: TypeAlias = Sequence[Sequence[float] | int]
Whole: TypeAlias = NDArray[np.int64]
Codes: TypeAlias = NDArray[np.integer[Any]]
Floats: TypeAlias = NDArray[np.float64]


def tallied(connection: duckdb.DuckDBPyConnection, sql: str, keys: int, columns: Columns) -> list[Row]:
    """The rows of `Engine.tally`."""
    return tallied_batches(read_by(connection, sql), keys, columns)


def tallied_batches(batches: Iterable[pa.RecordBatch], keys: int, columns: Columns) -> list[Row]:
    """The same of rows that have been read."""
    counters = [_Codes(column) if isinstance(column, int) else _Intervals(column) for column in columns]
    found: dict[Row, Whole] = {}
    for batch in batches:
        for key, counts in _of_batch(batch, keys, counters):
            found[key] = found[key] + counts if key in found else counts
    ends = np.cumsum([1, *(counter.size for counter in counters)])
    return [
        (*key, int(counts[0]), *(tuple(part.tolist()) for part in np.split(counts[1:], ends[:-1] - 1)[1:]))
        for key, counts in found.items()
    ]


def read_by(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.RecordBatchReader:
    """The rows of a query, some at a time."""
    if duckdb.__version__.startswith("1."):
        return connection.sql(sql).fetch_arrow_reader(_ROWS_A_BATCH)
    connection.complete()  # what an earlier statement still had to say
    return connection.sql(sql).to_arrow_reader(_ROWS_A_BATCH)


def _of_batch(batch: pa.RecordBatch, keys: int, counters: Sequence["_Codes | _Intervals"]) -> Iterator[tuple[Row, Whole]]:
    if not batch.num_rows:
        return
    names, group = _groups([batch.column(place) for place in range(keys)], batch.num_rows)
    parts = [np.bincount(group, minlength=len(names))[:, None]]
    stride = max((counter.size for counter in counters), default=1)
    starts = group * np.int32(stride) if len(names) > 1 else None  # rows mostly come in the order of their time
    for place, counter in enumerate(counters, start=keys):
        codes = counter.codes(batch.column(place))
        codes = codes if starts is None else starts + codes
        parts.append(np.bincount(codes, minlength=len(names) * stride).reshape(len(names), stride)[:, : counter.size])
    yield from zip(names, np.concatenate(parts, axis=1), strict=True)


def _groups(columns: Sequence[pa.Array], rows: int) -> tuple[list[Row], Codes]:
    """The keys that occur, and of each row the place of its own among them."""
    names: list[Row] = [()]
    group: Codes = np.zeros(rows, dtype=np.int32)
    for column in columns:
        encoded = column.dictionary_encode("encode")
        values = encoded.dictionary.to_pylist()
        if len(values) == 1:
            names = [(*name, values[0]) for name in names]
            continue
        both = group * np.int32(len(values)) + encoded.indices.to_numpy(zero_copy_only=False)
        there = np.bincount(both) > 0
        names = [(*names[place // len(values)], values[place % len(values)]) for place in np.flatnonzero(there).tolist()]
        group = (np.cumsum(there, dtype=np.int32) - np.int32(1)).take(both)
    return names, group


class _Codes:
    """Whole numbers below `codes`, and NULL."""

    def __init__(self, codes: int) -> None:
        self.size = codes + 1

    def codes(self, column: pa.Array) -> Codes:
        whole = column.fill_null(self.size - 1) if column.null_count else column
        found: Codes = whole.to_numpy(zero_copy_only=False)
        return found


class _Intervals:
    """The intervals `(a, b]` between edges, open at both ends, then NaN, then NULL."""

    def __init__(self, edges: Sequence[float]) -> None:
        self.size = len(edges) + 3
        self._edges: Floats = np.array([*edges, np.inf])
        self._low, high = float(edges[0]), float(edges[-1])
        largest = max(abs(self._low), abs(high))
        width = (high - self._low) / _CELLS if largest < _LARGEST else 0.0
        self._searched = width <= _ROUNDED * max(largest, sys.float_info.min)
        if self._searched:
            return
        starts = self._low + np.arange(_CELLS + 1) * width
        below, above = (np.searchsorted(edges, starts + side * _NEAR * width) for side in (-1, 1))
        self._a_unit = 1 / width
        self._below: Codes = below.astype(np.int16 if len(edges) < 1 << 15 else np.int32)
        self._compared = int(max(len(edges) - below[-1], *(above[1:] - below[:-1])))
        self._searched = self._compared > _MOST_COMPARED

    def codes(self, column: pa.Array) -> Codes:
        values: Floats = column.to_numpy(zero_copy_only=False)
        none = np.isnan(values)
        if not none.any():
            return self._inside(values)
        found = self._inside(np.where(none, self._low, values))
        found[none] = self.size - 2
        if column.null_count:
            found[column.is_null().to_numpy(zero_copy_only=False)] = self.size - 1
        return found

    def _inside(self, values: Floats) -> Codes:
        if self._searched:
            return np.searchsorted(self._edges[:-1], values).astype(np.int32)
        cells = values - self._low
        cells *= self._a_unit
        found: Codes = self._below.take(np.clip(cells, 0, _CELLS, out=cells).astype(np.int32))
        for _ in range(self._compared):
            np.add(found, values > self._edges.take(found), out=found)
        return found
