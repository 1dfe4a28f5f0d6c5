"""Which conditions promote, which roll back, which start a training?"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from segue.errors import near_miss
from segue.spec import quantity
from segue.spec.document.head import chance, positive_duration
from segue.spec.document.metrics import Scope
from segue.spec.document.place import BROKEN, Fields, Place
from segue.spec.document.stage_keys import DRIFT, FAIRNESS, GATE, STABLE
from segue.spec.expression import parse
from segue.spec.gate import (
    GUARDRAIL_TESTS,
    OBJECTIVE_TESTS,
    RETRAIN_TESTS,
    DriftGate,
    FairnessGate,
    Gate,
    Margin,
    MetricGate,
    StableGate,
    Test,
)
from segue.spec.metric import (
    AGREEMENT,
    COST,
    GAPS,
    KINDS,
    Metric,
    default_weight,
    gated,
    known_in_shadow,
    label_text,
    needs_of,
    scale_of,
)

Use = Literal["promote_when", "guardrails", "retrain"]
_TESTS: Final[dict[Use, tuple[Test, ...]]] = {
    "promote_when": OBJECTIVE_TESTS,
    "guardrails": GUARDRAIL_TESTS,
    "retrain": RETRAIN_TESTS,
}
_TOWARDS: Final = {"at_least": "increase", "below": "increase", "at_most": "decrease", "above": "decrease"}
_OPPOSITE: Final = {"at_least": "at_most", "at_most": "at_least", "above": "below", "below": "above"}
_MARGINS: Final[dict[quantity.Scale, str]] = {
    "proportion": "0.5pp",
    "index": "0.01",
    "value": "1%",
    "loss": "1%",
    "duration": "10ms",
}


class Asked(msgspec.Struct, frozen=True):
    """Where a gate stands: its use, and the strategy of its stage ("" outside stages and where the strategy is unknown)."""

    use: Use
    strategy: str = ""


def gates(place: Place, scope: Scope, asked: Asked) -> tuple[Gate, ...]:
    """A list of gates; those with problems are left out."""
    found = (gate(item, scope, asked) for item in place.items())
    return tuple(one for one in found if one is not None)


def gate(place: Place, scope: Scope, asked: Asked) -> Gate | None:
    """One gate: a metric's name, or `drift` or `fairness`, and a condition."""
    entries = place.entries()
    if len(entries) != 1:
        if place.is_mapping:
            place.problem(f"a gate names one metric, not {len(entries)}", "one `- metric: {test: value}` a gate")
        return None
    (name, body) = entries[0]
    if name == "drift":
        return _drift(place.path, body, scope, asked)
    if name == "fairness":
        return _fairness(place.path, body, scope, asked)
    known = {AGREEMENT.name: AGREEMENT, **scope.metrics}
    if name not in known:
        declared = f"declared metrics: {', '.join(scope.metrics) or 'none'}"
        body.key_problem(f"unknown metric `{name[:60]}`", near_miss(name, [*known, "drift", "fairness"]) or declared)
    return _MetricGate(path=place.path, body=body, metric=known.get(name), scope=scope, asked=asked).read()


def check_captured(metric: Metric, place: Place, scope: Scope) -> None:
    """What the metric reads is captured; the problem stands at the place that uses the metric."""
    wanted = {"label": "label", "number": "label", "list": "label", "score": "score"}.get(needs_of(metric), "")
    if metric.of == COST:
        wanted = "cost"
    _check_pointer(wanted, metric.name, place, scope)


def _check_pointer(wanted: str, who: str, place: Place, scope: Scope) -> None:
    if wanted and not getattr(scope.reading, wanted):
        example = "inputs" if wanted == "features" else f"outputs.{wanted}"
        hint = f"say where it is, such as `prediction: {{{wanted}: {example}}}`"
        place.key_problem(f"`{who}` needs `prediction.{wanted}`, which is not captured", hint)


def expression(place: Place, scope: Scope) -> str:
    """An audience or a population, as written."""
    text = place.text()
    if place.is_text:
        place.parsed(lambda written: parse(written, scope.attributes), text, None)
    return text.strip()


