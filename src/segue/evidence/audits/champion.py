"""Is the champion as it was, or is what everything is compared with itself broken?

The last hours are set beside all the hours before them. The past's rate is taken for its upper limit, so that a short past
makes nobody ill; beyond it and the margin a change detector bets on each of the last hours (Shin, Ramdas & Rinaldo 2024, arXiv
2203.03532). It says what is so *now*: where the hours are well again it falls again. While the past's rate lies below its
limit and nothing has changed, `RUN_LENGTH` hours pass on average before a false alarm, which holds a rollout and does no other
harm. Requests of one champion follow each other in time, so nothing here is randomised, and nothing here is evidence for or
against a candidate.
"""

from collections.abc import Mapping
from math import ceil, log
from typing import Final, TypeVar

import msgspec
from scipy.special import betaincinv

from segue.evidence.audits.alarm import Subject
from segue.evidence.many.detectors import standing
from segue.facts.evidence import Audit, Evidence, NotEnough, Weighed
from segue.facts.question import Claim, MetricRef, Prior
from segue.facts.summary import Counts, Histogram

RECENT_H: Final = 6
"""The hours, this one included, in which an illness is looked for; what is older is the past."""
RUN_LENGTH: Final = 10_000.0
"""Hours, more than a year."""
LEAST: Final = 200
"""Answers of the past that it takes to know it."""
_S = TypeVar("_S")
_SURE: Final = 0.999
_HIGHEST: Final = 0.95
_PLANNED: Final = 0.1  # what is broken fails in tens of per cent; smaller rises are found later


def errors(subject: Subject, hours: Mapping[int, Counts], *, now_h: int, past_until_h: int, rise: float) -> Audit:
    """Whether the champion fails more than its past and a margin allow.

    Args:
        subject: named "champion_errors".
        hours: hour -> failed (yes) and answered (no); those of the past may be added up under one of them.
        now_h: the hour that it is now.
        past_until_h: the past ends before this hour at the latest: where it is ill, before it fell ill.
        rise: the margin, a share of the requests.
    """
    past, recent = _parted(hours, now_h, past_until_h)
    whole = (sum(it.yes for it in past.values()), sum(it.no for it in past.values()))
    return _audit(subject, recent, whole, margin=rise)


def latency(subject: Subject, hours: Mapping[int, Histogram], q: float, *, now_h: int, past_until_h: int, rise: float) -> Audit:
    """Whether more of the champion's answers than 1 - q take longer than the past's q-quantile and a margin.

    Args:
        subject: named "champion_latency".
        hours: hour -> its latencies; those of the past may be added up under one of them.
        q: the quantile, in (0, 1).
        now_h: the hour that it is now.
        past_until_h: as of `errors`.
        rise: the margin, a part of the past's quantile.
    """
    past, recent = _parted(hours, now_h, past_until_h)
    buckets: dict[int, int] = {}
    for histogram in past.values():
        for bucket, count in histogram.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + count
    base = next((it.base for it in hours.values()), 2.0)
    nothing = sum(it.at_most_zero for it in past.values())
    threshold = _quantile(buckets, nothing, q) + ceil(log(1 + rise) / log(base))
    slow = {hour: _slower(it, threshold) for hour, it in recent.items()}
    n = sum(buckets.values()) + nothing
    allowed = ceil((1 - q) * n)
    return _audit(subject, slow, (allowed, n - allowed), margin=0.0)


def past_end(now_h: int, past_until_h: int) -> int:
    """The hour before which everything is the past."""
    return min(now_h - RECENT_H + 1, past_until_h)


def _audit(subject: Subject, recent: Mapping[int, Counts], past: tuple[int, int], *, margin: float) -> Audit:
    yes, no = past
    allowed = min(float(betaincinv(yes + 1, max(no, 1), _SURE)) + margin, _HIGHEST)
    found: Weighed
    if yes + no < LEAST:
        found = NotEnough(have=yes + no, need=LEAST, unit="earlier answers of the champion", reason="its past is not known")
    elif not recent:
        found = NotEnough(have=0, need=1, unit="answers of the last hours")
    else:
        claim = Claim(side="above", bound=allowed)
        question = msgspec.structs.replace(
            subject.question(claim),
            metric=MetricRef(name=subject.name, kind="error_rate", cap=1.0),
            design="one_sample",
            candidate=subject.champion,
            champion="",
            prior=Prior(mean=allowed, variance=allowed * (1 - allowed), effect=min(allowed + _PLANNED, 1.0)),
            run_length=RUN_LENGTH,
        )
        found = standing(question, recent)
    if isinstance(found, Evidence):
        found = msgspec.structs.replace(found, assumptions=("the champion's past rate lies below its limit",))
    return Audit(name=subject.name, part=subject.part, found=found, expected=allowed)


def _parted(hours: Mapping[int, _S], now_h: int, past_until_h: int) -> tuple[dict[int, _S], dict[int, _S]]:
    """The past, and the hours of late."""
    end = past_end(now_h, past_until_h)
    past = {hour: it for hour, it in hours.items() if hour < end}
    return past, {hour: it for hour, it in hours.items() if now_h - RECENT_H < hour <= now_h}


def _quantile(buckets: Mapping[int, int], nothing: int, q: float) -> int:
    """The bucket of the q-quantile; below all of them where nothing took any time."""
    rank, seen = max(ceil(q * (nothing + sum(buckets.values()))), 1), nothing
    for bucket, count in sorted(buckets.items()):
        seen += count
        if rank <= seen:
            return bucket
    return min(buckets, default=0) - 1


def _slower(histogram: Histogram, bucket: int) -> Counts:
    """How many took longer than this bucket's values, and how many did not."""
    yes = sum(count for at, count in histogram.buckets.items() if at > bucket)
    return Counts(yes=yes, no=sum(histogram.buckets.values()) + histogram.at_most_zero - yes)
