"""Many rollouts are simulated alike on one core and on several, and counted."""

from tests.unit.simulate.conftest import world

from segue.simulate.many import Asking, simulate, walked
from segue.simulate.seen.lenses import Lens
from segue.simulate.tally import Share, Tally, tally
from segue.simulate.walk import Run
from segue.simulate.worlds.world import FAILURES, Truth, World
from segue.spec.rollout import Rollout


def run(phase: str, days: float, trigger: str = "", exposed: int = 0) -> Run:
    """How one went."""
    return Run(phase=phase, trigger=trigger, days=days, asked=exposed, exposed=exposed, stages={}, why="")  # type: ignore[arg-type]


def test_workers_change_nothing(spec: Rollout) -> None:
    """Two processes count what one counts, and progress is heard after each rollout."""
    harmful = world("harm", **{FAILURES: Truth(champion=0.01, shift=0.05)})
    heard: list[tuple[str, int]] = []
    found: list[Tally] = []
    for workers in (1, 2):
        asking = Asking(runs=4, days=1.0, workers=workers)
        found += simulate("p", spec, [harmful], asking, say=lambda world, done: heard.append((world.name, done)))
    assert found[0] == found[1]
    assert heard == [("harm", done) for done in (1, 2, 3, 4)] * 2


def test_what_was_asked_before_changes_nothing(spec: Rollout) -> None:
    """A rollout after two others is what it is alone: what they share is what depends on the questions only."""
    asking, lenses = Asking(days=3.0), dict[str, Lens]()
    after = [walked(spec, world(), asking, (1, seed), lenses=lenses) for seed in range(3)]
    assert after == [walked(spec, world(), asking, (1, seed)) for seed in range(3)]
    assert lenses


def test_a_promotion_where_none_should_be_is_wrong() -> None:
    """It is counted with the exact limit of how often it may be; running out of time is no false rollback."""
    runs = [run("promoted", 5.0, "watched"), run("rolled_back", 14.0, "time_out_rollback", 9), *[run("running", 30.0)] * 8]
    it = tally("p", World(name="w", says="", right="stay", truths={}), runs)
    assert it.wrong_promotion == Share.of(1, 10)
    assert it.wrong_rollback == Share.of(0, 10)
    assert (it.timed_out.count, it.open.count, it.days, it.exposed) == (1, 8, None, 9)
    assert 0.44 < it.promoted.high < 0.45


def test_a_rollback_of_a_good_candidate_is_wrong() -> None:
    """And one of a harmful one is not."""
    runs = [run("rolled_back", 1.0, "harm", 100), run("promoted", 2.0, "watched")]
    good = tally("p", World(name="w", says="", right="promote", truths={}), runs)
    bad = tally("p", World(name="w", says="", right="stay", harmful=True, truths={}), runs)
    assert good.wrong_rollback == Share.of(1, 2)
    assert bad.wrong_rollback is None
    assert (good.days, good.days_most, good.exposed, bad.exposed) == (1.5, 2.0, None, 100)