class _MetricGate(msgspec.Struct, frozen=True, kw_only=True):
    """Reads the condition on one metric; the metric is None where it has a problem of its own."""

    path: str
    body: Place
    metric: Metric | None
    scope: Scope
    asked: Asked

    def read(self) -> Gate | None:
        fields = self.body.fields(GATE)
        if self.metric is not None:
            self._check_use(self.metric)
        where = fields.get("where", lambda place: expression(place, self.scope), "")
        weight = fields.get("weight", _weight, None)
        if "weight" in fields and self.asked.use != "guardrails":
            fields.known["weight"].key_problem(
                f"`weight` has no use under `{self.asked.use}`", "guardrails share false_rollback"
            )
        tests = [key for key in fields.known if key not in {"where", "weight"}]
        if len(tests) != 1:
            mistyped = not tests and set(self.body.keys()) - set(fields.known)
            if self.body.is_mapping and not mistyped:
                self.body.key_problem(f"a gate makes one test, not {len(tests)}", f"one of {self._tests()}")
            return None
        if tests[0] == "stable":
            return self._stable(fields)
        test = next(test for test in _ALL_TESTS if test == tests[0])
        place = fields.known[test]
        if test not in _TESTS[self.asked.use]:
            place.key_problem(f"`{test}` is no test under `{self.asked.use}`", f"one of {self._tests()}")
            return None
        if self.metric is None:
            return None
        margin = self._margin(test, place, self.metric)
        weight = None if weight == default_weight(self.metric) else weight  # a default that is written out is no other meaning
        return MetricGate(path=self.path, metric=self.metric.name, test=test, margin=margin, where=where, weight=weight)

    def _tests(self) -> str:
        return ", ".join((*_TESTS[self.asked.use], *(("stable",) if self.asked.use == "promote_when" else ())))

    def _check_use(self, metric: Metric) -> None:
        check_captured(metric, self.body, self.scope)
        if not gated(metric):
            testable = ", ".join(name for name, kind in KINDS.items() if kind.shape != "shown")
            message = f"no gate can test `{metric.name}`: `{metric.kind}` is measured and shown, and has no evidence yet"
            self.body.key_problem(message, f"kinds that gates test: {testable}")
        strategy = self.asked.strategy
        if metric.kind == AGREEMENT.kind and strategy != "shadow" and (strategy or self.asked.use != "promote_when"):
            where = f"`{metric.name}` is known in shadow stages only"
            self.body.key_problem(where, "elsewhere only one variant answers a request")
        if strategy == "shadow" and not known_in_shadow(metric):
            message = f"`{metric.name}` cannot be a gate of a shadow stage: `{metric.of}` is what the served answer led to"
            self.body.key_problem(message, "use it from the canary on; a shadow shows answers, errors, latency and cost")

    def _margin(self, test: Test, place: Place, metric: Metric) -> Margin:
        if test == "best_with":
            if self.asked.strategy not in ("", "ab", "bandit"):
                place.key_problem("`best_with` is a test of ab and bandit stages", f"here one of {self._tests()}")
            return Margin(value=chance(place))
        if test in _TOWARDS:
            return Margin(value=self._level(test, place, metric))
        if test == "better_than_champion" and place.written in ("`true`", "`false`"):
            if not place.flag():
                self._refuse_silent(f"`{test}: false` asks for nothing", place, metric)
            return Margin(value=0.0)
        scale = scale_of(metric.kind)
        margin = place.quantity(lambda text: quantity.margin(text, scale), Margin(value=BROKEN))
        if test == "not_worse_than_champion_by":
            if margin.value == 0:
                self._refuse_silent("a margin of 0 cannot be shown of a candidate that is as good", place, metric)
            if margin.relative and margin.value >= 1 and metric.goal == "increase":
                place.problem(f"`not worse by {place.written[1:-1]}` of the champion's value holds always", "below 100%")
        return margin

    def _level(self, test: Test, place: Place, metric: Metric) -> float:
        scale = scale_of(metric.kind)
        if _TOWARDS[test] != metric.goal:
            better = "larger" if metric.goal == "increase" else "smaller"
            place.key_problem(f"`{metric.name}` is better when it is {better}", f"did you mean `{_OPPOSITE[test]}`?")
        level = place.quantity(lambda text: quantity.level(text, scale), BROKEN)
        vacuous = level == 0 if test == "at_least" else level == 1 and test == "at_most" and scale in ("proportion", "index")
        if vacuous and _TOWARDS[test] == metric.goal:
            self._refuse_silent(f"`{test}: {place.written[1:-1]}` asks for nothing", place, metric)
        return level

    def _refuse_silent(self, message: str, place: Place, metric: Metric) -> None:
        margin = _MARGINS[scale_of(metric.kind)]
        superior = "`better_than_champion: true` (superior)"
        inferior = f"`not_worse_than_champion_by: {margin}` (non-inferior)"
        guardrail = f"`worse_than_champion_by: {margin}` under `guardrails` (only not proven worse)"
        place.problem(message, f"say which: {superior}, {inferior} or {guardrail}")

    def _stable(self, fields: Fields) -> StableGate | None:
        place = fields.known["stable"]
        if self.asked.use != "promote_when":
            place.key_problem(f"`stable` is no test under `{self.asked.use}`", f"one of {self._tests()}")
        if "where" in fields:
            fields.known["where"].key_problem("`where` has no use beside `stable`")
        inner = place.fields(STABLE)
        every_s = inner.get("every", _whole_hours, BROKEN)
        times = inner.get("at_most", lambda body: body.quantity(quantity.times_champion, BROKEN), BROKEN)
        if self.metric is None:
            return None
        return StableGate(path=self.path, metric=self.metric.name, every_s=every_s, at_most_times_champion=times)


