"""Requests of one unit that are alike."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from msgspec import structs

from segue.errors import DomainError
from segue.evidence.many.clustering import TOO_LARGE, design_effect, of_requests, warning
from segue.facts.evidence import NotEnough
from segue.facts.summary import Agreements, Counts, MomentCell, PairedCounts, Units


def units(rng: np.random.Generator, n: int, correlation: float, requests: int) -> MomentCell:
    """Units of so many requests each, yes or no, with an intraclass correlation (beta-binomial)."""
    strength = 1 / correlation - 1 if correlation else 1e9
    rates = rng.beta(0.3 * strength, 0.7 * strength, n)
    vectors = np.stack([rng.binomial(requests, rates), np.full(n, requests)], axis=1).astype(float)
    products = tuple(float(vectors[:, i] @ vectors[:, j]) for i, j in combinations_with_replacement(range(2), 2))
    return MomentCell(arm="b", propensity=0.5, n=n, sums=tuple(vectors.sum(axis=0).tolist()), products=products)


@pytest.mark.parametrize("correlation", [0.0, 0.05, 0.2])
def test_kish(correlation: float) -> None:
    """Units of ten requests with intraclass correlation c: the effect is 1 + 9 c."""
    effect = design_effect(units(np.random.default_rng(1), 20_000, correlation, 10))
    assert effect == pytest.approx(1 + 9 * correlation, rel=0.03)
    assert isinstance(effect, float)
    assert bool(warning(effect)) == (correlation > 0.02)


def test_values() -> None:
    """With a given variance of a request the same holds for values; requests of several sizes are weighted by it."""
    cell = units(np.random.default_rng(2), 5000, 0.2, 4)
    share = design_effect(cell)
    assert isinstance(share, float)
    rate = cell.sums[0] / cell.sums[1]
    assert design_effect(cell, request_variance=2 * rate * (1 - rate)) == pytest.approx(share / 2)


def test_warning() -> None:
    """Up to 1.2 nobody is disturbed."""
    assert warning(TOO_LARGE) == ""
    assert "design effect 2)" in warning(2.0)


@pytest.mark.parametrize(("apart", "alike"), [(0.0, False), (0.4, True)])
def test_of_what_a_gate_counts(apart: float, alike: bool) -> None:
    """Units whose answers, or pairs, go one way more often than others' are seen in the sums of a sample of them."""
    rng = np.random.default_rng(4)
    rates = 0.5 + apart * rng.choice([-1, 1], 400)
    yes = rng.binomial(10, rates)
    kept = Units(
        limit=400,
        hashes=tuple(f"{at:03x}" for at in range(400)),
        requests=(10,) * 400,
        values=tuple(yes.astype(float).tolist()),
        first=(0,) * 400,
        last=(0,) * 400,
    )
    counts = Counts(yes=int(yes.sum()), no=int(4000 - yes.sum()))
    one = of_requests(kept, counts)
    pairs = structs.replace(kept, values=tuple((2.0 * yes - 10).tolist()))
    two = of_requests(pairs, PairedCounts(plus=counts.yes, minus=counts.no, zero=0))
    assert one == pytest.approx(two)
    assert isinstance(one, float)
    assert bool(warning(one)) == alike
    with pytest.raises(DomainError, match="no design effect"):
        of_requests(kept, Agreements(same=1, different=1))


def test_not_enough_and_refused() -> None:
    """Few units, requests that all say the same, vectors of another kind."""
    assert isinstance(design_effect(units(np.random.default_rng(3), 49, 0.2, 4)), NotEnough)
    same = MomentCell(arm="b", propensity=0.5, n=100, sums=(0.0, 400.0), products=(0.0, 0.0, 1600.0))
    assert isinstance(design_effect(same), NotEnough)
    with pytest.raises(DomainError, match="vectors"):
        design_effect(MomentCell(arm="b", propensity=0.5, n=100, sums=(1.0,), products=(1.0,)))
