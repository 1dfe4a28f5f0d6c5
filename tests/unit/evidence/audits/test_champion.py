"""The champion beside its own past: ill when it has changed for the worse, well again when it is."""

import random

import pytest

from segue.evidence.audits.alarm import Subject
from segue.evidence.audits.champion import LEAST, RECENT_H, errors, latency
from segue.facts.evidence import Audit, Evidence, NotEnough
from segue.facts.summary import Counts, Histogram

SUBJECT = Subject(name="champion_errors", candidate="", champion="champion")
SLOW = Subject(name="champion_latency", candidate="", champion="champion", part={"metric": "p99"})


def audited(hours: dict[int, Counts], *, now_h: int, until_h: int | None = None) -> Audit:
    """The champion's failures at this hour."""
    return errors(SUBJECT, hours, now_h=now_h, past_until_h=now_h if until_h is None else until_h, rise=0.02)


def hours_of(rates: list[float], n: int = 200, seed: int = 1) -> dict[int, Counts]:
    """So many requests an hour, failing at these rates."""
    draw = random.Random(seed)
    failed = [sum(draw.random() < rate for _ in range(n)) for rate in rates]
    return {hour: Counts(yes=yes, no=n - yes) for hour, yes in enumerate(failed)}


def test_it_falls_ill_and_is_well_again() -> None:
    """Ten per cent of failures after one are seen in two hours of 200 requests; two hours after they end all is well."""
    hours = hours_of([0.01] * 30 + [0.1] * 5 + [0.01] * 5)
    said = [audited({h: it for h, it in hours.items() if h <= now}, now_h=now, until_h=min(now, 30)).broken for now in hours]
    assert said[:30] == [False] * 30
    assert said[31:35] == [True] * 4
    assert said[37:] == [False] * 3


def test_an_illness_that_lasts_is_no_past() -> None:
    """As long as it is ill its past ends where that began, so that two days of it do not become its new health."""
    hours = hours_of([0.01] * 30 + [0.1] * 48)
    assert audited(hours, now_h=77, until_h=30).broken
    short = {h: it for h, it in hours.items() if h >= 30}
    assert not audited(short, now_h=77).broken, "a champion that was never better is not ill"


def test_a_new_champion_has_no_past() -> None:
    """Too few answers before the last hours say nothing, whatever those are like; no answer lately says nothing either."""
    few = audited({0: Counts(yes=0, no=LEAST - 1), RECENT_H + 1: Counts(yes=50, no=0)}, now_h=RECENT_H + 1)
    assert few.found == NotEnough(
        have=LEAST - 1, need=LEAST, unit="earlier answers of the champion", reason="its past is not known"
    )
    silent = audited(hours_of([0.01] * 10), now_h=100)
    assert isinstance(silent.found, NotEnough)
    assert not silent.broken


@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm(seed: int) -> None:
    """A month in which nothing changes is never called ill; nor one whose rate rises by less than the margin."""
    steady = hours_of([0.02] * 360 + [0.03] * 360, n=60, seed=seed)
    for now in range(RECENT_H, 720, 1):
        recent = {h: it for h, it in steady.items() if h <= now}
        assert not audited(recent, now_h=now).broken, now


def test_slow_answers() -> None:
    """A p99 that doubles is seen; one that is a fifth longer, within the margin, is not; zeros and one bucket are read too."""

    def took(bucket: int, slow: int = 20) -> Histogram:
        return Histogram(base=1.02, at_most_zero=1, buckets={100: 999 - slow, bucket: slow})

    def beside(bucket: int) -> Audit:
        hours = {h: took(120) for h in range(20)} | {20: took(bucket, 100)}
        return latency(SLOW, hours, 0.99, now_h=20, past_until_h=20, rise=0.5)

    assert beside(160).broken
    assert not beside(129).broken
    found = beside(160).found
    assert isinstance(found, Evidence)
    assert found.n == {"champion": sum(6 * [1000])}
    assert found.estimate == pytest.approx(100 / 6000)
    nothing = Histogram(base=1.02, at_most_zero=1000, buckets={})
    assert not latency(SLOW, dict.fromkeys(range(9), nothing), 0.99, now_h=8, past_until_h=8, rise=0.5).broken