def _weight(place: Place) -> float:
    value = place.number()
    return place.within(value, value > 0, "above 0")


def _whole_hours(place: Place) -> float:
    value = positive_duration(place)
    return place.within(value, value % 3600 == 0, "a period", "whole hours, such as 1d")


_ALL_TESTS: Final = tuple(dict.fromkeys((*OBJECTIVE_TESTS, *GUARDRAIL_TESTS, *RETRAIN_TESTS)))


def _drift(path: str, body: Place, scope: Scope, asked: Asked) -> DriftGate:
    _check_pointer("features", "drift", body, scope)
    fields = body.fields(DRIFT)
    wanted, other = ("psi_below", "psi_above") if asked.use == "promote_when" else ("psi_above", "psi_below")
    if other in fields:
        fields.known[other].key_problem(f"`{other}` is no test under `{asked.use}`", f"did you mean `{wanted}`?")
    elif wanted not in fields and body.is_mapping:
        body.missing(wanted, f"such as `{wanted}: 0.2`")
    return DriftGate(
        path=path,
        against="champion" if fields.get("against", _against, "training") == "champion" else "training",
        psi_below=fields.get("psi_below", _above_zero, None),
        psi_above=fields.get("psi_above", _above_zero, None),
    )


def _against(place: Place) -> str:
    return place.choice(("training", "champion"), "reference")


def _above_zero(place: Place) -> float:
    value = place.number()
    return place.within(value, value > 0, "above 0")


def _fairness(path: str, body: Place, scope: Scope, asked: Asked) -> FairnessGate:
    if asked.use != "promote_when":
        body.key_problem(f"`fairness` is no gate under `{asked.use}`", "put it under `promote_when`")
    _check_pointer("label", "fairness", body, scope)
    fields = body.fields(FAIRNESS)
    chosen: Callable[[Place], str] = lambda place: place.choice(scope.attributes, "attribute")  # noqa: E731
    return FairnessGate(
        path=path,
        metric=fields.get("metric", lambda place: place.choice(tuple(GAPS), "gap"), ""),
        over=fields.get("over", chosen, ""),
        at_most=fields.get("at_most", _gap, BROKEN),
        positive=fields.get("positive", _label, "1"),
    )


def _gap(place: Place) -> float:
    value = place.quantity(lambda text: quantity.level(text, "index"), BROKEN)
    return place.within(value, 0 < value < 1, "a gap", "above 0 and below 1: no gap at all can never be shown")


def _label(place: Place) -> str:
    value = place.scalar()
    return "" if value is None else label_text(value)
