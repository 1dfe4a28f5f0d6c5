"""What happens in a world: who is drawn, what do they say, and when is it known?"""

from typing import Final

import numpy as np
from bench.decisions.rows import Floats, Ints
from bench.decisions.systems.ours import Drawn

DAY: Final = 1440
"""Minutes."""
RAMP: Final = (0.01, 0.05, 0.25, 0.5, 0.9)


def drawn(rng: np.random.Generator, runs: int, per_minute: int, propensity: Floats, rates: tuple[Floats, Floats]) -> Drawn:
    """Units that are drawn anew each minute.

    Args:
        rng: chance.
        runs: how many logs.
        per_minute: units of both variants.
        propensity: of the candidate in each minute, shape (minutes,).
        rates: of candidate and champion in each minute, shape (minutes,).
    """
    n_b = rng.binomial(per_minute, propensity, (runs, len(propensity)))
    yes_b, yes_a = rng.binomial(n_b, rates[0]), rng.binomial(per_minute - n_b, rates[1])
    return Drawn(propensity=propensity, counts=np.stack([yes_b, n_b - yes_b, yes_a, per_minute - n_b - yes_a], axis=2))


def steady(minutes: int, value: float) -> Floats:
    """The same in every minute."""
    return np.full(minutes, value)


def ramp(days: int = len(RAMP)) -> Floats:
    """A share that is raised once a day."""
    return np.repeat(RAMP[:days], DAY)


def day_and_night(minutes: int, *, drift: float = 0.0) -> Floats:
    """A base rate that follows the hour, and creeps up by `drift` over all."""
    minute = np.arange(minutes)
    return 0.10 + 0.03 * np.sin(2 * np.pi * minute / DAY) + drift * minute / minutes


def arrivals(rng: np.random.Generator, yes: Ints, *, mean_delay: float, window: int) -> Ints:
    """When each yes becomes known: exponential delays, all within the window.

    Args:
        rng: chance.
        yes: of each minute of enrolment, shape (runs, minutes).
        mean_delay: of the exponential, in minutes.
        window: minutes within which all become known.

    Returns:
        Known in each minute, same shape; what becomes known later than the log's end is left out.
    """
    runs, minutes = yes.shape
    run, minute = np.repeat(np.indices(yes.shape).reshape(2, -1), yes.ravel(), axis=1)
    share = rng.random(len(run)) * -np.expm1(-window / mean_delay)
    known = minute + (-mean_delay * np.log1p(-share)).astype(np.int64)
    in_time = known < minutes
    return np.bincount(run[in_time] * minutes + known[in_time], minlength=runs * minutes).reshape(runs, minutes)
