"""Summaries of many hours, added up as they change."""

import random
from pathlib import Path

from segue.adapters.stores.store import open_store
from segue.facts.merging import merge
from segue.facts.summary import Counts, ScoreSums, Summary
from segue.measure.measurement.plan import Measured
from segue.measure.measurement.steps import Keep
from segue.monitor.kept import Course, Kept
from segue.testkit import samples


def test_a_course_is_the_sum_of_its_hours() -> None:
    """Whatever was put, replaced and taken away, over years of hours."""
    chance, course, plain = random.Random(1), Course(), dict[int, Summary]()
    for step in range(2000):
        hour = chance.randrange(30_000)
        if chance.random() < 0.3 and plain:
            hour = chance.choice(list(plain))
        summary = None if chance.random() < 0.2 else Counts(yes=chance.randrange(9), no=step)
        course.put(hour, summary)
        plain.pop(hour, None)
        plain |= {} if summary is None else {hour: summary}
        if step % 100 == 0:
            assert course.total() == merge(plain.values())
            end = chance.choice([*plain, -1, 40_000])
            assert course.before(end) == merge(it for at, it in plain.items() if at < end)
            assert list(course.since(end)) == [(at, it) for at, it in sorted(plain.items()) if at >= end]
    assert course.first == min(plain)


def test_the_way_does_not_change_the_sum() -> None:
    """Bit by bit the same in any order, with other things in between."""

    def sums(z: float) -> ScoreSums:
        return ScoreSums(n=1, n_candidate=1, z=z, z2=z * z, weight=1.0, log_growth=(z / 7,))

    chance = random.Random(2)
    hours = {hour: sums(chance.uniform(-1, 1)) for hour in chance.sample(range(5000), 600)}
    one, other = Course(), Course()
    for hour, summary in hours.items():
        one.put(hour, summary)
    for hour, summary in sorted(hours.items(), reverse=True):
        other.put(hour, sums(0.1))
        other.total()
        other.put(hour, summary)
    assert one.total() == other.total()


def test_what_is_kept_is_what_the_store_has(tmp_path: Path) -> None:
    """After every measurement, and as another opening reads it; who has not seen the last one knows."""
    with open_store(f"sqlite:///{tmp_path}/segue.db") as stores:

        def opened() -> Kept:
            return Kept(stores.summaries, "r-1", metrics=[], by_segment=["p99"])

        kept, late = opened(), opened()
        for number, hours in enumerate(([100, 101], [101, 2000], [100])):
            answers = tuple(samples.answer("q1", hour, number) for hour in hours)
            kept.replace(Keep(tuple(hours), answers, tuple(samples.cell("p99", hour) for hour in hours)))
            assert kept.seen == {f"s{it}" for it in range(number)}
            now = samples.NOW.replace(minute=number)
            kept.mark(Measured(hours=tuple(hours), seen=(f"s{number}",), judged_until=now))
            assert kept.is_current()
            assert not late.is_current()
            again = opened()
            assert kept.answers(["q1", "q2"]) == again.answers(["q1", "q2"])
            assert set(kept.answers(["q1", "q2"])) == {"q1"}
            assert kept.cells("p99") == again.cells("p99")
            assert kept.seen == again.seen == {f"s{it}" for it in range(number + 1)}
        assert [cell.hour for cell in kept.cells("p99")] == [100]
