"""Which metrics may a spec name, and what does each need?

`KINDS` is what lint, `decide` and `measure` agree on: a kind that is not here does not exist. Its entry stands in
`segue.spec.catalogue`; what it means in SQL is `measure`'s, one file a family.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from segue.errors import DomainError
from segue.spec.catalogue.kind import Goal, Kind, Needs, Shape, Value
from segue.spec.catalogue.models import MODELS
from segue.spec.catalogue.service import SERVICE
from segue.spec.quantity import Scale

FAMILIES: Final[dict[str, dict[str, Kind]]] = {**MODELS, **SERVICE}
"""Family -> its kinds by name."""
KINDS: Final[dict[str, Kind]] = {name: kind for family in FAMILIES.values() for name, kind in family.items()}
STEADY: Final = ("accuracy", "precision", "recall", "error_rate")
"""Kinds whose variance between periods can be judged: shares, by yes and no."""


def _gap(*, outcome: bool) -> Kind:
    return Kind(goal="decrease", needs="label", outcome=outcome, shape="ratio", bounded=True, parameters={"positive": "1"})


GAPS: Final[dict[str, Kind]] = {
    "demographic_parity_difference": _gap(outcome=False),
    "equal_opportunity_difference": _gap(outcome=True),
    "equalized_odds_difference": _gap(outcome=True),
}
"""What a gate on fairness may be about: the largest difference of a rate between any two groups."""


DRIFT: Final = "psi"
"""The kind that a gate on drift is about: the largest stability index of any feature."""
_MOVED: Final = Kind(goal="decrease", needs="nothing", outcome=False, shape="mean", bounded=False, scale="index")


def kind_of(name: str) -> Kind:
    """What is known of a kind of metric, of gap, or of drift."""
    if name == DRIFT:
        return _MOVED
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
        expected: an attribute of the context that predicts the value, known before a unit is drawn (last month's revenue);
            comparisons of drawn units take it off. "" for none.
    """

    name: str
    kind: str
    of: str = ""
    goal: Goal
    cap: float | None = None
    window_s: float = 0.0
    missing: Literal["exclude", "negative"] = "exclude"
    parameters: dict[str, str | float] = {}
    expected: str = ""


AGREEMENT: Final = Metric(name="agreement", kind="agreement", goal="increase")
"""The share of requests that two variants answer alike: known without outcomes, so no spec has to declare it."""

COST: Final = "prediction.cost_usd"

FAILURES_WEIGH: Final = 8.0
"""What a guardrail on requests that failed weighs where the spec does not say; any other weighs 1."""

_SCALES: Final[dict[Shape, Scale]] = {
    "shown": "index",
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
    known = kind_of(kind)
    return known.scale or _SCALES[known.shape]


def default_weight(metric: Metric) -> float:
    """What a guardrail on the metric weighs beside others, where the spec does not say.

    >>> default_weight(AGREEMENT), default_weight(Metric(name="errors", kind="error_rate", goal="decrease"))
    (1.0, 8.0)
    """
    return FAILURES_WEIGH if kind_of(metric.kind).failures else 1.0


def observed_cap(metric: Metric) -> float | None:
    """Where one observation is cut: at the cap, which for `rmse`, whose observations are squares, is squared with them."""
    return metric.cap**2 if metric.kind == "rmse" and metric.cap is not None else metric.cap


def gated(metric: Metric) -> bool:
    """Whether a gate can test the metric: there is evidence that may be looked at as often as one likes.

    >>> gated(AGREEMENT)
    True
    """
    plain = metric.parameters.get("average", "binary") == "binary" and "threshold" not in metric.parameters
    return kind_of(metric.kind).shape != "shown" and plain


def needs_of(metric: Metric) -> Needs:
    """What of the prediction the metric reads; a label that is made by a threshold is a score."""
    return "score" if "threshold" in metric.parameters else _read_kind(metric).needs


def parameter(kind: str, parameters: Mapping[str, Value], name: str) -> Value:
    """A parameter as the spec says it, or what holds where it does not.

    Raises:
        DomainError: the spec must say it, and does not.

    >>> parameter("ece", {}, "bins"), parameter("ece", {"bins": "mass"}, "bins")
    ('uniform', 'mass')
    """
    value = parameters.get(name, KINDS[kind].parameters.get(name))
    if value is None:
        raise DomainError(f"a metric of kind `{kind}` needs `{name}`", kind=kind)
    return value


def identity(kind: str, said: Mapping[str, Value]) -> str:
    """The kind with everything that its value rests on: two metrics with one identity are one number.

    Args:
        kind: one of `KINDS`.
        said: parameters, `of` and `cap` as the spec says them; what holds without is filled in.

    >>> identity("ece", {"bins": "mass"}), identity("accuracy", {}), identity("mean", {"of": "outcome.revenue"})
    ('ece[positive=1,bins=mass,count=15]', 'accuracy', 'mean[of=outcome.revenue]')
    """
    known = KINDS[kind].parameters | dict(said)
    parts = [f"{name}={label_text(value)}" for name, value in known.items() if value is not None and value != ""]
    return f"{kind}[{','.join(parts)}]" if parts else kind


def signature(kind: str) -> str:
    """The kind with all its parameters and what holds where the spec does not say; "?" where it must.

    >>> signature("latency_quantile"), signature("ece")
    ('latency_quantile[q=?]', 'ece[positive=1,bins=uniform,count=15]')
    """
    known: dict[str, Value | None] = {"of": None} if KINDS[kind].of else {}
    known |= KINDS[kind].parameters
    said = {name: "?" if value is None else value if value != "" else "none" for name, value in known.items()}
    return identity(kind, said)


def needs_outcome(metric: Metric) -> bool:
    """Whether a prediction has to be judged before the metric knows it."""
    beside = metric.parameters.get("against") == "champion"
    return _read_kind(metric).outcome and metric.of != COST and not beside


def known_in_shadow(metric: Metric) -> bool:
    """Whether the metric can be known of an answer that nobody saw."""
    return _read_kind(metric).shadow or metric.of == COST


def label_text(value: str | float) -> str:
    """The one text of a label that a spec names, so that `1`, `1.0` and `true` are the same label.

    >>> [label_text(value) for value in (1, 1.0, True, 0.5, "late")]
    ['1', '1', '1', '0.5', 'late']
    """
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() else repr(value)


def _read_kind(metric: Metric) -> Kind:
    # A metric of days reads what its base reads.
    base = str(metric.parameters.get("base", ""))
    return kind_of(base if base in KINDS else metric.kind)
