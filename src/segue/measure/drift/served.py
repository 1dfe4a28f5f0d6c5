"""Which rows of the lake say what was asked, and which what was answered?

Features are those of requests: each request once, as it was assigned, whoever answered it in the end. Labels and scores are
those of a version's own answers, shadows included. A request of several rows has no one value of a feature and is left out;
what was pinned is nobody's traffic.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from segue.facts.drift.bins import ArmBins
from segue.facts.drift.profile import FeatureProfile, Profile
from segue.measure.drift.counting import Counting
from segue.measure.drift.fields import VALUES, extracted, of_prediction, out_of_json, plain, typed, typed_fields
from segue.measure.expressions import quoted
from segue.measure.measurement.steps import Tally
from segue.measure.sql import HOUR_US, any_of, filled

_REQUESTS: Final = """
SELECT epoch_us("at") // $period_us AS hour, $arm AS arm, $values FROM predictions
WHERE role IN ('served', 'failed') AND variant = assigned AND features IS NOT NULL AND unread NOT LIKE '%batch of %' AND $where
"""
_ANSWERS: Final = """
SELECT epoch_us("at") // $hour_us AS hour, $arm AS arm, label, score FROM predictions
WHERE role IN ('served', 'shadow', 'fallback') AND error = '' AND $where
"""
_BY_ID: Final = """
SELECT r.request_id, a.label, a.score, $values FROM (
  SELECT request_id, arg_min(features, epoch_us("at")) AS features FROM predictions
  WHERE $listed AND role <> 'pinned' GROUP BY request_id
) r LEFT JOIN (
  SELECT request_id, arg_min(label, epoch_us("at")) AS label, arg_min(score, epoch_us("at")) AS score FROM predictions
  WHERE $listed AND $answered GROUP BY request_id
) a ON a.request_id = r.request_id
"""
_MINE: Final = "SELECT * FROM ($rows) WHERE arm IS NOT NULL"
KEYS: Final = ("hour", "arm")

Row = tuple[Any, ...]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """A query by hour and arm whose columns are tallied, and how the tallies are read.

    Args:
        columns: names of the profile's columns that it counts, in order.
    """

    sql: str
    counting: Counting

    @property
    def tally(self) -> Tally:
        """What the engine is asked."""
        return Tally(self.sql, len(self.counting.keys), self.counting.bins)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it counts, in order."""
        return tuple(column.name for column in self.counting.columns)

    def read(self, rows: Sequence[Row]) -> Iterator[tuple[int, ArmBins]]:
        """Hour and side of each row of the tally."""
        for (hour,), bins in self.counting.arms(rows):
            yield int(hour), bins


def of_requests(profile: Profile, *, arm: str, where: str = "TRUE", period_us: int = HOUR_US) -> Statement:
    """The features of requests, by hour (or another period) and arm.

    Args:
        profile: in whose bins they are counted.
        arm: SQL of a text over a row of `predictions`; the caller's own.
        where: a condition over such a row; the caller's own too.
        period_us: of the first key.
    """
    if plain(profile.features):
        fields, values = typed_fields(profile.features), f"features, {typed(profile.features, 'features')} AS {VALUES}"
    else:
        fields, values = out_of_json(profile.features), f"{extracted(profile.features, 'features')} AS {VALUES}"
    counting = Counting(columns=profile.features, fields=fields, keys=KEYS)
    rows = filled(_REQUESTS, period_us=period_us, arm=arm, where=where, values=values)
    return Statement(sql=counting.statement(filled(_MINE, rows=rows)), counting=counting)


def of_answers(profile: Profile, *, arm: str, where: str = "TRUE") -> Statement | None:
    """Labels and scores of answers, by hour and arm; None where the profile knows of neither."""
    columns = tuple(column for column in (profile.label, profile.score) if column is not None)
    if not columns:
        return None
    counting = Counting(columns=columns, fields=of_prediction(profile), keys=KEYS)
    rows = filled(_ANSWERS, hour_us=HOUR_US, arm=arm, where=where)
    return Statement(sql=counting.statement(filled(_MINE, rows=rows)), counting=counting)


def of_ids(features: Sequence[FeatureProfile], requests: Sequence[str], version: str = "") -> str:
    """The values of these requests as they were served: id, label, score, and the list of the features' texts.

    Args:
        features: names only matter.
        requests: ids.
        version: whose answer is meant; "" for the one that left.
    """
    answered = "role = 'served'" if not version else f"role IN ('served', 'shadow', 'fallback') AND version = {quoted(version)}"
    listed = any_of("request_id", requests)
    values = extracted(features, "r.features") if features else "[]::VARCHAR[]"
    return filled(_BY_ID, listed=listed, answered=answered, values=values)
