"""Ranked lists, vectors, texts, boxes, pictures and units: what scikit-learn, scipy, sacrebleu and scikit-image say."""

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
from scipy.spatial import distance
from skimage.metrics import structural_similarity
from sklearn import metrics as sk

from segue.facts.evidence import NotEnough
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.measure.kinds.catalogue import standard_error, value
from segue.testkit.measured import Seen, ask
from segue.testkit.worlds import outcome, prediction, shadow

N = 300
ITEMS = [f"i{n}" for n in range(12)]
Measure = Callable[..., Seen]
Rows = list[Prediction | Outcome]


def labelled(labels: list[object], truths: list[object]) -> Rows:
    """Answers that are JSON, the next answer as the shadow's, and outcomes; one answer that is none."""
    rows: Rows = [prediction("odd", 1, label="{"), outcome(1, request_id="odd", label="{")]
    for i, (label, truth) in enumerate(zip(labels, truths, strict=True)):
        rows.append(prediction(f"q{i}", i / 30, label=label if isinstance(label, str) else json.dumps(label)))
        rows.append(outcome(i / 30, request_id=f"q{i}", label=truth if isinstance(truth, str) else json.dumps(truth)))
    return rows


def dcg(gains: list[float], k: int) -> float:
    """Discounted cumulative gain."""
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains[:k], 1))


def expected_lists(lists: list[list[str]], gains: list[dict[str, float]], k: int) -> dict[str, float]:
    """The textbook's definitions, answer by answer."""
    found: dict[str, list[float]] = {}
    for items, truth in zip(lists, gains, strict=True):
        mine = [truth.get(item, 0.0) for item in items]
        hits = [rank for rank, gain in enumerate(mine[:k], 1) if gain]
        precision = sum((at + 1) / rank for at, rank in enumerate(hits))
        best = sorted(truth.values(), reverse=True)
        one = {
            "ndcg": dcg(mine, k) / dcg(best, k),
            "ndcg_list": dcg(mine, k) / (dcg(sorted(mine, reverse=True), k) or 1),
            "ndcg_exp": dcg([2**g - 1 for g in mine], k) / dcg([2**g - 1 for g in best], k),
            "mrr": 1 / hits[0] if hits else 0.0,
            "hit_rate": float(bool(hits)),
            "precision": len(hits) / k,
            "precision_short": len(hits) / min(k, len(items)),
            "recall": len(hits) / len(truth),
            "map": precision / len(truth),
            "map_capped": precision / min(len(truth), k),
        }
        for name, number in one.items():
            found.setdefault(name, []).append(number)
    return {name: float(np.mean(numbers)) for name, numbers in found.items()}


def test_ranked_lists(measure: Measure) -> None:
    """Short lists, graded relevance, lists without anything relevant; and what is relevant as a list or as one item."""
    rng = random.Random(1)
    lists = [rng.sample(ITEMS, rng.randint(2, 8)) for _ in range(N)]
    gains = [{it: float(rng.choice([1, 2, 3])) for it in rng.sample(ITEMS, rng.randint(0, 6))} for _ in range(N)]
    asked = {
        "ndcg": ask("ndcg", k=5.0), "ndcg_list": ask("ndcg", k=5.0, ideal="list"),
        "ndcg_exp": ask("ndcg", k=5.0, gains="exponential"),
        "mrr": ask("mrr", k=5.0), "hit_rate": ask("hit_rate", k=5.0), "precision": ask("precision_at_k", k=5.0),
        "precision_short": ask("precision_at_k", k=5.0, shorter="list"), "recall": ask("recall_at_k", k=5.0),
        "map": ask("map_at_k", k=5.0), "map_capped": ask("map_at_k", k=5.0, denominator="capped"),
    }  # fmt: skip
    zero = ask("mrr", k=5.0, without="zero")
    seen = measure(labelled(list(lists), list(gains)), [*asked.values(), zero])
    kept = [i for i in range(N) if gains[i]]
    wanted = expected_lists([lists[i] for i in kept], [gains[i] for i in kept], 5)
    assert {name: seen.value(it) for name, it in asked.items()} == pytest.approx(wanted, rel=1e-9)
    assert seen.value(zero) == pytest.approx(wanted["mrr"] * len(kept) / N, rel=1e-9)
    plain = [list(it) for it in gains]
    again = measure(labelled(list(lists), list(plain)), [asked["map"]])
    assert again.value(asked["map"]) == pytest.approx(wanted["map"], rel=1e-9)
    single = [rng.choice(ITEMS) for _ in lists]
    ones = measure(labelled(list(lists), list(single)), [asked["mrr"]])
    ranks = [items.index(it) + 1 if it in items[:5] else math.inf for items, it in zip(lists, single, strict=True)]
    assert ones.value(asked["mrr"]) == pytest.approx(np.mean([1 / rank for rank in ranks]), rel=1e-9)


