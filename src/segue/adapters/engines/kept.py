"""Which segments has the engine read already?

Segments never change, so each is read once. A lake of many small files is then as fast as a table; a tick reads only the
files that are new.
"""

from collections.abc import Iterable, Sequence
from string import Template
from typing import Final

import duckdb

from segue.ports.columns import BODIES, COLUMNS

FILES_A_READ: Final = 2000
"""So many files are read by one statement."""

_FILES: Final = "read_parquet(?, union_by_name = true, filename = true, hive_partitioning = false)"
_READ: Final = Template(
    "INSERT INTO $table SELECT n.number, $columns FROM $files f "
    "JOIN (SELECT unnest(?::VARCHAR[]) AS location, unnest(?::INTEGER[]) AS number) n ON n.location = f.filename"
)
_VIEW: Final = Template("CREATE OR REPLACE TEMP VIEW $name AS SELECT $columns FROM $table $where")
_SOME: Final = Template("WHERE segment_id IN (SELECT unnest($ids::INTEGER[]))")
_DROP: Final = Template("DELETE FROM $table WHERE segment_id IN (SELECT unnest(?::INTEGER[]))")
_COUNT: Final = Template("SELECT count(*) FROM $table")
_DESCRIBE: Final = Template("DESCRIBE SELECT * FROM $files")


class KeptSegments:
    """The rows of one kind of segment that were read so far."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, kind: str) -> None:
        self._connection = connection
        self._table = f"kept_{kind}"
        self._columns = {name: sql for name, sql in COLUMNS[kind].items() if name not in BODIES}
        self._ids: dict[str, int] = {}
        self._next = 0
        declared = ", ".join(f"{_quoted(name)} {sql}" for name, sql in self._columns.items())
        connection.execute(f"CREATE TABLE {self._table} (segment_id INTEGER, {declared})")

    def read(self, locations: Sequence[str]) -> None:
        """Read those segments that are not kept yet."""
        missing = [location for location in dict.fromkeys(locations) if location not in self._ids]
        for start in range(0, len(missing), FILES_A_READ):
            self._read(missing[start : start + FILES_A_READ])

    def view(self, name: str, locations: Iterable[str]) -> None:
        """Make a view of these segments, which have been read."""
        wanted = sorted({self._ids[location] for location in locations})
        columns = ", ".join(map(_quoted, self._columns))
        where = "" if len(wanted) == len(self._ids) else _SOME.substitute(ids=wanted)
        self._connection.execute(_VIEW.substitute(name=_quoted(name), columns=columns, table=self._table, where=where))

    def drop_all_but(self, locations: Iterable[str]) -> None:
        """Forget every other segment."""
        kept = set(locations)
        gone = [location for location in self._ids if location not in kept]
        ids = [self._ids.pop(location) for location in gone]
        if ids:
            self._connection.execute(_DROP.substitute(table=self._table), [ids])

    @property
    def rows(self) -> int:
        """How many rows are kept."""
        (count,) = self._connection.execute(_COUNT.substitute(table=self._table)).fetchone() or (0,)
        return int(count)

    def _read(self, locations: Sequence[str]) -> None:
        numbers = {location: self._next + index for index, location in enumerate(locations)}
        parameters = [list(locations), list(numbers), list(numbers.values())]
        try:
            self._connection.execute(self._reading(frozenset(self._columns)), parameters)
        except duckdb.BinderException:  # files of an older writer, which lack a column
            described = self._connection.execute(_DESCRIBE.substitute(files=_FILES), [list(locations)]).fetchall()
            self._connection.execute(self._reading(frozenset(row[0] for row in described)), parameters)
        self._ids.update(numbers)
        self._next += len(numbers)

    def _reading(self, present: frozenset[str]) -> str:
        columns = (_quoted(name) if name in present else f"NULL::{sql}" for name, sql in self._columns.items())
        return _READ.substitute(files=_FILES, table=self._table, columns=", ".join(columns))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
