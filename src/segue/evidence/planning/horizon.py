"""How many observations does a claim take where the looking has a declared end?"""

from math import sqrt

from scipy.special import ndtri

from segue.errors import DomainError
from segue.evidence.methods.horizon import ON_TIME, crossing_chance
from segue.evidence.process import find_root


def power_by_horizon(times_fixed: float, *, alpha: float, power: float = 0.8) -> float:
    """The chance of having crossed the boundary by the horizon, which 97 % of alpha are spent on.

    Args:
        times_fixed: the declared horizon over the fixed sample of this alpha and power; above 0.
        alpha: one-sided, in (0, 0.5].
        power: that of the fixed sample.

    Raises:
        DomainError: a number outside its domain.

    >>> [round(power_by_horizon(times, alpha=0.05), 3) for times in (1.0, 1.0675, 1.25)]
    [0.771, 0.795, 0.848]
    """
    if not (times_fixed > 0 and 0 < alpha <= 0.5 and 0 < power < 1):
        raise DomainError(f"no horizon: {times_fixed} fixed samples, alpha {alpha}, power {power}")
    drift = float(ndtri(1 - alpha) + ndtri(power)) * sqrt(times_fixed)
    return crossing_chance(drift, ON_TIME * alpha)


def horizon_over_fixed(*, alpha: float, power: float = 0.8) -> float:
    """How many fixed samples the horizon has to be for the fixed sample's power.

    >>> round(horizon_over_fixed(alpha=0.05), 2)
    1.08
    """
    return find_root(lambda times: power_by_horizon(times, alpha=alpha, power=power) - power, 0.25, 4.0)
