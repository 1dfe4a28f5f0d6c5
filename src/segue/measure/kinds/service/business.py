"""What did the answers lead to?"""

from segue.errors import DomainError
from segue.facts.question import MetricRef
from segue.measure.expressions import quoted
from segue.measure.kinds.entry import Sums
from segue.measure.kinds.reading import OUTCOME, Columns, Reading, all_of, capped, said, word

COST = "prediction.cost_usd"


def mean(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of a value of the outcome (per request, by the variant that was assigned), or of what an answer cost.

    Source: definition.

    Raises:
        DomainError: `of` is neither.
    """
    if metric.of == COST:
        value = "$r.cost"
        return Reading(
            form="mean", rows="answers", due="TRUE", judged=all_of(f"isfinite({value})"), numerator=capped(value, metric)
        )
    if not metric.of.startswith(OUTCOME):
        raise DomainError(f"a mean is taken of `outcome.NAME` or `{COST}`, not of `{metric.of}`", metric=metric.name)
    value = columns.value(metric.of.removeprefix(OUTCOME))
    return Reading(
        form="mean",
        rows="requests",
        due=columns.due,
        judged=all_of(columns.due, f"isfinite({value})"),
        numerator=capped(value, metric),
    )


def conversion(metric: MetricRef, columns: Columns) -> Reading:
    """Share of requests whose value `of` is above 0: conversion, churn or retention, as the value says. Source: definition."""
    value = _value(metric, columns, metric.of)
    return _share(columns, f"({value} > 0)::INTEGER", f"isfinite({value})")


def ctr(metric: MetricRef, columns: Columns) -> Reading:
    """Sum of the value `of` (clicks) / sum of the value `per` (impressions). Variance: delta method.

    Source: Deng, Knoblich and Lu 2018, KDD, section 2.2.
    """
    return value_ratio(metric, columns)


def value_ratio(metric: MetricRef, columns: Columns) -> Reading:
    """Sum of one value of the outcome / sum of another, `of` / `per`. Variance: delta method.

    Source: Deng, Knoblich and Lu 2018, KDD, section 2.2.
    """
    return _sums(columns, capped(_value(metric, columns, metric.of), metric), _value(metric, columns, word(metric, "per")))


def total(metric: MetricRef, columns: Columns) -> Reading:
    """Sum of the value `of`. Source: definition."""
    return _sums(columns, capped(_value(metric, columns, metric.of), metric))


def summed(sums: Sums, _metric: MetricRef) -> float | None:
    """The first sum."""
    return sums.sums[0] if sums.n else None


def per_thousand(metric: MetricRef, columns: Columns) -> Reading:
    """1,000 x the mean of the value `of` a request. Source: definition (revenue per mille)."""
    return _sums(columns, f"1000 * {capped(_value(metric, columns, metric.of), metric)}")


def value_quantile(metric: MetricRef, columns: Columns) -> Reading:
    """The q-quantile of the value `of`, to within 1 %; 0 for a value of 0 or less. Source: numpy's `inverted_cdf`."""
    value = _value(metric, columns, metric.of)
    judged = all_of(columns.due, f"isfinite({value})")
    return Reading(form="quantile", rows="requests", due=columns.due, judged=judged, numerator=value)


def funnel_step(metric: MetricRef, columns: Columns) -> Reading:
    """Of the requests that came to the step `after` (value above 0), those that came to the step `of` too.

    Source: definition.
    """
    before, now = (_value(metric, columns, name) for name in (word(metric, "after"), metric.of))
    return Reading(
        form="ratio",
        rows="requests",
        due=columns.due,
        judged=all_of(columns.due, f"isfinite({before})"),
        numerator=f"coalesce({before} > 0 AND {now} > 0, FALSE)::INTEGER",
        denominator=f"({before} > 0)::INTEGER",
    )


def before_and_after(metric: MetricRef, columns: Columns) -> Reading:
    """The value, the value before, its square, and their product."""
    value = capped(_value(metric, columns, metric.of), metric)
    before = f"TRY_CAST($r.context[{quoted(word(metric, 'before'))}] AS DOUBLE)"
    return _sums(columns, value, before, f"{before} * {before}", f"{value} * {before}")


def cuped_mean(sums: Sums, metric: MetricRef) -> float | None:
    """Mean of the value `of`, less what the attribute `before` explains of it: `y - theta (x - centre)`, theta = cov / var.

    x is known before the request was assigned, `centre` is its mean over everybody: both variants are then compared as if they
    had the same units. Source: Deng, Xu, Kohavi and Walker 2013, WSDM, equations 4 and 5.
    """
    n, (y, x, xx, xy) = sums.n, sums.sums
    spread = xx - x * x / n if n else 0.0
    if spread <= 1e-12 * xx:
        return None
    theta = (xy - x * y / n) / spread
    return y / n - theta * (x / n - said(metric, "centre"))


def _value(metric: MetricRef, columns: Columns, of: str) -> str:
    if not of.startswith(OUTCOME):
        raise DomainError(f"`{metric.kind}` is about `outcome.NAME`, not `{of}`", metric=metric.name)
    return columns.value(of.removeprefix(OUTCOME))


def _sums(columns: Columns, *values: str) -> Reading:
    judged = all_of(columns.due, *(f"isfinite({value})" for value in values))
    return Reading(form="sums", rows="requests", due=columns.due, judged=judged, values=tuple(f"({it})" for it in values))


def _share(columns: Columns, numerator: str, known: str) -> Reading:
    return Reading(form="share", rows="requests", due=columns.due, judged=all_of(columns.due, known), numerator=numerator)
