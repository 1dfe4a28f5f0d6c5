"""Which queries can be run portion by portion."""

import pytest

from segue.adapters.engines.rowwise import rowwise
from segue.errors import DomainError, InvariantError
from segue.evidence.drift.profiling import profile_of
from segue.measure.drift.served import of_requests


@pytest.mark.parametrize("name", ["age", "in[1]"])
def test_what_drift_asks_can(name: str) -> None:
    """The statement on features reads some columns of one table; those alone are sent to a worker."""
    statement = of_requests(profile_of({name: [1.0, 2.0, 3.0] * 20}), arm="version", where="allocation NOT BETWEEN 1 AND 2")
    read = rowwise(statement.sql)
    assert read.table == "predictions"
    assert read.columns >= {"at", "version", "role", "variant", "assigned", "features", "unread", "allocation"}
    assert not read.columns & {"*", "label", "context", "request_id"}


def test_a_star_of_the_table_is_all_of_it() -> None:
    """One of another query is what that one says."""
    assert "*" in rowwise("SELECT * FROM predictions").columns
    assert "*" in rowwise("SELECT a FROM (SELECT *, b AS a FROM predictions)").columns
    assert rowwise("SELECT * FROM (SELECT a, count FROM predictions)").columns == {"a", "count"}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT variant, avg(score) FROM predictions GROUP BY variant",
        "SELECT max(score) FROM predictions",
        "SELECT variant, row_number() OVER () FROM predictions",
        "SELECT DISTINCT variant, score FROM predictions",
        "SELECT p.variant, score FROM predictions p JOIN outcomes o USING (request_id)",
        "SELECT a.score FROM predictions a, predictions b",
        "SELECT variant, score FROM predictions LIMIT 3",
        "SELECT variant FROM predictions QUALIFY row_number() OVER () = 1",
        "SELECT variant, score FROM predictions UNION ALL SELECT variant, score FROM predictions",
        "SELECT variant, score FROM predictions WHERE request_id IN (SELECT request_id FROM predictions)",
        "SELECT variant, (SELECT max(score) FROM predictions) FROM predictions",
        "SELECT arg_max_null(score, allocation) FROM predictions",
        "SELECT unnest([score, cost]) FROM predictions",
        "WITH p AS (SELECT score FROM predictions LIMIT 1) SELECT score FROM p",
        "SELECT 1",
    ],
)
def test_whose_rows_depend_on_others_cannot(query: str) -> None:
    """It is refused: a portion would answer it with another number."""
    with pytest.raises(DomainError, match="each of one row"):
        rowwise(query)


def test_says_that_sql_is_broken() -> None:
    """What can't be parsed is our own mistake."""
    with pytest.raises(InvariantError, match="parsed"):
        rowwise("SELECT (")
