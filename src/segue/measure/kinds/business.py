"""What did the answers lead to?"""

from segue.errors import DomainError
from segue.facts.question import MetricRef
from segue.measure.kinds.reading import Columns, Reading, all_of, capped

OUTCOME = "outcome."
COST = "prediction.cost_usd"


def mean(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of a value of the outcome (per request, by the variant that was assigned), or of what an answer cost.

    Raises:
        DomainError: `of` is neither.
    """
    if metric.of == COST:
        value = "$r.cost"
        return Reading(
            form="mean", rows="answers", due="TRUE", judged=all_of(f"isfinite({value})"), numerator=capped(value, metric)
        )
    if not metric.of.startswith(OUTCOME):
        raise DomainError(f"a mean is taken of `outcome.NAME` or `{COST}`, not of `{metric.of}`", metric=metric.name)
    value = columns.value(metric.of.removeprefix(OUTCOME))
    return Reading(
        form="mean",
        rows="requests",
        due=columns.due,
        judged=all_of(columns.due, f"isfinite({value})"),
        numerator=capped(value, metric),
    )
