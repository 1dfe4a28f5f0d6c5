"""How often do two variants say the same, and how is what one says distributed?

Agreement is of the served answer `$r` and the shadow's `$s` to one request, and is the shadow's. Distributions need one variant
alone; neither needs an outcome.
"""

from math import log

from segue.facts.question import MetricRef
from segue.facts.summary import Histogram
from segue.measure.kinds.entry import Sums, Table, ratio
from segue.measure.kinds.models.classification import agreed, in_order, margins
from segue.measure.kinds.models.regression import correlation
from segue.measure.kinds.reading import Columns, Reading, all_of, positive, said, word
from segue.measure.kinds.service.operational import quantile
from segue.measure.sql import number


def agreement(_metric: MetricRef, _columns: Columns) -> Reading:
    """Share of requests to which the served answer and the shadow's gave the same label. Source: definition."""
    return Reading(
        form="agreement",
        rows="pairs",
        due="TRUE",
        judged=all_of("$r.label IS NOT NULL", "$s.label IS NOT NULL"),
        numerator="($r.label = $s.label)::INTEGER",
    )


def label_pairs(_metric: MetricRef, _columns: Columns) -> Reading:
    """Requests by (served label, shadow's label)."""
    judged = all_of("$r.label IS NOT NULL", "$s.label IS NOT NULL")
    return Reading(form="table", rows="pairs", due="TRUE", judged=judged, keys=("$r.label", "$s.label"))


def agreement_kappa(table: Table, metric: MetricRef) -> float | None:
    """Cohen's kappa of the two variants' labels, `weights` as in `kappa`. Source: scikit-learn's `cohen_kappa_score`."""
    return agreed(table, word(metric, "weights"))


def flip_rate(table: Table, _metric: MetricRef) -> float | None:
    """Share of requests whose label changes. Source: Milani Fard and others 2016, NeurIPS (prediction churn)."""
    return ratio(sum(count for (old, new), count in table.items() if old != new), sum(table.values()))


def flip_to(table: Table, metric: MetricRef) -> float | None:
    """Share of requests whose label changes to `positive`. Source: as `flip_rate`."""
    label = word(metric, "positive")
    return ratio(sum(count for (old, new), count in table.items() if old != new == label), sum(table.values()))


def flip_from(table: Table, metric: MetricRef) -> float | None:
    """Share of requests whose label was `positive` and changes. Source: as `flip_rate`."""
    label = word(metric, "positive")
    return ratio(sum(count for (old, new), count in table.items() if new != old == label), sum(table.values()))


def score_pairs(_metric: MetricRef, _columns: Columns) -> Reading:
    """Served score, shadow's score, their squares and their product."""
    return _pair_sums("$r.score", "$s.score", "$r.score * $r.score", "$s.score * $s.score", "$r.score * $s.score")


def score_correlation(sums: Sums, _metric: MetricRef) -> float | None:
    """Pearson's correlation of the two variants' scores. Source: `scipy.stats.pearsonr`."""
    return correlation(sums)


def score_shift(_metric: MetricRef, _columns: Columns) -> Reading:
    """Mean of the shadow's score - the served score. Source: definition."""
    return _pair_sums("$s.score - $r.score")


def score_distance(_metric: MetricRef, _columns: Columns) -> Reading:
    """Mean of |the shadow's score - the served score|. Source: definition."""
    return _pair_sums("abs($s.score - $r.score)")


def score_grid(metric: MetricRef, _columns: Columns) -> Reading:
    """Requests by both scores, each rounded to a grid."""
    keys = tuple(f"round({side}.score * {number(said(metric, 'grid'))})::VARCHAR" for side in ("$r", "$s"))
    return Reading(form="table", rows="pairs", due="TRUE", judged=all_of("isfinite($r.score + $s.score)"), keys=keys)


def rank_correlation(table: Table, _metric: MetricRef) -> float | None:
    """Spearman's correlation of the two variants' scores, mid-ranks for ties; scores are rounded to 1 / `grid`.

    Source: Spearman 1904; `scipy.stats.spearmanr`, which it equals where the scores lie on the grid.
    """
    first, second = (_ranks(side) for side in margins(table))
    n = sum(table.values())
    sums = [0.0] * 5
    for (a, b), count in table.items():
        x, y = first[a], second[b]
        for at, product in enumerate((x, y, x * x, y * y, x * y)):
            sums[at] += count * product
    return correlation(Sums(n, tuple(sums)))


