"""Which ticks the history keeps."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from segue.decide.decide import decide
from segue.decide.observed import Observed
from segue.facts.decision import Decision, State
from segue.facts.evidence import Health
from segue.monitor.begin import apply
from segue.monitor.keeping import Keeping
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.small_world import SPEC, START, SmallWorld


@pytest.fixture
def state() -> State:
    """In the shadow stage."""
    return State(
        rollout="churn-1", route="churn", spec_digest="", phase="running", created_at=START, entered_at=START, step_at=START,
        champion_version="7", candidate_version="8", alias_version="7",
    )  # fmt: skip


def at(state: State, minutes: float, *, outcomes: int = 0) -> tuple[Decision, State]:
    """What is decided at this age."""
    health = {"champion": Health(asked=5), "v8": Health(asked=5, with_outcome=outcomes)}
    observed = Observed(alias="7", health=health)
    return decide(load(SPEC), state, observed, START + timedelta(minutes=minutes))


def test_a_quiet_stage_of_two_weeks_leaves_few_rows(small_world: SmallWorld, state: State) -> None:
    """A tick a minute for a fortnight is twenty thousand ticks and some hundred rows, denser where the stage was young."""
    keeping, kept = Keeping(small_world.outside.rollouts), []
    quiet = at(state, 1)[0]
    for minute in range(14 * 24 * 60):
        decision = msgspec.structs.replace(quiet, at=START + timedelta(minutes=minute))
        if keeping.worth_keeping(decision, msgspec.structs.replace(state, decisions=1), state):
            keeping.kept(decision)
            kept.append(minute)
    assert 300 < len(kept) < 700
    assert sum(minute < 24 * 60 for minute in kept) > len(kept) / 2


def test_another_verdict_is_always_kept(small_world: SmallWorld, state: State) -> None:
    """A condition that came true is seen at once; other numbers alone are not."""
    keeping = Keeping(small_world.outside.rollouts)
    keeping.kept(at(state, 1)[0])
    assert not keeping.worth_keeping(*at(state, 1.1, outcomes=50), state)
    assert keeping.worth_keeping(*at(state, 1.1, outcomes=150), state)


def test_a_new_monitor_asks_the_store(small_world: SmallWorld) -> None:
    """After a restart the last row is read back, so that a restart alone adds none."""
    apply(small_world.outside, SPEC)
    assert len(Monitor(small_world.outside).tick()) == 1
    assert Monitor(small_world.outside).tick() == ()
    assert datetime.now(UTC) > START