def test_ndcg_is_that_of_scikit_learn(measure: Measure) -> None:
    """Over whole lists and linear gains."""
    rng = random.Random(2)
    lists = [rng.sample(ITEMS, len(ITEMS)) for _ in range(50)]
    gains = [{it: float(rng.choice([0, 1, 2])) for it in ITEMS} for _ in lists]
    about = ask("ndcg", k=4.0, ideal="list", without="zero")
    truth = [[gain[it] for it in ITEMS] for gain in gains]
    scores = [[-items.index(it) for it in ITEMS] for items in lists]
    found = measure(labelled(list(lists), list(gains)), [about]).value(about)
    assert found == pytest.approx(sk.ndcg_score(truth, scores, k=4), rel=1e-9)


def test_what_torchmetrics_says(measure: Measure) -> None:
    """Ranking and calibration as recorded by `recorded/make_torchmetrics.py`, which counts in single precision."""
    known = json.loads((Path(__file__).parent / "recorded" / "torchmetrics.json").read_text())
    kinds = ("ndcg", "mrr", "hit_rate", "precision_at_k", "recall_at_k")
    ranked = {f"{kind} {it}": ask(kind, k=float(known["k"]), without=it) for kind in kinds for it in ("exclude", "zero")}
    lists, relevant = ([[str(it) for it in one] for one in known[name]] for name in ("lists", "relevant"))
    seen = measure(labelled(list(lists), list(relevant)), list(ranked.values()))
    assert {name: seen.value(it) for name, it in ranked.items()} == pytest.approx(
        {name: known["said"][name] for name in ranked}, rel=1e-6
    )
    calibrated = {"ece": ask("ece"), "mce": ask("mce"), "specificity": ask("specificity", positive="1", threshold=0.5)}
    calibrated["negative_predictive_value"] = ask("negative_predictive_value", positive="1", threshold=0.5)
    rows: Rows = []
    for i, (score, truth) in enumerate(zip(known["score"], known["truth"], strict=True)):
        rows += [prediction(f"q{i}", i / 30, score=score), outcome(i / 30, request_id=f"q{i}", label=str(truth))]
    seen = measure(rows, list(calibrated.values()))
    assert {name: seen.value(it) for name, it in calibrated.items()} == pytest.approx(
        {name: known["said"][name] for name in calibrated}, rel=1e-6
    )


def test_what_lists_show(measure: Measure) -> None:
    """Coverage, exposure, novelty, personalisation and diversity, against pairs of lists counted one by one."""
    rng = random.Random(3)
    pool = [f"{group}/{n}" for n, group in enumerate("aabbbcddde")]
    lists = [rng.sample(pool[: rng.choice([5, 10])], 4) for _ in range(80)]
    asked = {
        "coverage": ask("catalogue_coverage", size=50.0, k=3.0), "gini": ask("exposure_gini", k=3.0),
        "novelty": ask("novelty", k=3.0), "popularity": ask("popularity", k=3.0),
        "personalisation": ask("personalisation", k=3.0), "diversity": ask("list_diversity", k=3.0),
    }  # fmt: skip
    seen = measure(labelled(list(lists), ["x"] * len(lists)), list(asked.values()))
    tops = [items[:3] for items in lists]
    counts = Counter(it for top in tops for it in top)
    share = {it: n / len(tops) for it, n in counts.items()}
    ordered, m = sorted(counts.values()), len(counts)
    gini = sum(abs(a - b) for a in ordered for b in ordered) / (2 * m * sum(ordered))
    assert {name: seen.value(it) for name, it in asked.items()} == pytest.approx(
        {
            "coverage": m / 50,
            "gini": gini,
            "novelty": np.mean([-math.log2(share[it]) for top in tops for it in top]),
            "popularity": np.mean([share[it] for top in tops for it in top]),
            "personalisation": 1 - np.mean([len({*a} & {*b}) / 3 for a, b in combinations(tops, 2)]),
            "diversity": np.mean([np.mean([a[0] != b[0] for a, b in combinations(top, 2)]) for top in tops]),
        },
        rel=1e-9,
    )


