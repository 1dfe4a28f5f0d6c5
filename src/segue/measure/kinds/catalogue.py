"""Which kinds of metric are there, and what does a summary of one say?"""

from collections.abc import Callable, Sequence
from math import isfinite, sqrt
from typing import Final

from msgspec.structs import replace

from segue.errors import DomainError
from segue.facts.evidence import UNKNOWN, NotEnough
from segue.facts.question import MetricRef
from segue.facts.summary import Counts, Daily, Histogram, Moments, ScoreTable, Summary, Tally, Units
from segue.measure.kinds import uncertainty
from segue.measure.kinds.entry import Entry, Read, base_of, by_sql, by_sums, observations, opened, table_of
from segue.measure.kinds.models import classes, groups, lists, media, scores
from segue.measure.kinds.models import classification as labels
from segue.measure.kinds.models import regression as errors
from segue.measure.kinds.models import similarity as near
from segue.measure.kinds.models.fairness import demographic_parity, equal_opportunity, equalized_odds
from segue.measure.kinds.models.ranking import auc_of, roc_auc
from segue.measure.kinds.reading import Columns, Reading, Rule, said
from segue.measure.kinds.service import agreement as same
from segue.measure.kinds.service import business as value_of
from segue.measure.kinds.service import operational as service
from segue.measure.kinds.service import stability, units
from segue.measure.kinds.service.business import COST
from segue.measure.kinds.service.stability import DayValue
from segue.spec.metric import kind_of

_JUDGED: Final = "judged predictions"
_GROUPS: Final = "two groups that are large enough"
_PAIRS: Final = "pairs of a positive and a negative"

