"""With which chance is it shown after 7, 14 or 28 periods that a share varies less than so many times the champion's?

The test is Pitman's and Morgan's: `b + sqrt(k) a` and `b - sqrt(k) a` are correlated where var b is not k var a. Fisher's
`atanh r` of their correlation is close to normal with mean `atanh rho + rho / (2 (D - 1))` and variance 1 / (D - 3), and over
more and more periods `(D - 3) atanh r` moves like a Brownian motion of D - 3. So the chance of having passed at any look so far
is a recursion over the looks: the density of those that have not passed yet is carried from look to look.
Source: Fisher 1921, Metron 1 (the transform); Armitage, McPherson & Rowe 1969, JRSS A 132 (the recursion).

*Holds when* periods are independent and their shares normal.
"""

from math import atanh, sqrt
from typing import Final

import numpy as np
from scipy.special import ndtr, stdtrit

from segue.errors import DomainError
from segue.evidence.methods.days.calendar import LOOKS
from segue.evidence.planning.passage import Power
from segue.facts.question import Question

_GRID: Final = 801
_WIDE: Final = 9.0
_STEP: Final = 1e-6


def steady_power(question: Question, *, ratio: float = 1.0, alike: float = 0.0) -> Power:
    """The chance that the claim has been shown, by periods; it rises at the looks alone.

    Args:
        question: of design days, with a champion and a bound k on the ratio of the variances.
        ratio: the true one, on the claim's side.
        alike: the correlation of both variants' periods, in (-1, 1); the more alike they are, the sooner a difference shows.

    Raises:
        DomainError: another design, or a truth that the claim denies.

    >>> from segue.facts.question import Claim, MetricRef
    >>> question = Question(id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="precision"),
    ...     design="days", candidate="b", champion="a", claim=Claim(side="below", bound=4.0), alpha=0.05)
    >>> [round(steady_power(question).by(n), 2) for n in (6, 7, 14, 28)]
    [0.0, 0.25, 0.62, 0.93]
    """
    bound, side = question.claim.bound, 1.0 if question.claim.side == "above" else -1.0
    if question.design != "days" or not question.champion or bound <= 0 or ratio <= 0 or not -1 < alike < 1:
        raise DomainError(f"no ratio of variances is planned: {question.claim}, {ratio}, {alike}", question=question.id)
    if (ratio - bound) * side <= 0:
        raise DomainError("the expected ratio is not on the claim's side: it would never be shown", question=question.id)
    rho = side * (ratio - bound) / sqrt((ratio + bound) ** 2 - 4 * ratio * bound * alike**2)
    return _recursion(rho, [_least(question.alpha / len(LOOKS), look) for look in LOOKS])


def steady_fixed(question: Question, *, power: float, ratio: float = 1.0, alike: float = 0.0) -> int:
    """Periods for a test that looks once, at the whole alpha."""
    bound = question.claim.bound
    rho = abs(ratio - bound) / sqrt((ratio + bound) ** 2 - 4 * ratio * bound * alike**2)
    periods = 4
    while ndtr(_mean(rho, periods) / sqrt(periods - 3) - _least(question.alpha, periods)) < power:
        periods += 1
    return periods


def _mean(rho: float, periods: int) -> float:
    return (periods - 3) * (atanh(rho) + rho / (2 * (periods - 1)))


def _least(alpha: float, periods: int) -> float:
    """What `sqrt(D - 3) atanh r` has to be for the t-test of the correlation to reject."""
    t = float(stdtrit(periods - 2, 1 - alpha))
    return sqrt(periods - 3) * atanh(t / sqrt(periods - 2 + t * t))


def _recursion(rho: float, least: list[float]) -> Power:
    # Passed where (D - 3) atanh r is at least least sqrt(D - 3).
    n, chance = [LOOKS[0] - _STEP], [0.0]
    grid, density, before, so_far = np.zeros(1), np.ones(1), 0.0, 0.0
    for look, limit in zip(LOOKS, least, strict=True):
        clock, mean = float(look - 3), _mean(rho, look)
        spread, bar, gained = sqrt(clock - before), limit * sqrt(clock), mean - so_far
        upper = ndtr((grid + gained - bar) / spread)
        passed = chance[-1] + float(density @ upper)
        n += [float(look), LOOKS[LOOKS.index(look) + 1] - _STEP] if look != LOOKS[-1] else [float(look)]
        chance += [passed] * (2 if look != LOOKS[-1] else 1)
        after = np.linspace(min(mean, bar) - _WIDE * sqrt(clock), bar, _GRID)
        width = after[1] - after[0]
        away = (after[:, None] - grid[None, :] - gained) / spread
        density = (np.exp(-(away**2) / 2) @ density) / (spread * sqrt(2 * np.pi)) * width
        density[[0, -1]] /= 2
        grid, before, so_far = after, clock, mean
    return Power(n=tuple(n), chance=tuple(min(one, 1.0) for one in chance))
