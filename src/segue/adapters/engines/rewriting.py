"""How does a statement in DuckDB's dialect read in Spark's?

The canonical SQL is DuckDB's; sqlglot parses it, and each node is rewritten from the leaves up. A function is let through only
if it is known here to mean the same on both sides. Any other is left to DuckDB with the expression around it, where that is
about one row (`foreign`), or else refused by its name, so that no number is ever quietly another.
"""

from collections.abc import Callable, Mapping
from string import Template
from typing import Final

import msgspec
import sqlglot
from sqlglot import exp

from segue.adapters.engines.foreign import PREFIX, Foreign, taken_out
from segue.errors import DomainError, InvariantError

SPARK: Final = "spark"

_SAME: Final[frozenset[type[exp.Expression]]] = frozenset(
    {
        *(exp.And, exp.Or, exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.Exists, exp.DPipe),
        *(exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.LogicalOr, exp.LogicalAnd, exp.AnyValue),
        *(
            exp.RowNumber,
            exp.Rank,
            exp.CumeDist,
            exp.Abs,
            exp.Ceil,
            exp.Floor,
            exp.Round,
            exp.Ln,
            exp.Exp,
            exp.Sqrt,
            exp.Pow,
            exp.IsNan,
            exp.Sign,
        ),
        *(exp.MD5, exp.Substring, exp.Chr, exp.Lower, exp.Struct, exp.Array, exp.Explode, exp.ArrayToString, exp.ArraySort),
        exp.MapKeys,
    }
)
"""Functions that mean the same on both sides, once sqlglot has given them their names."""
_TYPES: Final = frozenset(exp.DataType.Type[name] for name in ("INT", "BIGINT", "DOUBLE", "TEXT", "VARCHAR", "BOOLEAN"))
_LISTS: Final = frozenset({exp.DataType.Type.ARRAY, exp.DataType.Type.LIST})
_NUMBER: Final = r"(?i)^\\s*[-+]?(nan|inf|infinity|[0-9.]+(e[-+]?[0-9]+)?)\\s*\\z"
"""What DuckDB reads as a number; Java would read a `1d` too."""

_TRY_NUMBER: Final = Template(f"CASE WHEN $it RLIKE '{_NUMBER}' THEN TRY_CAST($it AS DOUBLE) END")
_FINITE: Final = Template("($it > DOUBLE('-Infinity') AND $it < DOUBLE('Infinity'))")  # NaN is above all numbers
_MICROS: Final = Template("UNIX_MICROS($it)")
_SIZE: Final = Template("CARDINALITY($it)")
_VALUES: Final = Template("MAP_VALUES($it)")
_QUOTIENT: Final = Template("TRY_DIVIDE($a, $b)")
_BY: Final = Template("$called($it, $by) FILTER (WHERE NOT $it IS NULL)")
_LIST: Final = Template("CASE WHEN COUNT(*)$having > 0 THEN ($collected(STRUCT($it AS v))$having).v END")
_ORDERED: Final = Template(
    "CASE WHEN COUNT(*)$having > 0 THEN (ARRAY_SORT(COLLECT_LIST(STRUCT($by AS k, $it AS v))$having)).v END"
)
_HISTOGRAM: Final = Template(
    "CASE WHEN COUNT($it)$having > 0 THEN MAP_FROM_ENTRIES(TRANSFORM(COLLECT_SET($it)$having, "
    "k -> STRUCT(k, SIZE(FILTER(COLLECT_LIST($it)$having, x -> x = k))))) END"
)

_CALLED: Final[Mapping[str, Template]] = {
    "isfinite": _FINITE,
    "epoch_us": _MICROS,
    "cardinality": _SIZE,
    "map_values": _VALUES,
    "hash": Template("XXHASH64($it)"),  # any hash is as good: what is asked is whether two are equal
    "arg_max_null": Template("MAX_BY($it)"),
}
"""Functions that sqlglot has no node for."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A query for Spark.

    Args:
        name: of the temporary table or view that keeps its rows; "" for a query.
        query: "" where the table is dropped.
        foreign: expressions that DuckDB evaluates; in the query calls stand for them.
    """

    name: str
    query: str
    foreign: tuple[Foreign, ...] = ()


