"""What would each of many looks have said? The methods' own bets, laid over arrays of cumulative sums.

Simulations, benchmarks and replays look thousands of times. Here a look costs one row of a matrix product; nothing is
computed in another way than `weigh` does it, and a test holds the two together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from segue.errors import DomainError
from segue.evidence.domain import check_question
from segue.evidence.methods.bounded_mean import LOG_WEIGHTS
from segue.evidence.methods.horizon import ON_TIME, log_blend, log_reflected
from segue.evidence.methods.indirect.agreement import Within, agreement
from segue.evidence.methods.normal_mixture import log_mixtures, tuned_rhos
from segue.evidence.process import Betting, Floats, log_sums
from segue.evidence.weighing import METHODS
from segue.facts.evidence import NotEnough
from segue.facts.grid import score_grid
from segue.facts.question import Question, Side
from segue.facts.summary import Agreements, ArmCell, ArmCounts, Counts, PairedCounts, Summary

KINDS: Final = {"one_sample": 2, "paired": 3, "randomised": 4, "events": 4}
"""How many kinds of observation a design counts, for each propensity."""
_TOGETHER: Final = 4096
"""Looks whose growths fit into a core's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """By how much one observation of each kind lets each bet's log wealth grow; counts times this are the growths.

    Args:
        growth: shape (bets, kinds).
        log_weights: of the bets' shares, shape (bets,).
    """

    growth: Floats
    log_weights: Floats

    def log_e(self, counts: Floats) -> Floats:
        """Logarithm of the wealth at each look, from cumulative counts of shape (..., kinds)."""
        looks = counts.reshape(-1, counts.shape[-1])
        logs = np.empty(len(looks))
        for start in range(0, len(looks), _TOGETHER):
            growths = self.growth @ looks[start : start + _TOGETHER].T + self.log_weights[:, None]
            logs[start : start + _TOGETHER] = log_sums(growths.T)
        return logs.reshape(counts.shape[:-1])


def rates_of(
    question: Question, *, propensities: Sequence[float] = (), side: Side | None = None, bound: float | None = None
) -> Rates:
    """What one observation of each kind is worth to the question's bets.

    Args:
        question: a question about counts; its own claim is tested unless side and bound say otherwise.
        propensities: of drawn units and events, strictly between 0 and 1; none for one sample and for pairs.
        side: of another null, tested with the same bets (both ends of the interval are read off such).
        bound: of another null.

    Raises:
        DomainError: a claim that the design's method refuses, or propensities where none belong (or none where some do).

    >>> from segue.facts.question import Claim, MetricRef, Prior
    >>> question = Question(id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="precision"),
    ...     design="paired", candidate="b", champion="a", claim=Claim(side="above", bound=-0.01), alpha=0.05,
    ...     prior=Prior(variance=0.06, effect=0.01))
    >>> rates_of(question).log_e(np.array([[6, 2, 92], [60, 25, 915]])).round(3)
    array([0.943, 9.821])
    """
    check_question(question)
    if bool(propensities) != (question.design in {"randomised", "events"}) or not all(0 < pi < 1 for pi in propensities):
        raise DomainError(f"a question of design {question.design} over propensities {propensities}", question=question.id)
    side, bound = side or question.claim.side, question.claim.bound if bound is None else bound
    columns, log_weights = [], LOG_WEIGHTS
    for one in _single_observations(question, propensities):
        process = METHODS[type(one), question.design](question, one)
        bets = getattr(process, "bets", None)
        columns.append(bets.growths(side, bound) if isinstance(bets, Betting) else None)
        log_weights = bets.log_weights if isinstance(bets, Betting) else log_weights
    nothing = np.zeros(len(log_weights))  # a unit without an event says nothing about a split of events
    growth = np.stack([nothing if column is None else column for column in columns], axis=1)
    return Rates(growth=growth, log_weights=log_weights)


def log_e_of_counts(question: Question, counts: Floats, *, propensities: Sequence[float] = ()) -> Floats:
    """Logarithm of the wealth against the question's null at each look, from cumulative counts.

    Args:
        question: of design one_sample, paired, randomised or events.
        counts: shape (..., 2) for one sample (yes, no); (..., 3) for pairs (plus, minus, zero); (..., c, 4) for drawn units
            and events (candidate yes, candidate no, champion yes, champion no), four for each propensity.
        propensities: shape (c,).

    Returns:
        Shape (...): the number that `weigh` gives at each look; 0 where it says `NotEnough`.

    Raises:
        DomainError: counts of a shape that the design does not have; see also `rates_of`.
    """
    shape = (len(propensities), 4) if propensities else (KINDS[question.design],)
    if counts.shape[-len(shape) :] != shape:
        raise DomainError(f"{question.design} needs counts (..., {shape}), not {counts.shape}", question=question.id)
    flat = counts.reshape(*counts.shape[: -len(shape)], -1)
    return rates_of(question, propensities=propensities).log_e(flat)


def rates_of_agreements(question: Question, *, bound: float | None = None) -> Rates:
    """What two answers to one request are worth to "they differ in fewer than the margin": the same ones, and different ones.

    Args:
        question: that a disagreement may answer.
        bound: of another null on the claim's side.

    Raises:
        DomainError: a disagreement says nothing to this question.
    """
    growths = []
    for one in (Agreements(same=1, different=0), Agreements(same=0, different=1)):
        process = agreement(question, one)
        if isinstance(process, NotEnough) or not isinstance(process.bets, Within):
            raise DomainError("a disagreement that bets on nothing", question=question.id)
        growths.append(process.bets.growths(question.claim.side, question.claim.bound if bound is None else bound))
    return Rates(growth=np.stack(growths, axis=1), log_weights=LOG_WEIGHTS)


def rates_of_scores(question: Question, z: Floats, *, weight: Floats, null: tuple[Side, float]) -> Rates:
    """What observations whose score takes few values are worth to the bets of the question's grid.

    Args:
        question: of a bounded score.
        z: the score of each kind of observation, shape (kinds,).
        weight: what the effect is multiplied by in it, shape (kinds,).
        null: that is tested, its side and bound.

    Raises:
        DomainError: a score without bounds.
    """
    grid, (side, bound) = score_grid(question), null
    if not grid.lambdas:
        raise DomainError("a score without bounds has no bets", question=question.id)
    towards, away = np.array(grid.lambdas).reshape(2, -1)
    lambdas = towards if side == question.claim.side else away
    shift = grid.sign * (bound / grid.scale - grid.bound)  # of the null from the question's own
    growth = np.log1p(np.multiply.outer(lambdas, z)) - np.multiply.outer(lambdas, weight * shift)
    return Rates(growth=growth, log_weights=LOG_WEIGHTS)


def log_e_of_growths(question: Question, log_growth: Floats) -> Floats:
    """Logarithm of the wealth at each look, from cumulative `ScoreSums.log_growth` of shape (..., bets of the grid).

    Raises:
        DomainError: sums over another grid than the question's, or a score without bounds.
    """
    bets = len(score_grid(question).lambdas)
    if not bets or log_growth.shape[-1] != bets:
        raise DomainError(f"{log_growth.shape[-1]} growths, the question's grid has {bets} bets", question=question.id)
    return log_sums(log_growth[..., : bets // 2] + LOG_WEIGHTS)


def log_e_of_sums(question: Question, *, estimate: Floats, weight: Floats, variance: Floats) -> Floats:
    """Logarithm of the normal mixture's wealth at each look; asymptotic, and the burn-in is the caller's.

    Args:
        question: its claim is tested.
        estimate: of the effect, shape (...).
        weight: what the effect is multiplied by in the sum, shape (...).
        variance: of the sum, shape (...).
    """
    total = weight * (estimate - question.claim.bound) * (1 if question.claim.side == "above" else -1)
    return log_mixtures(total, variance, tuned_rhos(question, variance / weight))


def log_e_on_horizon(question: Question, log_e: Floats, *, estimate: Floats, weight: Floats, variance: Floats) -> Floats:
    """The wealth on the question's horizon at each look, from that of its method's bets and its sum close to normal.

    Args:
        question: with a horizon; its claim is tested.
        log_e: of the bets for ever, as the other functions here give it, shape (...).
        estimate: of the effect, shape (...).
        weight: what the effect is multiplied by in the sum, shape (...).
        variance: of the sum, shape (...); infinite before the burn-in, where only the bets count.

    Raises:
        DomainError: a question without a horizon.
    """
    check_question(question)
    if question.horizon is None:
        raise DomainError("the question has no horizon", question=question.id)
    total = weight * (estimate - question.claim.bound) * (1 if question.claim.side == "above" else -1)
    return log_blend(log_reflected(total, variance, question.horizon, ON_TIME * question.alpha), log_e)


def _single_observations(question: Question, propensities: Sequence[float]) -> Iterator[Summary]:
    for row in np.eye(KINDS[question.design], dtype=int).tolist():
        if question.design == "one_sample":
            yield Counts(yes=row[0], no=row[1])
        elif question.design == "paired":
            yield PairedCounts(plus=row[0], minus=row[1], zero=row[2])
    for pi in propensities:
        for b_yes, b_no, a_yes, a_no in np.eye(4, dtype=int).tolist():
            cell = ArmCell(propensity=pi, candidate_yes=b_yes, candidate_no=b_no, champion_yes=a_yes, champion_no=a_no)
            yield ArmCounts(cells=(cell,))
