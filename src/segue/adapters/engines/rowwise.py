"""Is each row of a query made of one row of one table? Then it can be run portion by portion, by whoever has the rows."""

from functools import cache
from typing import Final

import duckdb
import msgspec
import sqlglot
from sqlglot import exp

from segue.errors import DomainError, InvariantError

_WITHIN: Final = frozenset({"expressions", "from_", "where"})
"""Parts of a SELECT by which no row depends on another one."""


class Rowwise(msgspec.Struct, frozen=True, kw_only=True):
    """A query whose every row is made of one row of a table.

    Args:
        table: its name.
        columns: all names of columns in the query, those of its own included; "*" among them means all of the table's.
    """

    table: str
    columns: frozenset[str]


def rowwise(sql: str) -> Rowwise:
    """What such a query reads.

    Raises:
        DomainError: a row of it may depend on several rows.
        InvariantError: it is no statement in DuckDB's dialect.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise InvariantError(f"our SQL can't be parsed: {error}") from error
    tables = {table.name for table in tree.find_all(exp.Table)}
    if len(tables) != 1 or not all(map(_plain, tree.walk())):
        hint = "one SELECT in another, with WHERE and nothing else; the embedded engine takes any query"
        raise DomainError("only a query whose rows are each of one row of a table is tallied on Spark", hint=hint)
    names = {column.name for column in tree.find_all(exp.Column)}
    stars = [star for star in tree.find_all(exp.Star) if _reads_table(star)]
    return Rowwise(table=tables.pop(), columns=frozenset({*names, *(["*"] if stars else [])}))


def of_one_row(node: exp.Expr) -> bool:
    """Whether a node of a statement is none that makes one value of several rows."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower() not in _of_many_rows()
    return not isinstance(node, exp.AggFunc | exp.Window | exp.SetOperation | exp.Exists | exp.Unnest | exp.Explode | exp.With)


def _plain(node: exp.Expr) -> bool:
    if isinstance(node, exp.Select):
        return all(name in _WITHIN for name, value in node.args.items() if value)
    if isinstance(node, exp.Subquery):
        return isinstance(node.parent, exp.From)
    return of_one_row(node)


@cache
def _of_many_rows() -> frozenset[str]:
    names = "SELECT function_name FROM duckdb_functions() WHERE function_type NOT IN ('scalar', 'macro')"
    with duckdb.connect(":memory:") as connection:
        return frozenset(name for (name,) in connection.execute(names).fetchall())


def _reads_table(star: exp.Expr) -> bool:
    select = star.find_ancestor(exp.Select)
    return select is None or isinstance(select.args["from_"].this, exp.Table)
