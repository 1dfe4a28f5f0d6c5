"""Which stages are written down, and does each make sense by itself?"""

import math

from segue.spec import quantity
from segue.spec.document.combinations import Conditions, conditions
from segue.spec.document.gates import Asked, check_captured, expression
from segue.spec.document.head import CHAMPION, NAME, chance, duration, name, percent, positive_duration
from segue.spec.document.metrics import Scope
from segue.spec.document.place import BROKEN, Fields, Place
from segue.spec.document.stage_keys import AT_LEAST, AT_MOST, PLAN, POLICIES, STEP, STRATEGIES, WATCH, stage_section
from segue.spec.gate import DriftGate, Margin, grouped
from segue.spec.metric import Metric, known_in_shadow, scale_of
from segue.spec.stage import Ab, AtLeast, AtMost, Bandit, Canary, Full, Plan, Shadow, Stage, Step, Strategy


def stages(place: Place, scope: Scope) -> tuple[Stage | None, ...]:
    """All stages in order; None stands for one whose strategy is unknown."""
    items = list(place.items())
    if place.is_list and not items:
        place.problem("no stage", "such as `- {name: shadow, strategy: shadow}`")
    return tuple(_stage(item, scope, final=index == len(items) - 1) for index, item in enumerate(items))


def _stage(place: Place, scope: Scope, *, final: bool) -> Stage | None:
    word = place.peek("strategy")
    fields = place.fields(stage_section(word))
    title = fields.get("name", name, "")
    fields.get("strategy", lambda body: body.choice(STRATEGIES, "strategy"), "")
    at_least, at_most = fields.get("at_least", _at_least, AtLeast()), fields.get("at_most", _at_most, None)
    if at_most is not None and at_most.age_s <= at_least.age_s:
        fields.known["at_most"].problem("the stage would be over before `at_least.age`", "make `at_most.age` longer")
    if at_most is not None and 0 < at_most.outcomes <= at_least.outcomes:
        fields.known["at_most"].problem("the stage would be over before `at_least.outcomes`", "make `at_most.outcomes` larger")
    asked = Asked("promote_when", word if word in STRATEGIES else "")
    written = fields.get("promote_when", lambda body: conditions(body, scope, asked), Conditions())
    if word in STRATEGIES and word != "full" and not final:
        _refuse_silence(fields)
    _refuse_drift_alone(fields, written)
    strategy = _strategy(word, fields, scope)
    plan = fields.get("plan", lambda body: _plan(body, scope, word), None)
    approve = fields.get("approve", lambda body: body.matching(NAME, "role", "letters, digits, _ and -"), "")
    if strategy is None:
        return None
    return Stage(
        name=title,
        strategy=strategy,
        at_least=at_least,
        at_most=at_most,
        promote_when=written.gates,
        plan=plan,
        approve=approve,
        any_of=written.any_of,
    )


def _refuse_silence(fields: Fields) -> None:
    written = fields.known.get("promote_when")
    silent = written is None or (written.is_list and not list(written.items()))
    if silent and "approve" not in fields:
        hint = "never promote on silence: name a gate, or `approve: ROLE` for a person's yes"
        fields.place.missing("promote_when", hint) if written is None else written.problem("nothing could ever promote", hint)


def _refuse_drift_alone(fields: Fields, written: Conditions) -> None:
    candidate = {gate.path for gate in written.gates if not isinstance(gate, DriftGate)}
    certain = bool(candidate - grouped(written.any_of)) or any(
        all(candidate & set(one) for one in group) for group in written.any_of
    )
    if written.gates and not certain and "approve" not in fields:
        hint = "add a gate on a metric: that nothing has moved says nothing about the candidate"
        fields.known["promote_when"].problem("a gate on drift alone never promotes", hint)


def _strategy(word: str, fields: Fields, scope: Scope) -> Strategy | None:
    match word:
        case "shadow":
            return Shadow(sample=fields.get("sample", _part, 1.0))
        case "canary":
            return Canary(steps=fields.get("steps", lambda place: _steps(place, scope), ()))
        case "ab":
            return Ab(shares=fields.get("shares", lambda place: _shares(place, scope), {}))
        case "bandit":
            return _bandit(fields, scope)
        case "full":
            return fields.get("watch", _watch, Full())
        case _:
            return None


