"""Which expressions of a statement are left to DuckDB, where another engine runs the rest?

An expression over one row, as large as it can be, in which something is called that the other engine does not have. A function
of the other engine stands in its place, which has the row's columns evaluated by DuckDB (`portions.Evaluated`).
"""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from sqlglot import exp

from segue.adapters.engines.rowwise import of_one_row
from segue.errors import DomainError
from segue.ids import digest

DUCKDB: Final = "duckdb"
PREFIX: Final = "segue_"
"""What the name of a function begins with that stands for an expression."""


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """An expression that DuckDB evaluates.

    Args:
        name: of the function that stands in its place.
        sql: in DuckDB's dialect, over the columns `a0`, `a1` and so on.
        probe: a query whose one column is the expression where it stands; it says of which type it is.
    """

    name: str
    sql: str
    probe: str


def taken_out(query: exp.Expr, stranger: Callable[[exp.Expr], str], refuse: Callable[[str], DomainError]) -> list[Foreign]:
    """The expressions that are left to DuckDB; in the query calls stand in their place.

    Args:
        query: is changed.
        stranger: what a node calls that the other engine does not have; "" for nothing.
        refuse: makes the error of what cannot be left to DuckDB.

    Raises:
        DomainError: such a thing is called with several rows, or none.
    """
    found = []
    for root in list(_roots(query, stranger, refuse)):
        columns = list(dict.fromkeys(column.sql(DUCKDB, identify=True) for column in root.find_all(exp.Column)))
        sql = _renamed(root, columns)
        name = f"{PREFIX}{digest(sql.encode())[:16]}"
        call = exp.Anonymous(this=name, expressions=[exp.maybe_parse(column, dialect=DUCKDB) for column in columns])
        found.append((root, call, Foreign(name=name, sql=sql, probe=_probe(root))))
    for root, call, _ in found:  # only now: a probe may stand on others' expressions
        root.replace(call)
    return [foreign for _, _, foreign in found]


def _roots(query: exp.Expr, stranger: Callable[[exp.Expr], str], refuse: Callable[[str], DomainError]) -> Iterator[exp.Expr]:
    within: set[int] = set()
    for node in query.walk():
        name = "" if id(node) in within else stranger(node)
        if not name:
            continue
        root = _widened(node)
        inside = list(root.walk())
        several = any(isinstance(it, exp.Query) or not of_one_row(it) for it in inside)
        if several or root.find(exp.Column) is None:
            raise refuse(name)
        within.update(map(id, inside))
        yield root


def _widened(node: exp.Expr) -> exp.Expr:
    # What guards an expression, such as a CASE, has to be evaluated by whoever evaluates the expression.
    while node.parent is not None and _of_the_row(node.parent):
        node = node.parent
    return node


def _of_the_row(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Condition | exp.Lambda) or isinstance(node, exp.Query) or not of_one_row(node):
        return False
    return not (isinstance(node, exp.And | exp.Paren) and _conjunction(node))


def _conjunction(node: exp.Expr) -> bool:
    # Each of these conditions stands for itself, and the others need no Python.
    parent = node.parent
    while isinstance(parent, exp.And | exp.Paren):
        parent = parent.parent
    return isinstance(parent, exp.Where | exp.Join)


def _renamed(root: exp.Expr, columns: list[str]) -> str:
    copy = exp.Paren(this=root.copy())
    for column in list(copy.find_all(exp.Column)):
        column.replace(exp.column(f"a{columns.index(column.sql(DUCKDB, identify=True))}"))
    return str(copy.this.sql(DUCKDB, identify=True))


def _probe(root: exp.Expr) -> str:
    scope = root.find_ancestor(exp.Select)
    probe = exp.Select(expressions=[root.copy()])
    if scope is not None:
        for name in ("from_", "joins", "laterals"):
            part = scope.args.get(name)
            probe.set(name, [it.copy() for it in part] if isinstance(part, list) else part and part.copy())
    tables: list[exp.Expr] = []
    outer: exp.Expr | None = root
    while outer is not None:
        with_ = outer.args.get("with_")
        tables = [*(it.copy() for it in with_.expressions), *tables] if with_ else tables
        outer = outer.parent
    if tables:
        probe.set("with_", exp.With(expressions=tables))
    return probe.sql(DUCKDB, identify=True)
