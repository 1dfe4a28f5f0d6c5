"""What are the metrics, by variant, version, allocation, segment and hour?

These are the numbers that people look at; gates ask questions of their own. Metrics that read the same rows are counted
together in one statement over grouping sets, so that their number hardly matters.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from segue.errors import InvariantError
from segue.facts.question import MetricRef
from segue.facts.summary import Cell, Counts, Histogram, MomentCell, Moments, ScoreTable, Summary
from segue.measure.expressions import quoted
from segue.measure.kinds.catalogue import reading_of
from segue.measure.kinds.operational import BASE
from segue.measure.kinds.reading import ANSWERED, ASKED, Reading, Rule, all_of
from segue.measure.sql import any_of, doubles, filled

FAILURES: Final = "segue.failures"
"""A metric that is always counted: how often a variant was asked and failed (yes) or not (no)."""
COVERAGE: Final = "segue.coverage"
"""A metric that is always counted: of the answers that are due, how many have an outcome (yes) or none (no)."""

Row = tuple[Any, ...]

_KEYS: Final = "hour, variant, version, allocation"
_ROWS: Final = """
SELECT r.hour, $variant AS variant, r.version, r.allocation$segments, $columns FROM judged r WHERE r.$touched AND $mine
"""
_PAIRS: Final = """
SELECT r.hour, s.variant, s.version, s.allocation$segments, $columns FROM judged r JOIN judged s ON s.request_id = r.request_id
WHERE r.$touched AND r.lead AND r.role = 'served' AND s.role = 'shadow'
"""
_TOTALS: Final = "SELECT $keys, $which AS which, $numbers AS numbers FROM ($rows) GROUP BY GROUPING SETS ($sets)"
_SCORES: Final = """
SELECT $keys, $which AS which, count(*), list(n0) FILTER (judged0 AND d0 = 1), list(n0) FILTER (judged0 AND d0 = 0)
FROM ($rows) WHERE due0 GROUP BY GROUPING SETS ($sets)
"""
_BUCKETS: Final = """
SELECT $keys, $which AS which, count(*), histogram(bucket) FILTER (bucket IS NOT NULL), count(*) FILTER (bucket IS NULL)
FROM (SELECT *, CASE WHEN n0 > 0 THEN ceil(ln(n0) / ln($base))::INTEGER END AS bucket FROM ($rows) WHERE judged0)
GROUP BY GROUPING SETS ($sets)
"""


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of the cube and what its rows are.

    Args:
        names: the metrics that its rows hold, several where one reading serves several metrics.
        shape: totals: four numbers a reading. scores, buckets: one reading.
    """

    shape: str
    readings: tuple[Reading, ...]
    names: tuple[tuple[str, ...], ...]
    sql: str


