"""What does DuckDB say of a statement that another engine runs? It is asked with the same tables, empty."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import duckdb

from segue.adapters.engines.portions import CONFIG
from segue.errors import DomainError, InvariantError
from segue.ports.columns import BODIES, COLUMNS

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType
_SPELLED: Final = {
    "boolean": ("BOOLEAN", "BOOLEAN"),
    "integer": ("INT", "INTEGER"),
    "bigint": ("BIGINT", "BIGINT"),
    "hugeint": ("BIGINT", "BIGINT"),
    "decimal": ("DOUBLE", "DOUBLE"),
    "double": ("DOUBLE", "DOUBLE"),
    "varchar": ("STRING", "VARCHAR"),
}


class Mirror:
    """The tables of another engine as DuckDB would have them, without rows."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:", config=CONFIG)

    def bind(self, kinds: Mapping[str, str]) -> None:
        """These tables, each of a kind of row, and no others."""
        self.close()
        self._connection = duckdb.connect(":memory:", config=CONFIG)
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


def spelled(of_type: "DuckDBPyType | int | list[str]") -> tuple[str, str]:
    """A type as Spark writes it, and as DuckDB does; of types that only DuckDB has, the nearest that both have.

    Raises:
        DomainError: there is none.
    """
    assert not isinstance(of_type, int | list)  # noqa: S101 - as the parts of other types may be
    name = of_type.id
    if name == "list":
        ((_, item),) = of_type.children
        spark, ours = spelled(item)
        return f"ARRAY<{spark}>", f"{ours}[]"
    if name == "map":
        (key, ours), (value, theirs) = (spelled(child) for _, child in of_type.children)
        return f"MAP<{key}, {value}>", f"MAP({ours}, {theirs})"
    if name not in _SPELLED:
        raise DomainError(f"an expression of type {of_type} does not run on Spark", hint="the embedded engine runs it")
    return _SPELLED[name]


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise InvariantError(f"the engine refused our SQL: {error}") from error
