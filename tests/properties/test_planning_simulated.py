"""Does the planned number of observations have the planned power, for the very bets that real data are weighed by?

Two thousand rollouts a method, 300 looks each, fixed seeds; the log e-values are those of `segue.evidence.looks`, which its own
test holds to `weigh`. The share of rollouts that have shown their claim by the planned n has to be the planned chance, within
three Monte-Carlo standard errors and two points for the normal limit that the plan rests on.
"""

from math import log, sqrt

import numpy as np
import pytest

from segue.evidence.looks import log_e_of_counts, log_e_of_growths, log_e_of_sums
from segue.evidence.planning.worlds import World, power
from segue.facts.grid import score_grid
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import ArmCounts, Counts, PairedCounts, ScoreSums, Summary

pytestmark = pytest.mark.slow
RUNS, LOOKS = 2000, 300
CHANCES = (0.5, 0.8, 0.9)
OF_THE_LIMIT = 0.02


def asking(design: Design, bound: float, prior: Prior, *, alpha: float = 0.05, cap: float | None = None) -> Question:
    """A question about a claim above a bound."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", cap=cap), design=design,
        candidate="b", champion="a", claim=Claim(side="above", bound=bound), alpha=alpha, prior=prior,
    )  # fmt: skip


def close(shown: np.ndarray, step: int, question: Question, world: World) -> None:
    """The share of runs that had shown the claim by each planned n is the planned chance."""
    by_look = np.maximum.accumulate(shown, axis=1).mean(axis=0)
    curve = power(question, world)
    for chance in CHANCES:
        n = curve.needed(chance)
        assert n is not None
        found = float(np.interp(n, step * np.arange(1, LOOKS + 1), by_look))
        assert found == pytest.approx(chance, abs=OF_THE_LIMIT + 3 * sqrt(chance * (1 - chance) / RUNS))


def paced(question: Question, summary: type[Summary], share: float = 0.5) -> tuple[World, int]:
    """The world, and how many observations lie between two looks so that 90 % power comes before the last."""
    needed = power(question, World(truth=question.prior, summary=summary, share=share)).needed(0.9)
    assert needed is not None
    step = max(int(1.3 * needed / LOOKS), 1)
    return World(truth=question.prior, summary=summary, share=share, every=step), step


@pytest.mark.parametrize(
    ("question", "summary", "chances", "share"),
    [
        (asking("randomised", 0.0, Prior(mean=0.1, variance=0.094, effect=0.01)), ArmCounts, (0.11, 0.1), 0.5),
        (asking("randomised", -0.01, Prior(mean=0.1, variance=0.09, effect=0.0)), ArmCounts, (0.1, 0.1), 0.25),
        (
            asking("randomised", 0.005, Prior(mean=0.01, variance=0.0099, effect=0.01), alpha=0.002),
            ArmCounts,
            (0.02, 0.01),
            0.05,
        ),
        (asking("events", 1.1, Prior(mean=0.01, effect=2.0), alpha=0.01), ArmCounts, (0.02, 0.01), 0.05),
    ],
)
def test_drawn_units(question: Question, summary: type[Summary], chances: tuple[float, float], share: float) -> None:
    """Halves, a margin, a rare failure in a five percent canary, and the split of its events."""
    world, step = paced(question, summary, share)
    b, a = chances
    kinds = (share * b, share * (1 - b), (1 - share) * a, (1 - share) * (1 - a))
    counts = np.random.default_rng(101).multinomial(step, kinds, size=(RUNS, LOOKS)).cumsum(axis=1)
    log_e = log_e_of_counts(question, counts[:, :, None, :].astype(float), propensities=(share,))
    close(log_e >= -log(question.alpha), step, question, world)


@pytest.mark.parametrize(
    ("question", "summary", "kinds"),
    [
        (asking("paired", 0.0, Prior(variance=0.0699, effect=0.01)), PairedCounts, (0.04, 0.03, 0.93)),
        (asking("paired", -0.005, Prior(variance=0.07, effect=0.0)), PairedCounts, (0.035, 0.035, 0.93)),
        (asking("one_sample", 0.95, Prior(mean=0.97, variance=0.0291, effect=0.97)), Counts, (0.97, 0.03)),
        (asking("one_sample", 0.9, Prior(mean=0.92, variance=0.0736, effect=0.92), alpha=0.01), Counts, (0.92, 0.08)),
    ],
)
def test_pairs_and_bars(question: Question, summary: type[Summary], kinds: tuple[float, ...]) -> None:
    """Pairs with and without a margin, and one variant against a bar."""
    world, step = paced(question, summary)
    counts = np.random.default_rng(103).multinomial(step, kinds, size=(RUNS, LOOKS)).cumsum(axis=1)
    close(log_e_of_counts(question, counts.astype(float)) >= -log(question.alpha), step, question, world)


def test_bounded_scores() -> None:
    """Revenue with a cap: the plan takes values of 0 or h for it, and the real ones are spread between."""
    prior = Prior(mean=0.3, variance=0.02, effect=0.01)
    question = asking("randomised", 0.0, prior, cap=1.0)
    world, step = paced(question, ScoreSums)
    grid, rng, runs = score_grid(question), np.random.default_rng(107), 300
    bets, shown = np.array(grid.lambdas), np.zeros((runs, LOOKS), dtype=bool)
    scale = 0.3 * 0.7 / 0.02 - 1
    for run in range(runs):
        drawn = rng.random((LOOKS, step)) < 0.5
        x = np.minimum(rng.beta(0.3 * scale, 0.7 * scale, (LOOKS, step)) + 0.01 * drawn, 1.0)
        z = grid.sign * ((drawn - 0.5) * (x - grid.centre) - 0.25 * grid.bound)
        growth = np.log1p(np.multiply.outer(z, bets)).sum(axis=1).cumsum(axis=0)
        shown[run] = log_e_of_growths(question, growth) >= -log(question.alpha)
    by_look = np.maximum.accumulate(shown, axis=1).mean(axis=0)
    needed = power(question, world).needed(0.8)
    assert needed is not None
    assert float(np.interp(needed, step * np.arange(1, LOOKS + 1), by_look)) == pytest.approx(
        0.8, abs=0.02 + 3 * sqrt(0.16 / runs)
    )


def test_the_normal_mixture() -> None:
    """A mean without a cap, from the sums that its mixture is a function of."""
    prior = Prior(mean=5.0, variance=4.0, effect=0.1)
    question = asking("randomised", 0.0, prior)
    world, step = paced(question, ScoreSums)
    rng, n = np.random.default_rng(109), step * np.arange(1, LOOKS + 1, dtype=np.float64)
    total = rng.normal(0.25 * 0.1 * step, sqrt(0.25 * 4.0 * step), size=(RUNS, LOOKS)).cumsum(axis=1)
    log_e = log_e_of_sums(question, estimate=total / (0.25 * n), weight=0.25 * n, variance=0.25 * 4.0 * n)
    close(log_e >= -log(question.alpha), step, question, world)
