"""What has to hold before the gates may be believed."""

from typing import Any

import pytest

from segue.decide.decide import decide
from segue.decide.observed import Observed
from segue.decide.preconditions.stage import COVERAGE_GAP, FAILURE_GAP, MATURE, preconditions
from segue.facts.evidence import Health
from segue.spec.load import load

FINE = Health(asked=1000, failed=0, judged=1000, with_outcome=900)


def unmet(scene: Any, observed: Observed, *, hours: float = 3.0) -> set[str]:
    """Which conditions hold the stage."""
    found = preconditions(scene.spec, scene.state, observed, scene.at(hours=hours).now)
    return {verdict.gate.partition(".")[2] for verdict in found if verdict.outcome != "pass"}


def test_all_in_order(running: Any) -> None:
    """Old enough, enough outcomes, both sides seen alike: nothing holds."""
    assert unmet(running, running.observed()) == set()


def test_age_and_outcomes(running: Any) -> None:
    """A stage that is too young or has too few outcomes is held, and so is one that nobody has asked."""
    assert unmet(running, running.observed(), hours=1.9) == {"at_least.age"}
    few = Health(asked=1000, judged=110, with_outcome=99)
    assert unmet(running, running.observed(health={"champion": FINE, "v8": few})) == {"at_least.outcomes"}
    assert unmet(running, running.observed(health={})) == {"seen", "failures", "coverage", "maturity", "at_least.outcomes"}


def test_whoever_was_not_asked_is_not_promoted(running: Any) -> None:
    """However much the champion has answered: where nothing is recorded of the candidate, nothing passes."""
    assert "seen" in unmet(running, running.observed(health={"champion": FINE}))
    assert "seen" in unmet(running, running.observed(health={"champion": FINE, "v8": Health()}))


@pytest.mark.parametrize("strategy", ["canary, steps: [{share: 1%, age: 1h}]", "ab, shares: {champion: 99%, v8: 1%}"])
def test_nobody_is_asked_for_a_yes_by_the_champions_traffic(running: Any, strategy: str) -> None:
    """A stage without gates asks a person for a yes only when somebody has asked the candidate."""
    stages = f"stages:\n  - {{name: quiet, strategy: {strategy}, approve: product}}\n  - {{name: everyone, strategy: full}}\n"
    spec = load(running.spec.source.partition("stages:\n")[0] + stages)
    scene = type(running)(spec, running.state, running.now).at(hours=3.0)
    silent = scene.observed(health={"champion": FINE}, seen_in_step=0)
    decision, after = decide(spec, scene.state, silent, scene.now)
    assert (decision.kind, after.phase) == ("hold", "running")
    assert "answers of v8 were recorded in this stage: 0 were recorded" in decision.reasons
    decision, after = decide(spec, scene.state, scene.observed(), scene.now)
    assert (decision.kind, after.phase) == ("advance", "awaiting_approval")


def test_a_pause_does_not_age(running: Any) -> None:
    """Time spent paused is not time in the stage."""
    assert unmet(running.at(paused_s=3600.0), running.observed(), hours=2.5) == {"at_least.age"}


@pytest.mark.parametrize(("gap", "held"), [(0.9 * FAILURE_GAP, set()), (1.1 * FAILURE_GAP, {"failures"})])
def test_unequal_failures_hold_gates_on_quality(running: Any, gap: float, held: set[str]) -> None:
    """Whoever fails on the hard requests looks good on the rest."""
    failing = Health(asked=10_000, failed=round(gap * 10_000), judged=1000, with_outcome=900)
    assert unmet(running, running.observed(health={"champion": FINE, "v8": failing})) == held


@pytest.mark.parametrize(("gap", "held"), [(0.9 * COVERAGE_GAP, set()), (1.1 * COVERAGE_GAP, {"coverage"})])
def test_unequal_coverage_holds_gates_on_outcomes(running: Any, gap: float, held: set[str]) -> None:
    """Outcomes that come for one variant more often than for the other decide nothing."""
    covered = Health(asked=1000, judged=10_000, with_outcome=round((0.9 - gap) * 10_000))
    assert unmet(running, running.observed(health={"champion": FINE, "v8": covered})) == held


@pytest.mark.parametrize(("due", "held"), [(MATURE, set()), (MATURE - 0.001, {"maturity"}), (0.0, {"maturity", "coverage"})])
def test_a_stage_is_not_judged_by_its_first_hours(running: Any, due: float, held: set[str]) -> None:
    """While nearly everything still waits for its outcome, the few that are judged are the oldest."""
    young = Health(asked=1000, judged=round(1000 * due), with_outcome=round(900 * due))
    few = set() if young.with_outcome >= 100 else {"at_least.outcomes"}
    assert unmet(running, running.observed(health={"champion": FINE, "v8": young})) == held | few


def test_what_could_not_be_measured_holds(running: Any) -> None:
    """A failed measurement is a reason to hold, in its own words."""
    found = preconditions(running.spec, running.state, running.observed(problems=("no lake",)), running.at(hours=3).now)
    assert "no lake" in [verdict.reason for verdict in found if verdict.outcome == "not_yet"]


def test_steps_before_the_last_hold(running: Any) -> None:
    """A canary is left only from its last step, and only when that is old enough."""
    canary = running.at(stage=1, step=1)
    assert unmet(canary, canary.observed()) == {"steps"}
    last = running.at(stage=1, step=2)
    assert unmet(last, last.observed(), hours=1.9) == {"steps"}
    assert unmet(last, last.observed(), hours=2) == set()


def test_nobody_is_promoted_who_is_not_served(running: Any) -> None:
    """Where no host serves the candidate's version any more, its gates pass nothing, no step is taken and no watch ends."""
    gone = ("models:/churn/8",)
    for at in ({}, {"stage": 1, "step": 0}, {"stage": 1, "step": 2}, {"stage": 3, "phase": "watching", "alias_version": "8"}):
        scene = running.at(hours=3.0, **at)
        assert decide(scene.spec, scene.state, scene.observed("accuracy"), scene.now)[0].kind in {"advance", "finish"}
        decision, after = decide(scene.spec, scene.state, scene.observed("accuracy", missing=gone), scene.now)
        assert (decision.kind, after.stage) == ("hold", scene.state.stage)
        assert any("models:/churn/8 is not served" in reason for reason in decision.reasons), decision.reasons
