"""A lake whose small files were put together is measured, and replayed, as it was before."""

from datetime import timedelta

import pytest

from segue.errors import Refused
from segue.facts.decision import Decision
from segue.facts.evidence import Evidence
from segue.monitor.begin import apply
from segue.monitor.measuring import Findings, Measuring
from segue.monitor.telling.replay import replay
from segue.monitor.tick import Monitor
from segue.record.packing import Done, Packing, pack, waiting
from segue.spec.load import load
from segue.testkit.small_world import SPEC, SmallWorld


@pytest.fixture
def walked(small_world: SmallWorld) -> list[Decision]:
    """Decisions that rest on evidence; the traffic of each hour came in portions, with a tick after each."""
    small_world.host()
    apply(small_world.outside, SPEC)
    monitor = Monitor(small_world.outside)
    monitor.tick()
    for _ in range(12):
        small_world.traffic(100, hours=0.3)
        small_world.host()
        monitor.tick()
    decisions = small_world.outside.rollouts.decisions("churn-1")
    return [it for it in decisions if any(isinstance(verdict.evidence, Evidence) for verdict in it.verdicts)]


def packed(small_world: SmallWorld, keep_s: float) -> Done:
    """All hours, even the one that is now; as many files as were said to wait."""
    hour = int(small_world.clock.now().timestamp()) // 3600
    lake, packing = small_world.outside.lake, Packing(least=2, keep_s=keep_s)
    would = waiting(lake, hour + 10, packing)
    done = pack(lake, hour + 10, packing)
    assert done.files == would
    return done


def found(measuring: Measuring, small_world: SmallWorld, later_s: float) -> Findings:
    """What the monitor finds then."""
    loaded = small_world.outside.rollouts.load("churn-1")
    return measuring.find(load(SPEC), loaded, small_world.clock.now() + timedelta(seconds=later_s))


def test_rows_in_another_file_are_no_new_rows(small_world: SmallWorld, walked: list[Decision]) -> None:
    """Nothing is counted again because of a pack."""
    assert walked
    measuring = Measuring(small_world.outside)
    before = found(measuring, small_world, 0)
    assert packed(small_world, keep_s=0).swept > 2
    after = found(measuring, small_world, 30)
    assert before.inputs is not None
    assert after.inputs is not None
    assert after.inputs.measured_at == before.inputs.measured_at
    assert after.inputs.segments < before.inputs.segments
    assert after.summaries == before.summaries


def test_decisions_can_be_replayed_out_of_packs(small_world: SmallWorld, walked: list[Decision]) -> None:
    """Each of them, while the parts lie there; then those that knew all parts of each pack, and the others are refused."""
    loaded = small_world.outside.rollouts.load("churn-1")
    assert packed(small_world, keep_s=1e9).packs > 1
    for decision in walked:
        again = replay(small_world.outside, loaded, decision)
        assert [it.same for it in again] == [True] * len(again)
    assert packed(small_world, keep_s=0).swept > 2
    assert all(it.same for it in replay(small_world.outside, loaded, walked[-1]))
    with pytest.raises(Refused, match="not in the lake any more") as refused:
        replay(small_world.outside, loaded, walked[0])
    assert "compact" in str(refused.value.hint)
