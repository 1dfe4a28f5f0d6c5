"""Which rows does an expression mean?

The same tree that `assign` compiles to a closure, as a boolean SQL expression in DuckDB's dialect; NULL is unknown. Nothing of
the spec reaches the SQL unquoted. What unknown means stands in `segue.spec.expression`.
"""

from segue.spec.expression import NUMBER_TEXT, And, Attribute, Compare, Expression, In, Literals, Not, Number, Operator, Or


def to_sql(expression: Expression, column: str = "context") -> str:
    """A boolean SQL expression over a map of attributes; `WHERE` takes only the rows where it is TRUE.

    >>> from segue.spec.expression import parse
    >>> to_sql(parse("tier == 'vip'", ["tier"]))
    "(context['tier'] = 'vip')"

    Args:
        expression: a tree out of `segue.spec.expression.parse`.
        column: SQL that names a `MAP(VARCHAR, VARCHAR)`; the caller's own, never out of a spec.
    """
    match expression:
        case Compare(left=left, operator=symbol, right=right):
            value = _value(column, left.name)
            if isinstance(right, Attribute):
                return f"({value} {_symbol(symbol)} {_value(column, right.name)})"
            return _comparison(value, symbol, right)
        case In(attribute=attribute, choices=choices):
            return _joined(" OR ", [_comparison(_value(column, attribute.name), "==", choice) for choice in choices])
        case Not(part=part):
            return f"(NOT {to_sql(part, column)})"
        case And(parts=parts):
            return _joined(" AND ", [to_sql(part, column) for part in parts])
        case Or(parts=parts):
            return _joined(" OR ", [to_sql(part, column) for part in parts])


def quoted(text: str) -> str:
    """A text as an SQL literal.

    >>> quoted("O'Hare")
    "'O''Hare'"
    """
    return "'" + text.replace("'", "''") + "'"


def _comparison(value: str, symbol: Operator, literal: Literals) -> str:
    if isinstance(literal, Number):
        number = f"CASE WHEN regexp_full_match({value}, {quoted(NUMBER_TEXT)}) THEN TRY_CAST({value} AS DOUBLE) END"
        return f"({number} {_symbol(symbol)} CAST({quoted(repr(literal.value))} AS DOUBLE))"
    return f"({value} {_symbol(symbol)} {quoted(literal.value)})"


def _value(column: str, name: str) -> str:
    return f"{column}[{quoted(name)}]"


def _symbol(symbol: Operator) -> str:
    return {"==": "=", "!=": "<>"}.get(symbol, symbol)


def _joined(word: str, parts: list[str]) -> str:
    return f"({word.join(parts)})"
