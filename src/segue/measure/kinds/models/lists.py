"""How good is a ranked list of items?

The label is captured as a JSON list of items, the best first; an item that comes twice counts where it comes first. The
outcome's label says what was relevant: a JSON list of items, a JSON object of item -> gain, or the one item. Ranks begin at 1.
Answers without anything relevant are left out (`without=exclude`) or count as 0 (`without=zero`).
"""

from math import log2

from segue.facts.question import MetricRef
from segue.measure.expressions import quoted
from segue.measure.kinds.entry import Table, ratio
from segue.measure.kinds.reading import Columns, Reading, all_of, said, word
from segue.measure.kinds.values import EMPTY, listed, scores, texts


def ndcg(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of DCG / ideal DCG, DCG = sum over the first k of gain / log2(1 + rank).

    `gains=linear`, or `exponential`: 2^gain - 1. `ideal=all`: the best order of all that is relevant; `ideal=list`: of what is
    in the answer. Source: Järvelin and Kekäläinen 2002, ACM TOIS 20, 422; scikit-learn's `ndcg_score` is linear over the list.
    """
    worth = "2 ** g - 1" if word(metric, "gains") == "exponential" else "g"
    fold = f"list_sum(list_transform({{}}, lambda g, i: ({worth}) / log2(i + 1)))"
    best = f"map_values({_gains(columns)})" if word(metric, "ideal") == "all" else _gained(metric, columns, cut=False)
    ideal = fold.format(_first(f"list_reverse_sort({best})", metric))
    value = f"coalesce({fold.format(_gained(metric, columns))}, 0)"
    return _mean(metric, columns, f"CASE WHEN {ideal} > 0 THEN {value} / {ideal} ELSE 0 END")


def mrr(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of 1 / rank of the first relevant item, 0 where none is among the first k. Source: Voorhees 1999, TREC-8."""
    first = f"list_position(list_transform({_gained(metric, columns)}, lambda g: g > 0), TRUE)"
    return _mean(metric, columns, f"coalesce(1.0 / nullif({first}, 0), 0)")


def hit_rate(metric: MetricRef, columns: Columns) -> Reading:
    """Share of answers with something relevant among the first k. Source: torchmetrics' `RetrievalHitRate`."""
    return _mean(metric, columns, f"({_hits(metric, columns)} > 0)::INTEGER")


def precision_at_k(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of relevant among the first k / k; with `shorter=list`, / the length of a list that is shorter.

    Source: torchmetrics' `RetrievalPrecision(adaptive_k=...)`.
    """
    k = _k(metric)
    length = f"greatest(least(len({_items()}), {k}), 1)" if word(metric, "shorter") == "list" else k
    return _mean(metric, columns, f"{_hits(metric, columns)} / {length}")


def recall_at_k(metric: MetricRef, columns: Columns) -> Reading:
    """Mean of relevant among the first k / all relevant. Source: torchmetrics' `RetrievalRecall`."""
    return _mean(metric, columns, f"coalesce({_hits(metric, columns)} / nullif({_relevant(columns)}, 0), 0)")


def map_at_k(metric: MetricRef, columns: Columns) -> Reading:
    """Mean over answers of the average precision: sum over relevant ranks i <= k of (relevant among the first i) / i.

    It is divided by all relevant (`denominator=relevant`), or by no more than k of them (`capped`). Source: Manning and others
    2008, section 8.4; torchmetrics' `RetrievalMAP`.
    """
    gained = _gained(metric, columns)
    so_far = f"len(list_filter(list_slice({gained}, 1, i), lambda h: h > 0))"
    total = f"list_sum(list_transform({gained}, lambda g, i: CASE WHEN g > 0 THEN {so_far} / i ELSE 0 END))"
    every = _relevant(columns)
    by = f"least({every}, {_k(metric)})" if word(metric, "denominator") == "capped" else every
    return _mean(metric, columns, f"coalesce({total} / nullif({by}, 0), 0)")


def list_diversity(metric: MetricRef, _columns: Columns) -> Reading:
    """Mean share of pairs among the first k items that are of different groups; a group is what stands before the `mark`.

    Lists of one item are left out. Source: Ziegler and others 2005, WWW (intra-list), n (n - 1) / 2 pairs.
    """
    groups = f"list_transform({_first(_items(), metric)}, lambda x: split_part(x, {quoted(word(metric, 'mark'))}, 1))"
    size = f"len(list_filter({groups}, lambda h: h = g))"
    alike = f"list_sum(list_transform(list_distinct({groups}), lambda g: {size} * ({size} - 1)))"
    pairs = f"(len({groups}) * (len({groups}) - 1))"
    judged = all_of(f"{pairs} > 0")
    return Reading(form="sums", rows="answers", due="TRUE", judged=judged, values=(f"(1 - {alike} / {pairs})",))


def shown_items(metric: MetricRef, columns: Columns) -> Reading:
    """Answers by item among their first k."""
    each = f"list_transform({_first(_items(), metric)}, lambda x: [x])"
    return listed(columns, judged=all_of(f"{_items()} IS NOT NULL"), each=each, width=1)


def catalogue_coverage(table: Table, metric: MetricRef) -> float | None:
    """Different items shown / items there are (`size`). Source: Ge and others 2010, RecSys, equation 1."""
    lists, items = _shown(table)
    return len(items) / said(metric, "size") if lists else None


def exposure_gini(table: Table, _metric: MetricRef) -> float | None:
    """Gini index of how often each shown item is shown: 0 where all are alike. Source: Fleder and Hosanagar 2009."""
    _, items = _shown(table)
    counts, n = sorted(items.values()), len(items)
    return ratio(sum((2 * at - n + 1) * count for at, count in enumerate(counts)), n * sum(counts))


def novelty(table: Table, _metric: MetricRef) -> float | None:
    """Mean over shown items of -log2(share of answers that show it), bits. Source: Zhou and others 2010, PNAS 107, 4511."""
    lists, items = _shown(table)
    return ratio(sum(-count * log2(count / lists) for count in items.values()), sum(items.values()))


def popularity(table: Table, _metric: MetricRef) -> float | None:
    """Mean over shown items of the share of answers that show it. Source: Yin and others 2012, VLDB (average popularity)."""
    lists, items = _shown(table)
    return ratio(sum(count * count / lists for count in items.values()), sum(items.values()))


def personalisation(table: Table, _metric: MetricRef) -> float | None:
    """1 - mean share of items that two answers have in common; shares are of the mean length of an answer.

    Source: Zhou and others 2010, PNAS 107, 4511 (inter-user diversity, mean Hamming distance).
    """
    lists, items = _shown(table)
    if lists < 2 or not items:
        return None
    common = sum(count * (count - 1) for count in items.values()) / (lists * (lists - 1))
    return 1 - common * lists / sum(items.values())


def _shown(table: Table) -> tuple[float, dict[str, float]]:
    return table.get(("",), 0.0), {item: count for (item,), count in table.items() if item}


def _items() -> str:
    # Each once, where it comes first; NULL for a label that is no list.
    label = texts("$r.label")
    return f"list_filter({label}, lambda x, i: x <> {EMPTY} AND list_position({label}, x) = i)"


def _gains(columns: Columns) -> str:
    listed_ones = f"list_transform(list_distinct({texts(columns.truth)}), lambda x: {{'k': x, 'v': 1.0::DOUBLE}})"
    one = f"MAP {{coalesce({columns.truth}, {EMPTY}): 1.0::DOUBLE}}"  # what is not known is not judged, but no key may be NULL
    return f"coalesce({scores(columns.truth)}, map_from_entries({listed_ones}), {one})"


def _gained(metric: MetricRef, columns: Columns, *, cut: bool = True) -> str:
    items = _first(_items(), metric) if cut else _items()
    return f"list_transform({items}, lambda x: coalesce({_gains(columns)}[x], 0.0))"


def _hits(metric: MetricRef, columns: Columns) -> str:
    return f"len(list_filter({_gained(metric, columns)}, lambda g: g > 0))"


def _relevant(columns: Columns) -> str:
    return f"len(list_filter(map_values({_gains(columns)}), lambda g: g > 0))"


def _first(values: str, metric: MetricRef) -> str:
    return f"list_slice({values}, 1, {_k(metric)})"


def _k(metric: MetricRef) -> str:
    return str(round(said(metric, "k")))


def _mean(metric: MetricRef, columns: Columns, value: str) -> Reading:
    judged = [columns.due, f"{_items()} IS NOT NULL", f"{columns.truth} IS NOT NULL"]
    if word(metric, "without") == "exclude":
        judged.append(f"{_relevant(columns)} > 0")
    return Reading(form="sums", rows="answers", due=columns.due, judged=all_of(*judged), values=(f"({value})",))
