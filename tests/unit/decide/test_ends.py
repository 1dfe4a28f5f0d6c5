"""How a stage ends without a pass: by time, by its number of outcomes, or because it cannot pass any more."""

from typing import Any

import msgspec
import pytest

from segue.decide.decide import decide
from segue.decide.questions import questions
from segue.facts.decision import Decision
from segue.facts.evidence import Evidence
from segue.facts.grid import variance_where_planned
from segue.spec.load import load


def with_text(scene: Any, old: str, new: str) -> Any:
    """The same scene under a changed spec."""
    assert old in scene.spec.source
    return type(scene)(load(scene.spec.source.replace(old, new)), scene.state, scene.now)


def hopeless(scene: Any, **changes: float) -> dict[str, Any]:
    """Evidence of every promotion gate whose interval lies wholly on the wrong side of the claim, unless changed."""
    weighed: dict[str, Any] = scene.evidence()
    for asked in scene.asked:
        if asked.kind == "promotion":
            bound = asked.question.claim.bound
            found = weighed[asked.question.id]
            assert isinstance(found, Evidence)
            apart = {"low": bound - 0.04, "estimate": bound - 0.02, "high": bound - 0.01} | changes
            given_up = asked.question.futility
            assert given_up is not None
            apart |= {"log_e_futile": 9.0 if apart["high"] < given_up.effect else 0.5, "futile_threshold": 4.0}
            weighed[asked.question.id] = msgspec.structs.replace(found, **apart)
    return weighed


def decided(scene: Any, **changes: Any) -> Decision:
    """What follows after a stage's least age."""
    later = scene.at(hours=5)
    return decide(later.spec, later.state, later.observed(**changes), later.now)[0]


@pytest.mark.parametrize(("then", "trigger"), [("rollback", "futile_rollback"), ("hold", "futile_hold")])
def test_a_gate_that_cannot_pass_ends_its_stage(running: Any, then: str, trigger: str) -> None:
    """It is not waited for until the time limit: the stage ends now, as `at_most` says, and never with a promotion."""
    scene = with_text(running, "at_most: {age: 4d, then: rollback}", f"at_most: {{age: 4d, then: {then}}}")
    decision = decided(scene, weighed=hopeless(scene))
    assert decision.trigger == trigger
    assert "cannot be passed any more" in decision.reasons[1]


def test_without_a_limit_it_is_only_said(running: Any) -> None:
    """A spec that names no end gets none; the reason says that more data will not help."""
    scene = with_text(running, "    at_most: {age: 4d, then: rollback}\n", "")
    decision = decided(scene, weighed=hopeless(scene))
    assert decision.trigger == "hold"
    assert "it cannot be passed any more" in " ".join(decision.reasons)


def test_giving_up_has_an_alpha_of_its_own(running: Any) -> None:
    """An interval that lies beyond the claim says so, and ends nothing before waiting is refuted at its own level."""
    weighed = {
        name: msgspec.structs.replace(it, log_e_futile=3.9) if it.futile else it for name, it in hopeless(running).items()
    }
    decision = decided(running, weighed=weighed)
    assert decision.trigger == "hold"
    assert "the data show the opposite" in " ".join(decision.reasons)
    assert "cannot be passed" not in " ".join(decision.reasons)


def test_what_cannot_be_believed_ends_nothing(running: Any) -> None:
    """While a precondition fails, here a coverage that nobody knows, the stage waits."""
    assert decided(running, weighed=hopeless(running), health={}).trigger == "hold"


def test_less_than_was_planned_is_futile(running: Any) -> None:
    """A superiority that was planned to be 3 points and is shown to be less than that is given up, though it may be above 0."""
    scene = with_text(running.at(stage=2), "    plan:", "    at_most: {age: 9d, then: hold}\n    plan:")
    assert decided(scene, weighed=hopeless(scene, low=-0.01, estimate=0.01, high=0.02)).trigger == "futile_hold"
    assert decided(scene, weighed=hopeless(scene, low=-0.01, estimate=0.02, high=0.04)).trigger == "hold"


def test_a_number_of_outcomes_is_a_horizon(running: Any) -> None:
    """With an end in observations the gate looks by the clock that is sharpest there, and the stage is over there."""
    scene = with_text(running, "at_most: {age: 4d,", "at_most: {age: 4d, outcomes: 2000,")
    (question,) = (it for it in questions(scene.spec, scene.state) if it.horizon is not None)
    assert question.metric.name == "accuracy"
    assert question.horizon == pytest.approx(2000 * question.prior.variance)
    assert decided(scene).trigger == "hold"
    weighed = scene.evidence()
    weighed[question.id] = msgspec.structs.replace(weighed[question.id], n={"v8": 2000, "champion": 2000})
    assert decided(scene, weighed=weighed).trigger == "time_out_rollback"


def test_the_end_is_no_end_for_what_has_passed(running: Any) -> None:
    """A claim that is shown with the last observation passes."""
    scene = with_text(running, "at_most: {age: 4d,", "at_most: {age: 4d, outcomes: 2000,").at(hours=5)
    weighed = scene.evidence({"accuracy"})
    for question in questions(scene.spec, scene.state):
        weighed[question.id] = msgspec.structs.replace(weighed[question.id], n={"v8": 2000})
    observed = scene.observed(weighed=weighed)
    assert decide(scene.spec, scene.state, observed, scene.now)[0].trigger == "next_stage"


def test_of_drawn_units_the_share_counts(running: Any) -> None:
    """N units of the candidate at one half are n / 2 worth of comparison."""
    scene = with_text(running.at(stage=2), "    plan:", "    at_most: {age: 9d, outcomes: 1000, then: hold}\n    plan:")
    (question,) = (it for it in questions(scene.spec, scene.state) if it.horizon is not None)
    assert question.horizon == pytest.approx(500 * variance_where_planned(question))
