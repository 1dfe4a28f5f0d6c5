"""What is expected before the data are seen."""

from typing import Any

import pytest

from segue.decide.gates.claims import claim
from segue.decide.gates.expectation import chance_most, prior
from segue.facts.decision import State
from segue.facts.question import Prior
from segue.spec.gate import Margin, MetricGate
from segue.spec.rollout import Rollout
from segue.spec.stage import Ab, Canary, Full, Shadow, Stage, Step, Strategy


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


@pytest.mark.parametrize(
    ("strategy", "candidates", "most"),
    [
        (Ab(shares={"champion": 0.5, "v8": 0.5}), 1, 0.5),
        (Ab(shares={"champion": 0.5, "v8": 0.3, "v9": 0.2}), 2, 0.375),
        (Canary(steps=(Step(share=1.0, audience="x", age_s=1), Step(share=0.01, age_s=1), Step(share=0.25, age_s=1))), 1, 0.25),
        (Canary(steps=(Step(share=0.2, age_s=1),)), 2, 1 / 9),
        (Canary(steps=(Step(share=1.0, audience="x", age_s=1),)), 1, 1.0),
        (Full(watch_s=1.0, holdback=0.01), 1, 1.0),
        (Shadow(), 1, 1.0),
    ],
)
def test_the_largest_chance_of_a_stage(strategy: Strategy, candidates: int, most: float) -> None:
    """Beside the champion alone, as units are compared, with a little to spare; whoever is there by rule is not compared."""
    found = chance_most(Stage(name="s", strategy=strategy), candidates)
    assert most <= found <= min(1.06 * most, 1.0)
