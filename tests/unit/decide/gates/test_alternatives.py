"""Alternatives and weights: what they may spend, and when a stage is passed by one of them."""

from typing import Any

import pytest
from tests.unit.decide.conftest import TEXT, Scene

from segue.decide.budget import ledger
from segue.decide.decide import decide
from segue.decide.questions import asked_gates
from segue.spec.load import load

ANY = TEXT.replace(
    "    promote_when: [accuracy: {not_worse_than_champion_by: 2pp}]\n  - name: canary",
    "    promote_when: [any: [{accuracy: {not_worse_than_champion_by: 2pp}}, {errors: {at_most: 1%}}]]\n  - name: canary",
    1,
)


@pytest.fixture
def either(running: Any) -> Scene:
    """In a shadow whose gates are alternatives, old enough."""
    return Scene(load(ANY), running.state).at(hours=3)


@pytest.mark.parametrize("shown", ["accuracy", "errors"])
def test_one_alternative_is_enough(either: Scene, shown: str) -> None:
    """Either gate passes the stage; neither holds it."""
    known = either.observed(shown)
    if shown == "errors":  # as a promotion gate only: harm is not shown
        open_ = either.evidence()
        harm = {it.question.id for it in asked_gates(either.spec, either.state) if it.kind == "guardrail"}
        known = either.observed(weighed={name: open_[name] if name in harm else it for name, it in known.weighed.items()})
    decision, after = decide(either.spec, either.state, known, either.now)
    assert (decision.trigger, after.stage) == ("next_stage", 1)
    decision, _ = decide(either.spec, either.state, either.observed(), either.now)
    assert decision.trigger == "hold"


def test_an_open_gate_says_when_it_can_be_decided(either: Scene) -> None:
    """Of 4,000 that it takes 1,000 are there after three hours: nine more at this rate, in the verdict and in words."""
    decision, _ = decide(either.spec, either.state, either.observed(), either.now)
    (verdict,) = [it for it in decision.verdicts if it.gate.endswith("any[1]") and it.role == "objective"]
    assert verdict.decides_in_s == pytest.approx(9 * 3600)
    assert verdict.reason.endswith("about 9 h more at the rate so far")
    passed, _ = decide(either.spec, either.state, either.observed("accuracy"), either.now)
    assert {it.decides_in_s for it in passed.verdicts if it.outcome == "pass"} == {None}


def test_alternatives_share_what_may_be_spent(either: Scene) -> None:
    """Each of two has half of the promotion's budget (Bonferroni): a wrong pass of either is a wrong pass of the stage."""
    alphas = [it.question.alpha for it in asked_gates(either.spec, either.state) if it.kind == "promotion"]
    whole = [it.question.alpha + (it.instead.alpha if it.instead else 0) for it in asked_gates(either.spec, either.state)]
    assert whole[-2:] == pytest.approx([0.025, 0.025])
    assert max(alphas) <= 0.025


def test_guardrails_share_by_weight() -> None:
    """A guardrail of weight 3 beside one of weight 1 has three quarters; with the reserve they are false_rollback."""
    spec = load(
        TEXT.replace("  - errors: {worse_than_champion_by: 1pp}", "  - errors: {worse_than_champion_by: 1pp, weight: 3}")
    )
    lines = [line for line in ledger(spec) if line.account in {"false_rollback", "reserve"}]
    assert sum(line.alpha for line in lines) == pytest.approx(0.01)
    by_gate = {path: sum(line.alpha for line in lines if line.gate == path) for path in ("guardrails[0]", "guardrails[1]")}
    assert by_gate == pytest.approx({"guardrails[0]": 0.9 * 0.0075, "guardrails[1]": 0.9 * 0.0025})
