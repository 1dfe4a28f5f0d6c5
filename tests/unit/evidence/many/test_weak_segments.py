"""Segments that nobody named before."""

import numpy as np
import pytest
from msgspec.structs import replace

from segue.errors import DomainError
from segue.evidence.many.weak_segments import Sides, weak_segments
from segue.facts.summary import Cell, Counts, Histogram, MomentCell, Moments, Summary

SIDES = Sides(candidate="v8", champion="champion")


def cell(variant: str, segment: dict[str, str], summary: Summary, allocation: int = 1) -> Cell:
    """A cell of accuracy."""
    here = Cell(
        metric="accuracy", variant=variant, version="1", allocation=1, segment={}, hour=1, predictions=1, summary=summary
    )
    return replace(here, allocation=allocation, segment=segment)


def shares(variant: str, segment: dict[str, str], yes: int, n: int, allocation: int = 1) -> Cell:
    """So many yes of n."""
    return cell(variant, segment, Counts(yes=yes, no=n - yes), allocation)


def test_a_planted_segment_is_found_first() -> None:
    """Among thirty in which nothing differs; it is the only one that is called a discovery."""
    rng = np.random.default_rng(1)
    cells = []
    for place in range(30):
        for variant in ("v8", "champion"):
            worse = 0.15 if (variant, place) == ("v8", 17) else 0.0
            cells.append(shares(variant, {"country": f"c{place}"}, int(rng.binomial(600, 0.8 - worse)), 600))
    found = weak_segments(cells, SIDES)
    assert found[0].segment == {"country": "c17"}
    assert found[0].difference < -0.1
    assert found[0].low < found[0].difference < found[0].high < 0
    assert [it.segment for it in found if it.q_value < 0.05] == [{"country": "c17"}]


def test_false_discoveries_are_rare() -> None:
    """Where nothing differs anywhere, few of 200 worlds call anything a discovery at 5 %."""
    rng, wrong = np.random.default_rng(2), 0
    for _ in range(200):
        cells = [
            shares(variant, {"country": f"c{place}"}, int(rng.binomial(200, 0.9)), 200)
            for place in range(20)
            for variant in ("v8", "champion")
        ]
        wrong += any(it.q_value < 0.05 for it in weak_segments(cells, SIDES))
    assert wrong <= 10 + 3 * 10**0.5


def test_shares_that_changed_do_not_bias() -> None:
    """The candidate has more of the traffic when everything is easy: pooled it would look better, and it is not."""
    segment = {"tier": "vip"}
    cells = [
        shares("v8", segment, 50, 100, 1), shares("champion", segment, 450, 900, 1),
        shares("v8", segment, 810, 900, 2), shares("champion", segment, 90, 100, 2),
    ]  # fmt: skip
    (found,) = weak_segments(cells, SIDES)
    assert found.difference == pytest.approx(0.0)
    assert (found.n_candidate, found.n_champion) == (1000, 1000)


def test_small_segments_are_not_looked_at() -> None:
    """Fewer rows than the least on either side; the cells of everybody are no segment."""
    cells = [shares("v8", {"tier": "new"}, 5, 40), shares("champion", {"tier": "new"}, 30, 400)]
    cells += [shares("v8", {}, 5, 4000), shares("champion", {}, 30, 4000)]
    assert weak_segments(cells, SIDES) == ()
    assert len(weak_segments(cells, Sides(candidate="v8", champion="champion", least=40))) == 1


def test_means_are_compared_too_and_quantiles_are_not() -> None:
    """Moments give mean and variance; a histogram is refused by name."""
    moments = [
        cell(
            name,
            {"tier": "vip"},
            Moments(cells=(MomentCell(arm="", propensity=1.0, n=100, sums=(total,), products=(total * 2,)),)),
        )
        for name, total in (("v8", 120.0), ("champion", 100.0))
    ]
    (found,) = weak_segments(moments, SIDES)
    assert (found.candidate, found.champion, found.difference) == pytest.approx((1.2, 1.0, 0.2))
    broken = cell("v8", {"tier": "vip"}, Histogram(base=1.1, at_most_zero=0, buckets={}))
    with pytest.raises(DomainError):
        weak_segments([broken], SIDES)
