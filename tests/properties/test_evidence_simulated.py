"""Whole rollouts, looked at again and again: how often is the verdict wrong, and how soon is it right?

Every count of false verdicts may be at most 5 % and three standard errors, as the question's alpha says. The seeds are fixed.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import sqrt

import numpy as np
import pytest

from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.grid import score_grid
from segue.facts.merging import merge
from segue.facts.question import Claim, Design, MetricRef, Prior, Question, Side
from segue.facts.summary import ArmCell, ArmCounts, MomentCell, Moments, PairedCounts, ScoreSums, Summary

pytestmark = pytest.mark.slow
RAMP = (0.01, 0.05, 0.25, 0.5, 0.9)
ALPHA = 0.05


def asking(design: Design, claim: Claim, prior: Prior, cap: float | None = None) -> Question:
    """A question at 5 %."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", cap=cap), design=design,
        candidate="b", champion="a", claim=claim, alpha=ALPHA, prior=prior,
    )  # fmt: skip


def most(runs: int) -> float:
    """The largest share of wrong runs that alpha allows."""
    return ALPHA + 3 * sqrt(ALPHA * (1 - ALPHA) / runs)


def first_shown(question: Question, hours: Sequence[Summary]) -> int | None:
    """At which look the claim was first shown."""
    looks = accumulate(hours, _sum)
    for look, summary in enumerate(looks):
        evidence = weigh(question, summary)
        if isinstance(evidence, Evidence) and evidence.shown:
            return look
    return None


def _sum(first: Summary, second: Summary) -> Summary:
    both = merge((first, second))
    assert both is not None
    return both


def share_shown(question: Question, world: Callable[[np.random.Generator], list[Summary]], runs: int, seed: int) -> float:
    """In which share of the runs the claim was ever shown."""
    rng = np.random.default_rng(seed)
    return sum(first_shown(question, world(rng)) is not None for _ in range(runs)) / runs


def drawn_hour(rng: np.random.Generator, n: int, pi: float, rates: tuple[float, float]) -> ArmCounts:
    """One hour of drawn units; rates of candidate and champion."""
    n_b = int(rng.binomial(n, pi))
    b, a = int(rng.binomial(n_b, rates[0])), int(rng.binomial(n - n_b, rates[1]))
    cell = ArmCell(propensity=pi, candidate_yes=b, candidate_no=n_b - b, champion_yes=a, champion_no=n - n_b - a)
    return ArmCounts(cells=(cell,))


