"""Which keys are in which files of one kind, as far as anybody has asked?"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Final

import duckdb
import numpy as np

from segue.adapters.engines.places import Hashes, Places

ROWS_A_READ: Final = 4_000_000
"""So many keys are read by one statement."""

_COUNT: Final = "SELECT file_name, num_rows FROM parquet_file_metadata(?)"
_READ: Final = Template("""
SELECT hash(f."$column") AS key, n.number FROM read_parquet(?, filename = true, hive_partitioning = false) f
JOIN (SELECT unnest(?::VARCHAR[]) AS location, unnest(?::INTEGER[]) AS number) n ON n.location = f.filename
WHERE f."$column" <> ''
""")
_KEYS: Final = Template("SELECT DISTINCT hash(k.key) AS key FROM ($keys) k(key) WHERE k.key <> ''")


class IndexedColumn:
    """The keys of one column of one kind of file; every file is read once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, column: str, folder: Path) -> None:
        self._connection = connection
        self._column = column
        self._places = Places(folder)
        self._numbers: dict[str, int] = {}
        self._locations: list[str] = []

    def holding(self, keys: str, locations: Sequence[str]) -> list[str]:
        """Those of the files that hold a key among the rows of a query with one column."""
        self._read([location for location in locations if location not in self._numbers])
        if self._places.is_empty:
            return []
        wanted: Hashes = self._connection.execute(_KEYS.substitute(keys=keys)).fetchnumpy()["key"]
        held = self._places.numbers(np.asarray(wanted, dtype=np.uint64))
        named = set(locations)
        return [location for location in map(self._locations.__getitem__, sorted(held)) if location in named]

    def _read(self, locations: Sequence[str]) -> None:
        for batch in _batches(counted(self._connection, locations)):
            numbers = range(len(self._locations), len(self._locations) + len(batch))
            reading = _READ.substitute(column=self._column)
            columns = self._connection.execute(reading, [batch, batch, list(numbers)]).fetchnumpy()
            self._places.add(np.asarray(columns["key"], dtype=np.uint64), np.asarray(columns["number"], dtype=np.int32))
            self._locations += batch
            self._numbers.update(zip(batch, numbers, strict=True))


def counted(connection: duckdb.DuckDBPyConnection, locations: Sequence[str]) -> dict[str, int]:
    """How many rows each file holds, as its footer says."""
    if not locations:
        return {}
    found = dict(connection.execute(_COUNT, [list(locations)]).fetchall())
    return {location: int(found[location]) for location in locations}


def _batches(rows: dict[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for location, count in rows.items():
        if batch and total + count > ROWS_A_READ:
            yield batch
            batch, total = [], 0
        batch.append(location)
        total += count
    if batch:
        yield batch
