"""A simulated rollout is decided as a real one would be."""

from datetime import datetime

import pytest
from tests.unit.simulate.conftest import world

from segue.simulate.walk import Run, Walker
from segue.simulate.worlds.world import FAILURES, Outage, Truth, World
from segue.spec.rollout import Rollout

WORLDS = {
    "better": world(),
    "edge": world(accuracy=Truth(champion=0.91, differ=0.07, shift=-0.01)),
    "harm": world("harm", **{FAILURES: Truth(champion=0.01, shift=0.02)}),
    "same": world(conversion=Truth(champion=0.1)),
}


def walked(
    spec: Rollout, it: World, seed: int, *, every_look: bool = False, days: float = 2.0
) -> tuple[Run, list[tuple[str, datetime]]]:
    """A rollout and its moves."""
    walker = Walker(spec, it, (seed,), days=days, every_look=every_look)
    return walker.run(), [(decision.trigger, decision.at) for decision in walker.decisions]


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_leaving_out_looks_leaves_out_no_decision(spec: Rollout, name: str) -> None:
    """Asked at every look, as a monitor asks, `decide` makes the same moves at the same times."""
    for seed in range(2):
        quick, moves = walked(spec, WORLDS[name], seed)
        slow, same_moves = walked(spec, WORLDS[name], seed, every_look=True)
        assert moves == same_moves
        assert (quick.phase, quick.days, quick.exposed, quick.stages) == (slow.phase, slow.days, slow.exposed, slow.stages)


def test_the_same_seed_is_the_same_rollout(spec: Rollout) -> None:
    """And another seed is another one."""
    first, again, other = (walked(spec, WORLDS["better"], seed)[0] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_better_candidate_walks_through_every_stage(spec: Rollout) -> None:
    """In order, each entered once, and it is promoted at the end of the watch."""
    run, moves = walked(spec, WORLDS["better"], 3, days=10)
    assert run.phase == "promoted"
    assert list(run.stages) == ["shadow", "canary", "ab", "everyone"]
    assert [trigger for trigger, _ in moves] == [
        "ready",
        "next_stage",
        "step",
        "next_stage",
        "passed",
        "approve_release",
        "watched",
    ]


def test_a_failing_candidate_is_gone_before_it_is_served(spec: Rollout) -> None:
    """The shadow shows it, and nobody has seen an answer of it."""
    run, _ = walked(spec, WORLDS["harm"], 1)
    assert (run.phase, run.trigger, run.exposed) == ("rolled_back", "harm", 0)


def test_without_evidence_nothing_is_promoted(spec: Rollout) -> None:
    """On the edge of the first gate, time runs out, and that is a rollback, not a pass."""
    run, _ = walked(spec, WORLDS["edge"], 1, days=3)
    assert (run.phase, run.trigger, run.days) == ("rolled_back", "time_out_rollback", 2.0)


def test_a_storm_over_everybody_is_nobodys_fault(spec: Rollout) -> None:
    """A fifth of all answers fails for two hours in the middle of the A/B test: no rollback."""
    stormy = World(
        name="storm", says="", right="promote", truths=WORLDS["same"].truths, populations=WORLDS["same"].populations,
        outage=Outage(after_days=0.5, hours=2.0, failures=0.2),
    )  # fmt: skip
    phases = {walked(spec, stormy, seed, days=1.5)[0].phase for seed in range(8)}
    assert "rolled_back" not in phases


def test_nobody_approves(spec: Rollout) -> None:
    """A stage that waits for a person waits to the end."""
    walker = Walker(spec, WORLDS["better"], (3,), days=10, approve_after_days=None)
    assert walker.run().phase == "awaiting_approval"
