"""How does a variant serve?"""

from math import ceil, sqrt
from typing import Final

from segue.facts.question import MetricRef
from segue.facts.summary import Histogram
from segue.measure.expressions import quoted
from segue.measure.kinds.entry import Table
from segue.measure.kinds.reading import Columns, Reading, all_of, said, word

BASE: Final = 1.02
"""Latencies are counted in buckets that grow by this factor."""
RELATIVE_ERROR: Final = sqrt(BASE) - 1
"""A quantile read off a histogram is off by at most this share (about 1 %)."""


def error_rate(_metric: MetricRef, _columns: Columns) -> Reading:
    """Share of the times that the variant was asked and gave no good answer. Source: definition."""
    return Reading(form="share", rows="asked", due="TRUE", judged="TRUE", numerator="$r.failed::INTEGER")


def latency_quantile(_metric: MetricRef, _columns: Columns) -> Reading:
    """The q-quantile of the time that the variant took, real seconds, to within 1 %.

    A time-out counts as the time that was waited. The ceil(q n)-th smallest, out of a histogram of buckets that grow by 2 %.
    Source: Masson, Rim and Lee 2019, VLDB (relative error of logarithmic buckets).
    """
    judged = "($r.status > 0 OR $r.error = 'timeout')"
    return Reading(form="quantile", rows="asked", due="TRUE", judged=judged, numerator="$r.latency_upstream_s")


def quantile_read(histogram: Histogram, metric: MetricRef) -> float | None:
    """The quantile that the metric names."""
    return quantile(histogram, said(metric, "q"))


def error_share(metric: MetricRef, _columns: Columns) -> Reading:
    """Share of the times asked that failed in this way, `error`: "timeout", "status_5xx", "reset" and so on.

    Source: definition; the names are those of `facts.prediction.Capture`.
    """
    failed = f"($r.failed AND $r.error = {quoted(word(metric, 'error'))})::INTEGER"
    return Reading(form="share", rows="asked", due="TRUE", judged="TRUE", numerator=failed)


def fallback_rate(_metric: MetricRef, _columns: Columns) -> Reading:
    """Share of the requests assigned to the variant that it did not answer itself. Source: definition."""
    return Reading(
        form="share", rows="requests", due="TRUE", judged="TRUE", numerator="($r.role IN ('failed', 'fallback'))::INTEGER"
    )


def latency_mean(_metric: MetricRef, _columns: Columns) -> Reading:
    """Mean time that the variant took, real seconds; a time-out counts as the time that was waited. Source: definition."""
    judged = all_of("$r.status > 0 OR $r.error = 'timeout'")
    return Reading(form="sums", rows="asked", due="TRUE", judged=judged, values=("$r.latency_upstream_s",))


def overhead_quantile(_metric: MetricRef, _columns: Columns) -> Reading:
    """The q-quantile of the time that a request spent in the gateway before its variant was asked, real seconds, to within 1 %.

    Writing the row comes after: `segue_overhead_seconds` of the gateway's own numbers holds that as well.

    Source: as `latency_quantile`.
    """
    value = "$r.latency_total_s - $r.latency_upstream_s"
    return Reading(form="quantile", rows="answers", due="TRUE", judged="$r.role = 'served'", numerator=f"({value})")


def hours_asked(_metric: MetricRef, _columns: Columns) -> Reading:
    """Times asked by hour."""
    return Reading(form="table", rows="asked", due="TRUE", judged="TRUE", keys=("$r.hour::VARCHAR",))


def throughput(table: Table, metric: MetricRef) -> float | None:
    """Times asked a second, over the hours with traffic: their mean, or (`hourly=peak`) the busiest. Source: definition."""
    hourly = list(table.values())
    if not hourly:
        return None
    return (max(hourly) if word(metric, "hourly") == "peak" else sum(hourly) / len(hourly)) / 3600


def payload_size(metric: MetricRef, _columns: Columns) -> Reading:
    """Mean bytes of the `side`, request or response. Source: definition."""
    return Reading(form="sums", rows="answers", due="TRUE", judged="TRUE", values=(_size(metric),))


def payload_quantile(metric: MetricRef, _columns: Columns) -> Reading:
    """The q-quantile of the bytes of the `side`, to within 1 %. Source: as `latency_quantile`."""
    return Reading(form="quantile", rows="answers", due="TRUE", judged="TRUE", numerator=_size(metric))


def cost_per_thousand(_metric: MetricRef, _columns: Columns) -> Reading:
    """1,000 x the mean cost of an answer, dollars. Source: definition."""
    return Reading(form="sums", rows="answers", due="TRUE", judged=all_of("isfinite($r.cost)"), values=("1000 * $r.cost",))


def outcome_coverage(_metric: MetricRef, columns: Columns) -> Reading:
    """Of the answers that are due, those with an outcome. Source: definition."""
    known = f"({columns.told} IS NOT NULL)::INTEGER"
    return Reading(form="share", rows="answers", due=columns.due, judged=all_of(columns.due), numerator=known)


def outcome_delay_quantile(_metric: MetricRef, columns: Columns) -> Reading:
    """The q-quantile of the stream seconds from the request until its outcome was received, to within 1 %; due answers only.

    Source: as `latency_quantile`.
    """
    seconds = f"({columns.told} - $r.asked_us) / 1000000.0"
    judged = all_of(columns.due, f"{columns.told} IS NOT NULL")
    return Reading(form="quantile", rows="answers", due=columns.due, judged=judged, numerator=f"({seconds})")


def _size(metric: MetricRef) -> str:
    return f"$r.{word(metric, 'side')}_size_bytes"


def quantile(histogram: Histogram, q: float) -> float | None:
    """The q-quantile, to within `RELATIVE_ERROR`: the middle of the bucket that holds the ceil(q n)-th smallest value.

    Returns:
        None for no value.

    >>> quantile(Histogram(base=2.0, at_most_zero=1, buckets={1: 1, 3: 2}), 0.5)
    1.4142135623730951
    """
    n = histogram.at_most_zero + sum(histogram.buckets.values())
    rank, seen = max(ceil(q * n), 1), histogram.at_most_zero
    if n == 0:
        return None
    if rank <= seen:
        return 0.0
    for bucket, count in sorted(histogram.buckets.items()):
        seen += count
        if rank <= seen:
            return float(histogram.base ** (bucket - 0.5))
    return None
