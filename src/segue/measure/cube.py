"""What are the metrics, by variant, version, allocation, segment and hour?

These are the numbers that people look at; gates ask questions of their own. Metrics that read the same rows are counted
together in one statement over grouping sets, so that their number hardly matters.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any, Final, Literal

import msgspec

from segue.errors import InvariantError
from segue.facts.question import MetricRef
from segue.facts.summary import Cell, Counts, Daily, Histogram, MomentCell, Moments, ScoreTable, Summary, Tally, Units
from segue.measure.expressions import quoted
from segue.measure.kinds.catalogue import reading_of
from segue.measure.kinds.reading import ANSWERED, ASKED, Reading, Rule, all_of
from segue.measure.kinds.service.operational import BASE
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

_TABLES: Final = """
SELECT $keys, $which AS which, count(*), $texts
FROM ($rows) WHERE due0 GROUP BY GROUPING SETS ($sets)
"""
_LISTED: Final = "SELECT * EXCLUDE (e0), unnest(coalesce(e0, [NULL])) AS item FROM ($rows)"

_UNITS: Final = """
SELECT $keys, which, list([hash, n::VARCHAR, value::DOUBLE::VARCHAR, first::VARCHAR, last::VARCHAR] ORDER BY hash)
  FILTER (place <= $limit AND n > 0), sum(due)::BIGINT
