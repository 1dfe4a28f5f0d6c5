"""How near is an answer to another one?

`against=outcome`: to what came true. `against=champion`: the shadow's to the served answer of the same request, which needs no
outcome. Vectors and sets are JSON lists, boxes are `[left, top, right, bottom]`.
"""

from collections.abc import Callable

from segue.facts.question import MetricRef
from segue.measure.kinds.reading import Columns, Reading, all_of, said, word
from segue.measure.kinds.values import numbers, texts


def cosine_similarity(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of `a . b / (|a| |b|)`; a vector of zeros is near nothing and is left out. Source: `sklearn.metrics.pairwise`."""
    a, b = _both(metric, columns, numbers)
    judged = f"len({a}) = len({b}) AND list_dot_product({a}, {a}) > 0 AND list_dot_product({b}, {b}) > 0"
    return _mean(metric, columns, f"CASE WHEN {judged} THEN list_cosine_similarity({a}, {b}) END")


def euclidean_distance(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of |a - b|. Source: `scipy.spatial.distance.euclidean`."""
    a, b = _both(metric, columns, numbers)
    return _mean(metric, columns, f"CASE WHEN len({a}) = len({b}) THEN list_distance({a}, {b}) END")


def jaccard_similarity(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of the share of different items of both that are in both; 1 where both are empty. Source: Jaccard 1912."""
    a, b = _both(metric, columns, texts)
    common, every = f"len(list_intersect({a}, {b}))", f"len(list_distinct(list_concat({a}, {b})))"
    both = f"{a} IS NOT NULL AND {b} IS NOT NULL"
    return _mean(metric, columns, f"CASE WHEN {both} THEN CASE WHEN {every} = 0 THEN 1 ELSE {common} / {every} END END")


def list_overlap(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of the share of the first k items that both lists have in common, / k. Source: Fagin and others 2003, SODA."""
    k = round(said(metric, "k"))
    a, b = (f"list_slice({it}, 1, {k})" for it in _both(metric, columns, texts))
    return _mean(metric, columns, f"len(list_intersect({a}, {b})) / {k}")


def levenshtein_distance(metric: MetricRef, columns: Columns) -> Reading:
    """Mean number of characters to insert, delete or change; with `scaled=longest`, / the longer text's length.

    Source: Levenshtein 1966.
    """
    a, b = _both(metric, columns, str)
    steps = f"levenshtein({a}, {b})"
    longest = f"greatest(length({a}), length({b}), 1)"
    return _mean(metric, columns, f"{steps} / {longest}" if word(metric, "scaled") == "longest" else steps)


def iou(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of intersection / union of two boxes. Source: Everingham and others 2010, IJCV 88, 303, section 4.2."""
    a, b = _both(metric, columns, numbers)
    sides = [
        f"greatest(least({a}[{high}], {b}[{high}]) - greatest({a}[{low}], {b}[{low}]), 0)" for low, high in ((1, 3), (2, 4))
    ]
    common = " * ".join(sides)
    areas = [f"({it}[3] - {it}[1]) * ({it}[4] - {it}[2])" for it in (a, b)]
    right = " AND ".join(f"len({it}) = 4 AND {it}[3] > {it}[1] AND {it}[4] > {it}[2]" for it in (a, b))
    return _mean(metric, columns, f"CASE WHEN {right} THEN {common} / ({areas[0]} + {areas[1]} - {common}) END")


def perplexity(_metric: MetricRef, _columns: Columns) -> Reading:
    """exp(-sum of log probabilities / tokens), natural logarithms; the label is a JSON list of a token's each.

    Source: Jelinek and others 1977; torchmetrics' `Perplexity`.
    """
    logs = numbers("$r.label")
    judged = all_of(f"len({logs}) > 0", f"isfinite(list_sum({logs}))")
    return Reading(form="sums", rows="answers", due="TRUE", judged=judged, values=(f"list_sum({logs})", f"len({logs})"))


def pairs(metric: MetricRef, columns: Columns) -> Reading:
    """Answers by (answer, what it is compared with)."""
    a, b = _both(metric, columns, str)
    own = word(metric, "against") == "outcome"
    due = columns.due if own else "TRUE"
    judged = all_of(due, f"{a} IS NOT NULL", f"{b} IS NOT NULL")
    return Reading(form="table", rows="answers" if own else "pairs", due=due, judged=judged, keys=(a, b))


def _both(metric: MetricRef, columns: Columns, read: Callable[[str], str]) -> tuple[str, str]:
    if word(metric, "against") == "outcome":
        return read("$r.label"), read(columns.truth)
    return read("$s.label"), read("$r.label")


def _mean(metric: MetricRef, columns: Columns, value: str) -> Reading:
    own = word(metric, "against") == "outcome"
    due = columns.due if own else "TRUE"
    judged = all_of(due, f"isfinite(({value})::DOUBLE)")
    return Reading(form="sums", rows="answers" if own else "pairs", due=due, judged=judged, values=(f"({value})",))
