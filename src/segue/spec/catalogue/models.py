"""Which kinds of metric say how good an answer is?"""

from typing import Final

from segue.spec.catalogue.kind import Goal, Kind, Shape, Value, at_once, shown

_MACHINE: Final = 2.220446049250313e-16  # float64's epsilon, scikit-learn's convention for MAPE and log loss


def _label(shape: Shape, **parameters: Value | None) -> Kind:
    return Kind(goal="increase", needs="label", outcome=True, shape=shape, bounded=True, parameters=parameters)


def _binary(goal: Goal) -> Kind:
    return shown(goal, "label", "proportion", positive=None, threshold="")


_SCORED: Final = {"positive": "1"}

LABELS: Final[dict[str, Kind]] = {
    "accuracy": _label("proportion"),
    "precision": _label("ratio", positive=None, average="binary", threshold=""),
    "recall": _label("ratio", positive=None, average="binary", threshold=""),
    "f1": _label("ratio", positive=None, average="binary", threshold=""),
    "fbeta": shown("increase", "label", "proportion", beta=None, positive=None, average="binary", threshold=""),
    "balanced_accuracy": shown("increase", "label", "proportion"),
    "specificity": _binary("increase"),
    "false_positive_rate": _binary("decrease"),
    "false_negative_rate": _binary("decrease"),
    "negative_predictive_value": _binary("increase"),
    "jaccard_index": shown("increase", "label", "proportion", positive=None, average="binary", threshold=""),
    "informedness": _binary("increase"),
    "label_lift": shown("increase", "label", positive=None, threshold=""),
    "matthews": shown("increase", "label"),
    "kappa": shown("increase", "label", weights="none"),
    "confusion_share": shown(None, "label", "proportion", predicted=None, actual=None),
    "expected_cost": shown("decrease", "label", "value", positive=None, threshold="", tp=0.0, fp=1.0, fn=1.0, tn=0.0),
}
SCORES: Final[dict[str, Kind]] = {
    "roc_auc": Kind(
        goal="increase", needs="score", outcome=True, shape="ranking", bounded=True, scale="index", parameters=dict(_SCORED)
    ),
    "log_loss": Kind(goal="decrease", needs="score", outcome=True, shape="mean", bounded=False, parameters=dict(_SCORED)),
    "brier": Kind(
        goal="decrease", needs="score", outcome=True, shape="mean", bounded=True, scale="index", parameters=dict(_SCORED)
    ),
    "gini": shown("increase", "score", positive="1"),
    "average_precision": shown("increase", "score", positive="1"),
    "score_ks": shown("increase", "score", positive="1"),
    "brier_skill": shown("increase", "score", positive="1"),
    "ece": shown("decrease", "score", "proportion", positive="1", bins="uniform", count=15.0),
    "mce": shown("decrease", "score", "proportion", positive="1", bins="uniform", count=15.0),
    "calibration_bias": shown(None, "score", "index", positive="1"),
    "confidence_ece": shown("decrease", "score", "proportion", bins="uniform", count=15.0),
    "lift": shown("increase", "score", positive="1", share=0.1),
    "gain": shown("increase", "score", "proportion", positive="1", share=0.1),
}
CLASSES: Final[dict[str, Kind]] = {
    "class_roc_auc": shown("increase", "list", pairing="rest", weighting="macro"),
    "class_log_loss": shown("decrease", "list", "loss", eps=_MACHINE),
    "class_brier": shown("decrease", "list", "loss"),
    "top_k_accuracy": shown("increase", "list", "proportion", k=5.0),
}
NUMBERS: Final[dict[str, Kind]] = {
    "mae": Kind(goal="decrease", needs="number", outcome=True, shape="mean", bounded=False),
    "rmse": Kind(goal="decrease", needs="number", outcome=True, shape="mean", bounded=False),
    "mse": shown("decrease", "number", "loss"),
    "msle": shown("decrease", "number", "loss"),
    "mape": shown("decrease", "number", "proportion", eps=_MACHINE),
    "smape": shown("decrease", "number", "proportion"),
    "wape": shown("decrease", "number", "proportion"),
    "bias": shown(None, "number", "loss"),
    "overestimation_rate": shown(None, "number", "proportion"),
    "r2": shown("increase", "number"),
    "explained_variance": shown("increase", "number"),
    "pearson": shown("increase", "number"),
    "quantile_loss": shown("decrease", "number", "loss", q=None),
    "median_absolute_error": shown("decrease", "number", "loss"),
    "absolute_error_quantile": shown("decrease", "number", "loss", q=None),
    "interval_coverage": shown(None, "list", "proportion"),
    "interval_width": shown("decrease", "list", "loss"),
}


def _ranked(**more: Value) -> Kind:
    return shown("increase", "list", "index", k=10.0, **more, without="exclude")


def _listed(goal: Goal | None, **more: Value | None) -> Kind:
    return at_once(goal, "list", "index", k=10.0, **more)


LISTS: Final[dict[str, Kind]] = {
    "ndcg": _ranked(gains="linear", ideal="all"),
    "mrr": _ranked(),
    "hit_rate": _ranked(),
    "precision_at_k": _ranked(shorter="k"),
    "recall_at_k": _ranked(),
    "map_at_k": _ranked(denominator="relevant"),
    "list_diversity": _listed("increase", mark="/"),
    "catalogue_coverage": _listed("increase", size=None),
    "exposure_gini": _listed("decrease"),
    "novelty": _listed("increase"),
    "popularity": _listed(None),
    "personalisation": _listed("increase"),
}
SIMILARITY: Final[dict[str, Kind]] = {
    "cosine_similarity": shown("increase", "list", against="outcome"),
    "euclidean_distance": shown("decrease", "list", "loss", against="outcome"),
    "jaccard_similarity": shown("increase", "list", against="outcome"),
    "list_overlap": shown("increase", "list", against="outcome", k=10.0),
    "levenshtein_distance": shown("decrease", "label", "loss", against="outcome", scaled="none"),
}
MEDIA: Final[dict[str, Kind]] = {
    "bleu": shown("increase", "label", "value", against="outcome", tokenize="13a"),
    "chrf": shown("increase", "label", "value", against="outcome", beta=2.0),
    "perplexity": at_once("decrease", "list", "loss"),
    "iou": shown("increase", "list", against="outcome"),
    "ssim": shown("increase", "list", against="outcome", range=255.0),
}
_APART: Final[dict[str, Value | None]] = {
    "over": None,
    "positive": "1",
    "threshold": "",
    "as": "difference",
    "versus": "groups",
    "least": 30.0,
}


def _parity(*, outcome: bool = True, **more: Value) -> Kind:
    return Kind(
        goal=None,
        needs="label",
        outcome=outcome,
        shape="shown",
        bounded=False,
        scale="proportion",
        parameters={**_APART, **more},
    )


GROUPS: Final[dict[str, Kind]] = {
    "demographic_parity": _parity(outcome=False),
    "equal_opportunity": _parity(),
    "equalized_odds": _parity(together="worst"),
    "predictive_parity": _parity(),
    "accuracy_parity": _parity(),
}
MODELS: Final[dict[str, dict[str, Kind]]] = {
    "Labels": LABELS,
    "Scores": SCORES,
    "Scores of several classes": CLASSES,
    "Numbers": NUMBERS,
    "Ranked lists": LISTS,
    "Similarity": SIMILARITY,
    "Texts and pictures": MEDIA,
    "Fairness": GROUPS,
}
