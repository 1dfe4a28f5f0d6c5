"""Which of a version's answers came true how, row by row, in the order of their time?

Each request once, the earliest answer; of several outcomes the last by (`at`, `received_at`) counts. Where rows are drawn, the
MD5 of the request's id draws them: the same ones whoever asks, and the id is known before the answer is.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from segue.facts.drift.profile import FeatureProfile
from segue.measure.drift.fields import VALUES, Field, extracted, out_of_json
from segue.measure.expressions import quoted
from segue.measure.kinds.reading import ANSWERED
from segue.measure.measurement.daily import LAST
from segue.measure.sql import HOUR_US, any_of, filled

_ROWS: Final = """
SELECT a.at_us, a.label, a.score, o.label AS truth$columns FROM (
  SELECT request_id, min(epoch_us("at")) AS at_us, arg_min(label, epoch_us("at")) AS label,
    arg_min(score, epoch_us("at")) AS score
  FROM predictions
  WHERE version = $version AND $roles AND error = '' AND request_id <> '' AND epoch_us("at") // $hour_us BETWEEN $begin AND $end
  GROUP BY request_id $drawn
) a LEFT JOIN ($outcomes) o ON o.request_id = a.request_id $features
ORDER BY a.at_us, a.request_id
"""
_FEATURES: Final = """LEFT JOIN (
  SELECT request_id, $values AS $list FROM (
    SELECT request_id, arg_min(features, epoch_us("at")) AS features FROM predictions
    WHERE role IN ('served', 'failed') AND features IS NOT NULL GROUP BY request_id
  )
) f ON f.request_id = a.request_id
"""
_SAMPLED: Final = """
SELECT * EXCLUDE (place) FROM (
  SELECT arm, $columns, row_number() OVER (PARTITION BY arm ORDER BY md5(request_id)) AS place FROM (
    SELECT request_id, $arm AS arm, $values AS $list FROM predictions
    WHERE role IN ('served', 'failed') AND variant = assigned AND features IS NOT NULL AND unread NOT LIKE '%batch of %'
  ) WHERE arm IS NOT NULL
) WHERE place <= $most ORDER BY arm, place
"""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Whose answers, and when.

    Args:
        begin, end: hours since the epoch, `end` left out.
        most: rows to draw; 0 for all.
    """

    version: str
    begin: int
    end: int
    most: int = 0


def judged(answered: Answered, features: Sequence[FeatureProfile] = ()) -> str:
    """Microseconds, label, score, truth (NULL where it is not known), and the value of each feature."""
    fields = [_value(feature, field) for feature, field in zip(features, out_of_json(features), strict=True)]
    return filled(
        _ROWS,
        outcomes=LAST,
        version=quoted(answered.version),
        roles=any_of("role", ANSWERED),
        hour_us=HOUR_US,
        begin=answered.begin,
        end=answered.end - 1,
        drawn=f"ORDER BY md5(request_id) LIMIT {answered.most}" if answered.most else "",
        columns="".join(f", {field}" for field in fields),
        features=filled(_FEATURES, values=extracted(features, "features"), list=VALUES) if features else "",
    )


def sampled(features: Sequence[FeatureProfile], *, arm: str, most: int) -> str:
    """Requests of each side: the side, and the value of each feature.

    Args:
        features: that are looked at.
        arm: SQL of a text over a row of `predictions`, NULL for no side; the caller's own.
        most: requests of a side.
    """
    fields = [_value(feature, field) for feature, field in zip(features, out_of_json(features), strict=True)]
    columns = ", ".join(f"{field} AS x{place}" for place, field in enumerate(fields))
    return filled(_SAMPLED, columns=columns, arm=arm, values=extracted(features, "features"), list=VALUES, most=most)


def _value(feature: FeatureProfile, field: Field) -> str:
    """A number, or a text; of a number that is none, NULL."""
    return field.value if feature.kind == "numeric" else f"CAST({field.value} AS VARCHAR)"