_PLAIN: Final[dict[str, Entry]] = {
    # labels
    "accuracy": by_sql(labels.accuracy, _JUDGED),
    "precision": by_sql(labels.precision, "predicted positives", labels.averaged),
    "recall": by_sql(labels.recall, "actual positives", labels.averaged),
    "f1": by_sql(labels.f1, "positives", labels.averaged),
    "fbeta": by_sums(labels.confusion, labels.fbeta, "positives"),
    "jaccard_index": by_sums(labels.confusion, labels.jaccard_index, "positives"),
    "balanced_accuracy": by_sums(labels.confusion, labels.balanced_accuracy, _JUDGED),
    "specificity": by_sums(labels.confusion, labels.specificity, "actual negatives"),
    "false_positive_rate": by_sums(labels.confusion, labels.false_positive_rate, "actual negatives"),
    "false_negative_rate": by_sums(labels.confusion, labels.false_negative_rate, "actual positives"),
    "negative_predictive_value": by_sums(labels.confusion, labels.negative_predictive_value, "predicted negatives"),
    "informedness": by_sums(labels.confusion, labels.informedness, "actual positives and negatives"),
    "label_lift": by_sums(labels.confusion, labels.label_lift, "predicted and actual positives"),
    "matthews": by_sums(labels.confusion, labels.matthews, "two classes, predicted and true"),
    "kappa": by_sums(labels.confusion, labels.kappa, "two classes"),
    "confusion_share": by_sums(labels.confusion, labels.confusion_share, _JUDGED),
    "expected_cost": by_sums(labels.confusion, labels.expected_cost, _JUDGED),
    # scores
    "roc_auc": by_sql(roc_auc, _PAIRS, auc_of),
    "log_loss": by_sql(errors.log_loss, _JUDGED),
    "brier": by_sql(errors.brier, _JUDGED),
    "gini": by_sums(roc_auc, scores.gini, _PAIRS),
    "average_precision": by_sums(roc_auc, scores.average_precision, "positives"),
    "score_ks": by_sums(roc_auc, scores.score_ks, _PAIRS),
    "brier_skill": by_sums(scores.chances, scores.brier_skill, _PAIRS),
    "ece": by_sums(scores.chances, scores.ece, _JUDGED),
    "mce": by_sums(scores.chances, scores.mce, _JUDGED),
    "calibration_bias": by_sums(scores.chances, scores.calibration_bias, _JUDGED),
    "confidence_ece": by_sums(scores.confidences, scores.confidence_ece, _JUDGED),
    "lift": by_sums(roc_auc, scores.lift, "positives"),
    "gain": by_sums(roc_auc, scores.gain, "positives"),
    # scores of several classes
    "class_roc_auc": by_sums(classes.class_scores, classes.class_roc_auc, "two classes"),
    "class_log_loss": by_sql(classes.class_log_loss, _JUDGED),
    "class_brier": by_sql(classes.class_brier, _JUDGED),
    "top_k_accuracy": by_sql(classes.top_k_accuracy, _JUDGED),
    # numbers
    "mae": by_sql(errors.mae, _JUDGED),
    "rmse": by_sql(errors.rmse, _JUDGED, errors.root),
    "mse": by_sql(errors.mse, _JUDGED),
    "msle": by_sql(errors.msle, _JUDGED),
    "mape": by_sql(errors.mape, _JUDGED),
    "smape": by_sql(errors.smape, _JUDGED),
    "wape": by_sql(errors.wape, "true numbers other than 0", errors.quotient),
    "bias": by_sql(errors.bias, _JUDGED),
    "overestimation_rate": by_sql(errors.overestimation_rate, _JUDGED),
    "r2": by_sums(errors.errors_and_truth, errors.r2, "different true numbers"),
    "explained_variance": by_sums(errors.errors_and_truth, errors.explained_variance, "different true numbers"),
    "pearson": by_sums(errors.both_numbers, errors.pearson, "different numbers"),
    "quantile_loss": by_sql(errors.quantile_loss, _JUDGED),
    "median_absolute_error": by_sums(errors.absolute_errors, errors.median_absolute_error, _JUDGED),
    "absolute_error_quantile": by_sums(errors.absolute_errors, errors.absolute_error_quantile, _JUDGED),
    "interval_coverage": by_sql(errors.interval_coverage, _JUDGED),
    "interval_width": by_sql(errors.interval_width, _JUDGED),
    # ranked lists
    "ndcg": by_sql(lists.ndcg, _JUDGED),
    "mrr": by_sql(lists.mrr, _JUDGED),
    "hit_rate": by_sql(lists.hit_rate, _JUDGED),
    "precision_at_k": by_sql(lists.precision_at_k, _JUDGED),
    "recall_at_k": by_sql(lists.recall_at_k, _JUDGED),
    "map_at_k": by_sql(lists.map_at_k, _JUDGED),
    "list_diversity": by_sql(lists.list_diversity, "lists of two items"),
    "catalogue_coverage": by_sums(lists.shown_items, lists.catalogue_coverage, "lists"),
    "exposure_gini": by_sums(lists.shown_items, lists.exposure_gini, "lists"),
    "novelty": by_sums(lists.shown_items, lists.novelty, "lists"),
    "popularity": by_sums(lists.shown_items, lists.popularity, "lists"),
    "personalisation": by_sums(lists.shown_items, lists.personalisation, "two lists"),
    # similarity
    "cosine_similarity": by_sql(near.cosine_similarity, "vectors"),
    "euclidean_distance": by_sql(near.euclidean_distance, "vectors"),
    "jaccard_similarity": by_sql(near.jaccard_similarity, "lists"),
    "list_overlap": by_sql(near.list_overlap, "lists"),
    "levenshtein_distance": by_sql(near.levenshtein_distance, "texts"),
    # texts and pictures
    "bleu": by_sums(near.pairs, media.bleu, "texts"),
    "chrf": by_sums(near.pairs, media.chrf, "texts"),
    "perplexity": by_sql(near.perplexity, "log probabilities", media.read_perplexity),
    "iou": by_sql(near.iou, "boxes"),
    "ssim": by_sums(near.pairs, media.ssim, "pictures"),
    # fairness
    "demographic_parity": by_sums(groups.groups_and_answers, groups.demographic_parity, _GROUPS),
    "equal_opportunity": by_sums(groups.groups_and_truth, groups.equal_opportunity, _GROUPS),
    "equalized_odds": by_sums(groups.groups_and_truth, groups.equalized_odds, _GROUPS),
    "predictive_parity": by_sums(groups.groups_and_truth, groups.predictive_parity, _GROUPS),
    "accuracy_parity": by_sums(groups.groups_and_truth, groups.accuracy_parity, _GROUPS),
    # operations
    "error_rate": by_sql(service.error_rate, "requests"),
    "latency_quantile": by_sql(service.latency_quantile, "answers", service.quantile_read),
    "error_share": by_sql(service.error_share, "requests"),
    "fallback_rate": by_sql(service.fallback_rate, "requests"),
    "latency_mean": by_sql(service.latency_mean, "answers"),
    "overhead_quantile": by_sql(service.overhead_quantile, "answers", service.quantile_read),
    "throughput": by_sums(service.hours_asked, service.throughput, "hours with traffic"),
    "payload_size": by_sql(service.payload_size, "answers"),
    "payload_quantile": by_sql(service.payload_quantile, "answers", service.quantile_read),
    "cost_per_thousand": by_sql(service.cost_per_thousand, "answers with a cost"),
    "outcome_coverage": by_sql(service.outcome_coverage, "answers that are due"),
    "outcome_delay_quantile": by_sql(service.outcome_delay_quantile, "outcomes", service.quantile_read),
    # business
    "mean": by_sql(value_of.mean, _JUDGED),
    "conversion": by_sql(value_of.conversion, _JUDGED),
    "ctr": by_sql(value_of.ctr, "impressions", errors.quotient),
    "value_ratio": by_sql(value_of.value_ratio, "sums other than 0", errors.quotient),
    "total": by_sql(value_of.total, _JUDGED, value_of.summed),
    "per_thousand": by_sql(value_of.per_thousand, _JUDGED),
    "value_quantile": by_sql(value_of.value_quantile, _JUDGED, service.quantile_read),
    "funnel_step": by_sql(value_of.funnel_step, "requests that came to the step before"),
    "cuped_mean": by_sums(value_of.before_and_after, value_of.cuped_mean, "different values before"),
    # units
    "per_unit": by_sums(units.by_unit, units.per_unit, "units"),
    "unit_conversion": by_sums(units.by_unit, units.unit_conversion, "units"),
    "requests_per_unit": by_sums(units.requests_by_unit, units.requests_per_unit, "units"),
    "active_units": by_sums(units.requests_by_unit, units.active_units, "units"),
    "retention": by_sums(units.requests_by_unit, units.retention, "units that are old enough"),
    "churn": by_sums(units.requests_by_unit, units.churn, "units that are old enough"),
    # agreement between versions
    "agreement": by_sql(same.agreement, "pairs of answers"),
    "agreement_kappa": by_sums(same.label_pairs, same.agreement_kappa, "pairs of answers of two classes"),
    "flip_rate": by_sums(same.label_pairs, same.flip_rate, "pairs of answers"),
    "flip_to": by_sums(same.label_pairs, same.flip_to, "pairs of answers"),
    "flip_from": by_sums(same.label_pairs, same.flip_from, "pairs of answers"),
    "score_correlation": by_sums(same.score_pairs, same.score_correlation, "pairs of different scores"),
    "rank_correlation": by_sums(same.score_grid, same.rank_correlation, "pairs of different scores"),
    "score_shift": by_sql(same.score_shift, "pairs of scores"),
    "score_distance": by_sql(same.score_distance, "pairs of scores"),
    # distribution of answers
    "selection_rate": by_sql(same.selection_rate, "answers"),
    "label_entropy": by_sums(same.label_counts, same.label_entropy, "answers"),
    "mean_score": by_sql(same.mean_score, "scores"),
    "score_deviation": by_sums(same.score_and_square, same.score_deviation, "scores"),
    "score_quantile": by_sums(same.scores, same.score_quantile, "scores"),
    "score_entropy": by_sql(same.score_entropy, "scores"),
    "uncertain_share": by_sql(same.uncertain_share, "scores"),
}
# A new kind is one function and its row here.


