"""What does a worker of the cluster do with a portion of the rows? It runs the canonical SQL on it, in DuckDB.

The functions are sent to the workers, whose Python needs what the driver's has: the same Segue and the same DuckDB, so that a
number is counted by the code that would have counted it on one machine.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa

from segue import __version__
from segue.adapters.engines.tallying import read_by, tallied
from segue.ports.engine import Row

TALLY: Final = "tally"
"""The one column of what `Portioned.tallies` gives back: a row of the tally as JSON."""
CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "TimeZone": "UTC",
    "autoinstall_known_extensions": "false",
    "threads": 1,  # the worker has other tasks for the other cores; and rows stay in order
}
"""Of DuckDB where it computes a part of what another engine does."""

Batches = Iterator[pa.RecordBatch]


class Packages(msgspec.Struct, frozen=True):
    """Versions that have to be the same where a number is counted and where it is weighed.

    As a default it is made anew for each: one that a class keeps is never freed, nor DuckDB with it, which then complains of
    leaks as the process ends.
    """

    segue: str = __version__
    duckdb: str = duckdb.__version__

    def agree(self) -> None:
        """Raises ImportError, which ends the query, where this process has others than the one that made this."""
        if Packages() != self:
            raise ImportError(f"a worker has {Packages()}, the driver {self}: install the same on all machines")


class Evaluated(msgspec.Struct, frozen=True, kw_only=True):
    """An expression of the rows that a worker has.

    Args:
        sql: over the columns `a0`, `a1` and so on.
        packages: the driver's.
    """

    sql: str
    packages: Packages = msgspec.field(default_factory=Packages)

    def values(self, columns: Sequence[pa.Array]) -> pa.Array:
        """A value for each row, in their order."""
        self.packages.agree()
        connection = _connection()
        rows = pa.RecordBatch.from_arrays(list(columns), [f"a{place}" for place in range(len(columns))])
        connection.register("given", rows)
        query = f"SELECT {self.sql} AS v FROM given"  # noqa: S608 - our own SQL
        return read_by(connection, query).read_all().column(0).combine_chunks()


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config=CONFIG)


class Portioned(msgspec.Struct, frozen=True, kw_only=True):
    """A tally of a table that is made portion by portion.

    Args:
        table: its name in the query.
        sql: whose every row is made of one row of the table, and of nothing else.
        keys: whole numbers or texts; as `Engine.tally` takes them.
        columns: the same.
        packages: the driver's.
    """

    table: str
    sql: str
    keys: int
    columns: tuple[tuple[float, ...] | int, ...]
    packages: Packages = msgspec.field(default_factory=Packages)

    def tallies(self, rows: Batches) -> Batches:
        """The tally of a portion; what a worker runs."""
        self.packages.agree()
        first = next(rows, None)
        if first is None:
            return
        with duckdb.connect(":memory:", config=CONFIG) as connection:
            connection.register(self.table, pa.RecordBatchReader.from_batches(first.schema, chain([first], rows)))
            found = [json.dumps(row) for row in tallied(connection, self.sql, self.keys, self.columns)]
        yield pa.RecordBatch.from_pydict({TALLY: pa.array(found, pa.string())})

    def whole(self, found: Iterable[str]) -> list[Row]:
        """The tally of the table out of those of its portions."""
        total: dict[Row, list[Any]] = {}
        for text in found:
            row = json.loads(text)
            key, counts = tuple(row[: self.keys]), row[self.keys :]
            total[key] = _added(total[key], counts) if key in total else counts
        return [(*key, rows, *map(tuple, counts)) for key, (rows, *counts) in total.items()]


def _added(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    return [_added(a, b) if isinstance(a, list) else a + b for a, b in zip(one, other, strict=True)]
