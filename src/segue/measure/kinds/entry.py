"""What does the catalogue hold about a kind of metric?

A kind is a *reading* (which rows, and which addable sums of them, in SQL) and an *estimate* (what these sums say). One of the
two is where the metric is defined: its docstring is the metric's definition, and stands in the reference.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from segue.facts.question import MetricRef
from segue.facts.summary import Counts, Daily, Histogram, Moments, ScoreTable, Summary, Tally, Units
from segue.measure.kinds.reading import Columns, Reading

Table: TypeAlias = Mapping[tuple[str, ...], float]
"""A `Tally`, opened: key -> count."""


class Sums(msgspec.Struct, frozen=True):
    """`Moments` of all arms together: how many rows, and the sum of each number of the vector."""

    n: float
    sums: tuple[float, ...]


Read: TypeAlias = Callable[[MetricRef, Columns], Reading]
Estimate: TypeAlias = Callable[[Any, MetricRef], float | None]


class Entry(msgspec.Struct, frozen=True):
    """One kind.

    Args:
        read: the reading.
        estimate: what the sums say; None where there is nothing to divide by. It is given a `Table`, `Sums`, a `Histogram`, a
            `ScoreTable` or a `Daily`, whichever the reading's form gives; a share of `Counts` needs none.
        unit: what there has to be for a value ("judged predictions").
        source: which of the two defines the metric.
    """

    read: Read
    estimate: Estimate
    unit: str
    source: Callable[..., object]

    @property
    def definition(self) -> str:
        """What the metric is, its formula and its source."""
        return self.source.__doc__ or ""


def by_sql(read: Read, unit: str, estimate: Estimate | None = None) -> Entry:
    """A kind that its reading defines: the value is the mean of a number a row, unless an estimate is given."""
    return Entry(read, estimate or mean_of, unit, read)


def by_sums(read: Read, estimate: Estimate, unit: str) -> Entry:
    """A kind that its estimate defines; several may share one reading, and are then counted once."""
    return Entry(read, estimate, unit, estimate)


def mean_of(sums: Sums, _metric: MetricRef) -> float | None:
    """The mean of the first number."""
    return sums.sums[0] / sums.n if sums.n else None


def ratio(numerator: float, denominator: float) -> float | None:
    """A quotient; None where there is nothing to divide by.

    >>> ratio(1, 4), ratio(0, 0)
    (0.25, None)
    """
    return numerator / denominator if denominator else None


def opened(moments: Moments) -> tuple[Sums, tuple[float, ...]]:
    """The sums over all arms, and the sums of products, row by row of the upper triangle."""
    cells = moments.cells
    columns = zip(*(cell.sums for cell in cells), strict=True)
    products = zip(*(cell.products for cell in cells), strict=True)
    return Sums(sum(cell.n for cell in cells), tuple(map(sum, columns))), tuple(map(sum, products))


def table_of(tally: Tally) -> dict[tuple[str, ...], float]:
    """A tally as a mapping."""
    return dict(zip(tally.keys, map(float, tally.counts), strict=True))


def observations(summary: Summary | None) -> int:
    """How many observations a summary counts."""
    match summary:
        case Counts(yes=yes, no=no):
            return yes + no
        case Moments(cells=cells):
            return sum(cell.n for cell in cells)
        case Histogram(at_most_zero=none, buckets=buckets):
            return none + sum(buckets.values())
        case ScoreTable(positives=positives, negatives=negatives):
            return sum(positives) + sum(negatives)
        case Tally(keys=keys, counts=counts):
            rows = [count for key, count in zip(keys, counts, strict=True) if not any(key)]
            return rows[0] if rows else sum(counts)
        case Units(requests=requests):
            return sum(requests)
        case Daily(parts=parts):
            return sum(map(observations, parts))
        case _:
            return 0


def base_of(metric: MetricRef) -> MetricRef:
    """The metric that is kept day by day where this one is about days; else the metric itself."""
    if "base" not in metric.parameters:
        return metric
    own = {name: value for name, value in metric.parameters.items() if name not in {"base", "least"}}
    return replace(metric, kind=str(metric.parameters["base"]), parameters=own)
