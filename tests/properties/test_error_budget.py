"""The error budget holds, whatever is guarded, weighed, added and left out, in whatever stages."""

from collections.abc import Iterable
from itertools import product
from math import fsum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.decide.budget import Purse, amended, ledger
from segue.decide.gates.claims import unwatched
from segue.decide.gates.subjects import subject
from segue.errors import DomainError
from segue.facts.decision import Spending
from segue.spec.gate import Gate, Margin, MetricGate, Test
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.spec.stage import Full, Stage
from segue.testkit.rollout_files import rollout_file

SPEC = load(
    rollout_file("""
metrics:
  accuracy: {kind: accuracy}
  conversion: {kind: mean, of: outcome.converted, goal: increase, cap: 1}
  errors: {kind: error_rate}
  p99: {kind: latency_quantile, q: 0.99}
stages:
  - {name: shadow, strategy: shadow, promote_when: [accuracy: {not_worse_than_champion_by: 2pp}]}
  - {name: canary, strategy: canary, steps: [{share: 5%, age: 2h}], approve: product}
  - {name: ab, strategy: ab, shares: {champion: 50%, v8: 50%}, promote_when: [accuracy: {better_than_champion: true}]}
  - {name: everyone, strategy: full, watch: {age: 2h, holdback: 10%}}
""")
)
WEIGHTS = st.none() | st.floats(min_value=1e-3, max_value=1e3)
KINDS: tuple[tuple[str, Test], ...] = (
    ("errors", "worse_than_champion_by"),
    ("conversion", "worse_than_champion_by"),
    ("accuracy", "worse_than_champion_by"),
    ("accuracy", "below"),
    ("p99", "above"),
)


@st.composite
def guardrails(draw: st.DrawFn, least: int = 0) -> tuple[Gate, ...]:
    """Some guardrails, no two of them the same."""
    sizes = st.integers(1, 9).map(lambda size: size / 100) | st.sampled_from((0.01 + 1e-7, 0.01 + 2e-7))  # read alike
    kinds = draw(st.lists(st.tuples(st.sampled_from(KINDS), sizes), min_size=least, max_size=6, unique=True))
    return numbered(
        MetricGate(path="", metric=metric, test=test, margin=Margin(value=size), weight=draw(WEIGHTS))
        for (metric, test), size in kinds
    )


def numbered(gates: Iterable[MetricGate]) -> tuple[Gate, ...]:
    """Gates with the paths of a file's guardrails."""
    return tuple(msgspec.structs.replace(gate, path=f"guardrails[{at}]") for at, gate in enumerate(gates))


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    """Any stages in their order, with or without a holdback, up to three candidates, any budget and reserve."""
    kept = draw(st.sets(st.integers(0, 3), min_size=1))
    stages: list[Stage] = [stage for at, stage in enumerate(SPEC.stages) if at in kept]
    if draw(st.booleans()):
        alone = Full(watch_s=7200.0, holdback=0.0)
        stages = [msgspec.structs.replace(it, strategy=alone) if isinstance(it.strategy, Full) else it for it in stages]
    candidates = {f"v{at}": SPEC.variants["v8"] for at in range(8, 8 + draw(st.integers(1, 3)))}
    budget = msgspec.structs.replace(
        SPEC.error_budget,
        false_rollback=draw(st.floats(min_value=1e-4, max_value=0.5)),
        reserve=draw(st.floats(min_value=0.0, max_value=0.9)),
    )
    return msgspec.structs.replace(
        SPEC,
        stages=tuple(stages),
        variants={"champion": SPEC.variants["champion"]} | candidates,
        guardrails=draw(guardrails()),
        error_budget=budget,
    )


def paid(lines: tuple[Spending, ...]) -> float:
    """All that false rollbacks have cost or may cost."""
    return fsum(line.alpha for line in lines if line.account in {"false_rollback", "reserve"})


@given(rollouts())
def test_the_sum_is_the_budget(spec: Rollout) -> None:
    """All lines and the reserve sum to the budget, never more, and a stage that cannot see a guardrail has nothing of it."""
    lines = ledger(spec)
    assert paid(lines) == pytest.approx(spec.error_budget.false_rollback, rel=1e-12)
    purse = Purse(spec, lines)
    for stage in spec.stages:
        for gate in spec.guardrails:
            metric = subject(gate, spec)
            assert metric is not None
            blind = bool(unwatched(gate, metric, stage, spec.outcome))
            found = [purse.line(stage, gate, "guardrail", candidate) for candidate in spec.candidates]
            assert [line is None for line in found] == [blind] * len(found)
            assert all(line in lines for line in found if line is not None)


@given(rollouts())
def test_the_first_stage_that_sees_has_most(spec: Rollout) -> None:
    """Of each guardrail, no later stage has more than the first one, nor less than a fifth of an equal part."""
    for gate in spec.guardrails:
        mine = [line.alpha for line in ledger(spec) if line.gate == gate.path and line.candidate == "v8"]
        if mine:
            assert mine[0] == max(mine)
            assert min(mine) >= fsum(mine) / len(mine) / 5 * (1 - 1e-12)


@given(rollouts(), st.lists(st.tuples(guardrails(), st.integers(0, 3)), max_size=4))
def test_amendments_never_overspend(spec: Rollout, changes: list[tuple[tuple[Gate, ...], int]]) -> None:
    """Whatever is added and left out, in whatever stage, the sum stays, and every line that was spent stays as it was."""
    kept = ledger(spec)
    for gates, stage in changes:
        new = msgspec.structs.replace(spec, guardrails=gates)
        try:
            after = amended(kept, new, since=1, first=min(stage, len(spec.stages) - 1))
        except DomainError:
            continue  # nothing is left in reserve
        assert {line for line in kept if line.account != "reserve"} <= set(after)
        assert paid(after) == pytest.approx(spec.error_budget.false_rollback, rel=1e-12)
        kept = after


@given(rollouts(), st.lists(st.tuples(guardrails(), st.floats(0.5, 2.0), st.integers(0, 3)), max_size=4))
def test_every_null_that_is_ever_tested_is_paid_for(spec: Rollout, changes: list[tuple[tuple[Gate, ...], float, int]]) -> None:
    """Over all amendments the alphas of all nulls sum to the budget at most, however alike the nulls read."""
    kept, tested = ledger(spec), dict[tuple[str, ...], float]()
    for at, (gates, cap, stage) in enumerate([(spec.guardrails, 1.0, 0), *changes]):
        metrics = spec.metrics | {"conversion": msgspec.structs.replace(spec.metrics["conversion"], cap=cap)}
        now = msgspec.structs.replace(spec, guardrails=gates, metrics=metrics)
        try:
            kept = amended(kept, now, since=at, first=min(stage, len(spec.stages) - 1)) if at else kept
        except DomainError:
            continue  # nothing is left in reserve
        purse = Purse(now, kept)
        for found, gate, candidate in product(spec.stages, gates, spec.candidates):
            line = purse.line(found, gate, "guardrail", candidate)
            if line is not None:
                bare = repr(msgspec.structs.replace(gate, path="", weight=None))
                null = (found.name, candidate, bare, repr(subject(gate, now)), str(line.since))
                tested[null] = max(line.alpha, tested.get(null, 0.0))
    assert fsum(tested.values()) <= spec.error_budget.false_rollback * (1 + 1e-12)
