"""Are all groups of people treated alike?

The groups are the values of the attribute `over`; rows are counted by (group, predicted positive, actually positive). A group
of fewer than `least` rows is left out, and without two groups there is no value. `versus=groups` compares the largest with the
smallest rate, `versus=overall` each group's with that of all rows. Definitions and names are fairlearn's. A gate on fairness
names three of these distances, `demographic_parity_difference` and the like; what it weighs is between the groups.
"""

from collections.abc import Callable

from segue.facts.question import MetricRef
from segue.measure.expressions import quoted
from segue.measure.kinds.entry import Table, ratio
from segue.measure.kinds.reading import Columns, Reading, all_of, positive, said, word
from segue.measure.sql import number

Rate = Callable[[Table], float | None]


def groups_and_answers(metric: MetricRef, _columns: Columns) -> Reading:
    """Rows by (group, predicted positive)."""
    judged = all_of(f"{_group(metric)} IS NOT NULL", f"{_predicted(metric)} IS NOT NULL")
    return Reading(form="table", rows="answers", due="TRUE", judged=judged, keys=(_group(metric), _sign(_predicted(metric))))


def groups_and_truth(metric: MetricRef, columns: Columns) -> Reading:
    """Rows by (group, predicted positive, actually positive)."""
    true = f"({columns.truth} = {positive(metric)})"
    judged = all_of(columns.due, f"{_group(metric)} IS NOT NULL", f"{_predicted(metric)} IS NOT NULL", f"{true} IS NOT NULL")
    keys = (_group(metric), _sign(_predicted(metric)), _sign(true))
    return Reading(form="table", rows="answers", due=columns.due, judged=judged, keys=keys)


def demographic_parity(table: Table, metric: MetricRef) -> float | None:
    """How far the shares of positive answers are apart, P(predicted = 1 | group).

    `as=difference`: largest - smallest; `as=ratio`: smallest / largest, of which 0.8 is the four-fifths rule. Source: Agarwal
    and others 2018, ICML; fairlearn's `demographic_parity_difference` and `_ratio`.
    """
    return _apart(table, metric, selection_rate)


def equal_opportunity(table: Table, metric: MetricRef) -> float | None:
    """How far the true positive rates are apart, P(predicted = 1 | true = 1, group).

    `as` as in `demographic_parity`. Source: Hardt, Price and Srebro 2016; fairlearn's `equal_opportunity_difference`.
    """
    return _apart(table, metric, true_positive_rate)


def equalized_odds(table: Table, metric: MetricRef) -> float | None:
    """How far the true positive rates and the false positive rates are apart, the worse of the two.

    `together=mean`: the mean of the two. `as` as in `demographic_parity`. Source: Hardt, Price and Srebro 2016; fairlearn's
    `equalized_odds_difference(agg=...)` and `_ratio`.
    """
    parts = [_apart(table, metric, rate) for rate in (true_positive_rate, false_positive_rate)]
    known = [part for part in parts if part is not None]
    if len(known) < 2:
        return None
    if word(metric, "together") == "mean":
        return sum(known) / 2
    return max(known) if word(metric, "as") == "difference" else min(known)


def predictive_parity(table: Table, metric: MetricRef) -> float | None:
    """How far the precisions are apart, P(true = 1 | predicted = 1, group).

    `as` as in `demographic_parity`. Source: Chouldechova 2017, Big Data 5, 153, definition 2.
    """
    return _apart(table, metric, precision)


def accuracy_parity(table: Table, metric: MetricRef) -> float | None:
    """How far the accuracies are apart.

    `as` as in `demographic_parity`. Source: fairlearn's `MetricFrame(accuracy_score).difference()`.
    """
    return _apart(table, metric, accuracy)


def selection_rate(table: Table) -> float | None:
    """Of all rows, those predicted positive."""
    return _share(table, lambda _: True, lambda key: key[0] == "1")


def true_positive_rate(table: Table) -> float | None:
    """Of the actual positives, those predicted so."""
    return _share(table, lambda key: key[1] == "1", lambda key: key[0] == "1")


def false_positive_rate(table: Table) -> float | None:
    """Of the actual negatives, those predicted positive."""
    return _share(table, lambda key: key[1] == "0", lambda key: key[0] == "1")


def precision(table: Table) -> float | None:
    """Of the predicted positives, those that are."""
    return _share(table, lambda key: key[0] == "1", lambda key: key[1] == "1")


def accuracy(table: Table) -> float | None:
    """Of all rows, those predicted right."""
    return _share(table, lambda _: True, lambda key: key[0] == key[1])


def _apart(table: Table, metric: MetricRef, rate: Rate) -> float | None:
    groups: dict[str, dict[tuple[str, ...], float]] = {}
    overall: dict[tuple[str, ...], float] = {}
    for (group, *rest), count in table.items():
        key = tuple(rest)
        groups.setdefault(group, {})[key] = count
        overall[key] = overall.get(key, 0.0) + count
    large = [part for part in groups.values() if sum(part.values()) >= said(metric, "least")]
    rates = [found for part in large if (found := rate(part)) is not None]
    if len(rates) < 2:
        return None
    quotient = word(metric, "as") == "ratio"
    if word(metric, "versus") == "groups":
        return ratio(min(rates), max(rates)) if quotient else max(rates) - min(rates)
    middle = rate(overall)
    if middle is None:
        return None
    if not quotient:
        return max(abs(found - middle) for found in rates)
    ratios = [ratio(min(found, middle), max(found, middle)) for found in rates]
    return None if None in ratios else min(it for it in ratios if it is not None)


def _share(table: Table, among: Callable[[tuple[str, ...]], bool], yes: Callable[[tuple[str, ...]], bool]) -> float | None:
    chosen = {key: count for key, count in table.items() if among(key)}
    return ratio(sum(count for key, count in chosen.items() if yes(key)), sum(chosen.values()))


def _group(metric: MetricRef) -> str:
    return f"$r.context[{quoted(word(metric, 'over'))}]"


def _predicted(metric: MetricRef) -> str:
    if "threshold" in metric.parameters:
        return f"($r.score >= {number(said(metric, 'threshold'))})"
    return f"($r.label = {positive(metric)})"


def _sign(condition: str) -> str:
    return f"CASE WHEN {condition} THEN '1' ELSE '0' END"
