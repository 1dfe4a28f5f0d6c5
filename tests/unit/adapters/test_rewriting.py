"""What is rewritten for Spark, and what is refused."""

import re
from pathlib import Path

import pytest

from segue.adapters.engines.rewriting import rewritten
from segue.errors import DomainError, InvariantError
from segue.measure.kinds.catalogue import reading_of
from segue.spec.metric import KINDS
from segue.testkit.measured import ask
from segue.testkit.worlds import measurement, spec

PAGE = Path(__file__).parents[3] / "docs" / "operate" / "many-machines.md"
REQUIRED: dict[str, str | float] = {
    "actual": "0", "after": "outcome.cart", "base": "accuracy", "before": "past", "beta": 1.0, "centre": 20.0, "days": 1.0,
    "error": "timeout", "over": "country", "per": "outcome.shown", "positive": "1", "predicted": "1", "q": 0.5, "size": 50.0,
}  # fmt: skip


def foreign(kind: str) -> bool:
    """Whether what a kind reads is left to DuckDB in part."""
    needed = {name: REQUIRED[name] for name, default in KINDS[kind].parameters.items() if default is None}
    needed |= {"of": "outcome.spend"} if KINDS[kind].of else {}
    plan = measurement(spec_of=spec([ask(kind, **needed)]))
    (metric,) = plan.metrics
    reading = reading_of(metric, plan.rules)
    parts = [reading.due, reading.judged, reading.numerator, reading.denominator, reading.each]
    read = ", ".join(filter(None, [*parts, *reading.values, *reading.keys]))
    return bool(rewritten(f"SELECT {read} FROM judged r, judged s".replace("$", "")).foreign)


def test_the_page_names_the_kinds_whose_expressions_stay_with_duckdb() -> None:
    """No kind is refused; the operator's page lists exactly those that need DuckDB on the workers, which most do not."""
    section = PAGE.read_text().partition("### What takes DuckDB on the workers")[2].partition("\n#")[0]
    said = {name for name in re.findall(r"`(\w+)`", section) if name in KINDS}
    assert said == {kind for kind in KINDS if foreign(kind)}
    assert len(said) < len(KINDS) / 4


@pytest.mark.parametrize(
    ("duckdb", "spark"),
    [
        ('SELECT epoch_us("at") // 60 AS m FROM p', "SELECT UNIX_MICROS(`at`) DIV 60 AS m FROM p"),
        ("SELECT * EXCLUDE (a) FROM p SEMI JOIN q USING (b)", "SELECT * EXCEPT (a) FROM p SEMI JOIN q USING (b)"),
        ("SELECT arg_max({'x': a}, b)['x'] FROM p", "SELECT MAX_BY(STRUCT(a AS x), b)['x'] FROM p"),
        ("SELECT 1.5 * x, (1.0e-01) FROM p", "SELECT 1.5e0 * x, (1.0e-01) FROM p"),
        ("SELECT item[1] FROM p ORDER BY a", "SELECT item[0] FROM p ORDER BY a NULLS LAST"),
        ("SELECT context['O''Hare\\']", "SELECT context['O\\'Hare\\\\']"),
        ("SELECT regexp_full_match(x, '\\d')", "SELECT x RLIKE '^(?:\\\\d)\\\\z'"),
        ("WITH w AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM w", "WITH w AS (SELECT 1 AS a) SELECT a FROM w"),
        ("SELECT arg_min(label, at_us) FROM p", "SELECT MIN_BY(label, at_us) FILTER (WHERE NOT label IS NULL) FROM p"),
        ("SELECT arg_max_null(label, {'a': at_us}) FROM p", "SELECT MAX_BY(label, STRUCT(at_us AS a)) FROM p"),
        ("SELECT count(DISTINCT hash(id)) FROM p", "SELECT COUNT(DISTINCT XXHASH64(id)) FROM p"),
        ("SELECT x / y FROM p", "SELECT TRY_DIVIDE(x, y) FROM p"),
    ],
)
def test_says_the_same_in_spark(duckdb: str, spark: str) -> None:
    """Each construct that the dialects write differently, or mean differently, is rewritten."""
    assert rewritten(duckdb).query == spark


