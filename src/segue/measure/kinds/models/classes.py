"""How good are the scores of several classes?

The label is captured as a JSON object of class -> score (`{"cat": 0.7, "dog": 0.3}`); scores are taken as they are, and need
not add up to 1. A row whose true class has no score is not judged.
"""

from collections import defaultdict
from itertools import combinations

from segue.facts.question import MetricRef
from segue.facts.summary import ScoreTable
from segue.measure.kinds.entry import Table, ratio
from segue.measure.kinds.models.ranking import auc
from segue.measure.kinds.reading import Columns, Reading, all_of, said, word
from segue.measure.kinds.values import listed, scores
from segue.measure.sql import number


def class_scores(_metric: MetricRef, columns: Columns) -> Reading:
    """Rows by (class, true class, that class's score)."""
    classes = scores("$r.label")
    each = f"list_transform(map_entries({classes}), lambda e: [e.key, {columns.truth}, e.value::VARCHAR])"
    return listed(columns, judged=_known(columns), each=each, width=3)


def class_roc_auc(table: Table, metric: MetricRef) -> float | None:
    """Mean area under the ROC curve over classes.

    `pairing=rest`: each class's score, its rows against all others'. `pairing=one`: of each pair of classes, the mean of the
    two areas among their rows. `weighting=weighted` weighs a class (pair) by its share of rows. Source: Provost and Domingos
    2000 (rest), Hand and Till 2001 (one); scikit-learn's `roc_auc_score(multi_class="ovr" | "ovo")`.
    """
    of_class: dict[str, dict[str, dict[float, int]]] = defaultdict(lambda: defaultdict(dict))
    for (label, true, score), count in table.items():
        if label:
            of_class[label][true][float(score)] = int(count)
    rows = {true: sum(by_score.values()) for true, by_score in next(iter(of_class.values()), {}).items()}
    if word(metric, "pairing") == "rest":
        parts = [(rows.get(label, 0), _area(true, label, set(true) - {label})) for label, true in of_class.items()]
    else:
        parts = [(rows.get(a, 0) + rows.get(b, 0), _both(of_class, a, b)) for a, b in combinations(sorted(of_class), 2)]
    heavy = word(metric, "weighting") == "weighted"
    known = [(weight if heavy else 1, area) for weight, area in parts if area is not None]
    return ratio(sum(weight * area for weight, area in known), sum(weight for weight, _ in known))


def class_log_loss(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of -ln(score of the true class / sum of scores), scores cut to [eps, 1 - eps]. Source: scikit-learn's `log_loss`."""
    eps = number(said(metric, "eps"))
    found = scores("$r.label")
    mine = f"({found}[{columns.truth}] / list_sum(map_values({found})))"
    return _mean(columns, f"-ln(greatest(least({mine}, 1 - {eps}), {eps}))")


def class_brier(_metric: MetricRef, columns: Columns) -> Reading:
    """Mean over rows of the sum over classes of (score - y)^2. Source: Brier 1950, equation 2."""
    found = scores("$r.label")
    squares = f"list_sum(list_transform(map_values({found}), lambda s: s * s))"
    return _mean(columns, f"{squares} - 2 * {found}[{columns.truth}] + 1")


def top_k_accuracy(metric: MetricRef, columns: Columns) -> Reading:
    """Share of rows whose true class is among the `k` highest scores; classes that score the same as it count as above.

    Source: scikit-learn's `top_k_accuracy_score`, which breaks ties by the order of classes.
    """
    found = scores("$r.label")
    above = f"len(list_filter(map_values({found}), lambda s: s >= {found}[{columns.truth}]))"
    return _mean(columns, f"({above} <= {number(said(metric, 'k'))})::INTEGER")


def _mean(columns: Columns, value: str) -> Reading:
    return Reading(form="sums", rows="answers", due=columns.due, judged=_known(columns), values=(f"({value})",))


def _known(columns: Columns) -> str:
    return all_of(columns.due, f"isfinite({scores('$r.label')}[{columns.truth}])")


def _area(true: dict[str, dict[float, int]], label: str, others: set[str]) -> float | None:
    counts: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for other in others | {label}:
        for score, count in true.get(other, {}).items():
            counts[score][other == label] += count
    ordered = sorted(counts.items())
    return auc(
        ScoreTable(
            scores=tuple(score for score, _ in ordered),
            positives=tuple(count[1] for _, count in ordered),
            negatives=tuple(count[0] for _, count in ordered),
        )
    )


def _both(of_class: dict[str, dict[str, dict[float, int]]], a: str, b: str) -> float | None:
    one, other = _area(of_class[a], a, {b}), _area(of_class[b], b, {a})
    return None if one is None or other is None else (one + other) / 2
