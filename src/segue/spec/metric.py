"""Which metrics may a spec name, and what does each need?

`KINDS` is what lint, `decide` and `measure` agree on: a kind that is not here does not exist. What a kind means in SQL is
`measure`'s, one file a family.
"""

from typing import Final, Literal

import msgspec

from segue.spec.quantity import Scale

Goal = Literal["increase", "decrease"]
Needs = Literal["label", "score", "number", "nothing"]
Shape = Literal["proportion", "mean", "ratio", "quantile", "ranking"]


STEADY: Final = ("accuracy", "precision", "recall", "error_rate")
"""Kinds whose variance between periods can be judged: shares, by yes and no."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of metric needs and how it behaves.

    Args:
        goal: which direction is better; None where the spec must say it.
        needs: what of the prediction it reads: its label, its score, a numeric label, or nothing.
        outcome: whether it needs an outcome.
        shape: proportion (mean of zeros and ones), mean, ratio of two sums, quantile, or ranking (of all pairs).
        bounded: whether one observation lies in [0, 1] by itself.
        parameters: name -> whether it is required.
        shadow: whether it can be known for an answer that nobody saw; an outcome value is what the served answer led to.
    """

    goal: Goal | None
    needs: Needs
    outcome: bool
    shape: Shape
    bounded: bool
    parameters: dict[str, bool] = {}
    shadow: bool = True


def _label(shape: Shape, **parameters: bool) -> Kind:
    return Kind(goal="increase", needs="label", outcome=True, shape=shape, bounded=True, parameters=parameters)


KINDS: Final[dict[str, Kind]] = {
    "accuracy": _label("proportion"),
    "precision": _label("ratio", positive=True),
    "recall": _label("ratio", positive=True),
    "f1": _label("ratio", positive=True),
    "roc_auc": Kind(
        goal="increase", needs="score", outcome=True, shape="ranking", bounded=True, parameters={"positive": False}
    ),
    "log_loss": Kind(goal="decrease", needs="score", outcome=True, shape="mean", bounded=False, parameters={"positive": False}),
    "brier": Kind(goal="decrease", needs="score", outcome=True, shape="mean", bounded=True, parameters={"positive": False}),
    "mae": Kind(goal="decrease", needs="number", outcome=True, shape="mean", bounded=False),
    "rmse": Kind(goal="decrease", needs="number", outcome=True, shape="mean", bounded=False),
    "mean": Kind(goal=None, needs="nothing", outcome=True, shape="mean", bounded=False, shadow=False),
    "error_rate": Kind(goal="decrease", needs="nothing", outcome=False, shape="proportion", bounded=True),
    "latency_quantile": Kind(
        goal="decrease", needs="nothing", outcome=False, shape="quantile", bounded=False, parameters={"q": True}
    ),
    "agreement": Kind(goal="increase", needs="label", outcome=False, shape="proportion", bounded=True),
}


def _gap(*, outcome: bool) -> Kind:
    return Kind(goal="decrease", needs="label", outcome=outcome, shape="ratio", bounded=True, parameters={"positive": False})


GAPS: Final[dict[str, Kind]] = {
    "demographic_parity_difference": _gap(outcome=False),
    "equal_opportunity_difference": _gap(outcome=True),
    "equalized_odds_difference": _gap(outcome=True),
}
"""What a gate on fairness may be about: the largest difference of a rate between any two groups."""


def kind_of(name: str) -> Kind:
    """What is known of a kind of metric or of gap."""
    return KINDS[name] if name in KINDS else GAPS[name]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of a spec.

    Args:
        of: for a mean: `outcome.NAME` or `prediction.cost_usd`.
        goal: resolved: the spec's own, or that of the kind.
        cap: values above are cut to it.
        window_s: stream seconds after which a prediction is judged.
        missing: what a judged prediction without an outcome counts as.
        parameters: `positive` (canonical label text) and the like.
    """

    name: str
    kind: str
    of: str = ""
    goal: Goal
    cap: float | None = None
    window_s: float = 0.0
    missing: Literal["exclude", "negative"] = "exclude"
    parameters: dict[str, str | float] = {}


AGREEMENT: Final = Metric(name="agreement", kind="agreement", goal="increase")
"""The share of requests that two variants answer alike: known without outcomes, so no spec has to declare it."""

COST: Final = "prediction.cost_usd"

_SCALES: Final[dict[Shape, Scale]] = {
    "proportion": "proportion",
    "ratio": "proportion",
    "ranking": "index",
    "mean": "loss",
    "quantile": "duration",
}


def scale_of(kind: str) -> Scale:
    """How values and margins of a kind of metric are written.

    >>> scale_of("precision"), scale_of("mean"), scale_of("latency_quantile")
    ('proportion', 'value', 'duration')
    """
    if kind == "mean":
        return "value"
    return "index" if kind == "brier" else _SCALES[kind_of(kind).shape]


def observed_cap(metric: Metric) -> float | None:
    """Where one observation is cut: at the cap, which for `rmse`, whose observations are squares, is squared with them."""
    return metric.cap**2 if metric.kind == "rmse" and metric.cap is not None else metric.cap


def needs_outcome(metric: Metric) -> bool:
    """Whether a prediction has to be judged before the metric knows it."""
    return kind_of(metric.kind).outcome and metric.of != COST


def known_in_shadow(metric: Metric) -> bool:
    """Whether the metric can be known of an answer that nobody saw."""
    return kind_of(metric.kind).shadow or metric.of == COST


def label_text(value: str | float) -> str:
    """The one text of a label that a spec names, so that `1`, `1.0` and `true` are the same label.

    >>> [label_text(value) for value in (1, 1.0, True, 0.5, "late")]
    ['1', '1', '1', '0.5', 'late']
    """
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(value)
