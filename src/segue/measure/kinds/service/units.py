"""What did each unit do, all its requests together?

A unit's requests are not independent, so that what is counted by request looks surer than it is; here a unit counts once.
Rows are added up by unit, of the units with the smallest hashes, which are the same ones in every hour, so that hours add. With
fewer than 1,024 units everything is exact; with more, the number of units is estimated (off by 3.1 %, one standard error), and
means are of a sample of units that was drawn by their hash.
"""

from math import sqrt
from typing import Final

from segue.errors import DomainError
from segue.facts.question import MetricRef
from segue.facts.summary import Units
from segue.measure.kinds.entry import ratio
from segue.measure.kinds.reading import OUTCOME, Columns, Reading, all_of, capped, said

DIGITS: Final = 13
"""Hexadecimal digits of a unit's hash."""


MEANS: Final = ("per_unit", "unit_conversion", "requests_per_unit")
"""Kinds that are means over units."""


def by_unit(metric: MetricRef, columns: Columns) -> Reading:
    """The value by unit.

    Raises:
        DomainError: `of` is no value of the outcome.
    """
    if not metric.of.startswith(OUTCOME):
        raise DomainError(f"`{metric.kind}` is about `outcome.NAME`, not `{metric.of}`", metric=metric.name)
    value = columns.value(metric.of.removeprefix(OUTCOME))
    judged = all_of(columns.due, f"isfinite({value})")
    return Reading(form="units", rows="requests", due=columns.due, judged=judged, numerator=capped(value, metric))


def requests_by_unit(_metric: MetricRef, _columns: Columns) -> Reading:
    """Requests by unit."""
    return Reading(form="units", rows="requests", due="TRUE", judged="TRUE", numerator="1")


def per_unit(units: Units, _metric: MetricRef) -> float | None:
    """Mean over units of the sum of the value `of` (revenue per unit). Source: Deng, Knoblich and Lu 2018, KDD, section 2.1."""
    return ratio(sum(units.values), len(units.values))


def unit_conversion(units: Units, _metric: MetricRef) -> float | None:
    """Share of units whose values `of` add up to more than 0. Source: definition."""
    return ratio(sum(value > 0 for value in units.values), len(units.values))


def requests_per_unit(units: Units, _metric: MetricRef) -> float | None:
    """Mean number of requests of a unit: engagement. Source: definition."""
    return ratio(sum(units.requests), len(units.requests))


def active_units(units: Units, _metric: MetricRef) -> float | None:
    """How many different units made a request.

    Source: Beyer and others 2007, SIGMOD, equation 4: (k - 1) / the k-th smallest hash, a number from 0 to 1.
    """
    if not units.hashes:
        return None
    if len(units.hashes) < units.limit:
        return float(len(units.hashes))
    return (units.limit - 1) / ((int(units.hashes[-1], 16) + 1) / 16**DIGITS)


def retention(units: Units, metric: MetricRef) -> float | None:
    """Of the units first seen at least `days` before the last request of all, those seen again so late.

    Source: Fader and Hardie 2007, J. Interactive Marketing 21, 76 (survival by period).
    """
    hours, end = 24 * said(metric, "days"), max(units.last, default=0)
    old = [(start, last) for start, last in zip(units.first, units.last, strict=True) if end - start >= hours]
    return ratio(sum(last - start >= hours for start, last in old), len(old))


def churn(units: Units, metric: MetricRef) -> float | None:
    """Of the units first seen at least `days` before the last request of all, those not seen again so late: 1 - `retention`.

    Source: as `retention`.
    """
    kept = retention(units, metric)
    return None if kept is None else 1 - kept


def error_of_mean(values: tuple[float, ...]) -> float | None:
    """The standard error of a mean over units."""
    n = len(values)
    if n < 2:
        return None
    mean = sum(values) / n
    return sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
