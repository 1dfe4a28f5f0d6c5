"""What has been counted so far, added up?

The store has a summary for each hour. Here they are in memory, added up by day, by month and in all, so that a tick adds only
what lies around the hours that changed, however long the rollout runs. The parts are always the same, so the sums are the same
bit by bit, whatever came in which order.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from segue.facts.merging import merge
from segue.facts.summary import Answer, Cell, Summary
from segue.measure.measurement.plan import Measured
from segue.measure.measurement.steps import Keep
from segue.ports.store import SummaryStore

WIDTHS: Final = (24, 32, 1024)
"""How many of a level make one of the next: hours, days, months."""

Place: TypeAlias = tuple[str, str, int, tuple[tuple[str, str], ...]]
"""Metric, variant, allocation, segment."""


class Course:
    """Summaries by hour, and their sum."""

    def __init__(self) -> None:
        self._levels: list[dict[int, Summary]] = [{} for _ in range(len(WIDTHS) + 1)]
        self._members: list[dict[int, set[int]]] = [{} for _ in WIDTHS]
        self._stale: set[int] = set()

    def put(self, hour: int, summary: Summary | None) -> None:
        """Replace an hour's summary, by nothing where it is None."""
        if summary is None and hour not in self._levels[0]:
            return
        _replace(self._levels[0], hour, summary)
        self._stale.add(hour)

    def since(self, hour: int) -> Iterator[tuple[int, Summary]]:
        """Each hour's summary from this one on."""
        days = self._settled()[1]
        width = WIDTHS[0]
        for day in sorted(day for day in days if day >= hour // width):
            yield from ((at, self._levels[0][at]) for at in sorted(self._members[0][day]) if at >= hour)

    def before(self, hour: int) -> Summary | None:
        """The sum of all hours before this one; None where there is none."""
        parts, end, levels = [], hour, self._settled()
        for level, width in zip(levels, WIDTHS, strict=False):
            parts += [level[at] for at in range(end // width * width, end) if at in level]
            end //= width
        return merge([*parts, *(it for at, it in sorted(levels[-1].items()) if at < end)])

    @property
    def first(self) -> int:
        """The first hour that has a summary."""
        return min(self._levels[0])

    def total(self) -> Summary | None:
        """The sum of all hours; None where there is none."""
        return merge(part for _, part in sorted(self._settled()[-1].items()))

    def _settled(self) -> list[dict[int, Summary]]:
        """All levels, with what was put since in their sums."""
        stale, self._stale = self._stale, set()
        for level, width in enumerate(WIDTHS):
            below, above, members = self._levels[level], self._levels[level + 1], self._members[level]
            for at in stale:
                group = members.setdefault(at // width, set())
                group.add(at) if at in below else group.discard(at)
            stale = {at // width for at in stale}
            for at in stale:
                _replace(above, at, merge(below[part] for part in sorted(members[at])))
        return self._levels


def _replace(level: dict[int, Summary], at: int, summary: Summary | None) -> None:
    if summary is None:
        level.pop(at, None)
    else:
        level[at] = summary


class Kept:
    """The kept summaries of one rollout, as the store has them.

    Args:
        store: where they are.
        rollout: whose.
        metrics: whose cells of everybody are added up; of those in `by_segment` also the segments'.
    """

    def __init__(self, store: SummaryStore, rollout: str, *, metrics: Iterable[str], by_segment: Iterable[str]) -> None:
        self._store, self._rollout = store, rollout
        self._by_segment = frozenset(by_segment)
        self._metrics = frozenset(metrics) | self._by_segment
        self.judged_until = store.judged_until(rollout)
        self.seen = set(store.seen(rollout))
        self._answers: dict[str, Course] = {}
        self._cells: dict[Place, Course] = {}
        for name in sorted(self._metrics):
            self._add(store.cells(rollout, metric=name))

    def is_current(self) -> bool:
        """Whether nobody else has written since."""
        return self._store.judged_until(self._rollout) == self.judged_until

    def answers(self, questions: Sequence[str]) -> dict[str, Summary]:
        """The sum of each question that has any summary."""
        unknown = [question for question in questions if question not in self._answers]
        self._answers |= {question: Course() for question in unknown}
        for answer in self._store.answers(self._rollout, unknown) if unknown else ():
            self._answers[answer.question].put(answer.hour, answer.summary)
        totals = ((question, self._answers[question].total()) for question in questions)
        return {question: total for question, total in totals if total is not None}

    def cells(self, metric: str) -> list[Cell]:
        """One cell for each variant, allocation and segment, of all hours; its hour is the first one.

        A metric that was not named at first is read when it is asked for, and added up from then on.
        """
        if metric not in self._metrics:
            self._metrics |= {metric}
            self._add(self._store.cells(self._rollout, metric=metric))
        return [
            _cell(place, course.first, total)
            for place, course in self._cells.items()
            if place[0] == metric and (total := course.total()) is not None
        ]

    def since(self, hour: int, metric: str, variant: str) -> Iterator[tuple[int, int, Summary]]:
        """Allocation, hour and summary of a variant from this hour on, everybody together."""
        for allocation, course in self._courses(metric, variant):
            yield from ((allocation, at, summary) for at, summary in course.since(hour))

    def before(self, hour: int, metric: str, variant: str) -> Iterator[tuple[int, Summary]]:
        """Allocation and the sum of all hours before this one, everybody together."""
        for allocation, course in self._courses(metric, variant):
            if (summary := course.before(hour)) is not None:
                yield allocation, summary

    def replace(self, counted: Keep) -> None:
        """Take the summaries of some hours, in the store first."""
        self._store.replace(self._rollout, hours=counted.hours, answers=counted.answers, cells=counted.cells)
        for course in (*self._answers.values(), *self._cells.values()):
            for hour in counted.hours:
                course.put(hour, None)
        self._answer(counted.answers)
        self._add(counted.cells)

    def mark(self, measured: Measured) -> None:
        """Remember what the kept summaries include now."""
        self._store.mark_seen(self._rollout, measured.seen, measured.judged_until)
        self.seen.update(measured.seen)
        self.judged_until = measured.judged_until

    def _courses(self, metric: str, variant: str) -> Iterator[tuple[int, Course]]:
        for (name, of, allocation, segment), course in self._cells.items():
            if (name, of, segment) == (metric, variant, ()):
                yield allocation, course

    def _answer(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            if answer.question in self._answers:  # any other is read when it is asked for
                self._answers[answer.question].put(answer.hour, answer.summary)

    def _add(self, cells: Iterable[Cell]) -> None:
        parts: dict[tuple[Place, int], list[Summary]] = {}
        for cell in cells:
            if cell.metric in (self._by_segment if cell.segment else self._metrics):
                place = (cell.metric, cell.variant, cell.allocation, tuple(sorted(cell.segment.items())))
                parts.setdefault((place, cell.hour), []).append(cell.summary)
        for (place, hour), summaries in parts.items():
            self._cells.setdefault(place, Course()).put(hour, merge(summaries))


def _cell(place: Place, hour: int, summary: Summary) -> Cell:
    metric, variant, allocation, segment = place
    return Cell(
        metric=metric,
        variant=variant,
        version="",
        allocation=allocation,
        segment=dict(segment),
        hour=hour,
        predictions=0,
        summary=summary,
    )
