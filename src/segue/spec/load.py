"""Is this text a rollout, and which one?

`load` gives the rollout or all problems at once; `lint` gives the problems. Nothing is read but the text.
"""

from collections.abc import Callable

import msgspec

from segue.errors import Problem, SpecError
from segue.spec.digest import digest_of
from segue.spec.document import head
from segue.spec.document.gates import Asked, gate, gates
from segue.spec.document.head import check_format, positive_duration
from segue.spec.document.metrics import Scope, metrics
from segue.spec.document.place import Fields, Place
from segue.spec.document.rules import beyond, falling_back, ordered
from segue.spec.document.stages import stages
from segue.spec.document.top_keys import RETRAIN, ROOT
from segue.spec.document.tree import Tree, parse, places
from segue.spec.gate import Gate, MetricGate, StableGate
from segue.spec.metric import AGREEMENT, Metric, needs_outcome
from segue.spec.rollout import GATEWAY, After, ErrorBudget, OutcomeRule, Reading, Retrain, Rollout, UnhealthyChampion
from segue.spec.stage import Stage


def load(text: str, name: str = "rollout.yaml") -> Rollout:
    """The rollout that a text means; its `digest` and `source` are set.

    Args:
        text: a spec in YAML.
        name: of the file, for messages.

    Raises:
        SpecError: with all problems of the text, each with line, column, path and hint.
    """
    rollout, problems = _read(text)
    if rollout is None or problems:
        count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
        raise SpecError(f"{name}: {count}", problems)
    return rollout


def lint(text: str) -> tuple[Problem, ...]:
    """All problems of a text, in the order of the file; none where `load` succeeds.

    >>> str(lint("{segue: 1, route: churn, stage: []}")[-1])
    '1:26: stage: unknown key `stage` (did you mean `stages`?)'
    """
    return _read(text)[1]


def _read(text: str) -> tuple[Rollout | None, tuple[Problem, ...]]:
    try:
        tree = parse(text)
    except SpecError as error:
        return None, error.problems
    problems: list[Problem] = []
    root = Place(tree, "", problems)
    rollout = _rollout(root, root.fields(ROOT), tree, problems)
    if rollout is None or problems:
        return None, tuple(sorted(set(problems)))
    return msgspec.structs.replace(rollout, source=text, digest=digest_of(rollout)), ()


def _rollout(root: Place, fields: Fields, tree: Tree, problems: list[Problem]) -> Rollout | None:
    if not root.is_mapping:
        return None
    check_format(fields)
    scope, outcome = _scope(fields)
    found: tuple[Stage | None, ...] = fields.get("stages", lambda place: stages(place, scope), ())
    problems.extend(ordered(found, _positions(tree)))
    watched = Asked("guardrails")
    guardrails: tuple[Gate, ...] = fields.get("guardrails", lambda place: gates(place, scope, watched), ())
    built = tuple(stage for stage in found if stage is not None)
    rollout = Rollout(
        route=fields.get("route", head.route, ""),
        protocol=fields.get("protocol", head.protocol, "v2"),
        unit=fields.get("unit", head.unit, ("request",)),
        registry=fields.get("registry", head.registry, "embedded"),
        variants=fields.get("variants", head.variants, {}),
        prediction=scope.reading,
        context=fields.get("context", head.context, {}),
        outcome=outcome or OutcomeRule(window_s=0.0),
        segments=fields.get("segments", lambda place: head.segments(place, scope.attributes), ()),
        metrics=_with_agreement(scope, (*guardrails, *(gate for stage in built for gate in stage.promote_when))),
        error_budget=fields.get("error_budget", head.error_budget, ErrorBudget()),
        guardrails=guardrails,
        stages=built,
        after=fields.get("after", head.after, After()),
        notify=fields.get("notify", head.notices, ()),
        when_busy=fields.get("when_busy", head.when_busy, "refuse"),
        unhealthy_champion=fields.get("unhealthy_champion", head.unhealthy_champion, UnhealthyChampion()),
        retrain=fields.get("retrain", lambda place: _retrain(place, scope), ()),
        provider=fields.get("provider", head.provider, GATEWAY),
    )
    problems.extend(beyond(rollout, _positions(tree)))
    problems.extend(falling_back(rollout, _positions(tree)))
    return rollout


def _scope(fields: Fields) -> tuple[Scope, OutcomeRule | None]:
    no_metrics: dict[str, Metric | None] = {}
    outcome: OutcomeRule | None = fields.get("outcome", head.outcome, None)
    scope = Scope(
        attributes=_names(fields, "context"),
        variants=tuple(dict.fromkeys((head.CHAMPION, *_names(fields, "variants")))),
        metrics=fields.get("metrics", lambda place: metrics(place, outcome, _names(fields, "context")), no_metrics),
        reading=fields.get("prediction", head.reading, Reading()),
    )
    late = [name for name, metric in scope.metrics.items() if metric and needs_outcome(metric) and not metric.window_s]
    if outcome is None and late:
        fields.place.missing("outcome", f"when are predictions judged? `outcome: {{window: 24h}}`; needed by {', '.join(late)}")
    return scope, outcome


def _names(fields: Fields, key: str) -> tuple[str, ...]:
    place = fields.known.get(key)
    return () if place is None else place.keys()


def _with_agreement(scope: Scope, used: tuple[Gate, ...]) -> dict[str, Metric]:
    declared = {name: metric for name, metric in scope.metrics.items() if metric is not None}
    names = {gate.metric for gate in used if isinstance(gate, MetricGate | StableGate)}
    return declared if AGREEMENT.name not in names else {AGREEMENT.name: AGREEMENT, **declared}


def _retrain(place: Place, scope: Scope) -> tuple[Retrain, ...]:
    asked = Asked("retrain")
    found = []
    for item in place.items():
        fields = item.fields(RETRAIN)
        if item.is_mapping and len(fields.known) != 1:
            item.problem("one of `every` and `when`", "such as `- {every: 30d}`")
        when: Gate | None = fields.get("when", lambda body: gate(body, scope, asked), None)
        found.append(Retrain(every_s=fields.get("every", positive_duration, None), when=when))
    return tuple(found)


def _positions(tree: Tree) -> Callable[[str], tuple[int, int]]:
    known = {path: (line, column) for path, line, column in places(tree)}
    return lambda path: known.get(path, (0, 1))
