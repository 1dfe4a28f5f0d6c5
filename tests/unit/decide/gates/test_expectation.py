"""What is expected before the data are seen."""

from typing import Any

import pytest

from segue.decide.gates.claims import claim
from segue.decide.gates.expectation import prior
from segue.facts.decision import State
from segue.facts.question import Prior
from segue.spec.gate import Margin, MetricGate
from segue.spec.rollout import Rollout
from segue.spec.stage import Stage


def expected(spec: Rollout, scene: "State", stage: Stage, gate: MetricGate) -> Prior:
    """The prior of the gate's question in this stage."""
    metric = spec.metrics[gate.metric]
    kind = "guardrail" if gate.test in {"worse_than_champion_by", "above"} else "promotion"
    return prior(
        gate, metric, claim(gate, metric, "guardrail" if kind == "guardrail" else "promotion"), stage=stage, state=scene
    )


def test_baselines_are_used(spec: Rollout, running: Any) -> None:
    """Mean and variance come from what was known when the stage was entered."""
    state = running.at(baselines={"accuracy": (0.8, 0.16)}).state
    gate = spec.stages[0].promote_when[0]
    assert isinstance(gate, MetricGate)
    assert expected(spec, state, spec.stages[0], gate) == Prior(mean=0.8, variance=0.16, effect=0.0)


def test_the_plan_sets_the_effect(spec: Rollout, running: Any) -> None:
    """The stage's plan says where the power should be."""
    gate = spec.stages[2].promote_when[0]
    assert isinstance(gate, MetricGate)
    assert expected(spec, running.state, spec.stages[2], gate).effect == pytest.approx(0.03)


@pytest.mark.parametrize("at", [0, 1])
def test_harm_is_planned_on_the_claims_side(spec: Rollout, running: Any, at: int) -> None:
    """The planned effect of a guardrail lies beyond its bound, where harm would be."""
    gate = spec.guardrails[at]
    assert isinstance(gate, MetricGate)
    bound = claim(gate, spec.metrics[gate.metric], "guardrail").bound
    found = expected(spec, running.state, spec.stages[0], gate)
    assert found.effect > bound
    assert found.variance > 0


def test_a_constant_already_reached_is_planned_at_the_baseline(spec: Rollout, running: Any) -> None:
    """A gate `at_least` is planned for the champion's own value where that is high enough, else for a little more."""
    gate = MetricGate(path="g", metric="accuracy", test="at_least", margin=Margin(value=0.7))
    state = running.at(baselines={"accuracy": (0.8, 0.16)}).state
    assert expected(spec, state, spec.stages[0], gate).effect == 0.8
    assert 0.7 < expected(spec, running.state, spec.stages[0], gate).effect < 1.0


def test_a_relative_margin_is_planned_at_no_difference(spec: Rollout, running: Any) -> None:
    """Without a difference, candidate minus 0.9 times champion is a tenth of the mean."""
    gate = MetricGate(path="g", metric="conversion", test="not_worse_than_champion_by", margin=Margin(value=0.1, relative=True))
    state = running.at(baselines={"conversion": (0.5, 0.25)}).state
    assert expected(spec, state, spec.stages[1], gate).effect == pytest.approx(0.05)
