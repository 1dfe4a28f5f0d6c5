"""Who runs the SQL on one machine? DuckDB, inside the process."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import duckdb

from segue.adapters.engines.indexed import IndexedColumn, counted
from segue.adapters.engines.kept import KeptSegments
from segue.adapters.engines.settings import DuckdbSettings
from segue.adapters.engines.tallying import tallied
from segue.errors import InvariantError, Unavailable
from segue.ports.columns import COLUMNS, kind_of
from segue.ports.engine import Row

T = TypeVar("T")
_UNWANTED: Final = """
SELECT string_agg(name) FROM duckdb_optimizers() WHERE name IN ('grouping_sets', 'build_side_probe_side')
"""
"""Of what the planner does by itself: one costs more than the queries, the other guesses how many rows a join has and often
takes the wide side of it into memory. Our statements have the narrow side on the right, where it is meant to be."""


class DuckdbEngine:
    """DuckDB over the lake's files; one query at a time.

    Args:
        settings: its bounds.
        remote: the file system (of fsspec) by which locations of another machine are read.
    """

    def __init__(self, settings: DuckdbSettings | None = None, remote: Any = None) -> None:  # noqa: ANN401 - fsspec's
        self._settings = settings or DuckdbSettings()
        self._connection = duckdb.connect(":memory:", config=_config(self._settings))
        if remote is not None:
            self._connection.register_filesystem(remote)
        for (names,) in self._connection.execute(_UNWANTED).fetchall():
            self._connection.execute(f"SET disabled_optimizers = '{names or ''}'")
        self._kept = {kind: KeptSegments(self._connection, kind, self._settings.kept_file_bytes) for kind in COLUMNS}
        self._indexes: dict[tuple[str, str], IndexedColumn] = {}
        self._bound: dict[str, tuple[str, ...]] = {}
        self._made = False

    @property
    def rows_at_once(self) -> int:
        """About so many predictions are measured at a time."""
        return self._settings.rows_at_once

    def bind(self, sources: Mapping[str, Sequence[str]]) -> None:
        """Name the tables for the queries to come; what earlier queries made is gone.

        Raises:
            DomainError: a name that is no kind of row, with or without `new_` before it.
            Unavailable: a file can't be read.
        """
        wanted: dict[str, set[str]] = {kind: set() for kind in COLUMNS}
        for name, locations in sources.items():
            wanted[kind_of(name)].update(locations)
        self._forget_temporary(sources)
        self._make_room(wanted)
        with _reading():
            for kind, files in wanted.items():
                self._kept[kind].read(sorted(files))
            for name, locations in sources.items():
                if self._bound.get(name) != tuple(locations):
                    self._bound.pop(name, None)
                    self._view(name, tuple(locations))

    def run(self, sql: str) -> Sequence[Row]:
        """The rows of one query."""
        return self._asked(lambda: self._connection.execute(sql).fetchall())

    def execute(self, sql: str) -> None:
        """A statement without rows, such as a temporary table; it lasts until the next `bind`."""
        self._made = True
        self._asked(lambda: self._connection.execute(sql))

    def tally(self, sql: str, keys: int, columns: Sequence[Sequence[float] | int]) -> Sequence[Row]:
        """How often each value occurs in some columns of a query, by others of them."""
        return self._asked(lambda: tallied(self._connection, sql, keys, columns))

    def holding(self, kind: str, column: str, keys: str, locations: Sequence[str]) -> Sequence[str]:
        """Those of these files that hold a row with one of the keys; the keys of a file are read once and remembered."""
        place = (kind_of(kind), column)
        if place not in self._indexes:
            spill = Path(self._settings.spill_folder or tempfile.gettempdir())
            self._indexes[place] = IndexedColumn(self._connection, column, spill)
        with _reading():
            return self._indexes[place].holding(keys, locations)

    def counts(self, locations: Sequence[str]) -> Sequence[int]:
        """How many rows each of these files holds."""
        with _reading():
            return list(counted(self._connection, locations).values())

    def close(self) -> None:
        """Give memory and files back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _view(self, name: str, locations: tuple[str, ...], *, strange: bool = False) -> None:
        kept = self._kept[kind_of(name)]
        try:
            kept.view(name, locations, strange=strange)
        except duckdb.BinderException:  # files of an older writer, which lack a column
            kept.view(name, locations, strange=True)
        self._bound[name] = locations

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            try:
                return ask()
            except duckdb.InvalidInputException:  # files of several writers, which have not all the same columns
                for name, locations in list(self._bound.items()):
                    self._view(name, locations, strange=True)
                return ask()
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise Unavailable(f"the query could not finish: {error}") from error
        except duckdb.Error as error:
            raise InvariantError(f"the engine refused our SQL: {error}") from error

    def _make_room(self, wanted: Mapping[str, set[str]]) -> None:
        if sum(kept.rows for kept in self._kept.values()) > self._settings.kept_rows:
            for kind, kept in self._kept.items():
                kept.drop_all_but(wanted[kind])

    def _forget_temporary(self, sources: Mapping[str, object]) -> None:
        """What queries made, and the names that are not bound any more."""
        if not self._made and self._bound.keys() <= sources.keys():
            return
        self._bound, self._made = {}, False
        views = "SELECT 'VIEW', view_name FROM duckdb_views() WHERE temporary AND NOT internal"
        tables = "SELECT 'TABLE', table_name FROM duckdb_tables() WHERE temporary"
        for what, name in self._connection.execute(f"{views} UNION ALL {tables}").fetchall():
            self._connection.execute(f'DROP {what} "{name}"')


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise Unavailable(f"the lake can't be read: {error}") from error


def _config(settings: DuckdbSettings) -> dict[str, str | bool | int | float | list[str]]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{settings.memory_bytes // 1024} KiB",
        "threads": settings.threads,
        "TimeZone": "UTC",
        "autoinstall_known_extensions": "false",
        "preserve_insertion_order": "false",
        "parquet_metadata_cache": "true",
        "checkpoint_threshold": "128MB",  # in memory it only packs the kept rows, all of them, which takes a tick's time
    }
    if settings.spill_folder:
        config["temp_directory"] = settings.spill_folder
    return config
