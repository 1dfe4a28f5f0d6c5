"""With which chance was a unit drawn, given all that it had been through before?

A unit keeps its bucket for the whole rollout. When the candidate's share has grown from s1 to s2, a unit that was seen outside
s1 is now the candidate's with chance (s2 - s1) / (1 - s1), not s2; one seen inside already is so with chance 1. In general a
unit's sightings leave it a set of buckets, on which its bucket is uniform, because every bucket of the set was treated alike
so far. The chance is then

    |buckets left that the candidate owns now| / |buckets left that the candidate or the champion owns now|

which is exact for shares that grow, shrink and grow again. Another salt or kind is another draw, with no history. Where the
chance is 0 or 1 there is nothing to compare.

A unit counts once in a stage, at its first comparable exposure; a unit whose source is the request is seen once anyway.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from segue.errors import DomainError
from segue.facts.allocation import Allocation, Range, Split
from segue.measure.expressions import quoted, to_sql
from segue.measure.sql import HOUR_US, filled, number
from segue.spec.expression import parse

SEPARATOR: Final = "\x1f"
"""Between the sightings of a history."""
_WITHIN: Final = "\x1e"

SIGHTINGS: Final = """
CREATE TEMP TABLE sightings AS
SELECT request_id, at_us, unit, stage, allocation, assigned, propensity, $draw AS draw FROM (
  SELECT request_id, epoch_us("at") AS at_us, unit, stage, allocation, assigned, propensity, comparable, context,
    row_number() OVER (PARTITION BY request_id ORDER BY "at", allocation, stage, assigned, unit, variant, role) AS copy
  FROM predictions SEMI JOIN (SELECT DISTINCT unit FROM judged) USING (unit)
  WHERE rollout = $rollout AND role IN ('served', 'failed', 'fallback')
) WHERE copy = 1 AND comparable
"""

EXPOSURES: Final = """
CREATE TEMP TABLE exposures AS
WITH firsts AS MATERIALIZED ($firsts),
histories AS (
  SELECT e.scope, e.unit, array_to_string(list_sort(list(DISTINCT h.draw || $within || h.assigned)), $separator) AS history
  FROM firsts e JOIN sightings h ON h.unit = e.unit AND h.at_us <= e.at_us
  WHERE (h.at_us, h.request_id) < (e.at_us, e.request_id) GROUP BY e.scope, e.unit
)
SELECT e.scope, e.unit, e.request_id, e.at_us, e.hour, e.stage, e.draw, e.allocation, e.assigned,
  coalesce(h.history, '') AS history
FROM firsts e LEFT JOIN histories h ON h.scope = e.scope AND h.unit = e.unit WHERE $touched
"""

_FIRSTS: Final = """
SELECT $scope AS scope, unit, first.at_us, first.at_us // $hour_us AS hour, first.request_id, stage, first.draw,
  first.allocation, first.assigned
FROM (
  SELECT unit, $stage AS stage, min(
    {'at_us': at_us, 'request_id': request_id, 'draw': draw, 'allocation': allocation, 'assigned': assigned}
  ) AS first
  FROM sightings WHERE stage = $stage AND allocation >= $since GROUP BY unit
)
"""

DRAWN: Final = "SELECT DISTINCT draw, history FROM exposures"
"""Which chances are needed."""

_CHANCES: Final = (
    "CREATE TEMP TABLE chances AS SELECT * FROM (VALUES $rows) c(draw, history, candidate, champion, propensity, together)"
)
_NO_CHANCES: Final = (
    "CREATE TEMP TABLE chances AS SELECT 0 AS draw, '' AS history, '' AS candidate, '' AS champion, 0::DOUBLE AS propensity, "
    "1::DOUBLE AS together "
    "WHERE FALSE"
)


class Exposed(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Which exposures are first ones: of a stage, from an allocation on."""

    stage: str
    since_allocation: int


