"""How often is the predicted label right?

With tp, fp, fn, tn the predictions that are rightly positive, wrongly positive, wrongly negative and rightly negative. All but
accuracy and the plain binary precision, recall and F1 are read off one table, the confusion matrix: (predicted, true) -> rows.
"""

from typing import NamedTuple

from segue.facts.question import MetricRef
from segue.measure.kinds.entry import Table, ratio
from segue.measure.kinds.reading import Columns, Reading, all_of, positive, said, word
from segue.measure.sql import number


def accuracy(_metric: MetricRef, columns: Columns) -> Reading:
    """Right predictions / all predictions. Source: scikit-learn's `accuracy_score`."""
    return Reading(
        form="share",
        rows="answers",
        due=columns.due,
        judged=_known(columns),
        numerator=f"($r.label = {columns.truth})::INTEGER",
    )


def precision(metric: MetricRef, columns: Columns) -> Reading:
    """Of the predicted positives, those that are: tp / (tp + fp). Source: scikit-learn's `precision_score`.

    With `average`: macro, the plain mean over the classes of which it is known; weighted, the mean by how often each came
    true; micro, all classes' tp and fp added up. A class that was never predicted has no precision and is left out.
    """
    if _averaged(metric):
        return confusion(metric, columns)
    predicted, true, judged = _signs(metric, columns)
    return _ratio(columns, f"({predicted} AND {true})::INTEGER", f"({predicted})::INTEGER", judged)


def recall(metric: MetricRef, columns: Columns) -> Reading:
    """Of the actual positives, those that were predicted: tp / (tp + fn). Source: scikit-learn's `recall_score`.

    `average` as in `precision`. A class that never came true has no recall and is left out.
    """
    if _averaged(metric):
        return confusion(metric, columns)
    predicted, true, judged = _signs(metric, columns)
    return _ratio(columns, f"({predicted} AND {true})::INTEGER", f"({true})::INTEGER", judged)


def f1(metric: MetricRef, columns: Columns) -> Reading:
    """The harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn). Source: scikit-learn's `f1_score`.

    `average` as in `precision`.
    """
    if _averaged(metric):
        return confusion(metric, columns)
    predicted, true, judged = _signs(metric, columns)
    both = f"({predicted})::INTEGER + ({true})::INTEGER"
    return _ratio(columns, f"2 * ({predicted} AND {true})::INTEGER", both, judged)


def confusion(metric: MetricRef, columns: Columns) -> Reading:
    """Rows by predicted and true label; with a threshold, by whether each is positive ("1") or not ("0")."""
    if "threshold" in metric.parameters:
        predicted, true, judged = _signs(metric, columns)
        keys = tuple(f"CASE WHEN {sign} THEN '1' ELSE '0' END" for sign in (predicted, true))
    else:
        keys, judged = ("$r.label", columns.truth), _known(columns)
    return Reading(form="table", rows="answers", due=columns.due, judged=judged, keys=keys)


def averaged(table: Table, metric: MetricRef) -> float | None:
    """Precision, recall, F1, F-beta or Jaccard of one class, or a mean over all classes."""
    average = word(metric, "average")
    if average == "binary":
        return _score(metric, Binary.of(table, metric))
    classes = sorted({label for key in table for label in key})
    parts = [Binary.about(table, label) for label in classes]
    if average == "micro":
        return _score(metric, Binary(*(sum(column) for column in zip(*parts, strict=True))))
    scored = [(part.tp + part.fn if average == "weighted" else 1.0, _score(metric, part)) for part in parts]
    known = [(weight, score) for weight, score in scored if score is not None]
    return ratio(sum(weight * score for weight, score in known), sum(weight for weight, _ in known))


def fbeta(table: Table, metric: MetricRef) -> float | None:
    """(1 + b^2) tp / ((1 + b^2) tp + b^2 fn + fp), b = `beta`. Source: scikit-learn's `fbeta_score`.

    `average` as in `precision`.
    """
    return averaged(table, metric)


def jaccard_index(table: Table, metric: MetricRef) -> float | None:
    """Tp / (tp + fp + fn). Source: scikit-learn's `jaccard_score`. `average` as in `precision`."""
    return averaged(table, metric)


