"""Shares and alias as commands."""

from typing import Any

from segue.decide import allocate
from segue.decide.moves import Scene, named
from segue.facts.decision import MoveAlias, PublishAllocation

PINNED = {"champion": "models:/churn/7", "v8": "models:/churn/8"}


def test_each_strategy_gives_its_shares(running: Any) -> None:
    """Shadow: all to the champion. Canary: the step's share, or an audience's. A/B: as written. Full: the hold-back."""
    found = [
        allocate.for_stage(running.spec, running.at(stage=stage, step=step).state)
        for stage, step in ((0, 0), (1, 0), (1, 1), (2, 0), (3, 0))
    ]
    assert [command.shares for command in found] == [
        {"champion": 1.0},
        {"champion": 1.0},
        {"champion": 0.95, "v8": 0.05},
        {"champion": 0.5, "v8": 0.5},
        {"champion": 1.0 - 0.9, "v8": 0.9},
    ]
    assert found[0].shadows == {"v8": 1.0}
    assert (found[1].audience, found[1].audience_shares) == ("tier == 'staff'", {"champion": 0.0, "v8": 1.0})
    assert [command.stage for command in found] == ["shadow", "canary", "canary", "ab", "everyone"]


def test_every_variant_is_pinned(running: Any) -> None:
    """During a rollout no name can come to mean another version."""
    assert allocate.for_stage(running.spec, running.state).versions == PINNED
    assert allocate.champion_only(running.spec, running.state).versions == PINNED


def test_the_way_back_begins_with_the_champion(running: Any) -> None:
    """Shares first, so that nobody waits for a registry; then the alias, if it has moved; then rest."""
    before = allocate.way_back(running.spec, running.state, "why")
    assert [type(command) for command in before] == [PublishAllocation, PublishAllocation]
    watching = running.at(phase="watching", stage=3, alias_version="8", alias_before="7").state
    first, second, last = allocate.way_back(running.spec, watching, "why")
    assert isinstance(first, PublishAllocation)
    assert first.shares == {"champion": 1.0}
    assert isinstance(second, MoveAlias)
    assert (second.expected, second.version) == ("8", "7")
    assert isinstance(last, PublishAllocation)
    assert last.follow


def test_an_alias_that_somebody_else_moved_is_left_alone(running: Any) -> None:
    """The way back does not take away what a person has set."""
    watching = running.at(phase="watching", stage=3, alias_version="8", alias_before="7").state
    commands = allocate.way_back(running.spec, watching, "why", alias_is_ours=False)
    assert not any(isinstance(command, MoveAlias) for command in commands)


def test_ids_are_of_the_decision(running: Any) -> None:
    """The same decision gives its commands the same ids; another decision gives others; each has its own."""
    scene = Scene(spec=running.spec, state=running.state, observed=running.observed(), now=running.now, asked=running.asked)
    commands = allocate.way_back(scene.spec, scene.state, "why")
    ids = [command.id for command in named(commands, "churn-1", 3)]
    assert ids == [command.id for command in named(commands, "churn-1", 3)]
    assert not set(ids) & {command.id for command in named(commands, "churn-1", 4)}
    assert len(set(ids)) == len(ids)
