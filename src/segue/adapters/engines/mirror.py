"""What does DuckDB say of a statement that another engine runs? It is asked with the same tables, empty."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import duckdb

from segue.errors import InvariantError
from segue.ports.columns import BODIES, COLUMNS

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

_FEW: Final[dict[str, str | bool | int | float | list[str]]] = {
    "TimeZone": "UTC",
    "autoinstall_known_extensions": "false",
    "threads": 1,
}


class Mirror:
    """The tables of another engine as DuckDB would have them, without rows."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config=_FEW)

    def bind(self, kinds: Mapping[str, str]) -> None:
        """These tables, each of a kind of row, and no others."""
        self.close()
        self._connection = duckdb.connect(":memory:", config=_FEW)
        for name, kind in kinds.items():
            columns = ", ".join(f'"{column}" {sql}' for column, sql in COLUMNS[kind].items() if column not in BODIES)
            self._connection.execute(f"CREATE TEMP TABLE {name} ({columns})")

    def execute(self, sql: str) -> None:
        """The table that a statement makes.

        Raises:
            InvariantError: DuckDB refuses it.
        """
        with _asking():
            self._connection.execute(sql)

    def types(self, sql: str) -> "Sequence[DuckDBPyType]":
        """Of a query's columns.

        Raises:
            InvariantError: DuckDB refuses it.
        """
        with _asking():
            return self._connection.sql(sql).types

    def close(self) -> None:
        """Give memory back."""
        self._connection.close()


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise InvariantError(f"the engine refused our SQL: {error}") from error