def _part(place: Place) -> float:
    value = percent(place)
    return place.within(value, value > 0, "a share", "above `0%`")


def _steps(place: Place, scope: Scope) -> tuple[Step, ...]:
    steps = tuple(_step(item.fields(STEP), scope) for item in place.items())
    if place.is_list and not steps:
        place.problem("no step", "such as `- {share: 5%, age: 6h}`")
    return steps


def _step(fields: Fields, scope: Scope) -> Step:
    return Step(
        share=fields.get("share", _part, BROKEN),
        age_s=fields.get("age", duration, BROKEN),
        audience=fields.get("audience", lambda place: expression(place, scope), ""),
    )


def _shares(place: Place, scope: Scope) -> dict[str, float]:
    shares = {}
    for variant, share in place.entries():
        share.check_key(variant, scope.variants, "variant")
        shares[variant] = _part(share)
    total = math.fsum(shares.values())
    if place.is_mapping and len(shares) < 2:
        place.problem("shares of fewer than two variants", "such as `{champion: 50%, v8: 50%}`")
    elif abs(total - 1) > 1e-9:
        place.problem(f"the shares sum to {quantity.spell_share(round(total, 12))}, not to 100%")
    if len(shares) >= 2 and CHAMPION not in shares:
        place.problem("the champion has no share", "evidence is against the champion: give it one")
    return shares


def _bandit(fields: Fields, scope: Scope) -> Bandit:
    policy = fields.get("policy", lambda place: place.choice(POLICIES, "policy"), "")
    floor = fields.get("floor", percent, 0.01)
    if floor * len(scope.variants) > 1:
        fields.known["floor"].problem(f"{len(scope.variants)} variants cannot all have this floor")
    return Bandit(
        policy=next((known for known in POLICIES if known == policy), "thompson"),
        reward=fields.get("reward", lambda place: _used_metric(place, scope)[0], ""),
        floor=floor,
        update_s=fields.get("update", positive_duration, 300.0),
    )


def _watch(place: Place) -> Full:
    fields = place.fields(WATCH)
    return Full(watch_s=fields.get("age", duration, 0.0), holdback=fields.get("holdback", _holdback, 0.0))


def _holdback(place: Place) -> float:
    value = percent(place)
    return place.within(value, value < 0.5, "a hold-back", "below `50%`: the promoted version has most of the traffic")


def _at_least(place: Place) -> AtLeast:
    fields = place.fields(AT_LEAST)
    return AtLeast(age_s=fields.get("age", duration, 0.0), outcomes=fields.get("outcomes", lambda body: body.integer(0), 0))


def _at_most(place: Place) -> AtMost:
    fields = place.fields(AT_MOST)
    then = fields.get("then", lambda body: body.choice(("rollback", "hold"), "way to end"), "")
    return AtMost(
        age_s=fields.get("age", positive_duration, BROKEN),
        then="rollback" if then == "rollback" else "hold",
        outcomes=fields.get("outcomes", lambda body: body.integer(0), 0),
    )


def _used_metric(place: Place, scope: Scope) -> tuple[str, Metric | None]:
    chosen = place.choice(tuple(scope.metrics), "metric")
    metric = scope.metrics.get(chosen)
    if metric is not None:
        check_captured(metric, place, scope)
    return chosen, metric


def _plan(place: Place, scope: Scope, strategy: str) -> Plan:
    fields = place.fields(PLAN)
    nothing: tuple[str, Metric | None] = ("", None)
    chosen, metric = fields.get("metric", lambda body: _used_metric(body, scope), nothing)
    if metric is not None and strategy == "shadow" and not known_in_shadow(metric):
        message = f"`{chosen}` cannot be planned for in a shadow stage"
        fields.known["metric"].problem(message, "nobody sees the candidate's answers there")
    effect = fields.get("effect", lambda body: _effect(body, metric), Margin(value=BROKEN))
    return Plan(metric=chosen, effect=effect.value, relative=effect.relative, power=fields.get("power", chance, 0.8))


def _effect(place: Place, metric: Metric | None) -> Margin:
    if metric is None:
        return Margin(value=BROKEN)
    scale = scale_of(metric.kind)
    effect = place.quantity(lambda text: quantity.margin(text, scale), Margin(value=BROKEN))
    place.within(effect.value, effect.value > 0, "an effect", "above 0")
    return effect
