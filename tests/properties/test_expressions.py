"""The closure and the SQL of one expression, side by side."""

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.assign.expressions import compile_predicate
from segue.measure.expressions import to_sql
from segue.spec.expression import (
    And,
    Attribute,
    Compare,
    Expression,
    In,
    Not,
    Number,
    Or,
    Text,
    attributes_of,
    canonical,
    parse,
)

NAMES = ("tier", "country", "age")
ODD = ["", " ", "'", "''", "\\", "%", "vip", "VIP", "é", "e\u0301", "1", "01", "1.0", " 1", "1_0", "1e1", "-0", "inf", "nan",
       "NULL", "٣", "1\n", "😀", "\uffff", "a'); DROP TABLE x; --"]  # fmt: skip

texts = st.sampled_from(ODD) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
number_texts = st.from_regex(
    r"[+-]?[0-9]{0,20}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,3})?", fullmatch=True, alphabet="0123456789.+-eE"
)
values = texts | number_texts
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-20, 20).map(float)
literals = texts.map(Text) | numbers.map(lambda number: Number(number + 0.0))
attributes = st.sampled_from(NAMES).map(Attribute)
operators = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
leaves = (
    st.builds(Compare, attributes, operators, literals)
    | st.builds(Compare, attributes, st.sampled_from(["==", "!="]), attributes)
    | st.builds(In, attributes, st.lists(literals, min_size=1, max_size=4).map(tuple))
)
expressions: st.SearchStrategy[Expression] = st.recursive(
    leaves,
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=6,
)
contexts = st.dictionaries(st.sampled_from(NAMES), values)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """One engine for all examples."""
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def by_sql(engine: duckdb.DuckDBPyConnection, expression: Expression, context: dict[str, str]) -> bool | None:
    """What the engine says: TRUE, FALSE or NULL."""
    query = f"SELECT {to_sql(expression, 'c.context')} FROM (SELECT MAP(?::VARCHAR[], ?::VARCHAR[]) AS context) c"
    row = engine.execute(query, [list(context), list(context.values())]).fetchone()
    assert row is not None
    assert row[0] is None or isinstance(row[0], bool)
    return row[0]


@settings(max_examples=400, deadline=None)
@given(expression=expressions, context=contexts)
def test_closure_and_sql_agree(engine: duckdb.DuckDBPyConnection, expression: Expression, context: dict[str, str]) -> None:
    """The gateway and the analysis mean the same units by one expression: on missing values, odd texts and odd numbers too."""
    assert compile_predicate(expression)(context) is by_sql(engine, expression, context)


@settings(max_examples=200, deadline=None)
@given(value=values, number=numbers)
def test_numbers_in_text_are_read_alike(engine: duckdb.DuckDBPyConnection, value: str, number: float) -> None:
    """Any text that may be a number is the same number, or none, in both."""
    for operator in ("==", "<", ">="):
        expression = Compare(Attribute("age"), operator, Number(number))
        assert compile_predicate(expression)({"age": value}) is by_sql(engine, expression, {"age": value})


@given(expression=expressions)
def test_canonical_text_is_read_back(expression: Expression) -> None:
    """The canonical spelling is in the language and means the same: its own canonical spelling is itself."""
    again = parse(canonical(expression), NAMES)
    assert canonical(again) == canonical(expression)
    assert attributes_of(again) == attributes_of(expression)


@given(expression=expressions, context=contexts)
def test_canonical_text_matches_alike(expression: Expression, context: dict[str, str]) -> None:
    """The canonical spelling matches exactly the contexts that the expression matches."""
    assert compile_predicate(parse(canonical(expression), NAMES))(context) is compile_predicate(expression)(context)


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        ("tier == 'vip'", {}, None),
        ("tier != 'vip'", {}, None),
        ("not tier == 'vip'", {}, None),
        ("tier == 'vip' and age > 3", {"age": "2"}, False),
        ("tier == 'vip' or age > 3", {"age": "4"}, True),
        ("tier == 'vip' or age > 3", {"age": "3"}, None),
        ("tier in ['vip', 'gold']", {"tier": "gold"}, True),
        ("tier not in ['vip', 'gold']", {"tier": "basic"}, True),
        ("tier not in ['vip', 'gold']", {}, None),
        ("age in [1, 'x']", {"age": "x"}, True),
        ("age in [1, 'x']", {"age": "y"}, None),
        ("18 <= age < 65", {"age": "18.0"}, True),
        ("18 <= age < 65", {"age": "eighteen"}, None),
        ("age == '18'", {"age": "18.0"}, False),
        ("tier == country", {"tier": "a", "country": "a"}, True),
        ("tier == country", {"tier": "a"}, None),
        ("tier == ''", {"tier": ""}, True),
        ("age > -1", {"age": "-0.5"}, True),
    ],
)
def test_what_unknown_means(
    engine: duckdb.DuckDBPyConnection, text: str, context: dict[str, str], expected: bool | None
) -> None:
    """A missing value is unknown and stays unknown where SQL's NULL would."""
    expression = parse(text, NAMES)
    assert compile_predicate(expression)(context) is expected
    assert by_sql(engine, expression, context) is expected