def test_a_bit_for_each_column_of_a_grouping() -> None:
    """The first column has the highest bit, as in DuckDB."""
    query = rewritten("SELECT grouping(a, b) FROM p GROUP BY GROUPING SETS ((a), (b))").query
    assert "CAST(GROUPING(a) AS BIGINT) * 2 + CAST(GROUPING(b) AS BIGINT) * 1" in query


def test_names_what_is_kept() -> None:
    """A temporary table is a name and a query."""
    made = rewritten("CREATE TEMP TABLE chances AS SELECT * FROM (VALUES (1, 'a')) c(draw, history)")
    assert (made.name, made.query) == ("chances", "SELECT * FROM VALUES (1, 'a') AS c(draw, history)")


def test_names_what_is_dropped() -> None:
    """There is nothing to ask for it."""
    made = rewritten("DROP TABLE chances")
    assert (made.name, made.query) == ("chances", "")


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT median(a) FROM p", "median"),
        ("SELECT product(a) FROM p", "product"),
        ("SELECT list_sum(list(a)) FROM p", "list_sum"),
        ("SELECT levenshtein(min(a), 'x') FROM p", "levenshtein"),
        ("SELECT levenshtein((SELECT 'y'), a) FROM p", "levenshtein"),
        ("SELECT TRY_CAST('[1]' AS JSON) FROM p", "a cast to json"),
        ("SELECT lag(a) OVER (ORDER BY b) FROM p", "lag"),
    ],
)
def test_refuses_what_it_does_not_know(sql: str, name: str) -> None:
    """What is neither known to mean the same nor about the columns of one row is refused by its name."""
    with pytest.raises(DomainError, match=f"`{name}` does not run on Spark"):
        rewritten(sql)


def test_leaves_to_duckdb_what_it_does_not_know() -> None:
    """With all that stands around it in the row, guards before all; conditions beside it stay, and what is alike is one."""
    query = (
        "WITH p AS (SELECT 1 AS x) SELECT r.d, CASE WHEN len(r.l) > 1 THEN list_sum(r.l) END AS v, sum(levenshtein(m, n) + 1) "
        "FROM p r JOIN q ON q.id = r.id WHERE r.d > 0 AND len(r.n) = 3 GROUP BY levenshtein(m, n) + 1"
    )
    made = rewritten(query)
    foreign = {it.sql: it for it in made.foreign}
    guarded, steps, length = (
        'CASE WHEN LENGTH("a0") > 1 THEN LIST_SUM("a0") END',
        'LEVENSHTEIN("a0", "a1") + 1',
        'LENGTH("a0") = 3',
    )
    assert set(foreign) == {guarded, steps, length}
    names = {sql: it.name.upper() for sql, it in foreign.items()}
    assert made.query == (
        f"WITH p AS (SELECT 1 AS x) SELECT r.d, {names[guarded]}(`r`.`l`) AS v, SUM({names[steps]}(`m`, `n`)) "
        f"FROM p AS r JOIN q ON q.id = r.id WHERE r.d > 0 AND {names[length]}(`r`.`n`) GROUP BY {names[steps]}(`m`, `n`)"
    )
    assert foreign[guarded].probe == (
        'WITH "p" AS (SELECT 1 AS "x") SELECT CASE WHEN LENGTH("r"."l") > 1 THEN LIST_SUM("r"."l") END '
        'FROM "p" AS "r" JOIN "q" ON "q"."id" = "r"."id"'
    )


def test_says_that_sql_is_broken() -> None:
    """What can't be parsed is our own mistake."""
    with pytest.raises(InvariantError, match="parsed"):
        rewritten("SELECT (")
