"""How many answers does a claim about two quantiles take?

The bets are laid at every value x that the quantile might be, and the least wealth counts. It grows with one number, the
logarithm of the ratio of the two quantiles beyond the margin: estimated from n answers it is close to normal around the true
one, with variance `q (1 - q) / (f^2 w n)`, f the density of the values' logarithms at the quantile, w = share (1 - share), or
1/2 for pairs. The claim is shown where it lies above a curve: the ratio at which the method's own wealth, on the counts that
such a ratio makes likely, is 1 / alpha. The first passage is found as everywhere (`passage.py`).

*Holds when* values near the quantile are as frequent as in the log-normal law that has it.
"""

from math import log
from typing import Final

import msgspec
import numpy as np
from scipy.special import ndtr, ndtri

from segue.errors import DomainError
from segue.evidence.methods.indirect.beta_mixture import log_beta_mixture, strength_at
from segue.evidence.methods.indirect.quantile import SHARPEST
from segue.evidence.planning.passage import Power, Walk, passage
from segue.evidence.process import Floats
from segue.facts.question import Question, Side

SPREAD: Final = 0.6
"""Standard deviation of the logarithm of a latency, where nobody said."""
_PLACES: Final = 61
_HALVINGS: Final = 30
_POINTS: Final = 48
_FARTHEST: Final = 12.0
_FEWEST, _MOST, _NEVER = 4.0, 1e9, 8.0


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What both variants' answers are expected to be like.

    Args:
        q: which quantile, in (0, 1).
        champion: its value; above 0.
        candidate: its value; above 0.
        spread: standard deviation of the logarithm of one value; above 0.
        share: the candidate's share of the answers, in (0, 1); of pairs any.
        bucket: the ratio of two edges of the histogram that the values are kept in; counts are rounded against the claim.
    """

    q: float
    champion: float
    candidate: float
    spread: float = SPREAD
    share: float = 0.5
    bucket: float = 1.0


def quantile_power(question: Question, answers: Answers, *, every: float = 1.0) -> Power:
    """The chance that the claim has been shown after so many answers (of pairs: so many pairs), at any look.

    Args:
        question: of design paired or randomised.
        answers: what they are like.
        every: answers between two looks.

    Raises:
        DomainError: the truth is not on the claim's side, or no number of answers would do.
    """
    beyond = _beyond(question, answers)
    n = np.geomspace(_FEWEST, _MOST, _POINTS)
    met = beyond >= _needed(question, answers, n)
    if beyond <= 0 or not met.any():
        raise DomainError("the expected quantile is not so far on the claim's side that it would ever be shown")
    until = _FARTHEST * float(n[int(np.argmax(met))])
    n = np.geomspace(until / 4000, until, _POINTS)
    needed, variance = _needed(question, answers, n), _variance(question, answers)

    def boundary(at: Floats) -> Floats:
        # What hardly any sum would reach is no nearer to being reached when it is put higher still.
        ratio = np.exp(np.interp(np.log(at), np.log(n), np.log(needed)))
        curve: Floats = at * np.minimum(ratio, beyond + _NEVER * np.sqrt(variance / at))
        return curve

    return passage(Walk(drift=beyond, variance=variance, boundary=boundary), until, every=every)


def quantile_fixed(question: Question, answers: Answers, *, power: float) -> float:
    """Answers (pairs) for a test of the two quantiles that looks once."""
    z = float(ndtri(1 - question.alpha) + ndtri(power))
    return z**2 * _variance(question, answers) / _beyond(question, answers) ** 2


def _beyond(question: Question, answers: Answers) -> float:
    """The logarithm of the ratio of what the candidate's quantile may be to what it is, above 0 on the claim's side."""
    bar = question.claim.factor * answers.champion + question.claim.bound
    if min(bar, answers.candidate, answers.champion) <= 0:
        raise DomainError("quantiles that are planned for are above zero", question=question.id)
    return log(bar / answers.candidate) * (1.0 if question.claim.side == "below" else -1.0)


def _variance(question: Question, answers: Answers) -> float:
    density = float(np.exp(-(ndtri(answers.q) ** 2) / 2) / np.sqrt(2 * np.pi)) / answers.spread
    weight = 0.5 if question.design == "paired" else answers.share * (1 - answers.share)
    return answers.q * (1 - answers.q) / density**2 / weight


def _needed(question: Question, answers: Answers, n: Floats) -> Floats:
    """The logarithm of the ratio at which the least wealth is 1 / alpha, for each n; by halving."""
    threshold, low, high = -log(question.alpha), np.zeros_like(n), np.full_like(n, 10 * answers.spread)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = _least_wealth(question, answers, n, middle) >= threshold
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _least_wealth(question: Question, answers: Answers, n: Floats, beyond: Floats) -> Floats:
    # At x the champion's values are as under the margin, and the candidate's lie lower (for "above": higher) by the rest.
    paired, sign = question.design == "paired", 1.0 if question.claim.side == "below" else -1.0
    sides: tuple[Side, Side] = ("above", "below") if sign > 0 else ("below", "above")
    strength, centre = strength_at(SHARPEST, question.alpha), float(ndtri(answers.q))
    apart = np.maximum(beyond - log(answers.bucket), 0.0)
    at = -sign * np.linspace(-0.25, 1.25, _PLACES)[:, None] * apart
    chances = ndtr(centre + (at + sign * apart) / answers.spread), ndtr(centre + at / answers.spread)
    shares = (1.0, 1.0) if paired else (answers.share, 1 - answers.share)
    of_b, of_a = (
        log_beta_mixture(rows * chance, rows, share=answers.q, strength=strength, side=side)
        for chance, rows, side in zip(chances, (share * n + np.zeros_like(at) for share in shares), sides, strict=True)
    )
    together = np.logaddexp(of_b, of_a) - log(2) if paired else of_b + of_a
    least: Floats = together.min(axis=0)
    return least
