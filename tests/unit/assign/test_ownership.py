"""The ownership table: the fewest buckets move, the last to come are the first to go."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.assign.ownership import owned, rebalance, whole_buckets
from segue.errors import DomainError
from segue.facts.allocation import BUCKETS, Range

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "ownership.json").read_text())
VARIANTS = ("champion", "v8", "v9", "v10")


@st.composite
def shares(draw: st.DrawFn) -> dict[str, float]:
    """Shares of up to four variants in parts per million."""
    cuts = sorted(draw(st.lists(st.integers(0, BUCKETS), min_size=len(VARIANTS) - 1, max_size=len(VARIANTS) - 1)))
    edges = [0, *cuts, BUCKETS]
    return {name: (edges[i + 1] - edges[i]) / BUCKETS for i, name in enumerate(VARIANTS)}


def owners(ranges: tuple[Range, ...]) -> list[tuple[int, int, str]]:
    """The table without its memory."""
    return [(piece.start, piece.end, piece.variant) for piece in ranges]


def moved(old: tuple[Range, ...], new: tuple[Range, ...]) -> int:
    """Buckets whose owner differs."""
    return BUCKETS - sum(max(0, min(a.end, b.end) - max(a.start, b.start)) for a in old for b in new if a.variant == b.variant)


@given(st.lists(shares(), min_size=2, max_size=6))
def test_fewest_move(path: list[dict[str, float]]) -> None:
    """At every change exactly sum(max(0, old - new)) buckets move, and the table stays whole."""
    table = rebalance(None, path[0])
    for step in path[1:]:
        before, after = owned(table), whole_buckets(step)
        new = rebalance(table, step)
        assert moved(table, new) == sum(max(0, count - after.get(name, 0)) for name, count in before.items())
        assert [piece.start for piece in new] == [0, *(piece.end for piece in new[:-1])]
        assert new[-1].end == BUCKETS
        assert owned(new) == {name: count for name, count in after.items() if count}
        table = new


@given(st.lists(st.integers(0, BUCKETS), min_size=2, max_size=8))
def test_last_in_first_out(path: list[int]) -> None:
    """With one candidate, a smaller share holds only units that a larger one held: nobody else is ever exposed."""
    table = rebalance(None, {"champion": 1.0})
    seen: set[tuple[int, int]] = set()
    most = 0
    for count in path:
        table = rebalance(table, {"champion": 1 - count / BUCKETS, "v8": count / BUCKETS})
        seen |= {(piece.start, piece.end) for piece in table if piece.variant == "v8"}
        most = max(most, count)
    assert all(start >= BUCKETS - most for start, _ in seen)


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_vectors(case: dict[str, object]) -> None:
    """The published tables come out, step by step."""
    table = None
    for step in case["steps"]:  # type: ignore[attr-defined]  # JSON
        table = rebalance(table, step["shares"])
        assert [[p.start, p.end, p.variant] for p in table] == step["ranges"]


@pytest.mark.parametrize("bad", [{"a": 0.5}, {"a": 1.5, "b": -0.5}, {}])
def test_shares_that_are_none(bad: dict[str, float]) -> None:
    """Shares that do not sum to one, or lie outside [0, 1], are refused."""
    with pytest.raises(DomainError, match="sum to 1"):
        rebalance(None, bad)