class Cube(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted.

    Args:
        metrics: of the spec.
        segments: combinations of attributes by which everything is counted as well.
        rules: those of the judged view; the first is the spec's own, by which coverage is counted, if there is any.
        touched: a condition on `hour`, which begins with that name.
    """

    metrics: tuple[MetricRef, ...]
    segments: tuple[tuple[str, ...], ...]
    rules: tuple[Rule, ...]
    touched: str

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of all segments, each once."""
        return tuple(dict.fromkeys(name for segment in self.segments for name in segment))

    def statements(self) -> list[Counted]:
        """The statements to run on top of the judged view; each one's rows go to `cells`."""
        named: dict[Reading, list[str]] = {}
        for name, reading in [*_always(self.rules), *((m.name, reading_of(m, self.rules)) for m in self.metrics)]:
            named.setdefault(reading, []).append(name)
        found = []
        for rows in (("answers", "asked"), ("requests",), ("pairs",)):
            here = {reading: names for reading, names in named.items() if reading.rows in rows}
            totals = {reading: names for reading, names in here.items() if reading.form not in {"ranking", "quantile"}}
            if totals:
                found.append(self._counted("totals", totals))
            for reading, names in here.items():
                if reading not in totals:
                    found.append(self._counted("scores" if reading.form == "ranking" else "buckets", {reading: names}))
        return found

    def cells(self, counted: Counted, rows: Sequence[Row]) -> Iterator[Cell]:
        """The cells in the rows of one statement."""
        width = len(self.attributes)
        segments: dict[Row, dict[str, str] | None] = {}
        for row in rows:
            hour, variant, version, allocation = row[:4]
            place = row[4 : 5 + width]
            if place not in segments:
                segments[place] = self._segment(place[:-1], place[-1])
            segment = segments[place]
            if segment is None:
                continue
            for names, predictions, summary in _summaries(counted, variant, row[5 + width :]):
                for name in names:
                    yield Cell(
                        metric=name,
                        variant=variant,
                        version=version,
                        allocation=allocation,
                        segment=segment,
                        hour=hour,
                        predictions=predictions,
                        summary=summary,
                    )

    def _segment(self, values: Sequence[str | None], which: int) -> dict[str, str] | None:
        # `which` has a bit for each attribute that a row is not grouped by, the first attribute the highest.
        places = range(len(values) - 1, -1, -1)
        named = zip(self.attributes, values, places, strict=True)
        grouped = {name: value for name, value, place in named if not which >> place & 1}
        present = {name: value for name, value in grouped.items() if value is not None}
        return present if len(present) == len(grouped) else None  # a row without the attribute lies in no segment

    def _counted(self, shape: str, named: dict[Reading, list[str]]) -> Counted:
        readings = tuple(named)
        places = [f"c{index}" for index in range(len(self.attributes))]
        sets = [f"({_KEYS}{''.join(f', {place}' for place in self._places(s))})" for s in ((), *self.segments)]
        parts = {
            "keys": ", ".join([_KEYS, *places]),
            "which": f"grouping({', '.join(places)})" if places else "0",
            "sets": ", ".join(dict.fromkeys(sets)),
            "rows": self._rows(readings),
        }
        if shape == "totals":
            numbers = doubles(number for index, reading in enumerate(readings) for number in _numbers(index, reading))
            sql = filled(_TOTALS, numbers=numbers, **parts)
        else:
            sql = filled(_SCORES, **parts) if shape == "scores" else filled(_BUCKETS, base=BASE, **parts)
        return Counted(shape=shape, readings=readings, names=tuple(tuple(names) for names in named.values()), sql=sql)

    def _places(self, segment: tuple[str, ...]) -> list[str]:
        return [f"c{self.attributes.index(name)}" for name in segment]

    def _rows(self, readings: Sequence[Reading]) -> str:
        segments = "".join(f", r.context[{quoted(name)}] AS c{index}" for index, name in enumerate(self.attributes))
        columns = ", ".join(_columns(index, reading) for index, reading in enumerate(readings))
        parts = {"segments": segments, "columns": columns, "touched": self.touched}
        if readings[0].rows == "pairs":
            return filled(_PAIRS, **parts)
        if readings[0].rows == "requests":
            return filled(_ROWS, variant="r.assigned", mine="r.lead", **parts)
        return filled(_ROWS, variant="r.variant", mine=any_of("r.role", ASKED), **parts)


def _always(rules: tuple[Rule, ...]) -> Iterator[tuple[str, Reading]]:
    yield FAILURES, reading_of(MetricRef(name=FAILURES, kind="error_rate"), rules)
    if rules:
        known = "$r.known0::INTEGER"
        yield COVERAGE, Reading(form="share", rows="answers", due="$r.due0", judged=all_of("$r.due0"), numerator=known)


def _columns(index: int, reading: Reading) -> str:
    answered = any_of("$r.role", ANSWERED) if reading.rows == "answers" else "TRUE"
    judged = all_of(reading.judged, answered)
    parts = (
        f"{all_of(reading.due, answered)} AS due{index}",
        f"{judged} AS judged{index}",
        f"CASE WHEN {judged} THEN {reading.numerator} END AS n{index}",
        f"CASE WHEN {judged} THEN {reading.denominator} END AS d{index}",
    )
    return filled(", ".join(parts), r="r", s="s")


def _numbers(index: int, reading: Reading) -> tuple[str, ...]:
    third = f"n{index} * n{index}" if reading.form == "mean" else f"d{index}"
    return (
        f"count(*) FILTER (due{index})",
        f"count(*) FILTER (judged{index})",
        f"coalesce(sum(n{index}), 0)",
        f"coalesce(sum({third}), 0)",
    )


def _summaries(counted: Counted, variant: str, row: Row) -> Iterator[tuple[tuple[str, ...], int, Summary]]:
    if counted.shape == "scores":
        predictions, positives, negatives = row
        yield counted.names[0], predictions, _score_table(positives or (), negatives or ())
    elif counted.shape == "buckets":
        n, buckets, none = row
        yield counted.names[0], n, Histogram(base=BASE, at_most_zero=none, buckets=buckets or {})
    else:
        (numbers,) = row
        for index, reading in enumerate(counted.readings):
            predictions, n, first, second = numbers[4 * index : 4 * index + 4]
            if predictions:
                yield counted.names[index], int(predictions), _total(reading, variant, (int(n), first, second))


def _score_table(positives: Sequence[float], negatives: Sequence[float]) -> ScoreTable:
    ups, downs = Counter(positives), Counter(negatives)
    scores = sorted(ups.keys() | downs.keys())
    return ScoreTable(
        scores=tuple(scores),
        positives=tuple([ups[score] for score in scores]),
        negatives=tuple([downs[score] for score in scores]),
    )


def _total(reading: Reading, variant: str, numbers: tuple[int, float, float]) -> Summary:
    n, first, second = numbers
    if reading.form == "mean":
        cell = MomentCell(arm=variant, propensity=1.0, n=n, sums=(first,), products=(second,))
        return Moments(cells=(cell,) if n else ())
    if second < first:
        raise InvariantError(f"more successes than tries: {first} of {second}")
    return Counts(yes=int(first), no=int(second - first))