def edits(a: str, b: str) -> int:
    """Levenshtein's distance, by the textbook's table."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def test_similarity(measure: Measure) -> None:
    """To what came true, and between the versions' answers to one request."""
    rng = np.random.default_rng(4)
    a, b, c = (rng.normal(0, 1, (N, 5)) for _ in range(3))
    rows = labelled(a.tolist(), b.tolist())
    rows += [shadow(f"q{i}", i / 30, label=json.dumps(c[i].tolist())) for i in range(N)]
    mine, beside = ask("cosine_similarity"), ask("cosine_similarity", against="champion")
    far = ask("euclidean_distance")
    seen = measure(rows, [mine, beside, far])
    assert seen.value(mine) == pytest.approx(np.mean([1 - distance.cosine(x, y) for x, y in zip(a, b, strict=True)]), rel=1e-9)
    expected = np.mean([1 - distance.cosine(x, y) for x, y in zip(a, c, strict=True)])
    assert seen.value(beside, "v8") == pytest.approx(expected, rel=1e-9)
    assert seen.value(far) == pytest.approx(np.linalg.norm(a - b, axis=1).mean(), rel=1e-9)
    assert isinstance(value(seen.ref(beside), seen.summary(beside, "champion")), NotEnough)

    rand = random.Random(4)
    left, right = ([rand.sample(ITEMS, rand.randint(0, 6)) for _ in range(N)] for _ in range(2))
    jaccard, overlap = ask("jaccard_similarity"), ask("list_overlap", k=3.0)
    seen = measure(labelled(list(left), list(right)), [jaccard, overlap])
    sets = [({*x}, {*y}) for x, y in zip(left, right, strict=True)]
    assert seen.value(jaccard) == pytest.approx(np.mean([len(x & y) / len(x | y) if x | y else 1 for x, y in sets]), rel=1e-9)
    tops = [len({*x[:3]} & {*y[:3]}) / 3 for x, y in zip(left, right, strict=True)]
    assert seen.value(overlap) == pytest.approx(np.mean(tops), rel=1e-9)

    words = ["".join(rand.choices("abcd", k=rand.randint(1, 8))) for _ in range(2 * N)]
    plain, scaled = ask("levenshtein_distance"), ask("levenshtein_distance", scaled="longest")
    rows = labelled(list(words[:N]), list(words[N:]))[2:]
    seen = measure(rows, [plain, scaled])
    steps = [(edits(x, y), max(len(x), len(y))) for x, y in zip(words[:N], words[N:], strict=True)]
    assert seen.value(plain) == pytest.approx(np.mean([step for step, _ in steps]), rel=1e-9)
    assert seen.value(scaled) == pytest.approx(np.mean([step / size for step, size in steps]), rel=1e-9)


def test_boxes_and_perplexity(measure: Measure) -> None:
    """Two boxes whose overlap is known by hand; and log probabilities of tokens."""
    boxes = [[0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 4, 2], [1, 1, 0, 0]]
    truths = [[1, 1, 3, 3], [2, 2, 3, 3], [0, 0, 4, 2], [0, 0, 1, 1]]
    about = ask("iou")
    seen = measure(labelled(list(boxes), list(truths)), [about])
    assert seen.value(about) == pytest.approx((1 / 7 + 0 + 1) / 3, rel=1e-9)  # the last box has no inside
    rng = random.Random(5)
    logs = [[-rng.random() for _ in range(rng.randint(1, 9))] for _ in range(50)]
    about = ask("perplexity")
    flat = [it for one in logs for it in one]
    found = measure(labelled(list(logs), ["x"] * 50), [about]).value(about)
    assert found == pytest.approx(math.exp(-np.mean(flat)), rel=1e-9)


def test_texts(measure: Measure) -> None:
    """Corpus BLEU and chrF are sacrebleu's own of all pairs, whichever hour they came in."""
    rng = random.Random(6)
    words = ["the", "cat", "sat", "on", "a", "mat", ",", "and", "the", "(old)", "dog", "ran", "off-road", "to", "see"]
    truth = [" ".join(rng.choices(words, k=rng.randint(4, 9))) for _ in range(60)]
    said = [" ".join(w if rng.random() < 0.8 else rng.choice(words) for w in sentence.split()) for sentence in truth]
    bleu, chrf = ask("bleu"), ask("chrf", beta=3.0)
    seen = measure(labelled(list(said), list(truth))[2:], [bleu, chrf])
    assert seen.value(bleu) == pytest.approx(sacrebleu.corpus_bleu(said, [truth]).score, rel=1e-9)
    assert seen.value(chrf) == pytest.approx(sacrebleu.corpus_chrf(said, [truth], beta=3).score, rel=1e-9)