def _by_days(estimate: Callable[[Sequence[DayValue], MetricRef], float | None]) -> Entry:
    return Entry(_daily, lambda daily, metric: estimate(_days(daily, metric), metric), "days", estimate)


def _daily(metric: MetricRef, columns: Columns) -> Reading:
    base = base_of(metric)
    return replace(_PLAIN[base.kind].read(base, columns), daily=True)


def _days(daily: Daily, metric: MetricRef) -> list[DayValue]:
    base, found = base_of(metric), []
    for day, part in zip(daily.days, daily.parts, strict=True):
        known = value(base, part)
        if not isinstance(known, NotEnough) and observations(part) >= said(metric, "least"):
            error = standard_error(base, part)
            found.append(DayValue(day, known, None if isinstance(error, NotEnough) else error**2))
    return found


ENTRIES: Final = _PLAIN | {kind: _by_days(estimate) for kind, estimate in stability.ESTIMATES.items()}
"""One entry for each of `spec.metric.KINDS`."""
READINGS: Final[dict[str, Read]] = {name: entry.read for name, entry in ENTRIES.items()}
GAP_READINGS: Final[dict[str, Callable[[MetricRef, Columns], Reading]]] = {
    "demographic_parity_difference": demographic_parity,
    "equal_opportunity_difference": equal_opportunity,
    "equalized_odds_difference": equalized_odds,
}
"""One entry for each of `spec.metric.GAPS`."""
_EVERY: Final = {**READINGS, **GAP_READINGS}


