"""The worlds of a policy are made from the policy."""

import pytest
from tests.unit.simulate.conftest import SPEC

from segue.errors import DomainError
from segue.planning.assumptions import Assumed
from segue.simulate.worlds.battery import battery
from segue.simulate.worlds.world import FAILURES
from segue.spec.load import load
from segue.spec.rollout import Rollout

BANDIT = "  - {name: learn, strategy: bandit, policy: thompson, reward: conversion, floor: 5%, update: 5m, approve: product}\n"
KNOWN = Assumed(baselines={"accuracy": (0.91, 0.0819), "conversion": (0.1, 0.09), "errors": (0.01, 0.0099)})


def test_there_is_an_edge_for_each_gate(spec: Rollout) -> None:
    """On it the gate's claim is just not true, and everything else is as hoped."""
    tried = battery(spec, KNOWN)
    worlds = {world.name: world for world in tried.worlds}
    assert list(worlds) == ["better", "same", "edge 1", "edge 2", "edge 3", "edge 4", "worse", "failing", "outage", "late"]
    assert worlds["edge 1"].truths["accuracy"].candidate == pytest.approx(0.90)
    assert worlds["edge 2"].truths["precision"].candidate == pytest.approx(0.80)
    assert worlds["edge 3"].truths["conversion"].candidate == pytest.approx(0.08)
    assert worlds["edge 4"].truths["conversion"].candidate == pytest.approx(0.10)
    assert {world.right for name, world in worlds.items() if name.startswith("edge")} == {"stay"}


def test_what_is_right_follows_from_the_truth(spec: Rollout) -> None:
    """Better goes on; the same must stay, for the A/B test asks for better; harm goes back."""
    worlds = {world.name: world for world in battery(spec, KNOWN).worlds}
    assert (worlds["better"].right, worlds["better"].harmful) == ("promote", False)
    assert (worlds["same"].right, worlds["same"].harmful) == ("stay", False)
    assert worlds["worse"].harmful
    assert worlds["failing"].harmful
    assert worlds["failing"].truths[FAILURES].candidate == pytest.approx(0.06)
    assert not worlds["outage"].harmful


def test_without_a_better_gate_the_same_may_go_on() -> None:
    """Not worse by a margin is true of the champion itself."""
    spec = load(SPEC.replace("conversion: {better_than_champion: true}", "conversion: {not_worse_than_champion_by: 1pp}"))
    worlds = {world.name: world for world in battery(spec, KNOWN).worlds}
    assert worlds["same"].right == "promote"


def test_what_is_taken_for_granted_is_said(spec: Rollout) -> None:
    """A share that nobody gave, a metric that nobody knows."""
    notes = " | ".join(battery(spec, Assumed()).notes)
    assert "accuracy: nothing is known of the champion" in notes
    assert "`tier == 'vip'` is taken to hold for 10 %" in notes
    assert "1 % of the champion's answers are taken to fail" in notes


def test_a_bandit_is_left_out_and_said() -> None:
    """A stage that no simulated world knows is no silent pass."""
    stage = BANDIT + "  - name: everyone"
    tried = battery(load(SPEC.replace("  - name: everyone", stage)), KNOWN)
    assert [stage.name for stage in tried.spec.stages] == ["shadow", "canary", "ab", "everyone"]
    assert any("stage learn" in note for note in tried.notes)


def test_nothing_is_left() -> None:
    """A spec of which nothing can be simulated is refused."""
    head, _ = SPEC.split("stages:")
    only = head + "stages:\n" + BANDIT
    with pytest.raises(DomainError, match="nothing is left"):
        battery(load(only), KNOWN)
