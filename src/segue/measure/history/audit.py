"""How many units did each variant get, by the chance that they were drawn with, and whose outcomes are known?

Each unit counts once, at its first comparable exposure of the stage, in the hour of it. These counts judge no metric: they say
whether the draw, the written propensities and the record of outcomes can be believed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from segue.errors import InvariantError
from segue.facts.allocation import Allocation, Split
from segue.facts.summary import ArmCell, ArmCounts, Cell
from segue.measure.expressions import quoted
from segue.measure.history.propensity import Exposed
from segue.measure.sql import filled

DRAWN: Final = "segue.drawn"
"""Units that are due (yes) and not yet (no), everybody and by segment."""
OUTCOMES: Final = "segue.outcomes"
"""Due units with an outcome (yes) and without (no)."""
COHORTS: Final = "segue.cohorts"
"""As `DRAWN`, by the allocation under which a unit was first seen: the segment's "cohort"."""
LOGGED: Final = "segue.logged"
"""As `DRAWN`, by the propensity in the rows, of units whose chance no earlier sighting has changed."""

_UNITS: Final = """
WITH cohorts AS MATERIALIZED (
  SELECT unit, first.allocation AS cohort FROM (
    SELECT unit, min({'at_us': at_us, 'request_id': request_id, 'allocation': allocation}) AS first FROM sightings GROUP BY unit
  )
),
units AS MATERIALIZED (
  SELECT e.hour, h.allocation, c.propensity, e.assigned = $candidate AS a, k.cohort,
    CASE WHEN c.propensity = f.propensity THEN
      round(CASE WHEN e.assigned = $candidate THEN h.propensity / f.together ELSE 1 - h.propensity / f.together END, 6)
    END AS logged, r.due0 AS due, r.known0 AS known$attributes
  FROM exposures e
  JOIN chances c ON c.draw = e.draw AND c.history = e.history AND c.candidate = $candidate AND c.champion = $champion
  JOIN sightings h ON h.request_id = e.request_id
  JOIN cohorts k ON k.unit = e.unit
  JOIN judged r ON r.request_id = e.request_id AND r.lead
  LEFT JOIN chances f ON f.draw = e.draw AND f.history = '' AND f.candidate = $candidate AND f.champion = $champion
  WHERE e.scope = $scope AND e.assigned IN ($candidate, $champion)
)
SELECT hour, allocation, propensity, logged, a, cohort$columns, grouping(logged, cohort$columns) AS which,
  count(*), count(*) FILTER (due), count(*) FILTER (due AND known)
FROM units GROUP BY GROUPING SETS ($sets)
"""
_CHANCE: Final = "hour, allocation, propensity, a"

Row = tuple[object, ...]
Place = tuple[str, int, int, tuple[tuple[str, str], ...]]
"""Metric, hour, allocation, segment."""


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """Whose draws are audited.

    Args:
        scope: stage and first allocation.
        candidate, champion: the two variants.
        segments: combinations of attributes by which the draw is audited as well.
    """

    scope: Exposed
    candidate: str
    champion: str
    segments: tuple[tuple[str, ...], ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """The attributes of all segments, each once."""
        return tuple(dict.fromkeys(name for segment in self.segments for name in segment))

    def statement(self, place: int) -> str:
        """The query for the counts, on top of `judged`, `sightings`, `exposures` and `chances`.

        Args:
            place: of the scope among those of the exposures.
        """
        names = [f"c{index}" for index in range(len(self.attributes))]
        of_segments = [", ".join(names[self.attributes.index(name)] for name in segment) for segment in self.segments]
        sets = [f"({_CHANCE})", f"({_CHANCE}, cohort)", "(hour, allocation, logged, a)"]
        return filled(
            _UNITS,
            scope=place,
            candidate=quoted(self.candidate),
            champion=quoted(self.champion),
            attributes="".join(f", r.context[{quoted(it)}] AS c{index}" for index, it in enumerate(self.attributes)),
            columns="".join(f", {name}" for name in names),
            sets=", ".join([*sets, *(f"({_CHANCE}, {segment})" for segment in dict.fromkeys(of_segments))]),
        )

    def cells(self, rows: Iterable[Row]) -> Iterator[Cell]:
        """The cells in the rows of `statement`: an `ArmCounts` by the candidate's chance each."""
        tables: defaultdict[Place, defaultdict[float, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * 4))
        for row in rows:
            match row:
                case (
                    int(hour),
                    int(allocation),
                    propensity,
                    logged,
                    bool(a),
                    *values,
                    int(which),
                    int(n),
                    int(due),
                    int(known),
                ):
                    for metric, segment, counts in self._read(propensity, (logged, *values), which, (n, due, known)):
                        chance, yes, no = counts
                        arms = tables[metric, hour, allocation, segment][chance]
                        arms[0 if a else 2] += yes
                        arms[1 if a else 3] += no
                case _:
                    raise InvariantError(f"no row of an audit: {row!r}")
        for (metric, hour, allocation, segment), table in tables.items():
            yield Cell(
                metric=metric,
                variant=self.candidate,
                version="",
                allocation=allocation,
                segment=dict(segment),
                hour=hour,
                predictions=sum(map(sum, table.values())),
                summary=ArmCounts(cells=tuple(_cell(chance, arms) for chance, arms in sorted(table.items()))),
            )

    def _read(
        self, propensity: object, values: Sequence[object], which: int, counts: tuple[int, int, int]
    ) -> Iterator[tuple[str, tuple[tuple[str, str], ...], tuple[float, int, int]]]:
        # `which` has a bit for each of logged, cohort and the attributes that a row is not grouped by, the first the highest.
        n, due, known = counts
        names = (LOGGED, COHORTS, *self.attributes)
        grouped = [
            (name, value) for at, (name, value) in enumerate(zip(names, values, strict=True)) if not _bit(which, at, names)
        ]
        if any(value is None for _, value in grouped):
            return  # without the attribute it lies in no segment; without a plain chance the log cannot be told right or wrong
        match grouped:
            case [(name, float(logged))] if name == LOGGED:
                yield LOGGED, (), (logged, due, n - due)
            case [(name, cohort)] if name == COHORTS:
                yield COHORTS, (("cohort", str(cohort)),), (_chance(propensity), due, n - due)
            case []:
                yield DRAWN, (), (_chance(propensity), due, n - due)
                yield OUTCOMES, (), (_chance(propensity), known, due - known)
            case _:
                segment = tuple((name, str(value)) for name, value in grouped)
                yield DRAWN, segment, (_chance(propensity), due, n - due)


def draws(allocation: Allocation) -> bool:
    """Whether any unit is drawn at random under this allocation, so that two variants can be compared."""
    splits = [allocation.split, *(audience.split for audience in allocation.audiences if audience.comparable)]
    return any(_owners(split) > 1 for split in splits)


def _owners(split: Split) -> int:
    return len({part.variant for part in split.ranges if part.start < part.end})


def _bit(which: int, at: int, names: Sequence[str]) -> int:
    return which >> (len(names) - 1 - at) & 1


def _chance(value: object) -> float:
    assert isinstance(value, float)  # noqa: S101 - the column `propensity` of every row that is grouped by it
    return value


def _cell(chance: float, arms: Sequence[int]) -> ArmCell:
    return ArmCell(propensity=chance, candidate_yes=arms[0], candidate_no=arms[1], champion_yes=arms[2], champion_no=arms[3])
