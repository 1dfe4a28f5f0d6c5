"""How often do two variants say the same?"""

from segue.facts.question import MetricRef
from segue.measure.kinds.reading import Columns, Reading, all_of


def agreement(_metric: MetricRef, _columns: Columns) -> Reading:
    """One for each request to which the served answer `$r` and the shadow's `$s` gave the same label."""
    return Reading(
        form="agreement",
        rows="pairs",
        due="TRUE",
        judged=all_of("$r.label IS NOT NULL", "$s.label IS NOT NULL"),
        numerator="($r.label = $s.label)::INTEGER",
    )
