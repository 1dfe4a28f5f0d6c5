"""Two candidates at once on a real lake, one better and one harmful, in a shadow and among drawn units."""

import pytest

from segue.facts.decision import Decision
from segue.facts.evidence import Evidence
from segue.monitor.begin import apply
from segue.monitor.telling.explain import describe, explain
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.small_world import SPEC, SmallWorld

ROLLOUT = "churn-1"
TWO = SPEC.replace("  v8: {version: models:/churn/8}\n", "  v8: {version: models:/churn/8}\n  v9: {version: models:/churn/9}\n")
SHADOW = "strategy: shadow\n    sample: 100%"
AB = "strategy: ab\n    shares: {champion: 40%, v8: 30%, v9: 30%}"


@pytest.fixture
def world(small_world: SmallWorld) -> SmallWorld:
    """v8 is better than the champion, v9 far worse."""
    small_world.accuracy = {"champion": 0.8, "v8": 0.9, "v9": 0.6}
    return small_world


def walked(world: SmallWorld, text: str) -> list[Decision]:
    """The decisions of a rollout from its beginning to its end."""
    apply(world.outside, text)
    monitor, kept = Monitor(world.outside), list[Decision]()
    for _ in range(40):
        world.host()
        kept += monitor.tick()
        if kept[-1].to_phase in {"promoted", "rolled_back", "aborted"}:
            break
        world.traffic(600, hours=0.5)
    return kept


@pytest.mark.parametrize("strategy", [SHADOW, AB], ids=["shadow", "ab"])
def test_the_better_is_promoted_and_the_harmful_leaves(world: SmallWorld, strategy: str) -> None:
    """Harm of one ends nothing for the other, which is promoted without it."""
    decisions = walked(world, TWO.replace(SHADOW, strategy))
    moves = [decision.trigger for decision in decisions if decision.trigger != "hold"]
    assert moves == ["ready", "leave", "next_stage", "step", "release", "watched"]
    leaving = next(decision for decision in decisions if decision.trigger == "leave")
    assert leaving.reasons[0] == "v9 leaves, the others go on"
    assert "v9" in leaving.reasons[1]
    assert {verdict.candidate for verdict in leaving.verdicts if verdict.role == "objective"} == {"v8", "v9"}
    loaded = world.outside.rollouts.load(ROLLOUT)
    assert (loaded.state.phase, loaded.state.out) == ("promoted", {"v9": 0})
    assert world.outside.registry.alias("churn", "champion") == "8"
    assert "v9: 9, left in shadow" in describe(load(loaded.spec_source), loaded.state, None)
    assert "v9 leaves" in explain(leaving)


def test_the_evidence_of_who_stays_goes_on(world: SmallWorld) -> None:
    """Units that were drawn before one left and after it count together, by their chances; who had the leaving one does not."""
    text = TWO.replace(SHADOW, AB).replace(
        "accuracy: {not_worse_than_champion_by: 2pp}", "accuracy: {better_than_champion: 9pp}"
    )
    decisions = walked(world, text)
    gone = next(at for at, decision in enumerate(decisions) if decision.trigger == "leave")
    counted = [
        verdict.evidence.n["v8"]
        for decision in decisions[gone:]
        for verdict in decision.verdicts
        if verdict.role == "objective" and verdict.candidate == "v8" and decision.from_stage == "shadow"
        if isinstance(verdict.evidence, Evidence)
    ]
    assert counted == sorted(counted)
    assert counted[-1] > counted[0] > 0
    audits = [it for it in decisions[-1].verdicts if it.gate.endswith((".sample_ratio", ".propensity", ".cohorts"))]
    assert audits
    assert {verdict.outcome for verdict in audits} == {"pass"}


def test_both_harmful_roll_back(world: SmallWorld) -> None:
    """When the last candidate would leave, everybody gets the champion."""
    world.accuracy["v8"] = 0.55
    decisions = walked(world, TWO)
    assert decisions[-1].to_phase == "rolled_back"
    assert world.allocation().rollout == ""
    assert world.outside.registry.alias("churn", "champion") == "7"