def balanced_accuracy(table: Table, _metric: MetricRef) -> float | None:
    """The plain mean of recall over the classes that came true. Source: scikit-learn's `balanced_accuracy_score`."""
    true = {label for _, label in table}
    recalls = [Binary.about(table, label).recall for label in sorted(true)]
    known = [recall for recall in recalls if recall is not None]
    return ratio(sum(known), len(known))


def specificity(table: Table, metric: MetricRef) -> float | None:
    """Of the actual negatives, those predicted so: tn / (tn + fp). Source: torchmetrics' `BinarySpecificity`."""
    found = Binary.of(table, metric)
    return ratio(found.tn, found.tn + found.fp)


def false_positive_rate(table: Table, metric: MetricRef) -> float | None:
    """Of the actual negatives, those called positive: fp / (fp + tn). Source: fairlearn's `false_positive_rate`."""
    found = Binary.of(table, metric)
    return ratio(found.fp, found.fp + found.tn)


def false_negative_rate(table: Table, metric: MetricRef) -> float | None:
    """Of the actual positives, those that were missed: fn / (fn + tp). Source: fairlearn's `false_negative_rate`."""
    found = Binary.of(table, metric)
    return ratio(found.fn, found.fn + found.tp)


def negative_predictive_value(table: Table, metric: MetricRef) -> float | None:
    """Of the predicted negatives, those that are: tn / (tn + fn). Source: torchmetrics' `BinaryNegativePredictiveValue`."""
    found = Binary.of(table, metric)
    return ratio(found.tn, found.tn + found.fn)


def informedness(table: Table, metric: MetricRef) -> float | None:
    """Recall + specificity - 1, Youden's J. Source: Youden 1950, Cancer 3, 32."""
    found = Binary.of(table, metric)
    right = ratio(found.tn, found.tn + found.fp)
    return None if found.recall is None or right is None else found.recall + right - 1


def label_lift(table: Table, metric: MetricRef) -> float | None:
    """Precision / share of actual positives: how much better than at random. Source: Provost and Fawcett 2013, chapter 8."""
    found = Binary.of(table, metric)
    share = ratio(found.tp + found.fn, found.n)
    return None if not share or found.precision is None else found.precision / share


def expected_cost(table: Table, metric: MetricRef) -> float | None:
    """Mean cost of a prediction, `(tp c_tp + fp c_fp + fn c_fn + tn c_tn) / n`. Source: Elkan 2001, IJCAI, section 1."""
    found = Binary.of(table, metric)
    costs = zip(found, (said(metric, name) for name in ("tp", "fp", "fn", "tn")), strict=True)
    return ratio(sum(count * cost for count, cost in costs), found.n)


def confusion_share(table: Table, metric: MetricRef) -> float | None:
    """Of all predictions, those with this predicted and this actual label: one cell of the normalised confusion matrix.

    Source: scikit-learn's `confusion_matrix(normalize="all")`.
    """
    return ratio(table.get((word(metric, "predicted"), word(metric, "actual")), 0.0), sum(table.values()))


def matthews(table: Table, _metric: MetricRef) -> float | None:
    """Correlation of predicted and true label: `(c s - sum p_k t_k) / sqrt((s^2 - sum p_k^2)(s^2 - sum t_k^2))`.

    With c right, s all predictions, p_k and t_k how often class k was predicted and came true. None where only one class was
    predicted or came true. Source: Gorodkin 2004, Comput. Biol. Chem. 28, 367; scikit-learn's `matthews_corrcoef`.
    """
    predicted, true = margins(table)
    s, right = sum(table.values()), sum(count for key, count in table.items() if key[0] == key[1])
    across = sum(count * true.get(label, 0.0) for label, count in predicted.items())
    spread = (s * s - sum(p * p for p in predicted.values())) * (s * s - sum(t * t for t in true.values()))
    return ratio(right * s - across, spread**0.5)


