"""How far is the predicted number, or the predicted chance, from what came true?

e = predicted - true. A row counts where both are finite numbers.
"""

from segue.facts.question import MetricRef
from segue.facts.summary import Histogram
from segue.measure.kinds.entry import Sums, ratio
from segue.measure.kinds.reading import Columns, Reading, all_of, capped, positive, said
from segue.measure.kinds.service.operational import quantile
from segue.measure.kinds.values import numbers
from segue.measure.sql import number


def mae(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of |e|, cut to `cap`. Source: scikit-learn's `mean_absolute_error`."""
    return _mean(capped(f"abs({_error(columns)})", metric), columns, _numbers(columns))


def rmse(metric: MetricRef, columns: Columns) -> Reading:
    """Root of the mean of e^2, |e| cut to `cap`. Source: scikit-learn's `root_mean_squared_error`."""
    error = _error(columns)
    return _mean(capped(f"({error} * {error})", metric), columns, _numbers(columns))


def root(sums: Sums, _metric: MetricRef) -> float | None:
    """The root of the first number's mean."""
    return (sums.sums[0] / sums.n) ** 0.5 if sums.n else None


def brier(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of (score - y)^2, y = 1 for a positive. Source: Brier 1950; scikit-learn's `brier_score_loss`."""
    distance = f"($r.score - ({columns.truth} = {positive(metric)})::INTEGER)"
    return _mean(f"({distance} * {distance})", columns, _scored(columns))


def log_loss(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of -ln(chance given to what came true), the chance cut to [2.2e-16, 1 - 2.2e-16].

    Source: scikit-learn's `log_loss`.
    """
    chance = f"CASE WHEN {columns.truth} = {positive(metric)} THEN $r.score ELSE 1 - $r.score END"
    epsilon = "2.220446049250313e-16"
    return _mean(capped(f"-ln(greatest(least({chance}, 1 - {epsilon}), {epsilon}))", metric), columns, _scored(columns))


def mse(_metric: MetricRef, columns: Columns) -> Reading:
    """Mean of e^2. Source: scikit-learn's `mean_squared_error`."""
    return _sums(columns, f"{_error(columns)} * {_error(columns)}")


def msle(_metric: MetricRef, columns: Columns) -> Reading:
    """Mean of (ln(1 + predicted) - ln(1 + true))^2, of rows where both are above -1.

    Source: scikit-learn's `mean_squared_log_error`.
    """
    logs = f"(ln(1 + {_predicted()}) - ln(1 + {_true(columns)}))"
    value = f"CASE WHEN {_predicted()} > -1 AND {_true(columns)} > -1 THEN {logs} * {logs} END"
    return _sums(columns, value)


def mape(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of |e| / max(|true|, eps). Source: scikit-learn's `mean_absolute_percentage_error`, whose eps is 2.2e-16."""
    return _sums(columns, f"abs({_error(columns)}) / greatest(abs({_true(columns)}), {number(said(metric, 'eps'))})")


def smape(_metric: MetricRef, columns: Columns) -> Reading:
    """Mean of 2 |e| / (|predicted| + |true|); 0 where both are 0. Source: Makridakis 1993, Int. J. Forecasting 9, 527."""
    size = f"(abs({_predicted()}) + abs({_true(columns)}))"
    return _sums(columns, f"CASE WHEN {size} = 0 THEN 0 ELSE 2 * abs({_error(columns)}) / {size} END")


def wape(_metric: MetricRef, columns: Columns) -> Reading:
    """Sum of |e| / sum of |true|. Source: Kolassa and Schütz 2007, Foresight 6, 40 (MAD / mean)."""
    return _sums(columns, f"abs({_error(columns)})", f"abs({_true(columns)})")


def quotient(sums: Sums, _metric: MetricRef) -> float | None:
    """The first sum over the second."""
    return ratio(sums.sums[0], sums.sums[1])


def bias(_metric: MetricRef, columns: Columns) -> Reading:
    """Mean of e. Source: Hyndman and Koehler 2006, Int. J. Forecasting 22, 679 (mean error)."""
    return _sums(columns, _error(columns))


def overestimation_rate(_metric: MetricRef, columns: Columns) -> Reading:
    """Share of rows with e > 0. Source: definition."""
    return _sums(columns, f"({_error(columns)} > 0)::INTEGER")


def errors_and_truth(_metric: MetricRef, columns: Columns) -> Reading:
    """e, e^2, true and true^2."""
    error, true = _error(columns), _true(columns)
    return _sums(columns, error, f"{error} * {error}", true, f"{true} * {true}")


def r2(sums: Sums, _metric: MetricRef) -> float | None:
    """1 - sum e^2 / sum (true - mean true)^2; None where the truth is constant. Source: scikit-learn's `r2_score`."""
    n, (_, squares, true, true2) = sums.n, sums.sums
    spread = _spread(n, true, true2)
    return None if spread is None else 1 - squares / spread


def explained_variance(sums: Sums, _metric: MetricRef) -> float | None:
    """1 - variance of e / variance of the truth. Source: scikit-learn's `explained_variance_score`."""
    n, (error, squares, true, true2) = sums.n, sums.sums
    spread = _spread(n, true, true2)
    return None if spread is None else 1 - (squares - error * error / n) / spread


def both_numbers(_metric: MetricRef, columns: Columns) -> Reading:
    """Predicted, true, their squares and their product."""
    predicted, true = _predicted(), _true(columns)
    return _sums(columns, predicted, true, f"{predicted} * {predicted}", f"{true} * {true}", f"{predicted} * {true}")


def pearson(sums: Sums, _metric: MetricRef) -> float | None:
    """Correlation of predicted and true number; None where either is constant. Source: `scipy.stats.pearsonr`."""
    return correlation(sums)


def correlation(sums: Sums) -> float | None:
    """Pearson's correlation out of x, y, x^2, y^2, x y."""
    n, (x, y, xx, yy, xy) = sums.n, sums.sums
    spread_x, spread_y = _spread(n, x, xx), _spread(n, y, yy)
    return None if spread_x is None or spread_y is None else (xy - x * y / n) / (spread_x * spread_y) ** 0.5


def quantile_loss(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of max(q (true - predicted), (1 - q)(predicted - true)). Source: Koenker and Bassett 1978; `mean_pinball_loss`."""
    q, error = number(said(metric, "q")), _error(columns)
    return _sums(columns, f"greatest(-{q} * {error}, (1 - {q}) * {error})")


def absolute_errors(_metric: MetricRef, columns: Columns) -> Reading:
    """|e|, counted in buckets that grow by 2 %."""
    return Reading(
        form="quantile",
        rows="answers",
        due=columns.due,
        judged=_numbers(columns),
        numerator=f"abs({_error(columns)})",
    )


def median_absolute_error(histogram: Histogram, _metric: MetricRef) -> float | None:
    """The ceil(n / 2)-th smallest |e|, to within 1 %.

    Source: scikit-learn's `median_absolute_error`, which takes the mean of the two middle ones where n is even.
    """
    return quantile(histogram, 0.5)


def absolute_error_quantile(histogram: Histogram, metric: MetricRef) -> float | None:
    """The ceil(q n)-th smallest |e|, to within 1 %. Source: numpy's `quantile(method="inverted_cdf")`."""
    return quantile(histogram, said(metric, "q"))


def interval_coverage(_metric: MetricRef, columns: Columns) -> Reading:
    """Share of rows whose truth lies in the predicted interval; the label is `[low, high]`, both ends included.

    Source: Gneiting and Raftery 2007, JASA 102, 359, section 6.2.
    """
    interval = numbers("$r.label")
    inside = f"({_true(columns)} BETWEEN {interval}[1] AND {interval}[2])::INTEGER"
    return _sums(columns, inside, judged=_interval(columns))


def interval_width(_metric: MetricRef, columns: Columns) -> Reading:
    """Mean width of the predicted interval, `[low, high]`, of rows that are judged. Source: as `interval_coverage`."""
    interval = numbers("$r.label")
    return _sums(columns, f"{interval}[2] - {interval}[1]", judged=_interval(columns))


def _spread(n: float, total: float, squares: float) -> float | None:
    # Sum of squared distances from the mean; None where there is none but for rounding.
    spread = squares - total * total / n if n else 0.0
    return spread if spread > 1e-12 * squares else None


def _mean(value: str, columns: Columns, condition: str) -> Reading:
    return Reading(form="mean", rows="answers", due=columns.due, judged=condition, numerator=f"({value})")


def _sums(columns: Columns, *values: str, judged: str = "") -> Reading:
    known = all_of(judged or _numbers(columns), *(f"isfinite({value})" for value in values))
    return Reading(form="sums", rows="answers", due=columns.due, judged=known, values=tuple(f"({it})" for it in values))


def _scored(columns: Columns) -> str:
    return all_of(columns.due, "$r.score BETWEEN 0 AND 1", f"{columns.truth} IS NOT NULL")


def _error(columns: Columns) -> str:
    return f"({_predicted()} - {_true(columns)})"


def _predicted() -> str:
    return "TRY_CAST($r.label AS DOUBLE)"


def _true(columns: Columns) -> str:
    return f"TRY_CAST({columns.truth} AS DOUBLE)"


def _numbers(columns: Columns) -> str:
    return all_of(columns.due, f"isfinite({_error(columns)})")


def _interval(columns: Columns) -> str:
    interval = numbers("$r.label")
    return all_of(
        columns.due, f"len({interval}) = 2", f"isfinite({interval}[2] - {interval}[1])", f"isfinite({_true(columns)})"
    )
