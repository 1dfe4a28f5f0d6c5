"""What does one observation do to the evidence, if the planned effect is the true one?

A world is a few kinds of observation with their chances. Its bets are those that the real data will be weighed by: what one
observation of each kind is worth to them is read off the methods themselves.
"""

from collections.abc import Callable
from math import log, sqrt
from typing import Final

import msgspec
import numpy as np
from scipy.special import ndtri

from segue.errors import DomainError
from segue.evidence.domain import check_question
from segue.evidence.looks import Rates, rates_of
from segue.evidence.methods.bounded_mean import LOG_WEIGHTS
from segue.evidence.methods.horizon import ON_TIME
from segue.evidence.methods.normal_mixture import BURN_IN_EVENTS, BURN_IN_UNITS, log_mixtures, tuned_rho
from segue.evidence.planning.passage import Power, Walk, passage
from segue.evidence.process import Floats, log_sums
from segue.evidence.weighing import METHODS
from segue.facts.grid import BOLDEST, score_grid
from segue.facts.question import Prior, Question
from segue.facts.summary import Counts, Moments, PairedCounts, Ranks, ScoreSums, Summary

_HALVINGS: Final = 50
_MOST: Final = 1e15
_SURE: Final = 1e-9
_FARTHEST: Final = 12.0
"""Power is told up to so many times the observations after which the planned bet alone is expected to be enough."""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """How the data of a question are expected to come.

    Args:
        truth: mean of one observation (of the champion's, where there are two), its variance (paired: of the difference) and
            the true effect; the question's own prior still chooses the bets.
        summary: which kind of summary will be weighed.
        share: the candidate's share of the drawn units, in (0, 1).
        every: observations between two looks.
        positives: of an area, the share of the rows that are positive.
    """

    truth: Prior
    summary: type[Summary]
    share: float = 0.5
    every: float = 1.0
    positives: float = 0.5


def power(question: Question, world: World) -> Power:
    """The chance that the claim has been shown after so many observations, looked at as often as one likes.

    Raises:
        DomainError: no method weighs such summaries under this design, or the true effect is not on the claim's side.

    >>> from segue.facts.question import Claim, MetricRef
    >>> from segue.facts.summary import ArmCounts
    >>> prior = Prior(mean=0.105, variance=0.094, effect=0.01)
    >>> question = Question(id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"),
    ...     design="randomised", candidate="b", champion="a", claim=Claim(side="above", bound=0.0), alpha=0.05, prior=prior)
    >>> curve = power(question, World(truth=prior, summary=ArmCounts))
    >>> [round(curve.by(n), 1) for n in (23_234, 46_468)]
    [0.5, 0.9]
    """
    check_question(question)
    if (world.summary, question.design) not in METHODS or not 0 < world.share < 1:
        kind = world.summary.__name__
        raise DomainError(f"no plan for {kind}, {question.design}, share {world.share}", question=question.id)
    sign = 1.0 if question.claim.side == "above" else -1.0
    if (world.truth.effect - question.claim.bound) * sign <= 0:
        raise DomainError("the expected effect is not on the claim's side: it would never be shown", question=question.id)
    if question.horizon is not None:
        walk = _ending(question, world)
        return passage(walk, question.horizon / walk.variance, every=world.every)
    walk = _normal(question, world) if _unbounded(question, world) else _betting(question, world)
    return passage(walk, _FARTHEST * _expected(walk), every=world.every)


def _unbounded(question: Question, world: World) -> bool:
    return world.summary in {Moments, Ranks} or (world.summary is ScoreSums and not score_grid(question).bounded)


def _expected(walk: Walk) -> float:
    # About where the drift alone meets the boundary; it sets the scale of the curve, not its values.
    n = np.geomspace(1.0, _MOST, 200)
    met = n * walk.drift >= walk.boundary(n)
    if not met.any():
        raise DomainError(f"not even {_MOST:g} observations would show the claim")
    return float(n[int(np.argmax(met))])


def _betting(question: Question, world: World) -> Walk:
    chances, rates = _kinds(question, world)
    means = rates.growth @ chances
    away = rates.growth[0] - means[0]  # the planned bet's growth tells the sum; the others move with it
    drift, variance = float(means[0]), float(chances @ away**2)
    slopes = rates.growth @ (chances * away) / variance
    threshold = -log(question.alpha)

    def boundary(n: Floats) -> Floats:
        fixed = rates.log_weights + np.multiply.outer(n, means - slopes * drift)
        low = ((threshold - log(len(slopes)) - fixed) / slopes).min(axis=1)
        high = np.full_like(n, threshold - rates.log_weights[0])
        return _risen(lambda total: log_sums(fixed + np.multiply.outer(total, slopes)) - threshold, low, high)

    return Walk(drift=drift, variance=variance, boundary=boundary)


