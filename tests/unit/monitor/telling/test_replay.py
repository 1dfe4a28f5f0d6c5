"""A decision can be recomputed from the lake, however much has come since."""

from pathlib import Path

import msgspec
import pytest

from segue.errors import Refused
from segue.facts.decision import Decision
from segue.facts.evidence import Evidence
from segue.facts.summary import Counts, PairedCounts
from segue.monitor.begin import apply
from segue.monitor.telling.replay import ROUNDING, _difference, replay, told
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld


@pytest.fixture
def walked(small_world: SmallWorld) -> list[Decision]:
    """A rollout that went on for some hours; later outcomes of earlier hours come in between."""
    small_world.host()
    apply(small_world.outside, SPEC)
    monitor = Monitor(small_world.outside)
    monitor.tick()
    for _ in range(5):
        small_world.traffic(200, hours=1)
        small_world.host()
        monitor.tick()
    return list(small_world.outside.rollouts.decisions("churn-1"))


def weighty(decisions: list[Decision]) -> list[Decision]:
    """Those that rest on evidence."""
    return [it for it in decisions if any(isinstance(verdict.evidence, Evidence) for verdict in it.verdicts)]


def test_every_decision_says_the_same_again(small_world: SmallWorld, walked: list[Decision]) -> None:
    """The first as the last, though the lake has grown since each."""
    loaded = small_world.outside.rollouts.load("churn-1")
    checked = 0
    for decision in weighty(walked):
        again = replay(small_world.outside, loaded, decision)
        assert [(it.text, it.same) for it in again] == [(it.text, True) for it in again]
        counted = [it for it in again if isinstance(it.summary_then, PairedCounts | Counts)]
        assert [it.difference for it in counted] == [0.0] * len(counted)  # counts have no last digit
        assert "the same" in told(decision, again)
        checked += len(again)
    assert checked > 4


def test_another_number_is_found_out(small_world: SmallWorld, walked: list[Decision]) -> None:
    """A decision that says something else than the lake differs, and by how much is said."""
    loaded, decision = small_world.outside.rollouts.load("churn-1"), weighty(walked)[-1]
    place = next(at for at, it in enumerate(decision.verdicts) if isinstance(it.evidence, Evidence) and it.question is not None)
    verdict = decision.verdicts[place]
    assert isinstance(verdict.evidence, Evidence)
    better = msgspec.structs.replace(verdict.evidence, estimate=verdict.evidence.estimate + 0.01)
    verdicts = [*decision.verdicts]
    verdicts[place] = msgspec.structs.replace(verdict, evidence=better)
    forged = msgspec.structs.replace(decision, verdicts=tuple(verdicts))
    found = {it.gate: it for it in replay(small_world.outside, loaded, forged)}
    assert not found[verdict.gate].same
    assert (found[verdict.gate].difference or 0) > 0
    assert "DIFFERS by" in told(forged, tuple(found.values()))


def test_what_is_gone_is_not_guessed(small_world: SmallWorld, walked: list[Decision], tmp_path: Path) -> None:
    """Without one of its files a decision cannot be recomputed, and that is said."""
    next((tmp_path / "lake").rglob("*.parquet")).unlink()
    loaded = small_world.outside.rollouts.load("churn-1")
    with pytest.raises(Refused, match="not in the lake any more"):
        replay(small_world.outside, loaded, weighty(walked)[-1])


def test_a_decision_without_data_rests_on_none(small_world: SmallWorld, walked: list[Decision]) -> None:
    """The first one, that everything is ready."""
    loaded = small_world.outside.rollouts.load("churn-1")
    assert replay(small_world.outside, loaded, walked[0]) == ()
    assert "rests on no data" in told(walked[0], ())


@pytest.mark.parametrize(("now", "same"), [(3e-17, True), (1e-4, False)])
def test_an_estimate_of_nothing_is_compared_within_its_interval(now: float, same: bool) -> None:
    """Where the effect is zero, what rounding leaves of it is no difference; a hundredth of the interval is one."""
    then = Evidence(
        question="q",
        estimate=-2e-17,
        low=-0.005,
        high=0.005,
        log_e=-0.2,
        threshold=3.0,
        n={"v8": 8, "champion": 192},
        have=200,
        need=None,
        method="m",
        validity="exact at any look",
        assumptions=(),
    )
    found = _difference(then, msgspec.structs.replace(then, estimate=now))
    assert found is not None
    assert (found <= ROUNDING) is same