def test_pictures(measure: Measure) -> None:
    """The mean of scikit-image's SSIM."""
    rng = np.random.default_rng(7)
    truth = rng.uniform(0, 255, (10, 9, 8))
    said = np.clip(truth + rng.normal(0, 30, truth.shape), 0, 255)
    about = ask("ssim")
    seen = measure(labelled(said.tolist(), truth.tolist()), [about])
    similarity: Callable[..., float] = structural_similarity
    wanted = np.mean([similarity(a, b, data_range=255) for a, b in zip(said, truth, strict=True)])
    assert seen.value(about) == pytest.approx(wanted, rel=1e-9)


def test_units(measure: Measure) -> None:
    """Each unit once, all its requests together, over hours; the standard error is between units."""
    rng = random.Random(8)
    units = [f"u{rng.randrange(120)}" for _ in range(900)]
    hours = [rng.uniform(0, 20 * 24) for _ in units]
    spend = [rng.expovariate(0.1) if rng.random() < 0.2 else 0.0 for _ in units]
    rows: Rows = []
    for i, (unit, hour, value_) in enumerate(zip(units, hours, spend, strict=True)):
        rows += [prediction(f"q{i}", hour, unit=unit), outcome(hour, request_id=f"q{i}", values={"spend": value_})]
    asked = {
        "revenue": ask("per_unit", of="outcome.spend"), "buyers": ask("unit_conversion", of="outcome.spend"),
        "requests": ask("requests_per_unit"), "units": ask("active_units"), "retention": ask("retention", days=10.0),
        "churn": ask("churn", days=10.0),
    }  # fmt: skip
    seen = measure(rows, list(asked.values()))
    mine = {u: [i for i in range(900) if units[i] == u] for u in set(units)}
    total = {u: sum(spend[i] for i in places) for u, places in mine.items()}
    firsts = {u: (min(hours[i] // 1 for i in places), max(hours[i] // 1 for i in places)) for u, places in mine.items()}
    end = max(last for _, last in firsts.values())
    old = [(first, last) for first, last in firsts.values() if end - first >= 240]
    assert {name: seen.value(it) for name, it in asked.items()} == pytest.approx(
        {
            "revenue": np.mean(list(total.values())),
            "buyers": np.mean([it > 0 for it in total.values()]),
            "requests": 900 / len(mine),
            "units": len(mine),
            "retention": np.mean([last - first >= 240 for first, last in old]),
            "churn": np.mean([last - first < 240 for first, last in old]),
        },
        rel=1e-9,
    )
    error = standard_error(seen.ref(asked["revenue"]), seen.summary(asked["revenue"]))
    assert error == pytest.approx(np.std(list(total.values()), ddof=1) / len(mine) ** 0.5, rel=1e-9)


def test_many_units(measure: Measure) -> None:
    """More units than are kept: their number is estimated, within four standard errors of 3.1 %; the rest is of a sample."""
    rng = random.Random(9)
    rows: Rows = []
    for i in range(6000):
        rows += [
            prediction(f"q{i}", i / 500, unit=f"u{i // 2}"),
            outcome(i / 500, request_id=f"q{i}", values={"v": 1.0 + rng.random()}),
        ]
    units, each = ask("active_units"), ask("per_unit", of="outcome.v")
    seen = measure(rows, [units, each])
    assert seen.value(units) == pytest.approx(3000, rel=4 * 0.031)
    assert seen.value(each) == pytest.approx(3.0, rel=0.05)


def test_what_cannot_be_judged_stops_nothing(measure: Measure) -> None:
    """Beside what is judged, an answer without an outcome and a vector with a null in it are left out; the others count."""
    rows: Rows = [prediction("unknown", 0.1, label='["a"]'), prediction("gap", 0.1, label="[null, 2]")]
    rows.append(outcome(0.1, request_id="gap", label="[1, 2]"))
    for name, label, truth in (("list", '["b", "a"]', '["a"]'), ("item", '["a"]', "a"), ("vector", "[0, 2]", "[0, 5]")):
        rows += [prediction(name, 0.1, label=label), outcome(0.1, request_id=name, label=truth)]
    first, near, far, sure = (ask(kind) for kind in ("mrr", "cosine_similarity", "euclidean_distance", "perplexity"))
    seen = measure(rows, [first, near, far, sure])
    assert seen.value(near) == pytest.approx(1.0, abs=1e-12)
    assert seen.value(far) == pytest.approx(3.0, abs=1e-12)
    assert seen.value(sure) == pytest.approx(math.exp(-1.0), abs=1e-12)
    lists = [row for row in rows if isinstance(row, Prediction) and row.request_id in {"list", "item", "unknown"}]
    told = [row for row in rows if isinstance(row, Outcome) and row.request_id in {"list", "item"}]
    assert measure([*lists, *told], [first]).value(first) == pytest.approx(0.75, abs=1e-12)
