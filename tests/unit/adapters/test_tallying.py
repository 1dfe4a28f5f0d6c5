"""Counting values batch by batch, on the real engine."""

from collections import Counter
from collections.abc import Iterator
from math import inf, nan, nextafter
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.adapters.engines.tallying import tallied

EDGES = {
    "one": [0.0],
    "even": np.linspace(-3.0, 3.0, 23).tolist(),
    "percentiles": np.quantile(np.random.default_rng(1).lognormal(size=5000), np.linspace(0, 1, 101)).tolist(),
    "crowded": [0.0, *np.nextafter(1.0, np.arange(2)).tolist(), *(1 + np.arange(1, 20) * 1e-12).tolist(), 1e6],
    "huge": [-1.7e308, 0.0, 1.7e308],
    "tiny": [0.0, 5e-324, 1e-323],
    "far": [1e9, 1e9 + 1e-6, 1e9 + 2e-6],
    "endless": [-inf, 0.0, inf],
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory."""
    with duckdb.connect(config={"threads": 2}) as made:
        yield made


def put(connection: duckdb.DuckDBPyConnection, values: list[float | None]) -> None:
    """A table `t` of them."""
    connection.execute("CREATE OR REPLACE TABLE t AS SELECT unnest(?::DOUBLE[]) AS x", [values])


def tallied_here(connection: duckdb.DuckDBPyConnection, edges: list[float]) -> list[Any]:
    """The column of `t` between edges."""
    return tallied(connection, "SELECT x FROM t", 0, [edges])


@pytest.mark.parametrize("name", EDGES)
def test_every_number_falls_where_a_search_among_the_edges_puts_it(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """On an edge, the next numbers beside it, far outside, NaN and NULL, whatever the edges are."""
    edges = EDGES[name]
    near = [value for edge in edges for value in (edge, nextafter(edge, -inf), nextafter(edge, inf))]
    drawn = np.random.default_rng(2).normal(edges[len(edges) // 2] if np.isfinite(edges[0]) else 0.0, 1, 2000).tolist()
    values = [*near, *drawn, -inf, inf, -0.0, 1e300, -1e300]
    put(connection, [*values, nan, None, None])
    ((rows, counts),) = tallied_here(connection, edges)
    expected = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1).tolist()
    assert rows == len(values) + 3
    assert list(counts) == [*expected, 1, 2]


@settings(max_examples=100, deadline=None)
@given(
    edges=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30, unique=True).map(sorted),
    values=st.lists(st.floats(-1e12, 1e12) | st.none(), min_size=1, max_size=30),
)
def test_any_edges_count_any_numbers(edges: list[float], values: list[float | None]) -> None:
    """The same as a search, for edges and numbers of Hypothesis' choice."""
    with duckdb.connect(config={"threads": 1}) as connection:
        put(connection, [*values, *edges])
        ((_, counts),) = tallied_here(connection, edges)
    there = [value for value in values if value is not None]
    expected = np.bincount(np.searchsorted(edges, [*there, *edges]), minlength=len(edges) + 1).tolist()
    assert list(counts) == [*expected, 0, len(values) - len(there)]


def test_keys_of_any_kind(connection: duckdb.DuckDBPyConnection) -> None:
    """Rows of many batches are counted by number, text and NULL, each column by itself; no rows are no key."""
    connection.execute(
        "CREATE TABLE t AS SELECT i % 3 AS a, CASE WHEN i % 5 > 0 THEN 'k' || (i % 5) END AS b, (i % 7)::USMALLINT AS c, "
        "CASE WHEN i % 11 > 0 THEN i % 11 END AS d FROM range(300000) r(i)"
    )
    found: list[Any] = tallied(connection, "SELECT a, b, c, d FROM t", 2, [7, 12])
    sevenths = Counter((i % 3, f"k{i % 5}" if i % 5 else None, i % 7) for i in range(300_000))
    elevenths = Counter((i % 3, f"k{i % 5}" if i % 5 else None, i % 11) for i in range(300_000))
    assert len(found) == 15
    for a, b, rows, c, d in found:
        assert list(c) == [*(sevenths[a, b, code] for code in range(7)), 0]
        assert list(d) == [0, *(elevenths[a, b, code] for code in range(1, 11)), 0, elevenths[a, b, 0]]
        assert rows == sum(c)
    assert tallied(connection, "SELECT a, b, c FROM t WHERE FALSE", 2, [7]) == []
