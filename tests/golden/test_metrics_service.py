"""Groups, days, operations, business values and pairs of versions: what fairlearn, scipy, scikit-learn and numpy say."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from segue.facts.evidence import NotEnough
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.measure.kinds.catalogue import standard_error
from segue.measure.kinds.service.operational import RELATIVE_ERROR
from segue.testkit.measured import Seen, ask
from segue.testkit.worlds import outcome, prediction, shadow

N = 900
Measure = Callable[..., Seen]


def test_fairness(measure: Measure) -> None:
    """What fairlearn says (`recorded/make_fairness.py`): differences and ratios, between groups and against all rows.

    A group of one row is left out; a row of no group is in none.
    """
    known = json.loads((Path(__file__).parent / "recorded" / "fairness.json").read_text())
    groups, truth, label = known["groups"], known["truth"], known["label"]
    rows: list[Prediction | Outcome] = []
    for i, (group, true, mine) in enumerate(zip([*groups, None], [*truth, 1], [*label, 0], strict=True)):
        context = {"country": group} if group else {}
        rows += [prediction(f"q{i}", i / 60, label=str(mine), score=0.2 + 0.6 * mine, context=context)]
        rows += [outcome(i / 60, request_id=f"q{i}", label=str(true))]
    lone = [prediction("lone", 1, label="0", context={"country": "IT"}), outcome(1, request_id="lone", label="1")]
    asked = {}
    for name in known["fairlearn"]:
        kind, form, versus, together = name.split()
        more = {"together": together} if kind == "equalized_odds" else {}
        asked[name] = ask(kind, over="country", versus=versus, **more, **{"as": form})
    y, p, g = (np.array(column) for column in (truth, label, groups))
    of_group = [(y[g == it], p[g == it]) for it in ("DE", "AT", "CH")]
    precisions = [sk.precision_score(*pair) for pair in of_group]
    accuracies = [sk.accuracy_score(*pair) for pair in of_group]
    predictive, accuracy = ask("predictive_parity", over="country"), ask("accuracy_parity", over="country", **{"as": "ratio"})
    at_score = ask("demographic_parity", over="country", threshold=0.5)
    seen = measure(rows, [*asked.values(), predictive, accuracy, at_score])
    assert {name: seen.value(it) for name, it in asked.items()} == pytest.approx(known["fairlearn"], rel=1e-9)
    assert seen.value(predictive) == pytest.approx(max(precisions) - min(precisions), rel=1e-9)
    assert seen.value(accuracy) == pytest.approx(min(accuracies) / max(accuracies), rel=1e-9)
    assert seen.value(at_score) == pytest.approx(known["fairlearn"]["demographic_parity difference groups worst"], rel=1e-9)
    between = next(it for name, it in asked.items() if name.endswith("groups worst"))
    assert measure([*rows, *lone], [between]).value(between) == pytest.approx(seen.value(between), rel=1e-9)


def test_days(measure: Measure) -> None:
    """Days with a true spread of their own: its size, the trend and the worst day; small days are left out."""
    rng = np.random.default_rng(6)
    shares = np.clip(0.8 + rng.normal(0, 0.05, 20), 0, 1)
    rows: list[Prediction | Outcome] = []
    days: list[list[bool]] = []
    for day, share in enumerate(shares):
        days.append([bool(it) for it in rng.random(5 if day == 7 else 200) < share])
        for i, right in enumerate(days[-1]):
            when = 24 * day + 24 * i / len(days[-1])
            rows += [prediction(f"d{day}-{i}", when, label="1"), outcome(when, request_id=f"d{day}-{i}", label=str(int(right)))]
    asked = {kind: ask(kind, base="accuracy") for kind in ("worst_day", "day_trend", "day_overdispersion", "day_deviation")}
    small, errors = ask("worst_day", base="accuracy", least=1.0), ask("worst_day", base="error_rate")
    seen = measure(rows, [*asked.values(), small, errors])
    large = [(day, np.mean(it), len(it)) for day, it in enumerate(days) if len(it) >= 30]
    at, value, n = (np.array(column, dtype=float) for column in zip(*large, strict=True))
    variance = value * (1 - value) / n
    w = 1 / variance
    mean = (w * value).sum() / w.sum()
    q = (w * (value - mean) ** 2).sum()
    assert seen.value(asked["worst_day"]) == pytest.approx(value.min(), rel=1e-12)
    assert seen.value(small) == pytest.approx(min(np.mean(it) for it in days), rel=1e-12)
    assert seen.value(errors) == 0.0
    assert seen.value(asked["day_trend"]) == pytest.approx(np.polyfit(at, value, 1, w=np.sqrt(w))[0], rel=1e-9)
    assert seen.value(asked["day_overdispersion"]) == pytest.approx(q / (len(value) - 1), rel=1e-9)
    tau2 = (q - (len(value) - 1)) / (w.sum() - (w**2).sum() / w.sum())
    assert seen.value(asked["day_deviation"]) == pytest.approx(tau2**0.5, rel=1e-9)


def test_operations(measure: Measure) -> None:
    """Failures by their way, sizes, cost, throughput, and how outcomes come in."""
    rng = random.Random(5)
    rows: list[Prediction | Outcome] = []
    errors = [rng.choice(["", "", "", "timeout", "reset"]) for _ in range(N)]
    cost = [rng.expovariate(100) for _ in range(N)]
    size = [rng.randrange(100, 10_000) for _ in range(N)]
    delay = [rng.expovariate(1 / 3600) if rng.random() < 0.8 else None for _ in range(N)]
    total = [rng.lognormvariate(-4, 1) for _ in range(N)]
    hours = [rng.randrange(24) for _ in range(N)]
    for i in range(N):
        failed = {"error": errors[i], "status": 0, "role": "failed", "label": None} if errors[i] else {}
        when = hours[i] + 0.25
        sizes = {"request_size_bytes": size[i], "response_size_bytes": 2 * size[i]}
        times = {"latency_upstream_s": total[i] / 2, "latency_total_s": total[i]}
        rows.append(prediction(f"q{i}", when, cost=cost[i], **sizes, **times, **failed))
        late = delay[i]
        if late is not None:
            rows.append(outcome(when, when + late / 3600, request_id=f"q{i}", label="1"))
    asked = {
        "timeouts": ask("error_share", error="timeout"),
        "fallbacks": ask("fallback_rate"),
        "latency": ask("latency_mean"),
        "mean_rate": ask("throughput"),
        "peak_rate": ask("throughput", hourly="peak"),
        "sent": ask("payload_size"),
        "received": ask("payload_size", side="request"),
        "cost": ask("cost_per_thousand"),
        "coverage": ask("outcome_coverage"),
    }
    rough = {
        "overhead": ask("overhead_quantile", q=0.9),
        "sent_p90": ask("payload_quantile", q=0.9),
        "delay_p50": ask("outcome_delay_quantile", q=0.5),
    }
    seen = measure(rows, [*asked.values(), *rough.values()])
    fine = [i for i in range(N) if not errors[i]]
    timed = [i for i in range(N) if errors[i] in {"", "timeout"} and (not errors[i] or errors[i] == "timeout")]
    counts = np.bincount(hours, minlength=24)
    assert {name: seen.value(it) for name, it in asked.items()} == pytest.approx(
        {
            "timeouts": errors.count("timeout") / N,
            "fallbacks": 1 - len(fine) / N,
            "latency": np.mean([total[i] / 2 for i in timed]),
            "mean_rate": counts.mean() / 3600,
            "peak_rate": counts.max() / 3600,
            "sent": np.mean([2 * size[i] for i in fine]),
            "received": np.mean([size[i] for i in fine]),
            "cost": 1000 * np.mean([cost[i] for i in fine]),
            "coverage": np.mean([delay[i] is not None for i in fine]),
        },
        rel=1e-9,
    )
    exact = {
        "overhead": np.quantile([total[i] / 2 for i in fine], 0.9, method="inverted_cdf"),
        "sent_p90": np.quantile([2 * size[i] for i in fine], 0.9, method="inverted_cdf"),
        "delay_p50": np.quantile([d for i in fine if (d := delay[i]) is not None], 0.5, method="inverted_cdf"),
    }
    assert {name: seen.value(it) for name, it in rough.items()} == pytest.approx(exact, rel=RELATIVE_ERROR * 1.001)


def test_business(measure: Measure) -> None:
    """Values of outcomes: shares, ratios, funnels, quantiles, and means less what was known before."""
    rng = np.random.default_rng(7)
    before = rng.gamma(2, 10, N)
    spend = np.where(rng.random(N) < 0.4, 0.5 * before + rng.gamma(2, 3, N), 0.0)
    shown, clicks = rng.integers(1, 10, N), rng.integers(0, 3, N)
    cart = (rng.random(N) < 0.5) | (spend > 0)
    rows: list[Prediction | Outcome] = []
    for i in range(N):
        values = {"spend": spend[i], "shown": shown[i], "clicks": clicks[i], "cart": float(cart[i])}
        rows.append(prediction(f"q{i}", i / 60, context={"past": repr(float(before[i]))}))
        if i % 5:
            rows.append(outcome(i / 60, request_id=f"q{i}", values={name: float(it) for name, it in values.items()}))
    spent = {"of": "outcome.spend"}
    asked = {
        "conversion": ask("conversion", **spent),
        "conversion_of_all": ask("conversion", missing="negative", **spent),
        "ctr": ask("ctr", of="outcome.clicks", per="outcome.shown"),
        "value_ratio": ask("value_ratio", per="outcome.clicks", cap=20.0, **spent),
        "total": ask("total", **spent),
        "per_thousand": ask("per_thousand", **spent),
        "funnel_step": ask("funnel_step", after="outcome.cart", **spent),
        "cuped": ask("cuped_mean", before="past", centre=20.0, **spent),
    }
    median = ask("value_quantile", q=0.9, **spent)
    seen = measure(rows, [*asked.values(), median])
    told = np.arange(N) % 5 > 0
    y, x = spend[told], before[told]
    theta = np.cov(y, x)[0, 1] / x.var(ddof=1)
    assert {name: seen.value(it) for name, it in asked.items()} == pytest.approx(
        {
            "conversion": (y > 0).mean(),
            "conversion_of_all": (y > 0).sum() / N,
            "ctr": clicks[told].sum() / shown[told].sum(),
            "value_ratio": np.minimum(y, 20).sum() / clicks[told].sum(),
            "total": y.sum(),
            "per_thousand": 1000 * y.mean(),
            "funnel_step": (y > 0).sum() / cart[told].sum(),
            "cuped": y.mean() - theta * (x.mean() - 20),
        },
        rel=1e-9,
    )
    assert seen.value(median) == pytest.approx(np.quantile(y, 0.9, method="inverted_cdf"), rel=RELATIVE_ERROR)
    # What is known before makes the mean sharper: by the share of the variance that it explains.
    plain, centred = ask("mean", **spent), ask("cuped_mean", before="past", centre=float(x.mean()), **spent)
    again = measure(rows, [plain, centred])
    sharp, dull = (standard_error(again.ref(it), again.summary(it)) for it in (centred, plain))
    assert not isinstance(sharp, NotEnough)
    assert not isinstance(dull, NotEnough)
    assert sharp / dull == pytest.approx((1 - np.corrcoef(x, y)[0, 1] ** 2) ** 0.5, rel=1e-3)


def test_pairs_and_distributions(measure: Measure) -> None:
    """Two variants' answers to the same requests; and each one's answers by themselves."""
    rng = np.random.default_rng(8)
    a = np.round(rng.beta(2, 3, N), 3)
    b = np.round(np.clip(a + rng.normal(0, 0.1, N), 0, 1), 3)
    old, new = np.digitize(a, [0.3, 0.6]), np.digitize(b, [0.3, 0.6])
    rows: list[Prediction | Outcome] = []
    for i in range(N):
        rows.append(prediction(f"q{i}", i / 60, label=str(old[i]), score=float(a[i])))
        rows.append(shadow(f"q{i}", i / 60, label=str(new[i]), score=float(b[i])))
    pairs = {
        "kappa": ask("agreement_kappa"),
        "kappa_quadratic": ask("agreement_kappa", weights="quadratic"),
        "flips": ask("flip_rate"),
        "flips_up": ask("flip_to", positive="2"),
        "flips_down": ask("flip_from", positive="2"),
        "pearson": ask("score_correlation"),
        "spearman": ask("rank_correlation"),
        "shift": ask("score_shift"),
        "distance": ask("score_distance"),
    }
    alone = {
        "selection": ask("selection_rate", positive="2"),
        "selection_at": ask("selection_rate", threshold=0.6),
        "entropy": ask("label_entropy"),
        "mean": ask("mean_score"),
        "deviation": ask("score_deviation"),
        "score_entropy": ask("score_entropy"),
        "uncertain": ask("uncertain_share", margin=0.1),
    }
    ninth = ask("score_quantile", q=0.9)
    seen = measure(rows, [*pairs.values(), *alone.values(), ninth])
    assert {name: seen.value(it, "v8") for name, it in pairs.items()} == pytest.approx(
        {
            "kappa": sk.cohen_kappa_score(old, new),
            "kappa_quadratic": sk.cohen_kappa_score(old, new, weights="quadratic"),
            "flips": (old != new).mean(),
            "flips_up": ((old != 2) & (new == 2)).mean(),
            "flips_down": ((old == 2) & (new != 2)).mean(),
            "pearson": stats.pearsonr(a, b).statistic,
            "spearman": stats.spearmanr(a, b).statistic,
            "shift": (b - a).mean(),
            "distance": abs(b - a).mean(),
        },
        rel=1e-9,
    )
    chance = np.clip(a, 1e-300, 1 - 1e-16)
    assert {name: seen.value(it) for name, it in alone.items()} == pytest.approx(
        {
            "selection": (old == 2).mean(),
            "selection_at": (a >= 0.6).mean(),
            "entropy": stats.entropy(np.bincount(old)),
            "mean": a.mean(),
            "deviation": a.std(),
            "score_entropy": (-chance * np.log(chance) - (1 - chance) * np.log1p(-chance)).mean(),
            "uncertain": (abs(a - 0.5) < 0.1).mean(),
        },
        rel=1e-9,
    )
    assert seen.value(ninth) == pytest.approx(np.quantile(a, 0.9, method="inverted_cdf"), rel=RELATIVE_ERROR)