def _normal(question: Question, world: World) -> Walk:
    truth, drawn = world.truth, question.design == "randomised"
    weight = world.share * (1 - world.share) if drawn else 1.0
    variance = max(truth.variance, _SURE) * weight
    rho, threshold = tuned_rho(question, variance / weight), -log(question.alpha)

    def boundary(n: Floats) -> Floats:
        spread = n * variance
        far = np.sqrt(2 * (spread + rho) * (threshold + np.log((spread + rho) / rho)))
        return _risen(lambda total: log_mixtures(total, spread, rho) - threshold, np.zeros_like(n), far)

    smaller = min(world.share, 1 - world.share) if drawn else 1.0
    burn_in = _burn_in(truth, world) / smaller
    return Walk(drift=weight * abs(truth.effect - question.claim.bound), variance=variance, boundary=boundary, burn_in=burn_in)


def _ending(question: Question, world: World) -> Walk:
    # The boundary is level until the horizon; what is bet for ever is left out, it adds a little.
    truth, drawn = world.truth, question.design == "randomised"
    weight = world.share * (1 - world.share) if drawn else 1.0
    level = float(ndtri(1 - ON_TIME * question.alpha / 2)) * sqrt(question.horizon or 0.0)
    drift = weight * abs(truth.effect - question.claim.bound)
    return Walk(drift=drift, variance=max(truth.variance, _SURE) * weight, boundary=lambda n: np.full_like(n, level))


def _risen(excess: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    # Where each of many rising functions crosses zero, by halving.
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = excess(middle) >= 0
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _burn_in(truth: Prior, world: World) -> float:
    if world.summary is Ranks:
        return BURN_IN_EVENTS / min(world.positives, 1 - world.positives)
    if world.summary is ScoreSums:
        return BURN_IN_UNITS
    rarer = min(truth.mean, 1 - truth.mean)
    return BURN_IN_EVENTS / rarer if 0 < rarer < 1 else float(BURN_IN_EVENTS)


def _kinds(question: Question, world: World) -> tuple[Floats, Rates]:
    """The chance of each kind of observation, and what one of it is worth to each bet."""
    truth, pi = world.truth, world.share
    if world.summary is ScoreSums:
        return _scores(question, world)
    if world.summary is Counts:
        yes = _chance(truth.effect)
        return np.array([yes, 1 - yes]), rates_of(question)
    if world.summary is PairedCounts:
        differ = min(max(truth.variance + truth.effect**2, abs(truth.effect), _SURE), 1.0)
        plus, asked_for = (differ + truth.effect) / 2, question.sampled or 1.0
        chances = np.array([asked_for * plus, asked_for * (differ - plus), 1 - asked_for * differ])
        return chances, rates_of(question)
    a = _chance(truth.mean)
    b = _chance(a * truth.effect if question.design == "events" else question.claim.factor * a + truth.effect)
    return np.array([pi * b, pi * (1 - b), (1 - pi) * a, (1 - pi) * (1 - a)]), rates_of(question, propensities=(pi,))


def _scores(question: Question, world: World) -> tuple[Floats, Rates]:
    """Bounded scores of values that are 0 or h, of the right mean and variance, as clicks and revenue nearly are."""
    grid, truth, pi = score_grid(question), world.truth, world.share
    if question.design == "one_sample":
        chances, values = _two(truth.effect, truth.variance, grid.scale)
        z = [grid.of_one(x) for x in values]
    elif question.design == "paired":
        spread, centre = sqrt(max(truth.variance, _SURE)), truth.effect - question.claim.bound
        chances, z = np.array([0.5, 0.5]), [(grid.sign * centre + away) / grid.scale for away in (spread, -spread)]
    else:
        of_b, b = _two(grid.factor * truth.mean + truth.effect, truth.variance, grid.scale)
        of_a, a = _two(truth.mean, truth.variance, grid.scale)
        chances = np.concatenate([pi * of_b, (1 - pi) * of_a])
        z = [grid.of_draw(x, to_candidate=True, propensity=pi) for x in b]
        z += [grid.of_draw(x, to_candidate=False, propensity=pi) for x in a]
    bets = np.array(grid.lambdas[: len(LOG_WEIGHTS)])
    losing = np.maximum(np.multiply.outer(bets, np.array(z)), -BOLDEST)
    return chances, Rates(growth=np.log1p(losing), log_weights=LOG_WEIGHTS)


def _two(mean: float, variance: float, scale: float) -> tuple[Floats, tuple[float, float]]:
    # 0 or h with the mean and the variance; a variance that no value in [0, scale] can have is cut to the largest.
    mean = min(max(mean, _SURE * scale), (1 - _SURE) * scale)
    high = min(mean + variance / mean, scale)
    return np.array([mean / high, 1 - mean / high]), (high, 0.0)


def _chance(value: float) -> float:
    return min(max(value, _SURE), 1 - _SURE)