def ramp_and_cycle(effect: float, ratio: float = 1.0) -> Callable[[np.random.Generator], list[Summary]]:
    """Five days, one for each step of the ramp; the base rate follows the hour of the day and creeps up."""

    def world(rng: np.random.Generator) -> list[Summary]:
        hours: list[Summary] = []
        for hour in range(24 * len(RAMP)):
            base = 0.10 + 0.03 * np.sin(2 * np.pi * hour / 24) + 0.03 * hour / 120
            hours.append(drawn_hour(rng, 600, RAMP[hour // 24], (ratio * base + effect, base)))
        return hours

    return world


def pooled_z(hours: Sequence[Summary]) -> bool:
    """Whether the usual test of the pooled difference would ever have promoted."""
    totals = np.zeros(4)
    for hour in hours:
        assert isinstance(hour, ArmCounts)
        for cell in hour.cells:
            totals += (cell.candidate_yes, cell.candidate_no, cell.champion_yes, cell.champion_no)
        n_b, n_a = totals[:2].sum(), totals[2:].sum()
        p_b, p_a, p = totals[0] / max(n_b, 1), totals[2] / max(n_a, 1), (totals[0] + totals[2]) / (n_b + n_a)
        if min(totals) >= 20 and p_b - p_a > 1.645 * sqrt(p * (1 - p) * (1 / n_b + 1 / n_a)):
            return True
    return False


@pytest.mark.parametrize(("side", "bound"), [("above", 0.0), ("above", -0.01), ("below", 0.0), ("below", 0.01)])
def test_drawn_units_under_a_ramp(side: Side, bound: float) -> None:
    """Hourly looks under a ramp, a daily cycle and a drift: wrong in at most 5 % of the rollouts at the edge of the null."""
    planned = bound + (0.01 if side == "above" else -0.01)
    question = asking("randomised", Claim(side=side, bound=bound), Prior(mean=0.1, variance=0.09, effect=planned))
    assert share_shown(question, ramp_and_cycle(bound), 200, seed=3) <= most(200)


def test_the_pooled_test_fails_there() -> None:
    """In the same world, without an effect, the pooled test promotes in most of the rollouts: the world is a hard one."""
    rng = np.random.default_rng(3)
    assert sum(pooled_z(ramp_and_cycle(0.0)(rng)) for _ in range(100)) >= 80


def test_events_under_a_ramp() -> None:
    """The split of events is wrong in at most 5 % there, at its edge."""
    question = asking("events", Claim(side="above", bound=1.1), Prior(effect=1.5))
    assert share_shown(question, ramp_and_cycle(0.0, ratio=1.1), 200, seed=5) <= most(200)


def constant(n: int, looks: int, pi: float, rates: tuple[float, float]) -> Callable[[np.random.Generator], list[Summary]]:
    """Units at one propensity, n between two looks."""
    return lambda rng: [drawn_hour(rng, n, pi, rates) for _ in range(looks)]


def test_power() -> None:
    """10 % against 11 %: shown in about half of the rollouts by the fixed sample's size, in over 80 % by twice that."""
    question = asking("randomised", Claim(side="above", bound=0.0), Prior(mean=0.105, variance=0.094, effect=0.01))
    rng = np.random.default_rng(9)
    looks = [first_shown(question, constant(1162, 40, 0.5, (0.11, 0.10))(rng)) for _ in range(300)]
    by_fixed = sum(look is not None and look < 20 for look in looks) / 300
    by_twice = sum(look is not None for look in looks) / 300
    assert by_fixed >= 0.54 - 3 * sqrt(0.25 / 300)
    assert by_twice >= 0.85 - 3 * sqrt(0.13 / 300)


def pairs(n: int, looks: int, better: float, worse: float) -> Callable[[np.random.Generator], list[Summary]]:
    """Pairs, n between two looks."""

    def world(rng: np.random.Generator) -> list[Summary]:
        draws = rng.multinomial(n, (better, worse, 1 - better - worse), size=looks)
        return [PairedCounts(plus=int(b), minus=int(w), zero=int(same)) for b, w, same in draws]

    return world


def test_pairs() -> None:
    """Pairs: wrong in at most 5 % without a difference; one point better is shown by the fixed sample's size in half."""
    question = asking("paired", Claim(side="above", bound=0.0), Prior(variance=0.07, effect=0.01))
    assert share_shown(question, pairs(108, 80, 0.035, 0.035), 300, seed=11) <= most(300)
    assert share_shown(question, pairs(108, 40, 0.04, 0.03), 300, seed=17) >= 0.54 - 3 * sqrt(0.25 / 300)


def scored(
    question: Question, effect: float, draw: Callable[..., np.ndarray]
) -> Callable[[np.random.Generator], list[Summary]]:
    """Drawn units with a value; the share ramps up, the level follows the day."""
    grid = score_grid(question)

    def hour(rng: np.random.Generator, pi: float, level: float) -> ScoreSums:
        a = (rng.random(400) < pi).astype(float)
        x = draw(rng, 400) * level + effect * a
        x = np.clip(x / grid.scale, 0, 1) if grid.bounded else x
        y = x * np.where(a == 1, 1.0, grid.factor)
        z = grid.sign * ((a - pi) * (y - grid.centre) - pi * (1 - pi) * grid.bound)
        growth = tuple(np.log1p(np.multiply.outer(np.array(grid.lambdas), z)).sum(axis=1).tolist())
        powers = {f"z{k}".rstrip("1"): float((z**k).sum()) for k in (1, 2, 4)}
        return ScoreSums(n=400, n_candidate=int(a.sum()), weight=400 * pi * (1 - pi), log_growth=growth, **powers)

    def world(rng: np.random.Generator) -> list[Summary]:
        return [hour(rng, RAMP[k // 24], 1 + 0.3 * np.sin(2 * np.pi * k / 24)) for k in range(24 * len(RAMP))]

    return world


@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize("cap", [1.0, None])
def test_scores_under_a_ramp(side: Side, cap: float | None) -> None:
    """Values, with and without bounds, under a ramp and a daily cycle: wrong in at most 5 % without an effect."""
    question = asking("randomised", Claim(side=side, bound=0.0), Prior(mean=0.5, variance=0.04, effect=0.0), cap)
    draw = (lambda rng, n: rng.beta(4, 6, n)) if cap else (lambda rng, n: rng.exponential(0.5, n))
    assert share_shown(question, scored(question, 0.0, draw), 200, seed=21) <= most(200)


def precisions(pi: float, rates: tuple[float, float]) -> Callable[[np.random.Generator], list[Summary]]:
    """Drawn requests, three in ten predicted positive, looked at 60 times."""

    def cell(rng: np.random.Generator, arm: str, n: int, rate: float) -> MomentCell:
        d = int(rng.binomial(n, 0.3))
        tp = float(rng.binomial(d, rate))
        return MomentCell(arm=arm, propensity=pi, n=n, sums=(tp, float(d)), products=(tp, tp, float(d)))

    def world(rng: np.random.Generator) -> list[Summary]:
        hours: list[Summary] = []
        for _ in range(60):
            n_b = int(rng.binomial(600, pi))
            hours.append(Moments(cells=(cell(rng, "a", 600 - n_b, rates[1]), cell(rng, "b", n_b, rates[0]))))
        return hours

    return world


@pytest.mark.parametrize("side", ["above", "below"])
@pytest.mark.parametrize("pi", [0.05, 0.5])
def test_ratios(side: Side, pi: float) -> None:
    """Precision of a small canary and of a half: wrong in at most 5 % without a difference, looked at 60 times."""
    question = asking("randomised", Claim(side=side, bound=0.0), Prior(mean=0.9, variance=0.3, effect=0.0), 1.0)
    assert share_shown(question, precisions(pi, (0.9, 0.9)), 300, seed=31) <= most(300)
