"""What the data are asked."""

from typing import Any

import pytest

from segue.decide.questions import blind, questions, unbuilt
from segue.errors import SpecError
from segue.facts.question import Question
from segue.spec.load import load
from segue.spec.rollout import Rollout

DESIGNS = {
    "shadow": {"errors": "paired", "p99": "one_sample", "accuracy": "paired", "agreement": "paired"},
    "canary": {"errors": "randomised", "p99": "one_sample", "accuracy": "randomised"},
    "ab": {"errors": "randomised", "p99": "one_sample", "conversion": "randomised"},
    "everyone": {"errors": "randomised", "p99": "one_sample"},
}


def by_metric(scene: Any) -> dict[str, Question]:
    """What is asked, by metric."""
    return {question.metric.name: question for question in questions(scene.spec, scene.state)}


@pytest.mark.parametrize("stage", range(4))
def test_each_stage_asks_its_gates_and_all_guardrails(running: Any, stage: int) -> None:
    """In a shadow answers are paired; elsewhere units were drawn; a limit is asked of the candidate alone."""
    asked = by_metric(running.at(stage=stage, phase="watching" if stage == 3 else "running"))
    name = running.spec.stages[stage].name
    assert {metric: question.design for metric, question in asked.items()} == DESIGNS[name]
    assert {question.stage for question in asked.values()} == {name}
    assert all((question.unit == "unit") == (question.design == "randomised") for question in asked.values())
    assert all((question.champion == "") == (question.design == "one_sample") for question in asked.values())


@pytest.mark.parametrize("phase", ["paused", "awaiting_approval", "held", "watching"])
def test_guardrails_are_asked_in_every_live_phase(running: Any, phase: str) -> None:
    """Nobody stops watching while a rollout stands still."""
    asked = by_metric(running.at(phase=phase, resume_to="running" if phase == "paused" else None))
    assert {"errors", "p99"} <= set(asked)


@pytest.mark.parametrize("phase", ["pending", "promoted", "rolled_back", "aborted"])
def test_nothing_is_asked_outside_the_stages(running: Any, phase: str) -> None:
    """Before the first stage and after the end there are no rows to ask."""
    assert questions(running.spec, running.at(phase=phase).state) == ()


def test_a_question_keeps_its_id_while_nothing_changes(running: Any) -> None:
    """The same stage of the same attempt asks the same question, however late, paused or often decided."""
    later = running.at(phase="paused", resume_to="running", decisions=99, paused_s=7.0, crossed={"q": 1.0})
    assert by_metric(later) == by_metric(running)


def test_another_attempt_or_stage_is_another_question(running: Any) -> None:
    """Evidence is never carried into another stage or attempt."""
    ids = [
        {question.id for question in questions(scene.spec, scene.state)}
        for scene in (running, running.at(attempt=2), running.at(stage=1), running.at(since_allocation=9))
    ]
    assert len(set.union(*ids)) == sum(len(some) for some in ids)


def test_accuracy_may_be_shown_without_labels(running: Any) -> None:
    """In a shadow a tenth of the gate's alpha asks whether the answers differ at all; it waits for no outcome."""
    asked = by_metric(running)
    labels, none = asked["accuracy"], asked["agreement"]
    assert [labels.alpha, none.alpha] == pytest.approx([0.045, 0.005])
    assert (labels.claim, none.metric.window_s) == (none.claim, 0.0)


def test_what_needs_every_truth_is_refused_where_few_are_asked_for(running: Any) -> None:
    """With `outcome.wanted` accuracies are compared by their disagreements; a limit on accuracy cannot be known in a shadow."""
    text = running.spec.source.replace("missing: exclude}", "missing: exclude, wanted: 25%}")
    spec = load(text)
    assert unbuilt(spec) == ()
    sampled = {it.metric.name: it.sampled for it in questions(spec, running.state)}
    assert sampled == {"errors": 0.0, "p99": 0.0, "accuracy": 0.25, "agreement": 0.0}
    limit = load(text.replace("[accuracy: {not_worse_than_champion_by: 2pp}]", "[accuracy: {at_least: 90%}]", 1))
    assert "outcome.wanted" in " ".join(unbuilt(limit))


def test_what_was_known_before_the_draw_is_asked_with(running: Any) -> None:
    """A mean that names a predictor among the attributes is compared with it where units are drawn, and not elsewhere."""
    old = "conversion: {kind: mean, of: outcome.converted, goal: increase, cap: 1}"
    text = running.spec.source.replace(old, old.replace("cap: 1", "cap: 1, expected: tier"))
    questions_of = {it.metric.name: it.expected for it in questions(load(text), running.at(stage=2).state)}
    assert questions_of == {"errors": "", "p99": "", "conversion": "context.tier"}
    with pytest.raises(SpecError, match="did you mean `tier`"):
        load(text.replace("expected: tier", "expected: tiers"))


def test_a_quantile_carries_its_limit(running: Any) -> None:
    """The threshold of a latency guardrail reaches the SQL in seconds."""
    p99 = by_metric(running)["p99"]
    assert p99.metric.parameters == {"q": 0.99, "threshold_s": 0.08}
    assert p99.claim.bound == pytest.approx(0.01)


def test_only_what_needs_an_outcome_waits_for_its_window(running: Any) -> None:
    """Errors and latencies are known at once; a share is known to lie in [0, 1]."""
    asked = by_metric(running)
    assert (asked["accuracy"].metric.window_s, asked["errors"].metric.window_s) == (3600.0, 0.0)
    assert (asked["accuracy"].metric.cap, asked["p99"].metric.cap) == (1.0, None)


def test_requests_are_the_unit_where_the_spec_says_so(running: Any, spec: Rollout) -> None:
    """Where nothing but the request identifies a unit, one request is one observation."""
    alone = load(spec.source.replace("[header:x-user-id, request]", "[request]"))
    assert {question.unit for question in questions(alone, running.at(stage=1).state)} == {"request"}


def test_what_is_not_built_is_named(spec: Rollout) -> None:
    """A stability of what has none, and candidates that nothing tells apart, are refused by name; what can be run is not."""
    assert unbuilt(spec) == ()
    text = spec.source.replace(
        "  v8: {version: models:/churn/8}", "  v8: {version: models:/churn/8}\n  v9: {version: models:/churn/9}"
    )
    text = text.replace(
        "    promote_when: [conversion: {better_than_champion: true}]",
        "    promote_when: [conversion: {stable: {every: 1d, at_most: 2x champion}}]",
    )
    text = text.replace("shares: {champion: 50%, v8: 50%}", "shares: {champion: 50%, v8: 25%, v9: 25%}")
    found = " ".join(unbuilt(load(text)))
    assert "candidates" not in found
    text = text.replace("    promote_when: [conversion: {stable: {every: 1d, at_most: 2x champion}}]\n", "")
    assert unbuilt(load(text)) == ("stage ab: 2 candidates, and no gate before the release to choose one by",)
    assert "stages[2].promote_when[0]: stability of a metric of kind mean" in found


def test_a_guardrail_that_cannot_see_is_told(spec: Rollout) -> None:
    """An outcome value is not known in a shadow: people hear that its guardrail does not watch there."""
    text = spec.source.replace("  - p99: {above: 80ms}", "  - p99: {above: 80ms}\n  - cost: {worse_than_champion_by: 5%}")
    seen = blind(load(text))
    assert len(seen) == 1
    assert seen[0].startswith("guardrails[2] does not watch stage shadow: cost")