def kappa(table: Table, metric: MetricRef) -> float | None:
    """Agreement of predicted and true label beyond chance: `1 - sum w_ij n_ij / sum w_ij e_ij`, e_ij = p_i t_j / n.

    w_ij is 0 on the diagonal and elsewhere 1 (`none`), |i - j| (`linear`) or (i - j)^2 (`quadratic`), i and j the places of
    the labels in their order (of numbers where all are numbers). Source: Cohen 1968; scikit-learn's `cohen_kappa_score`.
    """
    return agreed(table, word(metric, "weights"))


def agreed(table: Table, weights: str) -> float | None:
    """Cohen's kappa of a square table."""
    predicted, true = margins(table)
    n, place = sum(table.values()), {label: at for at, label in enumerate(in_order({*predicted, *true}))}
    power = {"none": 0, "linear": 1, "quadratic": 2}[weights]
    cost = {(a, b): 0.0 if a == b else abs(place[a] - place[b]) ** power for a in predicted for b in true}
    seen = sum(count * cost[a, b] for (a, b), count in table.items())
    expected = sum(cost[a, b] * p * t for a, p in predicted.items() for b, t in true.items())
    return 1 - seen * n / expected if expected else None


def margins(table: Table) -> tuple[dict[str, float], dict[str, float]]:
    """How often each first, and each second text occurs."""
    first: dict[str, float] = {}
    second: dict[str, float] = {}
    for (a, b), count in table.items():
        first[a], second[b] = first.get(a, 0.0) + count, second.get(b, 0.0) + count
    return first, second


def in_order(labels: set[str]) -> list[str]:
    """Labels by number where all are numbers, else by text.

    >>> in_order({"10", "9"}), in_order({"10", "9", "b"})
    (['9', '10'], ['10', '9', 'b'])
    """
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels)


class Binary(NamedTuple):
    """One class against all others: rightly positive, wrongly positive, wrongly negative, rightly negative."""

    tp: float
    fp: float
    fn: float
    tn: float

    @classmethod
    def about(cls, table: Table, label: str) -> "Binary":
        """One class of the table against all others."""
        counts = {(mine, true): 0.0 for mine in (True, False) for true in (True, False)}
        for (predicted, true), count in table.items():
            counts[predicted == label, true == label] += count
        return cls(counts[True, True], counts[True, False], counts[False, True], counts[False, False])

    @classmethod
    def of(cls, table: Table, metric: MetricRef) -> "Binary":
        """The positive class of the metric."""
        return cls.about(table, "1" if "threshold" in metric.parameters else word(metric, "positive"))

    @property
    def n(self) -> float:
        """All."""
        return sum(self)

    @property
    def precision(self) -> float | None:
        """Of the predicted positives, those that are."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Of the actual positives, those that were predicted."""
        return ratio(self.tp, self.tp + self.fn)


def _score(metric: MetricRef, found: Binary) -> float | None:
    tp, fp, fn, _ = found
    match metric.kind:
        case "precision":
            return found.precision
        case "recall":
            return found.recall
        case "jaccard_index":
            return ratio(tp, tp + fp + fn)
        case kind:
            square = 1.0 if kind == "f1" else said(metric, "beta") ** 2
            return ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)


def _averaged(metric: MetricRef) -> bool:
    return word(metric, "average") != "binary"


def _ratio(columns: Columns, numerator: str, denominator: str, judged: str) -> Reading:
    return Reading(
        form="ratio",
        rows="answers",
        due=columns.due,
        judged=judged,
        numerator=f"({numerator})",
        denominator=f"({denominator})",
    )


def _known(columns: Columns) -> str:
    return all_of(columns.due, "$r.label IS NOT NULL", f"{columns.truth} IS NOT NULL")


def _signs(metric: MetricRef, columns: Columns) -> tuple[str, str, str]:
    # Whether the row is predicted positive, and whether it is; and whether both are known.
    true = f"{columns.truth} = {positive(metric)}"
    if "threshold" in metric.parameters:
        judged = all_of(columns.due, "isfinite($r.score)", f"{columns.truth} IS NOT NULL")
        return f"$r.score >= {number(said(metric, 'threshold'))}", true, judged
    return f"$r.label = {positive(metric)}", true, _known(columns)
