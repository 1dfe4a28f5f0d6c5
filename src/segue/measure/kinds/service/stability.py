"""Is a metric the same from day to day?

Another metric, the `base`, is kept day by day, and each day's value is weighed by its own standard error. Days of fewer than
`least` observations are left out.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Final, NamedTuple

from segue.facts.question import MetricRef
from segue.measure.kinds.entry import ratio
from segue.spec.metric import KINDS


class DayValue(NamedTuple):
    """A day's value; the variance is None where no standard error is known."""

    day: int
    value: float
    variance: float | None


def worst_day(days: Sequence[DayValue], metric: MetricRef) -> float | None:
    """The base's value on its worst day: the largest where less is better, else the smallest. Source: definition."""
    values = [one.value for one in days]
    less = KINDS[str(metric.parameters["base"])].goal == "decrease"
    return None if not values else max(values) if less else min(values)


def day_trend(days: Sequence[DayValue], _metric: MetricRef) -> float | None:
    """Change a day: the slope of weighted least squares of the daily values on the day, weights 1 / variance.

    Source: Draper and Smith 1998, Applied Regression Analysis, section 9.2.
    """
    known = _weighed(days)
    total = sum(weight for _, _, weight in known)
    if len(known) < 2:
        return None
    day = sum(weight * at for at, _, weight in known) / total
    value = sum(weight * it for _, it, weight in known) / total
    spread = sum(weight * (at - day) ** 2 for at, _, weight in known)
    return ratio(sum(weight * (at - day) * (it - value) for at, it, weight in known), spread)


def day_overdispersion(days: Sequence[DayValue], _metric: MetricRef) -> float | None:
    """How many times more the days vary than by chance alone: `Q / (k - 1)`, Q = sum of (value - mean)^2 / variance.

    About 1 where nothing but chance is at work. Source: Cochran 1954, Biometrics 10, 101.
    """
    known = _weighed(days)
    return None if len(known) < 2 else _q(known) / (len(known) - 1)


def day_deviation(days: Sequence[DayValue], _metric: MetricRef) -> float | None:
    """Standard deviation of the true daily values, chance taken out; 0 where chance explains all.

    tau^2 = max(0, (Q - (k - 1)) / (sum w - sum w^2 / sum w)). Source: DerSimonian and Laird 1986, Controlled Clinical Trials
    7, 177.
    """
    known = _weighed(days)
    if len(known) < 2:
        return None
    total = sum(weight for _, _, weight in known)
    room = total - sum(weight**2 for _, _, weight in known) / total
    return sqrt(max((_q(known) - (len(known) - 1)) / room, 0.0))


def _weighed(days: Sequence[DayValue]) -> list[tuple[int, float, float]]:
    return [(day, value, 1 / variance) for day, value, variance in days if variance]


def _q(known: Sequence[tuple[int, float, float]]) -> float:
    total = sum(weight for _, _, weight in known)
    mean = sum(weight * value for _, value, weight in known) / total
    return sum(weight * (value - mean) ** 2 for _, value, weight in known)


ESTIMATES: Final[dict[str, Callable[[Sequence[DayValue], MetricRef], float | None]]] = {
    "worst_day": worst_day,
    "day_trend": day_trend,
    "day_overdispersion": day_overdispersion,
    "day_deviation": day_deviation,
}
"""One entry for each kind of the family."""
