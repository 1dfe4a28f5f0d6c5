"""From the lake to evidence."""

from typing import Any

import pytest

from segue.decide.questions import questions
from segue.facts.evidence import Evidence
from segue.monitor.begin import apply
from segue.monitor.measuring import Findings, Measuring
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.small_world import SPEC, SmallWorld

ROLLOUT = "churn-1"


@pytest.fixture
def running(small_world: SmallWorld) -> SmallWorld:
    """In the shadow stage."""
    apply(small_world.outside, SPEC)
    small_world.host()
    Monitor(small_world.outside).tick()
    return small_world


def find(world: SmallWorld, measuring: Measuring) -> Findings:
    """What a tick finds now."""
    return measuring.find(load(SPEC), world.outside.rollouts.load(ROLLOUT), world.clock.now())


def test_everything_that_a_decision_needs(running: SmallWorld) -> None:
    """Evidence for each question, both sides' health, judged outcomes, baselines, and what it was made from."""
    running.traffic(500, hours=2)
    running.later(1)
    found = find(running, Measuring(running.outside))
    asked = questions(load(SPEC), running.outside.rollouts.load(ROLLOUT).state)
    assert set(found.weighed) == {question.id for question in asked}
    assert all(isinstance(weighed, Evidence) for weighed in found.weighed.values())
    assert {name: (it.asked, it.with_outcome) for name, it in found.health.items()} == {
        "champion": (500, 500),
        "v8": (500, 500),
    }
    assert (found.outcomes, found.seen_in_step, found.problems) == (500, 500, ())
    assert found.baselines["accuracy"][0] == pytest.approx(0.8, abs=0.06)
    assert found.inputs is not None
    assert found.inputs.segments == len(running.outside.summaries.seen(ROLLOUT)) > 3


def test_hour_by_hour_is_all_at_once(running: SmallWorld) -> None:
    """Measured as it came, by one monitor or by several, the evidence is the same as measured in the end."""
    step = Measuring(running.outside)
    for place in range(6):
        running.traffic(60, hours=0.7)
        find(running, step if place % 3 else Measuring(running.outside))
    running.later(2)
    piecemeal = find(running, step)
    rollout = running.outside.rollouts.load(ROLLOUT)
    seen = running.outside.summaries.seen(ROLLOUT)
    running.outside.summaries.replace(ROLLOUT, hours=range(378_370, 378_390), answers=(), cells=())
    whole = find(running, Measuring(running.outside))
    assert seen == running.outside.summaries.seen(rollout.state.rollout)
    assert whole.summaries == piecemeal.summaries
    assert whole.health == piecemeal.health


def test_a_crash_before_the_mark_is_harmless(running: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was counted and not marked as seen is counted again, not twice."""
    running.traffic(300, hours=2)
    running.later(1)

    def killed(*_arguments: object, **_named: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(type(running.outside.summaries), "mark_seen", killed)
        with pytest.raises(KeyboardInterrupt):
            find(running, Measuring(running.outside))
    found = find(running, Measuring(running.outside))
    assert found.health["v8"].asked == 300
    assert found.outcomes == 300


def test_nothing_new_is_not_measured_again(running: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """While no segment is new and nothing can have come of age, the engine rests."""
    running.traffic(100, hours=1)
    measuring = Measuring(running.outside)
    first = find(running, measuring)
    monkeypatch.setattr(type(running.outside.engine), "run", None)
    assert find(running, measuring) is first


def test_outside_the_stages_nothing_is_measured(small_world: SmallWorld) -> None:
    """A pending rollout asks nothing."""
    apply(small_world.outside, SPEC)
    assert find(small_world, Measuring(small_world.outside)) == Findings()
