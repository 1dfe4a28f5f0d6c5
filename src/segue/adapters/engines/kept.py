"""Which segments does the engine keep in memory, and which does it read where they lie?

Segments never change. A small one is read once and kept, so that a lake of many small files is as fast as a table; a large
one is read in place by every query, which takes of it only the columns and groups of rows that it needs.
"""

import os
from collections.abc import Iterable, Sequence
from string import Template
from typing import Final

import duckdb

from segue.ports.columns import BODIES, COLUMNS

FILES_A_READ: Final = 2000
"""So many files are read by one statement."""

_FILES: Final = "read_parquet(?, union_by_name = true, filename = true, hive_partitioning = false)"
_IN_PLACE: Final = Template("SELECT $columns FROM read_parquet($files, union_by_name = $strange, hive_partitioning = false)")
_READ: Final = Template(
    "INSERT INTO $table SELECT n.number, $columns FROM $files f "
    "JOIN (SELECT unnest(?::VARCHAR[]) AS location, unnest(?::INTEGER[]) AS number) n ON n.location = f.filename"
)
_KEPT: Final = Template("SELECT $columns FROM $table $where")
_VIEW: Final = Template("CREATE OR REPLACE TEMP VIEW $name AS $parts")
_BETWEEN: Final = Template("WHERE segment_id BETWEEN $first AND $last")
_SOME: Final = Template(" AND segment_id IN (SELECT unnest($ids::INTEGER[]))")
_LEAVE: Final = Template("CREATE OR REPLACE TABLE $table AS SELECT * FROM $table $where")
_COUNT: Final = Template("SELECT count(*) FROM $table")
_DESCRIBE: Final = Template("DESCRIBE SELECT * FROM $files")


class KeptSegments:
    """The rows of one kind of segment.

    Args:
        largest_bytes: larger files are read in place. One that is no file of this machine is always kept: to ask for it again
            would cost more than to read it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, kind: str, largest_bytes: int) -> None:
        self._connection = connection
        self._largest_bytes = largest_bytes
        self._table = f"kept_{kind}"
        self._columns = {name: sql for name, sql in COLUMNS[kind].items() if name not in BODIES}
        self._ids: dict[str, int] = {}
        self._in_place: set[str] = set()
        self._next = 0
        declared = ", ".join(f"{_quoted(name)} {sql}" for name, sql in self._columns.items())
        connection.execute(f"CREATE TABLE {self._table} (segment_id INTEGER, {declared})")

    def read(self, locations: Sequence[str]) -> None:
        """Read those small segments that are not kept yet."""
        new = [it for it in dict.fromkeys(locations) if it not in self._ids and it not in self._in_place]
        large = {location for location in new if _size(location) > self._largest_bytes}
        self._in_place |= large
        missing = [location for location in new if location not in large]
        for start in range(0, len(missing), FILES_A_READ):
            self._read(missing[start : start + FILES_A_READ])

    def view(self, name: str, locations: Iterable[str], *, strange: bool = False) -> None:
        """Make a view of these segments, which have been read.

        Args:
            name: of the view.
            locations: of the segments.
            strange: whether files that are read in place may lack columns, as those of an older writer do.
        """
        named = set(locations)
        kept = sorted(self._ids[location] for location in named if location in self._ids)
        in_place = sorted(location for location in named if location not in self._ids)
        columns = ", ".join(map(_quoted, self._columns))
        parts = [_KEPT.substitute(columns=columns, table=self._table, where=_where(kept))]
        if in_place:
            read = self._strange(in_place) if strange else columns
            parts.append(_IN_PLACE.substitute(columns=read, files=_listed(in_place), strange=strange))
        self._connection.execute(_VIEW.substitute(name=_quoted(name), parts=" UNION ALL ".join(parts)))

    def drop_all_but(self, locations: Iterable[str]) -> None:
        """Forget every other segment; their memory is given back, which a DELETE would leave for later."""
        wanted = set(locations)
        kept = {location: number for location, number in self._ids.items() if location in wanted}
        if len(kept) < len(self._ids):
            self._connection.execute(_LEAVE.substitute(table=self._table, where=_where(sorted(kept.values()))))
            self._ids = kept

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
            self._connection.execute(self._reading(self._present(locations)), parameters)
        self._ids.update(numbers)
        self._next += len(numbers)

    def _reading(self, present: frozenset[str]) -> str:
        return _READ.substitute(files=_FILES, table=self._table, columns=self._selected(present))

    def _strange(self, locations: Sequence[str]) -> str:
        return self._selected(self._present(locations))

    def _selected(self, present: frozenset[str]) -> str:
        columns = (_quoted(name) if name in present else f"NULL::{sql}" for name, sql in self._columns.items())
        return ", ".join(columns)

    def _present(self, locations: Sequence[str]) -> frozenset[str]:
        described = self._connection.execute(_DESCRIBE.substitute(files=_FILES), [list(locations)]).fetchall()
        return frozenset(row[0] for row in described)


def _where(ids: Sequence[int]) -> str:
    """The rows of these segments. They mostly lie together, and of what lies further off not even the numbers are read."""
    if not ids:
        return "WHERE FALSE"
    whole = _BETWEEN.substitute(first=ids[0], last=ids[-1])
    return whole if len(ids) == ids[-1] - ids[0] + 1 else whole + _SOME.substitute(ids=list(ids))


def _size(location: str) -> int:
    try:
        return 0 if "://" in location else os.stat(location).st_size  # noqa: PTH116 - called for many files at a tick
    except OSError:
        return 0  # whoever reads it says so


def _listed(locations: Sequence[str]) -> str:
    texts = ", ".join("'" + location.replace("'", "''") + "'" for location in locations)
    return f"[{texts}]"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
