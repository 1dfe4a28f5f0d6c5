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

_FRESH: Final = """
WITH mine AS (
  SELECT request_id, epoch_us("at") AS at_us, epoch_us("at") // $hour_us AS hour, unit, unit_source, stage, allocation,
    role, comparable FROM predictions WHERE rollout = $rollout AND role <> 'pinned'
),
fresh AS (
  SELECT request_id FROM new_predictions WHERE rollout = $rollout UNION
  SELECT request_id FROM new_outcomes WHERE request_id <> '' UNION
  SELECT p.request_id FROM mine p JOIN new_outcomes o ON o.unit = p.unit
  WHERE o.request_id = '' AND epoch_us(o."at") BETWEEN p.at_us AND p.at_us + $longest_us
)"""
_FRESH_UNITS: Final = """,
fresh_units AS (SELECT DISTINCT unit FROM mine SEMI JOIN fresh USING (request_id) WHERE unit_source <> 'request')"""
_THESE_UNITS: Final = " SELECT unit FROM fresh_units"
_DRAWN: Final = """,
drawn AS (
  SELECT * FROM mine SEMI JOIN fresh_units USING (unit) WHERE comparable AND role IN ('served', 'failed', 'fallback')
)"""
_TOUCHED: Final = """
SELECT hour FROM mine SEMI JOIN fresh USING (request_id) UNION
SELECT hour FROM mine WHERE $of_age$first_hours
"""
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
    """The query for the hours to be counted again; needs `new_predictions` and `new_outcomes`."""
    if since.judged_until_us is None:
        return every_hour(since.rollout)
    conditions = [f"at_us > {since.judged_until_us - age_us} AND at_us <= {since.now_us - age_us}" for age_us in since.ages_us]
    for hours, age_us in since.whole:
        end = f"(hour // {hours} + 1) * {hours * HOUR_US}"
        conditions.append(f"{end} > {since.judged_until_us - age_us} AND {end} <= {since.now_us - age_us}")
    scopes = [f"stage = {quoted(scope.stage)} AND allocation >= {scope.since_allocation}" for scope in since.exposed]
    query = filled(
        _TOUCHED,
        of_age=" OR ".join(conditions) or "FALSE",
        first_hours="".join(filled(_FIRST_HOURS, scope=scope) for scope in scopes),
    )
    return _with_fresh(since, (_FRESH_UNITS + _DRAWN if scopes else "") + query)


def every_hour(rollout: str) -> str:
    """The query for all hours in which the rollout has rows."""
    return filled(_ALL, rollout=quoted(rollout), hour_us=HOUR_US)


def fresh(since: Since) -> str:
    """The query for the requests of which a row or an outcome is new."""
    return _with_fresh(since, "SELECT request_id FROM fresh")


def fresh_units(since: Since) -> str:
    """The query for the units of these requests that may make others."""
    return _with_fresh(since, _FRESH_UNITS + _THESE_UNITS)


def of_age(hour: int, since: Since) -> bool:
    """Whether a row of this hour can have come of age."""
    start, end, last = hour * HOUR_US, (hour + 1) * HOUR_US, since.judged_until_us
    if last is None:
        return True
    if any(start <= since.now_us - age_us and end > last - age_us for age_us in since.ages_us):
        return True
    ends = ((hour // hours + 1) * hours * HOUR_US + age_us for hours, age_us in since.whole)
    return any(last < end_us <= since.now_us for end_us in ends)


def _with_fresh(since: Since, query: str) -> str:
    return filled(_FRESH, rollout=quoted(since.rollout), hour_us=HOUR_US, longest_us=since.longest_us) + "\n" + query