class Draws:
    """The ownership tables of a rollout, each once, whatever allocations repeat it."""

    def __init__(self, allocations: Sequence[Allocation]) -> None:
        self._splits: list[Split] = []
        self._cases = [self._case(allocation) for allocation in allocations]

    def sql(self) -> str:
        """The number of the table that a row was drawn by, from its columns `allocation` and `context`; -1 for unknown."""
        return f"CASE {' '.join(self._cases)} ELSE -1 END" if self._cases else "-1"

    def chance(self, draw: int, history: str, *, candidate: str, champion: str) -> float | None:
        """The candidate's conditional chance against the champion; None where the record contradicts itself.

        Args:
            draw: the table of this draw.
            history: earlier sightings as `EXPOSURES` writes them.
            candidate: the variant whose chance it is.
            champion: the other one; who was drawn for a third says nothing about these two.
        """
        if draw < 0:
            return None
        split = self._splits[draw]
        left: list[tuple[int, int]] = [(0, split.ranges[-1].end)]
        for sighting in filter(None, history.split(SEPARATOR)):
            number_text, _, variant = sighting.partition(_WITHIN)
            seen = self._splits[int(number_text)] if int(number_text) >= 0 else None
            if seen is None:
                return None
            if (seen.salt, seen.kind) == (split.salt, split.kind):
                left = intersection(left, owned(seen.ranges, variant))
        mine = width(intersection(left, owned(split.ranges, candidate)))
        theirs = width(intersection(left, owned(split.ranges, champion)))
        return mine / (mine + theirs) if mine + theirs else None

    def both(self, draw: int, *, candidate: str, champion: str) -> float:
        """The share of two variants together in a draw."""
        ranges = self._splits[draw].ranges
        return (width(owned(ranges, candidate)) + width(owned(ranges, champion))) / ranges[-1].end

    def _case(self, allocation: Allocation) -> str:
        cases = [
            f"WHEN {to_sql(parse(audience.where, allocation.context))} THEN {self._number(audience.split)}"
            for audience in allocation.audiences
        ]
        main = self._number(allocation.split)
        drawn = f"CASE {' '.join(cases)} ELSE {main} END" if cases else str(main)
        return f"WHEN allocation = {allocation.number} THEN {drawn}"

    def _number(self, split: Split) -> int:
        if not split.ranges:
            raise DomainError("a split owns no buckets", kind=split.kind)
        if split not in self._splits:
            self._splits.append(split)
        return self._splits.index(split)


def statements(rollout: str, draws: Draws, scopes: Sequence[Exposed], touched: str) -> tuple[str, str]:
    """The statements that make the tables `sightings` and `exposures`, on top of `judged`.

    Args:
        rollout: whose.
        draws: the tables of its allocations.
        scopes: each exposure carries the place of its scope here.
        touched: a condition on `hour`.
    """
    firsts = " UNION ALL ".join(
        filled(_FIRSTS, hour_us=HOUR_US, scope=index, stage=quoted(scope.stage), since=scope.since_allocation)
        for index, scope in enumerate(scopes)
    )
    return (
        filled(SIGHTINGS, rollout=quoted(rollout), draw=draws.sql()),
        filled(EXPOSURES, firsts=firsts, within=_literal(_WITHIN), separator=_literal(SEPARATOR), touched=touched),
    )


def chances(draws: Draws, drawn: Iterable[tuple[int, str]], pairs: Iterable[tuple[str, str]]) -> str:
    """The statement that makes the table `chances`: draw, history, candidate, champion, propensity; only 0 < p < 1.

    Its column `together` is the share of the two in the draw: what a logged propensity, the share of one among all, is to be
    divided by to be a chance between the two.
    """
    drawn = tuple(drawn)
    rows = []
    for candidate, champion in pairs:
        for draw, history in drawn:
            chance = draws.chance(draw, history, candidate=candidate, champion=champion)
            if chance is not None and 0 < chance < 1:
                both = number(draws.both(draw, candidate=candidate, champion=champion))
                rows.append(f"({draw}, {quoted(history)}, {quoted(candidate)}, {quoted(champion)}, {number(chance)}, {both})")
    return filled(_CHANCES, rows=", ".join(rows)) if rows else _NO_CHANCES


def owned(ranges: Sequence[Range], variant: str) -> list[tuple[int, int]]:
    """The buckets of one variant, as [start, end)."""
    return [(part.start, part.end) for part in ranges if part.variant == variant and part.start < part.end]


def intersection(left: Sequence[tuple[int, int]], right: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What two ordered lists of ranges have in common.

    >>> intersection([(0, 10), (20, 30)], [(5, 25)])
    [(5, 10), (20, 25)]
    """
    starts = [start for start, _ in right]
    found = []
    for start, end in left:
        for index in range(max(bisect_right(starts, start) - 1, 0), len(right)):
            low, high = max(start, right[index][0]), min(end, right[index][1])
            if low < high:
                found.append((low, high))
            if right[index][0] >= end:
                break
    return found


def width(ranges: Iterable[tuple[int, int]]) -> int:
    """How many buckets.

    >>> width([(0, 2), (5, 6)])
    3
    """
    return sum(end - start for start, end in ranges)


def _literal(text: str) -> str:
    return f"chr({ord(text)})"
