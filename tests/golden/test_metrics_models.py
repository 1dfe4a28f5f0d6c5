"""What the catalogue says of labels, scores and numbers is what scikit-learn, scipy and numpy say."""

import json
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from segue.facts.evidence import NotEnough
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.measure.kinds.catalogue import standard_error
from segue.measure.kinds.service.operational import RELATIVE_ERROR
from segue.testkit.measured import Seen, ask
from segue.testkit.worlds import outcome, prediction

N = 600
HOURS = 30.0
Measure = Callable[..., Seen]


def rows_of(labels: Sequence[str], truth: Sequence[str], scores: Sequence[float]) -> list[Prediction | Outcome]:
    """Served answers with their outcomes, over some hours; a few that have none, and a few that are of other kinds."""
    rows: list[Prediction | Outcome] = []
    for i, (label, true, score) in enumerate(zip(labels, truth, scores, strict=True)):
        when = HOURS * i / len(labels)
        rows.append(prediction(f"q{i}", when, label=label, score=score, context={"country": "DE" if i % 3 else "AT"}))
        rows.append(outcome(when, request_id=f"q{i}", label=true))
    rows += [prediction("late", 1, label="1", score=0.5), prediction("dumb", 1, label=None, score=None)]
    return [*rows, outcome(1, request_id="dumb", label="1")]


class Classes:
    """Three classes that are numbers, one of them seldom right."""

    def __init__(self) -> None:
        rng = random.Random(7)
        self.truth = [rng.choice([0, 0, 0, 1, 1, 2]) for _ in range(N)]
        self.label = [y if rng.random() < 0.7 else rng.choice([0, 1, 2]) for y in self.truth]
        self.score = [round(min(max(rng.gauss(0.3 + 0.3 * (y == 1), 0.25), 0.0), 1.0), 2) for y in self.truth]


ONE = {"positive": "1"}
LABELS = {
    "accuracy": ask("accuracy"),
    **{f"{kind}_{average}": ask(kind, average=average) for kind in ("precision", "recall", "f1", "jaccard_index")
       for average in ("macro", "micro", "weighted")},
    **{f"fbeta_{average}": ask("fbeta", beta=2.0, average=average) for average in ("macro", "micro", "weighted")},
    "precision": ask("precision", **ONE),
    "precision_at_03": ask("precision", threshold=0.3, **ONE),
    "fbeta": ask("fbeta", beta=0.5, **ONE),
    "jaccard": ask("jaccard_index", **ONE),
    "balanced_accuracy": ask("balanced_accuracy"),
    "specificity": ask("specificity", **ONE),
    "fpr_at_03": ask("false_positive_rate", threshold=0.3, **ONE),
    "fnr": ask("false_negative_rate", **ONE),
    "npv": ask("negative_predictive_value", **ONE),
    "informedness": ask("informedness", **ONE),
    "label_lift": ask("label_lift", **ONE),
    "matthews": ask("matthews"),
    "kappa": ask("kappa"),
    "kappa_linear": ask("kappa", weights="linear"),
    "kappa_quadratic": ask("kappa", weights="quadratic"),
    "confusion_share": ask("confusion_share", predicted="0", actual="1"),
    "expected_cost": ask("expected_cost", fp=2.0, fn=5.0, tp=-1.0, tn=0.25, **ONE),
}  # fmt: skip


def expected_labels(true: NDArray[np.int_], label: NDArray[np.int_], score: NDArray[np.float64]) -> dict[str, float]:
    """What the field's libraries say."""
    nan = {"zero_division": np.nan}
    found: dict[str, float] = {"accuracy": sk.accuracy_score(true, label)}
    for average in ("macro", "micro", "weighted"):
        found[f"precision_{average}"] = sk.precision_score(true, label, average=average, **nan)
        found[f"recall_{average}"] = sk.recall_score(true, label, average=average, **nan)
        found[f"f1_{average}"] = sk.f1_score(true, label, average=average, **nan)
        found[f"fbeta_{average}"] = sk.fbeta_score(true, label, beta=2, average=average, **nan)
        found[f"jaccard_index_{average}"] = sk.jaccard_score(true, label, average=average)
    (tn, fp), (fn, tp) = sk.confusion_matrix(true == 1, label == 1)
    at = score >= 0.3
    return found | {
        "precision": tp / (tp + fp),
        "precision_at_03": sk.precision_score(true == 1, at),
        "fbeta": sk.fbeta_score(true == 1, label == 1, beta=0.5),
        "jaccard": sk.jaccard_score(true == 1, label == 1),
        "balanced_accuracy": sk.balanced_accuracy_score(true, label),
        "specificity": tn / (tn + fp),
        "fpr_at_03": (at & (true != 1)).sum() / (true != 1).sum(),
        "fnr": fn / (fn + tp),
        "npv": tn / (tn + fn),
        "informedness": sk.balanced_accuracy_score(true == 1, label == 1, adjusted=True),
        "label_lift": tp / (tp + fp) / (true == 1).mean(),
        "matthews": sk.matthews_corrcoef(true, label),
        "kappa": sk.cohen_kappa_score(true, label),
        "kappa_linear": sk.cohen_kappa_score(true, label, weights="linear"),
        "kappa_quadratic": sk.cohen_kappa_score(true, label, weights="quadratic"),
        "confusion_share": ((label == 0) & (true == 1)).mean(),
        "expected_cost": (2 * fp + 5 * fn - tp + 0.25 * tn) / len(true),
    }


