"""What DuckDB says of statements that another engine runs."""

import pytest

from segue.adapters.engines.mirror import Mirror, spelled
from segue.errors import DomainError, InvariantError


def test_types_follow_from_what_was_bound_and_made() -> None:
    """Tables of the lake, and tables made of them, replaced and dropped, until others are bound."""
    mirror = Mirror()
    mirror.bind({"predictions": "predictions", "new_outcomes": "outcomes"})
    mirror.execute("CREATE TEMP TABLE made AS SELECT score * 2 AS twice, context FROM predictions")
    mirror.execute("CREATE OR REPLACE TEMP TABLE made AS SELECT *, [label] AS labels FROM made, predictions")
    types = mirror.types('SELECT twice, labels, made.context, o."values" FROM made, new_outcomes o')
    assert [spelled(it)[0] for it in types] == ["DOUBLE", "ARRAY<STRING>", "MAP<STRING, STRING>", "MAP<STRING, DOUBLE>"]
    mirror.execute("DROP TABLE made")
    for query in ("SELECT twice FROM made", "SELECT nothing FROM predictions", "SELECT request_body FROM predictions"):
        with pytest.raises(InvariantError, match="refused our SQL"):
            mirror.types(query)
    mirror.bind({})
    with pytest.raises(InvariantError, match="predictions"):
        mirror.types("SELECT 1 FROM predictions")
    mirror.close()


@pytest.mark.parametrize(
    ("value", "spark", "duckdb"),
    [
        ("1.5", "DOUBLE", "DOUBLE"),
        ("sum(1::BIGINT)", "BIGINT", "BIGINT"),
        ("[['a']]", "ARRAY<ARRAY<STRING>>", "VARCHAR[][]"),
        ("MAP {'a': [1]}", "MAP<STRING, ARRAY<INT>>", "MAP(VARCHAR, INTEGER[])"),
        ("1 > 2", "BOOLEAN", "BOOLEAN"),
    ],
)
def test_types_of_both_sides(value: str, spark: str, duckdb: str) -> None:
    """Each is spelled as both engines write it; those that Spark lacks are the nearest that it has."""
    (of_type,) = Mirror().types(f"SELECT {value}")
    assert spelled(of_type) == (spark, duckdb)


def test_a_type_of_one_side_alone_is_refused() -> None:
    """By its name."""
    (of_type,) = Mirror().types("SELECT DATE '2013-03-01'")
    with pytest.raises(DomainError, match="DATE does not run on Spark"):
        spelled(of_type)