def rule_of(metric: MetricRef) -> Rule | None:
    """When the metric's predictions are judged; None for at once, because it needs no outcome."""
    kind = base_of(metric).kind
    beside = metric.parameters.get("against") == "champion"
    if beside or metric.of == COST or kind not in _EVERY or not kind_of(kind).outcome:
        return None
    return Rule(window_us=round(metric.window_s * 1_000_000), missing=metric.missing)


def reading_of(metric: MetricRef, rules: tuple[Rule, ...]) -> Reading:
    """The metric as SQL over a row that has the columns of these rules.

    Raises:
        DomainError: no such kind.
    """
    if metric.kind not in _EVERY:
        raise DomainError(f"no kind of metric is called {metric.kind!r}", metric=metric.name)
    rule = rule_of(metric)
    index, guessed = -1 if rule is None else rules.index(rule), UNKNOWN in metric.parameters
    columns = Columns(index=index, missing=metric.missing, guessed=guessed)
    return _EVERY[metric.kind](metric, columns)


def value(metric: MetricRef, summary: Summary | None) -> float | NotEnough:
    """What the summary says the metric is.

    Returns:
        `NotEnough` where there is nothing to divide by.

    Raises:
        DomainError: a summary that is not of this kind of metric.

    >>> precision = MetricRef(name="precision", kind="precision")
    >>> value(precision, Counts(yes=3, no=1))
    0.75
    >>> value(precision, Counts(yes=0, no=0)).need
    1
    """
    entry = ENTRIES[metric.kind]
    found: float | None
    match summary:
        case None:
            found = None
        case Counts(yes=yes, no=no):
            found = yes / (yes + no) if yes + no else None
        case Moments(cells=cells):
            found = entry.estimate(opened(summary)[0], metric) if cells else None
        case Tally():
            found = entry.estimate(table_of(summary), metric)
        case Histogram() | ScoreTable() | Daily() | Units():
            found = entry.estimate(summary, metric)
        case _:
            raise DomainError(f"no metric is read off {type(summary).__name__}", metric=metric.name)
    if found is None or not isfinite(found):
        return NotEnough(have=0, need=1, unit=entry.unit, reason="nothing to divide by")
    return found


def standard_error(metric: MetricRef, summary: Summary | None) -> float | NotEnough:
    """The standard error of `value` at one look, rows taken as independent.

    Returns:
        `NotEnough` where no formula is known for this kind, or the rows are too few.

    >>> standard_error(MetricRef(name="hits", kind="accuracy"), Counts(yes=50, no=50))
    0.05
    """
    entry = ENTRIES[metric.kind]
    estimate: Callable[..., float | None] = lambda part: entry.estimate(part, metric)  # noqa: E731
    found: float | None = None
    match summary:
        case Counts(yes=yes, no=no) if metric.kind != "f1":  # of which no row is a yes or a no
            found = uncertainty.of_share(yes, no)
        case Moments(cells=cells) if cells:
            found = uncertainty.of_sums(estimate, *opened(summary))
        case Tally() if not _lists(metric):
            found = uncertainty.of_table(estimate, table_of(summary))
        case ScoreTable() if metric.kind in {"roc_auc", "gini"}:
            area = uncertainty.of_auc(summary)
            found = None if area is None else area * (4 if metric.kind == "gini" else 1)
        case Units(values=values, requests=requests) if metric.kind in units.MEANS:
            mine = {"requests_per_unit": requests, "unit_conversion": tuple(float(it > 0) for it in values)}
            return units.error_of_mean(mine.get(metric.kind, values)) or _no_error(entry)
    return _no_error(entry) if found is None else sqrt(found)


def _no_error(entry: Entry) -> NotEnough:
    return NotEnough(have=0, need=2, unit=entry.unit, reason="no standard error is known")


def _lists(metric: MetricRef) -> bool:
    # What a row lists is no sample of independent draws.
    return bool(reading_of(metric, tuple(filter(None, [rule_of(metric)]))).each)
