"""A candidate that is probably worse: said beside its verdicts while outcomes are missing, and no more than said."""

import random

import pytest

from segue.evidence.drift.profiling import Roles, profile_of
from segue.facts.decision import Decision, Verdict
from segue.monitor.begin import apply
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld


@pytest.fixture
def world(small_world: SmallWorld) -> SmallWorld:
    """Both versions with a calibrated profile, in the shadow; version 8 says what its scores do not."""
    rng = random.Random(1)
    truths = [rng.randrange(2) for _ in range(5000)]
    scores, came_true = [rng.gauss(2 * truth, 1) for truth in truths], [str(it) for it in truths]
    trained = profile_of({"x": [0.0] * 5000, "p": scores, "true": came_true}, Roles(score="p", truth="true"))
    assert small_world.outside.profiles is not None
    for version in ("7", "8"):
        small_world.outside.profiles.keep("churn", version, trained)
    small_world.scored = {"champion": 2.0, "v8": 2.0}
    apply(small_world.outside, SPEC)
    small_world.host()
    Monitor(small_world.outside).tick()
    return small_world


def decided(world: SmallWorld, *, outcomes: bool) -> Decision:
    """The decision after some hours of traffic."""
    world.traffic(1200, hours=3, outcomes=outcomes)
    world.later(2)
    world.host()
    Monitor(world.outside).tick()
    return world.outside.rollouts.decisions("churn-1")[-1]


def of_accuracy(decision: Decision) -> list[Verdict]:
    """The verdicts of gates on accuracy."""
    about = [it for it in decision.verdicts if it.question and it.question.metric.kind == "accuracy"]
    return [it for it in about if it.role != "precondition"]


def test_a_worse_candidate_is_doubted(world: SmallWorld) -> None:
    """Without a single outcome: the sentence is in the verdict and in its reason; nothing moved, and no verdict is another."""
    world.accuracy = {"champion": 0.95, "v8": 0.7}
    decision = decided(world, outcomes=False)
    warned = [it for it in of_accuracy(decision) if it.warning]
    assert {it.role for it in warned} == {"guardrail", "objective"}
    assert all("without outcomes accuracy of v8 is estimated as 0." in it.warning for it in warned)
    assert all(it.reason.endswith(it.warning) and "no evidence" in it.warning for it in warned)
    assert {it.outcome for it in warned} == {"not_yet"}
    assert (decision.kind, decision.to_phase) == ("hold", "running")


@pytest.mark.parametrize(("accuracy", "outcomes"), [((0.9, 0.9), False), ((0.7, 0.95), False), ((0.95, 0.7), True)])
def test_nobody_is_praised(world: SmallWorld, accuracy: tuple[float, float], outcomes: bool) -> None:
    """As good, or better: an estimate says nothing, least of all a pass; and where outcomes are there they speak."""
    world.accuracy = dict(zip(("champion", "v8"), accuracy, strict=True))
    decision = decided(world, outcomes=outcomes)
    assert not [it for it in decision.verdicts if it.warning]
    if not outcomes:
        assert decision.to_phase == "running"
        assert {it.outcome for it in of_accuracy(decision)} == {"not_yet"}


def test_without_a_profile_nothing_is_guessed(small_world: SmallWorld) -> None:
    """Nobody has calibrated anything: no warning, and no error."""
    apply(small_world.outside, SPEC)
    small_world.host()
    Monitor(small_world.outside).tick()
    small_world.accuracy = {"champion": 0.95, "v8": 0.6}
    assert not [it for it in decided(small_world, outcomes=False).verdicts if it.warning]
