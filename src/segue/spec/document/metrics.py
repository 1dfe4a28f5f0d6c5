"""What is measured?"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from segue.spec.catalogue.kind import PARAMETERS, Goal, Value
from segue.spec.document.head import NAME, missing, positive_duration
from segue.spec.document.place import Fields, Place
from segue.spec.document.top_keys import METRIC
from segue.spec.metric import AGREEMENT, COST, KINDS, Metric, label_text, needs_outcome
from segue.spec.rollout import OutcomeRule, Reading

_OUTCOME_VALUE: Final = re.compile(r"outcome\.[A-Za-z_][A-Za-z0-9_]{0,62}")
_RESERVED: Final = ("drift", "fairness")
_CAPPED: Final = ("mean", "mae", "rmse", "ctr", "value_ratio", "total", "per_thousand", "cuped_mean", "per_unit")
_COMMON: Final = ("kind", "goal", "window", "missing")


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The names that gates and stages may use.

    Args:
        metrics: by name; None where the metric itself has a problem.
    """

    attributes: tuple[str, ...]
    variants: tuple[str, ...]
    metrics: Mapping[str, Metric | None]
    reading: Reading


def metrics(place: Place, outcome: OutcomeRule | None, attributes: tuple[str, ...] = ()) -> dict[str, Metric | None]:
    """All metrics that the spec declares."""
    found: dict[str, Metric | None] = {}
    for metric, body in place.entries():
        if not NAME.fullmatch(metric) or metric in _RESERVED:
            body.key_problem(
                f"`{metric[:60]}` is no name for a metric", f"letters, digits, _ and -; not {' or '.join(_RESERVED)}"
            )
        found[metric] = _metric(metric, body, (outcome, attributes))
    return found


def _metric(name: str, place: Place, known: tuple[OutcomeRule | None, tuple[str, ...]]) -> Metric | None:
    outcome, attributes = known
    fields = place.fields(METRIC)
    kind = fields.get("kind", lambda body: body.choice(tuple(KINDS), "kind of metric"), "")
    if not kind:
        return None
    if name == AGREEMENT.name and kind != AGREEMENT.kind:
        place.key_problem(f"`{name}` is the metric of kind `agreement`", "give this metric another name")
    _refuse_useless(fields, kind)
    metric = Metric(
        name=name,
        kind=kind,
        of=_of(fields, kind),
        goal=_goal(fields, kind),
        cap=fields.get("cap", Place.number, None),
        parameters=_parameters(fields, kind),
        expected=fields.get("expected", lambda body: body.choice(attributes, "attribute"), ""),
    )
    return _judged(metric, fields, outcome)


def _refuse_useless(fields: Fields, kind: str) -> None:
    known = KINDS[_read(fields, kind)]
    useful = {
        *_COMMON,
        *_wanted(fields, kind),
        *(("of",) if known.of else ()),
        *(("cap",) if _read(fields, kind) in _CAPPED else ()),
    }
    useful |= {"expected"} if kind == "mean" else set()
    for key, place in fields.known.items():
        if key not in useful:
            place.key_problem(f"`{key}` has no use in a metric of kind `{kind}`", f"its keys: {', '.join(sorted(useful))}")


def _of(fields: Fields, kind: str) -> str:
    if not KINDS[_read(fields, kind)].of:
        return ""
    if "of" not in fields:
        fields.place.missing("of", "such as `of: outcome.revenue`")
        return ""
    place = fields.known["of"]
    text = place.text()
    if text and (text != COST or _read(fields, kind) != "mean") and not _OUTCOME_VALUE.fullmatch(text):
        near = f"did you mean `{COST}`?" if text.startswith("prediction") else f"`outcome.NAME`, or `{COST}`"
        place.problem(f"{place.written} is nothing that a mean can be taken of", near)
        return ""
    return text


def _goal(fields: Fields, kind: str) -> Goal:
    own = KINDS[kind].goal
    if "goal" not in fields:
        if own is None:
            fields.place.missing("goal", "`increase` or `decrease`: which is better?")
        return own or "increase"
    place = fields.known["goal"]
    goal: Goal = "decrease" if place.choice(("increase", "decrease"), "goal") == "decrease" else "increase"
    if own is not None and place.written in ("`increase`", "`decrease`") and goal != own:
        place.problem(f"the goal of `{kind}` is to {own}", "leave the key out")
    return goal


def _wanted(fields: Fields, kind: str) -> dict[str, Value | None]:
    """The kind's parameters, and of a metric of days those of its base."""
    return KINDS[kind].parameters | KINDS[_read(fields, kind)].parameters


def _read(fields: Fields, kind: str) -> str:
    """The kind that is read: of a metric of days, its base."""
    base = fields.known["base"].written.strip("`") if "base" in KINDS[kind].parameters and "base" in fields else ""
    return base if base in KINDS and "base" not in KINDS[base].parameters else kind


def _parameters(fields: Fields, kind: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, default in _wanted(fields, kind).items():
        if name in fields:
            found[name] = _parameter(name, fields.known[name])
        elif default is None and not (name == "positive" and "average" in fields):
            fields.place.missing(name, f"such as `{name}: {PARAMETERS[name].example}`")
    averaged = found.get("average", "binary") != "binary"
    if averaged and "positive" in found and "threshold" not in found:
        fields.known["positive"].key_problem("`positive` has no use in a mean over all classes", "leave one of the two out")
    if found.get("average") == "binary" and "positive" not in found:
        fields.place.missing("positive", "such as `positive: 1`")
    return found


def _parameter(name: str, place: Place) -> Value:
    about = PARAMETERS[name]
    match about.domain:
        case "label":
            return _label(place)
        case "choice":
            return place.choice(about.choices, name)
        case "value":
            return place.matching(_OUTCOME_VALUE, "value of an outcome", "such as `outcome.revenue`")
        case "attribute":
            return place.text()
        case "kind":
            return place.choice([it for it, known in KINDS.items() if "base" not in known.parameters], "kind of metric")
        case "whole number":
            return float(place.integer(1))
        case domain:
            value = place.number()
            inside = {"share": 0 < value < 1, "above zero": value > 0}.get(domain, True)
            wanted = "above 0 and below 1" if domain == "share" else "above 0"
            return place.within(
                value, inside, f"a {name}" if name != "q" else "a quantile", f"{wanted}, such as {about.example}"
            )


def _label(place: Place) -> str:
    value = place.scalar()
    return "" if value is None else label_text(value)


def _judged(metric: Metric, fields: Fields, outcome: OutcomeRule | None) -> Metric:
    window_s = fields.get("window", positive_duration, None)
    treatment = fields.get("missing", missing, "")
    if not needs_outcome(metric):
        for key in ("window", "missing"):
            if key in fields:
                fields.known[key].key_problem(f"`{key}` has no use: the metric needs no outcome")
        return metric
    standard = outcome or OutcomeRule(window_s=0.0)
    chosen = treatment or standard.missing
    return msgspec.structs.replace(
        metric,
        window_s=standard.window_s if window_s is None else window_s,
        missing="negative" if chosen == "negative" else "exclude",
    )
