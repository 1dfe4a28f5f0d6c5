"""Which statements count a version's days, segment by segment, in a few passes over its answers?

The same rules as the judged view's where both speak of the same: a request that came twice counts once, the earliest; of
several outcomes the last by (`at`, `received_at`) counts, and one without a label withdraws them. Outcomes are found by the
request's id. There is no window: what is known by now is known.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from segue.facts.daily import DayCell
from segue.measure.expressions import quoted
from segue.measure.kinds.reading import ANSWERED
from segue.measure.sql import HOUR_US, TIE, any_of, filled

DAY_US: Final = 24 * HOUR_US
_ECE_BINS: Final = 15

_ANSWERS: Final = """
CREATE TEMP TABLE answers AS SELECT request_id, epoch_us("at") AS at_us, $segment AS segment, label, score
FROM predictions WHERE version = $version AND $roles AND error = '' AND epoch_us("at") // $hour_us BETWEEN $begin AND $end
"""
REPEATED: Final = "SELECT count(*) > count(DISTINCT hash(request_id)) FROM answers WHERE request_id <> ''"
"""The query whether a request may be among the answers twice; yes is said once too often where two ids have one hash."""
ONCE: Final = """
CREATE OR REPLACE TEMP TABLE answers AS SELECT * FROM answers
QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY at_us, label, score, segment) = 1
"""
"""Leaves the earliest answer of each request."""

LAST: Final = filled(
    """
SELECT request_id, arg_max_null(label, {
  'a': epoch_us("at"), 'r': epoch_us(received_at), $tie
}) AS label FROM outcomes WHERE request_id <> '' GROUP BY request_id
""",
    tie=TIE,
)
"""The query for each request's last outcome."""
_DAYS: Final = """
CREATE OR REPLACE TEMP TABLE days AS SELECT a.at_us // $day_us AS day, a.segment, a.label = $positive AS predicted,
  o.label = $positive AS came_true, CASE WHEN isfinite(a.score) THEN a.score END AS score
FROM answers a LEFT JOIN ($outcomes) o ON o.request_id = a.request_id AND o.request_id <> ''
"""
MULTIPLIED: Final = "SELECT (SELECT count(*) FROM days) > (SELECT count(*) FROM answers)"
"""The query whether some answer has found more than one outcome."""

_CONFUSION: Final = """
SELECT day, segment, $whole AS whole, count(*), count(came_true), count(*) FILTER (predicted AND came_true),
  count(*) FILTER (predicted AND NOT came_true), count(*) FILTER (NOT predicted AND came_true),
  count(*) FILTER (NOT predicted AND NOT came_true)
FROM days GROUP BY GROUPING SETS ($sets)
"""
# A row's mid-rank is half of its `rank` and of how many rows are not above it, which `cume_dist` tells: one sort for both.
_RANKS: Final = """
SELECT day, segment, $whole AS whole, sum(twice) FILTER (came_true), count(*) FILTER (came_true),
  count(*) FILTER (NOT came_true)
FROM (
  SELECT day, $by AS segment, came_true, rank() OVER one + round(cume_dist() OVER one * count(*) OVER cell)::BIGINT AS twice
  FROM days WHERE score IS NOT NULL AND came_true IS NOT NULL
  WINDOW one AS (PARTITION BY $keys ORDER BY score), cell AS (PARTITION BY $keys)
) GROUP BY day, segment
"""
_CALIBRATION: Final = """
SELECT day, segment, whole, sum(abs(scores - ups)) / sum(n), (sum(scores) - sum(ups)) / sum(n) FROM (
  SELECT day, segment, $whole AS whole, bin, sum(score) AS scores, count(*) FILTER (came_true) AS ups, count(*) AS n FROM (
    SELECT *, least(floor(score * $bins), $bins - 1)::INTEGER AS bin FROM days
    WHERE score BETWEEN 0 AND 1 AND came_true IS NOT NULL
  ) GROUP BY GROUPING SETS ($binned_sets)
) GROUP BY day, segment, whole
"""

Row = tuple[Any, ...]


class Daily(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted.

    Args:
        route: whose lake.
        version: whose answers.
        begin, end: hours since the epoch, `end` left out.
        segment: an attribute of the context; "" for whole days alone.
        positive: the label that predictions and outcomes are asked about.
    """

    route: str
    version: str
    begin: int
    end: int
    segment: str = ""
    positive: str = "1"

    @property
    def answers(self) -> str:
        """Makes the table `answers` out of the lake's predictions."""
        return filled(
            _ANSWERS,
            segment=f"context[{quoted(self.segment)}]" if self.segment else "NULL::VARCHAR",
            version=quoted(self.version),
            roles=any_of("role", ANSWERED),
            hour_us=HOUR_US,
            begin=self.begin,
            end=self.end - 1,
        )

    def joined(self, *, last: bool) -> str:
        """Makes the table `days`: the answers with their outcomes.

        Args:
            last: take the last of a request's outcomes; otherwise it must have one at most, which costs a quarter as much.
        """
        outcomes = LAST if last else "SELECT request_id, label FROM outcomes"
        return filled(_DAYS, day_us=DAY_US, positive=quoted(self.positive), outcomes=outcomes)

    @property
    def queries(self) -> tuple[str, str, str]:
        """Confusion, ranks and calibration, by day, and by day and segment."""
        whole = "grouping(segment)" if self.segment else "1"
        parts = {"whole": whole, "sets": self._sets(), "binned_sets": self._sets("bin")}
        ranks = filled(_RANKS, whole=1, by="NULL", keys="day")
        if self.segment:
            ranks += " UNION ALL " + filled(_RANKS, whole=0, by="segment", keys="day, segment")
        return filled(_CONFUSION, **parts), ranks, filled(_CALIBRATION, bins=_ECE_BINS, **parts)

    def _sets(self, *more: str) -> str:
        keys = (("day", "segment"), ("day",)) if self.segment else (("day", "segment"),)
        return ", ".join(f"({', '.join((*names, *more))})" for names in keys)


def gone(name: str) -> str:
    """Gives the memory of a table back."""
    return f"DROP TABLE {name}"


def cells(confusion: Sequence[Row], ranks: Sequence[Row], calibration: Sequence[Row]) -> list[DayCell]:
    """The rows of the three queries as cells, ordered; answers without the attribute are in the whole day alone.

    The AUC is `(R - P (P + 1) / 2) / (P N)`, R the sum of the positives' mid-ranks. Source: Mann and Whitney 1947.
    """
    areas = {row[:3]: (row[3] - row[4] * (row[4] + 1)) / (2 * row[4] * row[5]) for row in ranks if row[4] and row[5]}
    errors = {row[:3]: row[3:] for row in calibration}
    found = []
    for day, segment, whole, answers, known, tp, fp, fn, tn in confusion:
        if segment is None and not whole:
            continue
        place = (day, segment, whole)
        ece, bias = errors.get(place, (None, None))
        counts = {"answers": answers, "known": known, "tp": tp, "fp": fp, "fn": fn, "tn": tn}
        found.append(DayCell(day=day, segment=segment, **counts, auc=areas.get(place), ece=ece, bias=bias))
    return sorted(found, key=lambda cell: (cell.day, cell.segment is not None, cell.segment or ""))
