"""How far is the predicted number, or the predicted chance, from what came true?"""

from segue.facts.question import MetricRef
from segue.measure.kinds.reading import Columns, Reading, all_of, capped, positive


def mae(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of |predicted - true|."""
    return _mean(capped(f"abs({_error(columns)})", metric), columns, _numbers(columns))


def rmse(metric: MetricRef, columns: Columns) -> Reading:
    """Root of the mean of (predicted - true)^2; the root is taken of the summary, sums are of squares."""
    error = _error(columns)
    return _mean(capped(f"({error} * {error})", metric), columns, _numbers(columns))


def brier(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of (score - y)^2, y = 1 for a positive."""
    distance = f"($r.score - ({columns.truth} = {positive(metric)})::INTEGER)"
    return _mean(f"({distance} * {distance})", columns, _scored(columns))


def log_loss(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of -ln(chance given to what came true), the chance cut to [2.2e-16, 1 - 2.2e-16] as scikit-learn does."""
    chance = f"CASE WHEN {columns.truth} = {positive(metric)} THEN $r.score ELSE 1 - $r.score END"
    epsilon = "2.220446049250313e-16"
    return _mean(capped(f"-ln(greatest(least({chance}, 1 - {epsilon}), {epsilon}))", metric), columns, _scored(columns))


def _mean(value: str, columns: Columns, condition: str) -> Reading:
    return Reading(form="mean", rows="answers", due=columns.due, judged=condition, numerator=f"({value})")


def _scored(columns: Columns) -> str:
    return all_of(columns.due, "$r.score BETWEEN 0 AND 1", f"{columns.truth} IS NOT NULL")


def _error(columns: Columns) -> str:
    return f"(TRY_CAST($r.label AS DOUBLE) - TRY_CAST({columns.truth} AS DOUBLE))"


def _numbers(columns: Columns) -> str:
    return all_of(columns.due, f"isfinite({_error(columns)})")