def test_labels(measure: Measure) -> None:
    """Over everybody and in each segment, three classes, averages and thresholds."""
    data = Classes()
    rows = rows_of([str(y) for y in data.label], [str(y) for y in data.truth], data.score)
    seen = measure(rows, list(LABELS.values()))
    for country in (None, "DE", "AT"):
        chosen = [i for i in range(N) if country is None or (country == "DE") == bool(i % 3)]
        true, label, score = (np.array(column)[chosen] for column in (data.truth, data.label, data.score))
        segment = {} if country is None else {"country": country}
        found = {name: seen.value(about, **segment) for name, about in LABELS.items()}
        assert found == pytest.approx(expected_labels(true, label, score), rel=1e-9, abs=1e-12)


SCORES = {
    "roc_auc": ask("roc_auc"),
    "gini": ask("gini"),
    "average_precision": ask("average_precision"),
    "score_ks": ask("score_ks"),
    "log_loss": ask("log_loss"),
    "brier": ask("brier"),
    "brier_skill": ask("brier_skill"),
    "ece": ask("ece"),
    "mce": ask("mce"),
    "calibration_bias": ask("calibration_bias"),
    "confidence_ece": ask("confidence_ece", count=10.0),
}


def ece(true: NDArray[np.bool_], score: NDArray[np.float64], bins: int) -> tuple[float, float]:
    """Expected and largest calibration error, out of scikit-learn's reliability curve."""
    share, mean = calibration_curve(true, score, n_bins=bins)
    # scikit-learn's bins are (a, b]; ours [a, b): scores that are no edge lie in the same ones.
    weight = np.histogram(score, np.linspace(0, 1, bins + 1))[0]
    gap = abs(share - mean)
    return float((gap * weight[weight > 0]).sum() / len(score)), float(gap.max())


def test_scores(measure: Measure) -> None:
    """Ties and all."""
    rng = random.Random(5)
    truth = [rng.random() < 0.3 for _ in range(N)]
    score = [(math.floor(min(max(rng.gauss(0.3 + 0.3 * y, 0.25), 0.0), 0.98) * 100) + 0.5) / 100 for y in truth]
    label = [s >= 0.5 for s in score]
    cuts = {share: (ask("lift", share=share), ask("gain", share=share)) for share in (0.05, 0.1, 0.5)}
    rows = rows_of([str(int(y)) for y in label], [str(int(y)) for y in truth], score)
    seen = measure(rows, [*SCORES.values(), *(it for pair in cuts.values() for it in pair)])
    y, s = np.array(truth), np.array(score)
    found = {name: seen.value(about) for name, about in SCORES.items()}
    brier = sk.brier_score_loss(y, s)
    assert found == pytest.approx(
        {
            "roc_auc": sk.roc_auc_score(y, s),
            "gini": 2 * sk.roc_auc_score(y, s) - 1,
            "average_precision": sk.average_precision_score(y, s),
            "score_ks": stats.ks_2samp(s[y], s[~y]).statistic,
            "log_loss": sk.log_loss(y, s),
            "brier": brier,
            "brier_skill": 1 - brier / (y.mean() * (1 - y.mean())),
            "ece": ece(y, s, 15)[0],
            "mce": ece(y, s, 15)[1],
            "calibration_bias": s.mean() - y.mean(),
            "confidence_ece": ece(y == np.array(label), s, 10)[0],
        },
        rel=1e-9,
    )
    for share, (lift, gain) in cuts.items():
        # With equal scores in random order: the mean over many orders is the value.
        rng2 = np.random.default_rng(1)
        tops = [y[np.lexsort((rng2.random(N), -s))][: round(share * N)].sum() / y.sum() for _ in range(2000)]
        assert seen.value(gain) == pytest.approx(np.mean(tops), abs=0.003)
        assert seen.value(lift) == pytest.approx(seen.value(gain) / share, rel=1e-12)


