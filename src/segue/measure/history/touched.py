"""Which hours have to be counted again?

Those in which something that a summary rests on has changed since the last time: a new row of a request, a new outcome of one,
a request that has come of age. With units that make many requests, also the hour of the unit's first exposure as it was
without the new rows; a new row that comes first now is touched as it is.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from segue.measure.expressions import quoted
from segue.measure.history.propensity import Exposed
from segue.measure.sql import HOUR_US, filled

_TOUCHED: Final = """
WITH mine AS (
  SELECT request_id, epoch_us("at") AS at_us, epoch_us("at") // $hour_us AS hour, unit, unit_source, stage, allocation,
    role, comparable FROM predictions WHERE rollout = $rollout AND role <> 'pinned'
),
fresh AS MATERIALIZED (
  SELECT request_id FROM new_predictions WHERE rollout = $rollout UNION
  SELECT request_id FROM new_outcomes WHERE request_id <> '' UNION
  SELECT p.request_id FROM mine p JOIN new_outcomes o ON o.unit = p.unit
  WHERE o.request_id = '' AND epoch_us(o."at") BETWEEN p.at_us AND p.at_us + $longest_us
)$units
SELECT hour FROM mine SEMI JOIN fresh USING (request_id) UNION
SELECT hour FROM mine WHERE $of_age$first_hours
"""
_UNITS: Final = """,
fresh_units AS MATERIALIZED (SELECT DISTINCT unit FROM mine SEMI JOIN fresh USING (request_id) WHERE unit_source <> 'request'),
drawn AS MATERIALIZED (
  SELECT * FROM mine SEMI JOIN fresh_units USING (unit) WHERE comparable AND role IN ('served', 'failed', 'fallback')
)"""
_FIRST_HOURS: Final = """
UNION SELECT min(hour) FROM drawn ANTI JOIN new_predictions USING (request_id) WHERE $scope GROUP BY unit"""
_ALL: Final = """SELECT DISTINCT epoch_us("at") // $hour_us FROM predictions WHERE rollout = $rollout AND role <> 'pinned'"""


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed since the last measurement.

    Args:
        judged_until_us: the last measurement's `now`; None for none.
        longest_us: the longest window.
        ages_us: a request comes of age for something when it is so old.
        whole: (hours, age): a period of so many hours comes of age as a whole when its end is so long ago.
        exposed: scopes of first exposures, where units make many requests; else empty.
    """

    rollout: str
    judged_until_us: int | None
    now_us: int
    longest_us: int
    ages_us: Sequence[int]
    whole: Sequence[tuple[int, int]] = ()
    exposed: Sequence[Exposed] = ()


def touched(since: Since) -> str:
    """The query for the hours to be counted again; needs `new_predictions` and `new_outcomes` after the first time."""
    if since.judged_until_us is None:
        return filled(_ALL, rollout=quoted(since.rollout), hour_us=HOUR_US)
    conditions = [f"at_us > {since.judged_until_us - age_us} AND at_us <= {since.now_us - age_us}" for age_us in since.ages_us]
    for hours, age_us in since.whole:
        end = f"(hour // {hours} + 1) * {hours * HOUR_US}"
        conditions.append(f"{end} > {since.judged_until_us - age_us} AND {end} <= {since.now_us - age_us}")
    scopes = [f"stage = {quoted(scope.stage)} AND allocation >= {scope.since_allocation}" for scope in since.exposed]
    return filled(
        _TOUCHED,
        rollout=quoted(since.rollout),
        hour_us=HOUR_US,
        longest_us=since.longest_us,
        of_age=" OR ".join(conditions) or "FALSE",
        units=_UNITS if scopes else "",
        first_hours="".join(filled(_FIRST_HOURS, scope=scope) for scope in scopes),
    )
