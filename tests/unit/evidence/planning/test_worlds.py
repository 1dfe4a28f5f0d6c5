"""Which power the methods have in the world that was planned for."""

from math import log

import msgspec
import pytest

from segue.errors import DomainError
from segue.evidence.methods.horizon import planned_horizon
from segue.evidence.planning.fixed import n_fixed
from segue.evidence.planning.horizon import horizon_over_fixed, power_by_horizon
from segue.evidence.planning.worlds import World, power
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import ArmCounts, Counts, Histogram, Moments, PairedCounts, ScoreSums


def asking(design: Design, bound: float, prior: Prior, *, alpha: float = 0.05, cap: float | None = None) -> Question:
    """A question about a claim above a bound."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", cap=cap), design=design,
        candidate="b", champion="a", claim=Claim(side="above", bound=bound), alpha=alpha, prior=prior,
    )  # fmt: skip


CONVERSION = asking("randomised", 0.0, Prior(mean=0.1, variance=0.094, effect=0.01))


@pytest.mark.parametrize(
    ("question", "summary"),
    [
        (CONVERSION, ArmCounts),
        (asking("paired", 0.0, Prior(variance=0.07, effect=0.01)), PairedCounts),
        (asking("randomised", 0.0, Prior(mean=50.0, variance=1600.0, effect=2.0), cap=500.0), ScoreSums),
        (asking("randomised", 0.0, Prior(mean=50.0, variance=1600.0, effect=2.0)), ScoreSums),
        (asking("randomised", 0.0, Prior(mean=0.9, variance=0.3, effect=0.02)), Moments),
        (asking("paired", 0.0, Prior(mean=0.9, variance=0.1, effect=0.01)), Moments),
        (asking("one_sample", 0.9, Prior(mean=0.92, variance=0.0736, effect=0.92)), Moments),
    ],
)
def test_power_beside_a_fixed_sample(question: Question, summary: type) -> None:
    """Over half at the fixed sample, over four fifths at twice that; half of the rollouts end before the fixed sample."""
    curve = power(question, World(truth=question.prior, summary=summary))
    fixed = n_fixed(question)
    assert 0.5 <= curve.by(fixed) <= 0.65
    assert curve.by(2 * fixed) >= 0.8
    half = curve.needed(0.5)
    assert half is not None
    assert 0.75 <= half / fixed <= 1.0


@pytest.mark.parametrize(("alpha", "eighty", "ninety"), [(0.05, 1.79, 2.31), (0.01, 1.52, 1.91), (0.005, 1.47, 1.81)])
def test_times_a_fixed_sample(alpha: float, eighty: float, ninety: float) -> None:
    """80 % and 90 % power take no more than what prototypes of the method took."""
    question = msgspec.structs.replace(CONVERSION, alpha=alpha)
    curve = power(question, World(truth=question.prior, summary=ArmCounts, every=100))
    for chance, most in ((0.8, eighty), (0.9, ninety)):
        needed = curve.needed(chance)
        assert needed is not None
        assert 0.88 * most <= needed / n_fixed(question) <= most * 1.01


@pytest.mark.parametrize(("truth", "labels"), [(0.99, 121), (0.97, 613)])
def test_a_bar(truth: float, labels: int) -> None:
    """95 % is shown after about log(1 / alpha) / KL labels, and what the mixture costs."""
    question = asking("one_sample", 0.95, Prior(mean=truth, variance=truth * (1 - truth), effect=truth))
    half = power(question, World(truth=question.prior, summary=Counts)).needed(0.5)
    kl = truth * log(truth / 0.95) + (1 - truth) * log((1 - truth) / 0.05)
    assert labels == pytest.approx(log(20) / kl, abs=1)
    assert half is not None
    assert 0.7 * labels <= half <= 1.25 * labels


def test_a_wrong_plan_costs_power_only() -> None:
    """An effect half of what the bets are laid for takes more than four times the observations of twice that."""
    smaller = World(truth=Prior(mean=0.1, variance=0.092, effect=0.005), summary=ArmCounts)
    planned, found = (
        power(CONVERSION, World(truth=CONVERSION.prior, summary=ArmCounts)).needed(0.8),
        power(CONVERSION, smaller).needed(0.8),
    )
    assert planned is not None
    assert found is not None
    assert 4 <= found / planned <= 8


def test_events() -> None:
    """A split of events is counted in units, most of which have no event."""
    question = asking("events", 1.1, Prior(mean=0.01, effect=2.0), alpha=0.01)
    rare = power(question, World(truth=question.prior, summary=ArmCounts, share=0.05)).needed(0.5)
    often = power(question, World(truth=Prior(mean=0.02, effect=2.0), summary=ArmCounts, share=0.05)).needed(0.5)
    assert rare is not None
    assert often is not None
    assert rare / often == pytest.approx(2.0, rel=0.05)


def test_burn_in() -> None:
    """Nothing is shown of an unbounded mean before a thousand units of the smaller variant."""
    question = asking("randomised", 0.0, Prior(mean=1.0, variance=1.0, effect=5.0))
    curve = power(question, World(truth=question.prior, summary=ScoreSums, share=0.1))
    needed = curve.needed(0.5)
    assert needed is None or needed >= 9_000


@pytest.mark.parametrize(
    "world",
    [
        World(truth=Prior(mean=0.1, variance=0.09, effect=0.0), summary=ArmCounts),
        World(truth=Prior(mean=0.1, variance=0.09, effect=-0.01), summary=ArmCounts),
        World(truth=CONVERSION.prior, summary=Histogram),
        World(truth=CONVERSION.prior, summary=ArmCounts, share=1.0),
    ],
)
def test_refused(world: World) -> None:
    """No effect on the claim's side, no method, and no second variant have no sample size."""
    with pytest.raises(DomainError):
        power(CONVERSION, world)


def test_horizon() -> None:
    """The declared end is where the boundary has the power; with all of alpha it would be 1.07 fixed samples."""
    assert power_by_horizon(horizon_over_fixed(alpha=0.05), alpha=0.05) == pytest.approx(0.8, abs=1e-9)
    assert 1.0675 < horizon_over_fixed(alpha=0.05) < 1.1
    for times, alpha, chance in ((0.0, 0.05, 0.8), (1.0, 0.6, 0.8), (1.0, 0.05, 1.0)):
        with pytest.raises(DomainError):
            power_by_horizon(times, alpha=alpha, power=chance)


def test_a_declared_end() -> None:
    """With a horizon of 1.09 fixed samples the power is that of the fixed sample at the end, and nothing comes after it."""
    world = World(truth=CONVERSION.prior, summary=ArmCounts)
    curve = power(msgspec.structs.replace(CONVERSION, horizon=planned_horizon(CONVERSION)), world)
    end = horizon_over_fixed(alpha=0.05) * n_fixed(CONVERSION, power=0.8, share=0.5)
    assert curve.by(end * 1.001) == pytest.approx(0.8, abs=0.01)
    assert curve.by(10 * end) == pytest.approx(0.8, abs=0.01)


def test_half_of_the_disagreements() -> None:
    """Asked for half of the disagreements, it takes about twice the pairs for the same power, and the same number of labels."""
    question = asking("paired", 0.0, Prior(variance=0.07, effect=0.01))
    world = World(truth=question.prior, summary=PairedCounts)
    whole = power(question, world).needed(0.8)
    half = power(msgspec.structs.replace(question, sampled=0.5), world).needed(0.8)
    assert whole is not None
    assert half == pytest.approx(2 * whole, rel=0.05)
