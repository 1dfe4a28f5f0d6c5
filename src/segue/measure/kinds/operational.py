"""How does a variant serve?"""

from math import ceil, sqrt
from typing import Final

from segue.facts.question import MetricRef
from segue.facts.summary import Histogram
from segue.measure.kinds.reading import Columns, Reading, said

BASE: Final = 1.02
"""Latencies are counted in buckets that grow by this factor."""
RELATIVE_ERROR: Final = sqrt(BASE) - 1
"""A quantile read off a histogram is off by at most this share (about 1 %)."""


def error_rate(_metric: MetricRef, _columns: Columns) -> Reading:
    """One for each time that the variant was asked and gave no good answer."""
    return Reading(form="share", rows="asked", due="TRUE", judged="TRUE", numerator="$r.failed::INTEGER")


def latency_quantile(_metric: MetricRef, _columns: Columns) -> Reading:
    """Time that the variant took, real seconds; a time-out counts as the time that was waited."""
    judged = "($r.status > 0 OR $r.error = 'timeout')"
    return Reading(form="quantile", rows="asked", due="TRUE", judged=judged, numerator="$r.latency_upstream_s")


def latency_read(histogram: Histogram, metric: MetricRef) -> float | None:
    """The quantile that the metric names."""
    return quantile(histogram, said(metric, "q"))


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