def rewritten(sql: str) -> Statement:
    """A statement for Spark.

    Raises:
        DomainError: it calls something that does not run on Spark; its name is said.
        InvariantError: it is no statement in DuckDB's dialect.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise InvariantError(f"our SQL can't be parsed: {error}") from error
    if isinstance(tree, exp.Drop):
        return Statement(name=next(tree.find_all(exp.Table)).name, query="")
    name = tree.this.name if isinstance(tree, exp.Create) else ""
    query = tree.expression if isinstance(tree, exp.Create) else tree
    holder = exp.Paren(this=query)
    foreign = taken_out(query, _stranger, _refused)
    for node in reversed(list(query.walk())):  # leaves first
        new = _rewritten(node)
        if new is not node:
            node.replace(new)
    return Statement(name=name, query=holder.this.sql(dialect=SPARK), foreign=tuple(foreign))


def _rewritten(node: exp.Expression) -> exp.Expression:
    rule = _RULES.get(type(node))
    return node if rule is None else rule(node)


def _stranger(node: exp.Expr) -> str:
    """What a node calls that is not known to mean the same on both sides; "" for nothing."""
    if isinstance(node, exp.Cast):
        return _strange_cast(node)
    if isinstance(node, exp.Anonymous):
        known = node.name.lower() in _CALLED or (node.name.lower() == "histogram" and len(node.expressions) == 1)
        return "" if known else node.name
    if not isinstance(node, exp.Func) or type(node) in _KNOWN:
        return ""
    return node.sql_name()


def _strange_cast(node: exp.Cast) -> str:
    to = node.args["to"]
    inner = to.expressions[0] if to.this in _LISTS else to
    if inner.this not in _TYPES:
        return f"a cast to {to.sql(dialect='duckdb')}"
    if isinstance(node, exp.TryCast) and to.this != exp.DataType.Type.DOUBLE:
        return f"try_cast to {to.sql(dialect='duckdb')}"
    return ""


def _refused(name: str) -> DomainError:
    hint = "docs/operate/many-machines.md lists what runs on Spark; the embedded engine runs all of it"
    return DomainError(f"`{name.lower()}` does not run on Spark", hint=hint)


def _text(node: exp.Expression) -> str:
    return node.sql(dialect=SPARK)


def _raw(template: Template, **parts: str) -> exp.Expression:
    return exp.Var(this=template.substitute(parts))


def _called(node: exp.Expression) -> exp.Expression:
    name = node.name.lower()
    if name == "histogram" and len(node.expressions) == 1:
        return node if isinstance(node.parent, exp.Filter) else _raw(_HISTOGRAM, it=_text(node.expressions[0]), having="")
    if name.startswith(PREFIX):
        return node
    return _raw(_CALLED[name], it=", ".join(map(_text, node.expressions)))


def _filter(node: exp.Expression) -> exp.Expression:
    having = f" FILTER ({_text(node.expression)})"
    if isinstance(node.this, exp.ArrayAgg):
        return _listed(node.this, having)
    if isinstance(node.this, exp.Anonymous):  # a histogram
        return _raw(_HISTOGRAM, it=_text(node.this.expressions[0]), having=having)
    return node


def _array_agg(node: exp.Expression) -> exp.Expression:
    return node if isinstance(node.parent, exp.Filter) else _listed(node, "")


def _listed(node: exp.Expression, having: str) -> exp.Expression:
    what = node.this
    if isinstance(what, exp.Order):
        by = ", ".join(_text(it.this) for it in what.expressions)
        return _raw(_ORDERED, by=f"STRUCT({by})", it=_text(what.this), having=having)
    if isinstance(what, exp.Distinct):
        return _raw(_LIST, collected="COLLECT_SET", it=_text(what.expressions[0]), having=having)
    return _raw(_LIST, collected="COLLECT_LIST", it=_text(what), having=having)


def _arg(node: exp.Expression) -> exp.Expression:
    # DuckDB passes over a row whose value is NULL, Spark does not; a struct never is.
    if isinstance(node.this, exp.Struct):
        return node
    if isinstance(node.parent, exp.Filter):
        raise _refused("arg_min or arg_max with a filter")
    called = "MAX_BY" if isinstance(node, exp.ArgMax) else "MIN_BY"
    it = _text(node.this)
    return _raw(_BY, called=called, it=it, by=_text(node.expression))


def _grouping(node: exp.Expression) -> exp.Expression:
    # DuckDB's has a bit for each column, the first the highest; Spark's is about one.
    bits = reversed(list(enumerate(reversed([_text(it) for it in node.expressions]))))
    return exp.Var(this="(" + " + ".join(f"CAST(GROUPING({name}) AS BIGINT) * {1 << place}" for place, name in bits) + ")")


def _matched(node: exp.Expression) -> exp.Expression:
    pattern = exp.Literal.string(rf"^(?:{node.expression.name})\z")
    return exp.Var(this=f"{_text(node.this)} RLIKE {_text(pattern)}")


def _literal(node: exp.Expression) -> exp.Expression:
    # A plain decimal is a DECIMAL in Spark to the end, in DuckDB a DOUBLE as soon as it meets one.
    plain = not node.is_string and "." in node.name and "e" not in node.name.lower()
    return exp.Literal.number(f"{node.name}e0") if plain else node


def _cte(node: exp.Expression) -> exp.Expression:
    node.set("materialized", None)
    return node


_RULES: Final[Mapping[type[exp.Expression], Callable[[exp.Expression], exp.Expression]]] = {
    exp.Anonymous: _called,
    exp.ArgMax: _arg,
    exp.ArgMin: _arg,
    exp.ArrayAgg: _array_agg,
    exp.CTE: _cte,
    exp.Div: lambda node: _raw(_QUOTIENT, a=_text(node.this), b=_text(node.expression)),
    exp.Filter: _filter,
    exp.Grouping: _grouping,
    exp.Literal: _literal,
    exp.RegexpFullMatch: _matched,
    exp.TryCast: lambda node: _raw(_TRY_NUMBER, it=_text(node.this)),
}
_KNOWN: Final[frozenset[type]] = frozenset({*_SAME, *_RULES})