def test_bins_of_equal_mass(measure: Measure) -> None:
    """Without ties the bins are numpy's quantiles."""
    rng = np.random.default_rng(3)
    s = rng.random(N) ** 2
    y = rng.random(N) < s**0.7
    about = ask("ece", bins="mass", count=10.0)
    rows = rows_of(["1"] * N, [str(int(it)) for it in y], s.tolist())
    order = np.argsort(s)
    parts = np.array_split(order, 10)
    wanted = sum(abs(s[part].sum() - y[part].sum()) for part in parts) / N
    assert measure(rows, [about]).value(about) == pytest.approx(wanted, rel=1e-9)


CLASSES = {
    **{f"{versus}_{weighting}": ask("class_roc_auc", pairing=versus, weighting=weighting)
       for versus in ("rest", "one") for weighting in ("macro", "weighted")},
    "log_loss": ask("class_log_loss"),
    "brier": ask("class_brier"),
    "top_1": ask("top_k_accuracy", k=1.0),
    "top_2": ask("top_k_accuracy", k=2.0),
}  # fmt: skip


def test_scores_of_classes(measure: Measure) -> None:
    """Labels that are JSON objects of scores; one that is none, and one without the true class, are left out."""
    rng = np.random.default_rng(11)
    y = rng.choice(4, size=N, p=[0.5, 0.3, 0.15, 0.05])
    p = rng.dirichlet(np.ones(4), size=N) + 0.4 * np.eye(4)[y]
    p = np.round(p / p.sum(axis=1, keepdims=True), 12)
    p[:, 0] = 1 - p[:, 1:].sum(axis=1)
    names = np.array(["a", "b", "c", "d"])
    labels = [json.dumps(dict(zip(names.tolist(), row, strict=True))) for row in p.tolist()]
    rows = rows_of([*labels, "a", '{"b": 1.0}'], [*names[y], "a", "a"], [0.5] * (N + 2))
    seen = measure(rows, list(CLASSES.values()))
    found = {name: seen.value(about) for name, about in CLASSES.items()}
    assert found == pytest.approx(
        {
            "rest_macro": sk.roc_auc_score(y, p, multi_class="ovr", average="macro"),
            "rest_weighted": sk.roc_auc_score(y, p, multi_class="ovr", average="weighted"),
            "one_macro": sk.roc_auc_score(y, p, multi_class="ovo", average="macro"),
            "one_weighted": sk.roc_auc_score(y, p, multi_class="ovo", average="weighted"),
            "log_loss": sk.log_loss(y, p),
            "brier": ((p - np.eye(4)[y]) ** 2).sum(axis=1).mean(),
            "top_1": sk.top_k_accuracy_score(y, p, k=1),
            "top_2": sk.top_k_accuracy_score(y, p, k=2),
        },
        rel=1e-9,
    )


NUMBERS = {
    "mae": ask("mae"),
    "rmse": ask("rmse"),
    **{name: ask(name) for name in ("mse", "msle", "mape", "smape", "wape", "bias", "overestimation_rate", "r2")},
    **{name: ask(name) for name in ("explained_variance", "pearson")},
    "quantile_loss": ask("quantile_loss", q=0.8),
}


def test_numbers(measure: Measure) -> None:
    """Numeric labels; what is no number is left out; quantiles of errors are off by the stated share at most."""
    rng = np.random.default_rng(2)
    y = rng.gamma(3, 4, N)
    p = y * rng.lognormal(0.05, 0.3, N) + 0.5
    median, ninth = ask("median_absolute_error"), ask("absolute_error_quantile", q=0.9)
    rows = rows_of([*map(repr, p.tolist()), "nan", "soon"], [*map(repr, y.tolist()), "1", "1"], [0.5] * (N + 2))
    extra = [row for row in rows if getattr(row, "request_id", "") not in {"late", "dumb"}]
    seen = measure(extra, [*NUMBERS.values(), median, ninth])
    error = p - y
    found = {name: seen.value(about) for name, about in NUMBERS.items()}
    assert found == pytest.approx(
        {
            "mae": sk.mean_absolute_error(y, p),
            "rmse": sk.root_mean_squared_error(y, p),
            "mse": sk.mean_squared_error(y, p),
            "msle": sk.mean_squared_log_error(y, p),
            "mape": sk.mean_absolute_percentage_error(y, p),
            "smape": (2 * abs(error) / (abs(y) + abs(p))).mean(),
            "wape": abs(error).sum() / abs(y).sum(),
            "bias": error.mean(),
            "overestimation_rate": (error > 0).mean(),
            "r2": sk.r2_score(y, p),
            "explained_variance": sk.explained_variance_score(y, p),
            "pearson": stats.pearsonr(p, y).statistic,
            "quantile_loss": sk.mean_pinball_loss(y, p, alpha=0.8),
        },
        rel=1e-9,
    )
    exact = np.quantile(abs(error), [0.5, 0.9], method="inverted_cdf")
    assert [seen.value(median), seen.value(ninth)] == pytest.approx(exact, rel=RELATIVE_ERROR)


