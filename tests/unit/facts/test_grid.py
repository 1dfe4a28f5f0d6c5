"""The score and its bets are functions of the question."""

from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import DomainError
from segue.facts.grid import BOLDEST, WEIGHTS, Grid, planned, score_grid
from segue.facts.question import Claim, Design, MetricRef, Prior, Question

DESIGNS: tuple[Design, ...] = ("one_sample", "paired", "randomised")


def asking(design: Design, claim: Claim, *, cap: float | None = 1.0, prior: Prior | None = None) -> Question:
    """A question about a metric with or without a cap."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", cap=cap), design=design,
        candidate="b", champion="a", claim=claim, alpha=0.05, prior=prior or Prior(),
    )  # fmt: skip


def extremes(grid: Grid, design: Design, propensity: float) -> list[float]:
    """The scores of all the extreme rows."""
    ends = (-3 * grid.scale, 0.0, grid.scale, 2 * grid.scale)
    if design == "one_sample":
        return [grid.of_one(value) for value in ends]
    if design == "paired":
        return [grid.of_pair(b, a) for b, a in product(ends, ends)]
    return [grid.of_draw(value, to_candidate=arm, propensity=propensity) for value in ends for arm in (True, False)]


@given(
    design=st.sampled_from(DESIGNS),
    claim=st.builds(Claim, side=st.sampled_from(["above", "below"]), bound=st.floats(-0.5, 0.5), factor=st.floats(0.5, 1.5)),
    prior=st.builds(Prior, mean=st.floats(-0.5, 1.5), variance=st.floats(0, 0.3), effect=st.floats(-1, 1)),
    cap=st.sampled_from([0.1, 1.0, 500.0]),
    propensity=st.floats(0, 1),
)
def test_no_bet_loses_more_than_it_may(design: Design, claim: Claim, prior: Prior, cap: float, propensity: float) -> None:
    """Whatever a row says, under any propensity, a tenth of each stake is left."""
    grid = score_grid(asking(design, claim, cap=cap, prior=prior))
    for z, bet in product(extremes(grid, design, propensity), grid.lambdas):
        assert 1 + bet * z >= 0.1 - 1e-9


@pytest.mark.parametrize("design", DESIGNS)
def test_shape(design: Design) -> None:
    """Half of the bets are for the claim, half against it; each half's stakes sum to 1."""
    grid = score_grid(asking(design, Claim(side="below", bound=0.1)))
    half = len(grid.lambdas) // 2
    assert all(bet > 0 for bet in grid.lambdas[:half])
    assert all(bet < 0 for bet in grid.lambdas[half:])
    assert len(grid.weights) == len(grid.lambdas) == 2 * len(WEIGHTS)
    assert sum(grid.weights[:half]) == pytest.approx(1)
    assert sum(grid.weights[half:]) == pytest.approx(1)


def test_units() -> None:
    """In units of the cap, everything is the same question."""
    small = score_grid(asking("paired", Claim(side="above", bound=-0.01), prior=Prior(mean=0.2, variance=0.04, effect=0.01)))
    prior = Prior(mean=100, variance=10_000, effect=5)
    large = score_grid(asking("paired", Claim(side="above", bound=-5), cap=500, prior=prior))
    assert large.lambdas == pytest.approx(small.lambdas)
    assert large.of_pair(300, 100) == pytest.approx(small.of_pair(0.6, 0.2))


def test_no_bounds_no_bets() -> None:
    """Without a cap there is a score and no bets; values are not cut."""
    grid = score_grid(asking("one_sample", Claim(side="above", bound=2.0), cap=None))
    assert (grid.lambdas, grid.of_one(1e6)) == ((), 1e6 - 2)


def test_who_was_not_drawn_says_nothing() -> None:
    """A propensity of 0 or 1 gives a score of 0."""
    grid = score_grid(asking("randomised", Claim(side="above", bound=-0.1)))
    assert grid.of_draw(1.0, to_candidate=True, propensity=1.0) == 0
    assert grid.of_draw(1.0, to_candidate=False, propensity=0.0) == 0


def test_plan_on_the_wrong_side() -> None:
    """A planned effect inside the null is replaced by a tenth of a standard deviation."""
    plan = planned(asking("paired", Claim(side="above", bound=0.1), prior=Prior(variance=0.04, effect=0.05)))
    assert plan.distance == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("claim", "cap", "prior"),
    [
        (Claim(side="above", bound=0), 0.0, Prior()),
        (Claim(side="above", bound=0), -1.0, Prior()),
        (Claim(side="above", bound=0, factor=0), 1.0, Prior()),
        (Claim(side="above", bound=float("nan")), 1.0, Prior()),
        (Claim(side="above", bound=0), 1.0, Prior(variance=-1)),
        (Claim(side="above", bound=0), 1.0, Prior(effect=float("inf"))),
    ],
)
def test_nonsense(claim: Claim, cap: float, prior: Prior) -> None:
    """A question that makes no sense has no score."""
    with pytest.raises(DomainError):
        score_grid(asking("paired", claim, cap=cap, prior=prior))


@given(propensity=st.floats(0, 1), bound=st.floats(-0.3, 0.3), mean=st.floats(0.01, 0.99))
def test_bets_are_as_bold_as_the_largest_chance_allows(propensity: float, bound: float, mean: float) -> None:
    """Where no larger chance comes, bets are bolder than under any ramp, and none loses more than 0.9 of its stake still."""
    prior = Prior(mean=mean, variance=0.1, effect=bound + 0.01)
    asked = asking("randomised", Claim(side="above", bound=bound), prior=prior)
    grid, ramp = score_grid(msgspec.structs.replace(asked, chance_most=propensity)), score_grid(asked)
    assert all(abs(bet) >= abs(other) - 1e-12 for bet, other in zip(grid.lambdas, ramp.lambdas, strict=True))
    assert min(1 + bet * z for bet in grid.lambdas for z in extremes(grid, "randomised", propensity)) >= 1 - BOLDEST - 1e-9