FROM (
  SELECT *, row_number() OVER (PARTITION BY $keys, which ORDER BY n = 0, hash) AS place FROM (
    SELECT $keys, $which AS which, hash, count(n0) AS n, coalesce(sum(n0), 0) AS value, count(*) FILTER (due0) AS due,
      min(hour) FILTER (n0 IS NOT NULL) AS first,
      max(hour) FILTER (n0 IS NOT NULL) AS last
    FROM (SELECT *, substr(md5(unit), 1, 13) AS hash FROM ($rows)) GROUP BY GROUPING SETS ($sets)
  )
) GROUP BY $keys, which
"""
UNITS_KEPT: Final = 1024
"""How many units a cell keeps."""

Shape = Literal["totals", "scores", "buckets", "tables", "units"]
_SHAPES: Final[dict[str, Shape]] = {"ranking": "scores", "quantile": "buckets", "table": "tables", "units": "units"}


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """One statement of the cube and what its rows are.

    Args:
        names: the metrics that its rows hold, several where one reading serves several metrics.
        shape: totals: some numbers a reading. scores, buckets, tables: one reading.
    """

    shape: Shape
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
        also: further readings by name.
    """

    metrics: tuple[MetricRef, ...]
    segments: tuple[tuple[str, ...], ...]
    rules: tuple[Rule, ...]
    touched: str
    also: tuple[tuple[str, Reading], ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of all segments, each once."""
        return tuple(dict.fromkeys(name for segment in self.segments for name in segment))

    def statements(self) -> list[Counted]:
        """The statements to run on top of the judged view; each one's rows go to `cells`."""
        named: dict[Reading, list[str]] = {}
        of_metrics = [(metric.name, reading_of(metric, self.rules)) for metric in self.metrics]
        for name, reading in [*_always(self.rules), *of_metrics, *self.also]:
            named.setdefault(reading, []).append(name)
        found = []
        for rows in (("answers", "asked"), ("requests",), ("pairs",)):
            here = {reading: names for reading, names in named.items() if reading.rows in rows}
            totals = {reading: names for reading, names in here.items() if reading.form not in _SHAPES}
            if totals:
                found.append(self._counted("totals", totals))
            for reading, names in here.items():
                if reading not in totals:
                    found.append(self._counted(_SHAPES[reading.form], {reading: names}))
        return found

    def cells(self, counted: Counted, rows: Sequence[Row]) -> Iterator[Cell]:
        """The cells in the rows of one statement."""
        width = len(self.attributes)
        widths = [len(_numbers(index, reading)) for index, reading in enumerate(counted.readings)]
        segments: dict[Row, dict[str, str] | None] = {}
        for row in _gathered(rows, 5 + width, counted.readings[0]) if counted.shape == "tables" else rows:
            hour, variant, version, allocation = row[:4]
            place = row[4 : 5 + width]
            if place not in segments:
                segments[place] = self._segment(place[:-1], place[-1])
            segment = segments[place]
            if segment is None:
                continue
            for names, predictions, summary in _summaries(counted, widths, (hour, variant), row[5 + width :]):
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

    def _counted(self, shape: Shape, named: dict[Reading, list[str]]) -> Counted:
        readings = tuple(named)
        places = [f"c{index}" for index in range(len(self.attributes))]
        parts = {
            "keys": ", ".join([_KEYS, *places]),
            "which": f"grouping({', '.join(places)})" if places else "0",
            "sets": self._sets(),
            "rows": self._rows(readings),
        }
        if shape == "tables":
            sql = self._of_texts(readings[0], parts)
        elif shape == "units":
            sql = filled(_UNITS, **(parts | {"sets": self._sets("hash"), "limit": str(UNITS_KEPT)}))
        elif shape == "totals":
            numbers = doubles(number for index, reading in enumerate(readings) for number in _numbers(index, reading))
            sql = filled(_TOTALS, numbers=numbers, **parts)
        else:
            sql = filled(_SCORES, **parts) if shape == "scores" else filled(_BUCKETS, base=BASE, **parts)
        return Counted(shape=shape, readings=readings, names=tuple(tuple(names) for names in named.values()), sql=sql)

    def _of_texts(self, reading: Reading, parts: dict[str, str]) -> str:
        if not reading.each:
            texts = ", ".join(f"k0_{at}" for at in range(len(reading.keys)))
            return filled(_TABLES, **(parts | {"texts": texts, "sets": self._sets(texts)}))
        texts = ", ".join(f"item[{at + 1}]" for at in range(reading.width))
        rows = filled(_LISTED, rows=parts["rows"])
        return filled(_TABLES, **(parts | {"texts": texts, "sets": self._sets(texts), "rows": rows}))

    def _sets(self, *more: str) -> str:
        sets = [", ".join([_KEYS, *self._places(segment), *more]) for segment in ((), *self.segments)]
        return ", ".join(f"({names})" for names in dict.fromkeys(sets))

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
    parts = [f"{all_of(reading.due, answered)} AS due{index}", f"{judged} AS judged{index}"]
    for name, value in _read(index, reading):
        parts.append(f"CASE WHEN {judged} THEN {value} END AS {name}")
    return filled(", ".join(parts), r="r", s="s")


def _read(index: int, reading: Reading) -> Iterator[tuple[str, str]]:
    if reading.form == "table":
        yield from ((f"k{index}_{at}", key) for at, key in enumerate(reading.keys))
        if reading.each:
            yield f"e{index}", reading.each
    elif reading.form == "sums":
        yield from ((f"v{index}_{at}", f"({value})::DOUBLE") for at, value in enumerate(reading.values))
    else:
        yield f"n{index}", reading.numerator
        yield f"d{index}", reading.denominator
    if reading.form == "units":
        yield "unit", "$r.unit"


def _numbers(index: int, reading: Reading) -> tuple[str, ...]:
    columns = [f"n{index}", f"d{index}"]
    summed = columns
    if reading.form in {"mean", "sums"}:
        columns = [f"v{index}_{at}" for at in range(len(reading.values))] or [f"n{index}"]
        summed = [*columns, *(f"{a} * {b}" for a, b in combinations_with_replacement(columns, 2))]
    counts = (f"count(*) FILTER (due{index})", f"count(*) FILTER (judged{index})")
    return (*counts, *(f"coalesce(sum({number}), 0)" for number in summed))


def _gathered(rows: Sequence[Row], place: int, reading: Reading) -> Iterator[Row]:
    # One row a cell: how many rows are due, and how many of them have each key; one without texts is due and not judged.
    cells: dict[Row, tuple[list[int], dict[tuple[str, ...], int]]] = {}
    for row in rows:
        due, table = cells.setdefault(row[:place], ([0], {}))
        n, key = row[place], row[place + 1 :]
        if not reading.each or not any(key):
            due[0] += n
        if None not in key:
            table[key] = n
    for where, (due, table) in cells.items():
        yield (*where, due[0], table)


def _summaries(
    counted: Counted, widths: Sequence[int], place: tuple[int, str], row: Row
) -> Iterator[tuple[tuple[str, ...], int, Summary]]:
    hour, variant = place
    for names, predictions, summary, daily in _plain(counted, widths, variant, row):
        yield names, predictions, Daily(days=(hour // 24,), parts=(summary,)) if daily else summary


def _plain(
    counted: Counted, widths: Sequence[int], variant: str, row: Row
) -> Iterator[tuple[tuple[str, ...], int, Summary, bool]]:
    first = counted.readings[0]
    if counted.shape == "scores":
        predictions, positives, negatives = row
        yield counted.names[0], predictions, _score_table(positives or (), negatives or ()), first.daily
    elif counted.shape == "buckets":
        n, buckets, none = row
        yield counted.names[0], n, Histogram(base=BASE, at_most_zero=none, buckets=buckets or {}), first.daily
    elif counted.shape == "tables":
        n, table = row
        ordered = sorted(table.items())
        tally = Tally(keys=tuple(key for key, _ in ordered), counts=tuple(count for _, count in ordered))
        yield counted.names[0], n, tally, first.daily
    elif counted.shape == "units":
        found, predictions = row
        yield counted.names[0], predictions, _units(found or ()), first.daily
    else:
        (numbers,) = row
        at = 0
        for index, (reading, width) in enumerate(zip(counted.readings, widths, strict=True)):
            predictions, n, *sums = numbers[at : at + width]
            at += width
            if predictions:
                yield counted.names[index], int(predictions), _total(reading, variant, int(n), sums), reading.daily


def _score_table(positives: Sequence[float], negatives: Sequence[float]) -> ScoreTable:
    ups, downs = Counter(positives), Counter(negatives)
    scores = sorted(ups.keys() | downs.keys())
    return ScoreTable(
        scores=tuple(scores),
        positives=tuple([ups[score] for score in scores]),
        negatives=tuple([downs[score] for score in scores]),
    )


def _units(found: Sequence[Sequence[str]]) -> Units:
    return Units(
        limit=UNITS_KEPT,
        hashes=tuple(row[0] for row in found),
        requests=tuple(int(row[1]) for row in found),
        values=tuple(float(row[2]) for row in found),
        first=tuple(int(row[3]) for row in found),
        last=tuple(int(row[4]) for row in found),
    )


def _total(reading: Reading, variant: str, n: int, numbers: Sequence[float]) -> Summary:
    if reading.form in {"mean", "sums"}:
        width = len(reading.values) or 1
        sums, products = tuple(numbers[:width]), tuple(numbers[width:])
        return Moments(cells=(MomentCell(arm=variant, propensity=1.0, n=n, sums=sums, products=products),) if n else ())
    first, second = numbers
    if second < first:
        raise InvariantError(f"more successes than tries: {first} of {second}")
    return Counts(yes=int(first), no=int(second - first))