def test_intervals(measure: Measure) -> None:
    """Labels that are [low, high]."""
    rng = np.random.default_rng(4)
    y, middle, half = rng.normal(0, 1, N), rng.normal(0, 0.5, N), rng.gamma(2, 0.5, N)
    labels = [json.dumps([m - h, m + h]) for m, h in zip(middle.tolist(), half.tolist(), strict=True)]
    coverage, width = ask("interval_coverage"), ask("interval_width")
    rows = rows_of([*labels, "[1]", "3"], [*map(repr, y.tolist()), "1", "1"], [0.5] * (N + 2))
    seen = measure(rows, [coverage, width])
    assert seen.value(coverage) == pytest.approx((abs(y - middle) <= half).mean(), rel=1e-9)
    assert seen.value(width) == pytest.approx((2 * half).mean(), rel=1e-9)


def drawn_again(true: NDArray[np.int_], label: NDArray[np.int_]) -> dict[str, float]:
    """Those of the values above whose standard error is tested: all of them, three hundred times, would take a minute."""
    (tn, fp), (fn, tp) = sk.confusion_matrix(true == 1, label == 1)
    return {
        "accuracy": sk.accuracy_score(true, label),
        "matthews": sk.matthews_corrcoef(true, label),
        "kappa": sk.cohen_kappa_score(true, label),
        "f1_macro": sk.f1_score(true, label, average="macro"),
        "expected_cost": (2 * fp + 5 * fn - tp + 0.25 * tn) / len(true),
        "specificity": tn / (tn + fp),
    }


def test_standard_errors(measure: Measure) -> None:
    """A standard error from the sums is what the bootstrap of the rows says, and for the AUC what DeLong's own formula says."""
    rng = np.random.default_rng(8)
    data = Classes()
    asked = {
        "accuracy": LABELS["accuracy"], "matthews": LABELS["matthews"], "kappa": LABELS["kappa"],
        "f1_macro": LABELS["f1_macro"], "expected_cost": LABELS["expected_cost"], "specificity": LABELS["specificity"],
        "roc_auc": ask("roc_auc"),
    }  # fmt: skip
    rows = rows_of([str(y) for y in data.label], [str(y) for y in data.truth], data.score)
    seen = measure(rows, list(asked.values()))
    true, label, score = np.array(data.truth), np.array(data.label), np.array(data.score)
    draws = []
    for _ in range(300):
        at = rng.integers(0, N, N)
        draws.append(drawn_again(true[at], label[at]) | {"roc_auc": sk.roc_auc_score(true[at] == 1, score[at])})
    for name, about in asked.items():
        found = standard_error(seen.ref(about), seen.summary(about))
        assert not isinstance(found, NotEnough)
        assert found == pytest.approx(np.std([draw[name] for draw in draws]), rel=0.15), name


def test_standard_errors_of_numbers(measure: Measure) -> None:
    """The same for metrics of numbers."""
    rng = np.random.default_rng(9)
    y = rng.gamma(3, 4, N)
    p = y * rng.lognormal(0.05, 0.3, N) + 0.5
    asked = {name: NUMBERS[name] for name in ("mae", "rmse", "r2", "wape", "pearson")}
    seen = measure(rows_of([repr(it) for it in p.tolist()], [repr(it) for it in y.tolist()], [0.5] * N), list(asked.values()))
    draws = []
    for _ in range(400):
        at = rng.integers(0, N, N)
        a, b = y[at], p[at]
        draws.append(
            {
                "mae": sk.mean_absolute_error(a, b),
                "rmse": sk.root_mean_squared_error(a, b),
                "r2": sk.r2_score(a, b),
                "wape": abs(b - a).sum() / a.sum(),
                "pearson": stats.pearsonr(a, b).statistic,
            }
        )
    for name, about in asked.items():
        found = standard_error(seen.ref(about), seen.summary(about))
        assert not isinstance(found, NotEnough)
        assert found == pytest.approx(np.std([draw[name] for draw in draws]), rel=0.2), name
