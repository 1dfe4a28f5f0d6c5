"""Which kinds of metric say how a variant serves, and what its answers lead to?"""

from typing import Final

from segue.spec.catalogue.kind import Goal, Kind, Value, at_once, shown
from segue.spec.quantity import Scale

OPERATIONS: Final[dict[str, Kind]] = {
    "error_rate": Kind(goal="decrease", needs="nothing", outcome=False, shape="proportion", bounded=True, failures=True),
    "latency_quantile": Kind(
        goal="decrease", needs="nothing", outcome=False, shape="quantile", bounded=False, parameters={"q": None}
    ),
    "error_share": at_once("decrease", "nothing", "proportion", error=None),
    "fallback_rate": at_once("decrease", "nothing", "proportion"),
    "latency_mean": at_once("decrease", "nothing", "duration"),
    "overhead_quantile": at_once("decrease", "nothing", "duration", q=None),
    "throughput": at_once("increase", "nothing", "value", hourly="mean"),
    "payload_size": at_once("decrease", "nothing", "value", side="response"),
    "payload_quantile": at_once("decrease", "nothing", "value", side="response", q=None),
    "cost_per_thousand": at_once("decrease", "nothing", "value"),
    "outcome_coverage": shown("increase", "nothing", "proportion"),
    "outcome_delay_quantile": shown("decrease", "nothing", "duration", q=None),
}


def _value(scale: Scale = "value", goal: Goal | None = None, **parameters: Value | None) -> Kind:
    return Kind(
        goal=goal,
        needs="nothing",
        outcome=True,
        shape="shown",
        bounded=False,
        scale=scale,
        of=True,
        shadow=False,
        parameters=parameters,
    )


BUSINESS: Final[dict[str, Kind]] = {
    "mean": Kind(goal=None, needs="nothing", outcome=True, shape="mean", bounded=False, scale="value", of=True, shadow=False),
    "conversion": _value("proportion"),
    "ctr": _value("proportion", "increase", per=None),
    "value_ratio": _value(per=None),
    "total": _value(),
    "per_thousand": _value(),
    "value_quantile": _value(q=None),
    "funnel_step": _value("proportion", after=None),
    "cuped_mean": _value(before=None, centre=None),
}
UNITS: Final[dict[str, Kind]] = {
    "per_unit": _value(),
    "unit_conversion": _value("proportion"),
    "requests_per_unit": at_once(None, "nothing", "value"),
    "active_units": at_once(None, "nothing", "value"),
    "retention": at_once("increase", "nothing", "proportion", days=None),
    "churn": at_once("decrease", "nothing", "proportion", days=None),
}
VERSIONS: Final[dict[str, Kind]] = {
    "agreement": Kind(goal="increase", needs="label", outcome=False, shape="proportion", bounded=True),
    "agreement_kappa": at_once("increase", "label", weights="none"),
    "flip_rate": at_once("decrease", "label", "proportion"),
    "flip_to": at_once(None, "label", "proportion", positive="1"),
    "flip_from": at_once(None, "label", "proportion", positive="1"),
    "score_correlation": at_once("increase", "score"),
    "rank_correlation": at_once("increase", "score", grid=1000.0),
    "score_shift": at_once(None, "score"),
    "score_distance": at_once("decrease", "score"),
}
ANSWERS: Final[dict[str, Kind]] = {
    "selection_rate": at_once(None, "label", "proportion", positive="1", threshold=""),
    "label_entropy": at_once(None, "label"),
    "mean_score": at_once(None, "score"),
    "score_deviation": at_once(None, "score"),
    "score_quantile": at_once(None, "score", q=None),
    "score_entropy": at_once(None, "score"),
    "uncertain_share": at_once(None, "score", "proportion", margin=0.1),
}


def _of_days(goal: Goal | None, scale: Scale = "index") -> Kind:
    parameters: dict[str, Value | None] = {"base": None, "least": 30.0}
    return Kind(goal=goal, needs="nothing", outcome=True, shape="shown", bounded=False, scale=scale, parameters=parameters)


STABILITY: Final[dict[str, Kind]] = {
    "worst_day": _of_days(None),
    "day_trend": _of_days(None),
    "day_overdispersion": _of_days("decrease"),
    "day_deviation": _of_days("decrease"),
}
SERVICE: Final[dict[str, dict[str, Kind]]] = {
    "Operations": OPERATIONS,
    "Business": BUSINESS,
    "Units": UNITS,
    "Agreement between versions": VERSIONS,
    "Distribution of answers": ANSWERS,
    "Stability": STABILITY,
}
