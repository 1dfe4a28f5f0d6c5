"""Summaries add."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import DomainError
from segue.facts.merging import merge
from segue.facts.summary import (
    Agreements,
    ArmCell,
    ArmCounts,
    Counts,
    Day,
    Days,
    Histogram,
    MomentCell,
    Moments,
    PairedCounts,
    RankCell,
    Ranks,
    ScoreSums,
    ScoreTable,
    SpreadCell,
    Spreads,
    Summary,
)

COUNT = st.integers(0, 10**9)
REAL = st.floats(-1e6, 1e6)
SHARE = st.sampled_from([0.0, 0.01, 0.25, 0.5, 1.0])


def sized(elements: st.SearchStrategy[float], size: int) -> st.SearchStrategy[tuple[float, ...]]:
    """Tuples of one length."""
    return st.lists(elements, min_size=size, max_size=size).map(tuple)


ARM_CELL = st.builds(
    ArmCell, propensity=SHARE, candidate_yes=COUNT, candidate_no=COUNT, champion_yes=COUNT, champion_no=COUNT
)  # fmt: skip
MOMENT_CELL = st.builds(
    MomentCell, arm=st.sampled_from("ab"), propensity=SHARE, n=COUNT, sums=sized(REAL, 2), products=sized(REAL, 3)
)
SCORE_ROWS = st.dictionaries(st.floats(0, 1), st.tuples(COUNT, COUNT), max_size=4).map(lambda rows: sorted(rows.items()))
HISTOGRAM = st.builds(Histogram, base=st.just(1.1), at_most_zero=COUNT, buckets=st.dictionaries(st.integers(-5, 5), COUNT))
DAY = st.builds(
    Day, day=st.integers(0, 3), candidate_yes=COUNT, candidate_no=COUNT, champion_yes=COUNT, champion_no=COUNT
)  # fmt: skip


def rank_cell(arm: str, propensity: float, rows: list[tuple[float, tuple[int, int]]]) -> RankCell:
    """Rows (score, (positives, negatives)); those of "paired" have a rival's score too."""
    scores, counts = tuple(score for score, _ in rows), [counts for _, counts in rows]
    return RankCell(
        arm=arm,
        propensity=propensity,
        scores=scores,
        rival=tuple(1 - score for score in scores) if arm == "paired" else (),
        positives=tuple(positives for positives, _ in counts),
        negatives=tuple(negatives for _, negatives in counts),
    )


RANK_CELL = st.builds(rank_cell, st.sampled_from(["a", "b", "paired"]), SHARE, SCORE_ROWS)
KINDS: list[st.SearchStrategy[Summary]] = [
    st.builds(Counts, yes=COUNT, no=COUNT),
    st.builds(PairedCounts, plus=COUNT, minus=COUNT, zero=COUNT),
    st.builds(ArmCounts, cells=st.lists(ARM_CELL, max_size=4, unique_by=lambda cell: cell.propensity).map(tuple)),
    st.builds(ScoreSums, n=COUNT, n_candidate=COUNT, z=REAL, z2=REAL, z4=REAL, weight=REAL, log_growth=sized(REAL, 3)),
    st.builds(Moments, cells=st.lists(MOMENT_CELL, max_size=4).map(tuple)),
    HISTOGRAM,
    st.builds(Agreements, same=COUNT, different=COUNT),
    st.builds(Ranks, cells=st.lists(RANK_CELL, max_size=4).map(tuple)),
    st.builds(
        Spreads,
        cells=st.lists(st.builds(SpreadCell, propensity=SHARE, candidate=HISTOGRAM, champion=HISTOGRAM), max_size=3).map(tuple),
    ),
    st.builds(Days, days=st.lists(DAY, max_size=4).map(tuple)),
    SCORE_ROWS.map(
        lambda rows: ScoreTable(
            scores=tuple(score for score, _ in rows),
            positives=tuple(counts[0] for _, counts in rows),
            negatives=tuple(counts[1] for _, counts in rows),
        )
    ),
]
PARTS = st.one_of([st.lists(kind, min_size=1, max_size=5) for kind in KINDS])


def numbers(summary: object) -> list[float | str]:
    """All numbers of a summary, in a row."""
    if isinstance(summary, int | float | str):
        return [summary]
    if isinstance(summary, dict):
        return [number for pair in summary.items() for part in pair for number in numbers(part)]
    if isinstance(summary, tuple):
        return [number for part in summary for number in numbers(part)]
    return [number for field in summary.__struct_fields__ for number in numbers(getattr(summary, field))]  # type: ignore[attr-defined]


@given(PARTS, st.randoms())
def test_order(parts: list[Summary], chance: object) -> None:
    """The order of the parts changes nothing, to the last bit."""
    shuffled = list(parts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled) == merge(parts)


@given(PARTS, st.integers(0, 5))
def test_grouping(parts: Sequence[Summary], cut: int) -> None:
    """The grouping of the parts changes the last digit at most."""
    halves = [half for half in (merge(parts[:cut]), merge(parts[cut:])) if half is not None]
    grouped, whole = numbers(merge(halves)), numbers(merge(parts))
    texts = [number for number in whole if isinstance(number, str)]
    assert [number for number in grouped if isinstance(number, str)] == texts
    floats = [number for number in whole if not isinstance(number, str)]
    assert [number for number in grouped if not isinstance(number, str)] == pytest.approx(floats, rel=1e-12, abs=1e-6)


@given(PARTS)
def test_once(parts: Sequence[Summary]) -> None:
    """What is merged already stays as it is."""
    whole = merge(parts)
    assert whole is not None
    assert merge([whole]) == whole


TWISTED = Ranks(cells=(RankCell(arm="paired", propensity=0.5, scores=(0.2,), positives=(1,), negatives=(1,)),))


def test_cells() -> None:
    """Cells of one propensity become one, in order."""
    cells = [ArmCell(propensity=p, candidate_yes=1, candidate_no=2, champion_yes=3, champion_no=4) for p in (0.5, 0.1, 0.5)]
    merged = merge([ArmCounts(cells=(cells[0],)), ArmCounts(cells=(cells[1],)), ArmCounts(cells=(cells[2],))])
    assert isinstance(merged, ArmCounts)
    assert [(cell.propensity, cell.candidate_yes, cell.champion_no) for cell in merged.cells] == [(0.1, 1, 4), (0.5, 2, 8)]


@pytest.mark.parametrize(
    "parts",
    [
        (Counts(yes=1, no=0), PairedCounts(plus=1, minus=0, zero=0)),
        (Histogram(base=1.1, at_most_zero=0, buckets={}), Histogram(base=1.2, at_most_zero=0, buckets={})),
        tuple(ScoreSums(n=1, n_candidate=1, z=0, z2=0, weight=1, log_growth=(0.0,) * k) for k in (1, 2)),
        tuple(Moments(cells=(MomentCell(arm="a", propensity=1, n=1, sums=(1.0,) * k, products=()),)) for k in (1, 2)),
        (Ranks(cells=(rank_cell("paired", 0.5, [(0.1, (1, 2))]),)), TWISTED),
    ],
    ids=["kinds", "bases", "grids", "vectors", "rivals"],
)
def test_strangers(parts: Sequence[Summary]) -> None:
    """What does not belong together is refused, never guessed."""
    with pytest.raises(DomainError, match="do not add"):
        merge(parts)


def test_nothing() -> None:
    """Where no row was, there is no summary."""
    assert merge(()) is None