def label_counts(_metric: MetricRef, _columns: Columns) -> Reading:
    """Answers by label."""
    judged = all_of("$r.label IS NOT NULL")
    return Reading(form="table", rows="answers", due="TRUE", judged=judged, keys=("$r.label",))


def selection_rate(metric: MetricRef, _columns: Columns) -> Reading:
    """Share of answers that are `positive`; with `threshold`, that score so much. Source: fairlearn's `selection_rate`."""
    if "threshold" in metric.parameters:
        yes, judged = f"($r.score >= {number(said(metric, 'threshold'))})", all_of("isfinite($r.score)")
    else:
        yes, judged = f"($r.label = {positive(metric)})", all_of("$r.label IS NOT NULL")
    return Reading(form="share", rows="answers", due="TRUE", judged=judged, numerator=f"{yes}::INTEGER")


def label_entropy(table: Table, _metric: MetricRef) -> float | None:
    """-sum p ln p over the shares of labels, nats. Source: Shannon 1948; `scipy.stats.entropy`."""
    n = sum(table.values())
    return -sum(count / n * log(count / n) for count in table.values() if count) if n else None


def mean_score(_metric: MetricRef, _columns: Columns) -> Reading:
    """Mean score. Source: definition."""
    return _score_sums("$r.score")


def score_and_square(_metric: MetricRef, _columns: Columns) -> Reading:
    """Score and its square."""
    return _score_sums("$r.score", "$r.score * $r.score")


def score_deviation(sums: Sums, _metric: MetricRef) -> float | None:
    """Standard deviation of the scores, divided by n. Source: numpy's `std`."""
    n, (total, squares) = sums.n, sums.sums
    return max(squares / n - (total / n) ** 2, 0.0) ** 0.5 if n else None


def score_entropy(_metric: MetricRef, _columns: Columns) -> Reading:
    """Mean of -s ln s - (1 - s) ln(1 - s), nats, of scores that are chances: how unsure answers are. Source: Shannon 1948."""
    parts = (f"CASE WHEN {p} > 0 THEN -({p}) * ln({p}) ELSE 0 END" for p in ("$r.score", "(1 - $r.score)"))
    return _score_sums(" + ".join(parts), usable="$r.score BETWEEN 0 AND 1")


def uncertain_share(metric: MetricRef, _columns: Columns) -> Reading:
    """Share of scores within `margin` of one half. Source: Lewis and Gale 1994, SIGIR (uncertainty)."""
    return _score_sums(f"(abs($r.score - 0.5) < {number(said(metric, 'margin'))})::INTEGER")


def scores(_metric: MetricRef, _columns: Columns) -> Reading:
    """Scores above 0, in buckets that grow by 2 %."""
    return Reading(form="quantile", rows="answers", due="TRUE", judged=all_of("isfinite($r.score)"), numerator="$r.score")


def score_quantile(histogram: Histogram, metric: MetricRef) -> float | None:
    """The ceil(q n)-th smallest score, to within 1 %; 0 for a score of 0 or less. Source: numpy's `inverted_cdf`."""
    return quantile(histogram, said(metric, "q"))


def _pair_sums(*values: str) -> Reading:
    judged = all_of("isfinite($r.score + $s.score)")
    return Reading(form="sums", rows="pairs", due="TRUE", judged=judged, values=tuple(f"({it})" for it in values))


def _score_sums(*values: str, usable: str = "isfinite($r.score)") -> Reading:
    return Reading(form="sums", rows="answers", due="TRUE", judged=all_of(usable), values=tuple(f"({it})" for it in values))


def _ranks(counts: dict[str, float]) -> dict[str, float]:
    below, ranks = 0.0, {}
    for key in in_order(set(counts)):
        ranks[key] = below + (counts[key] + 1) / 2
        below += counts[key]
    return ranks
