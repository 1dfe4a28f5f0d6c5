"""The transition table and its picture."""

from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from segue.decide.machine import LIVE, TABLE, TERMINAL, draw, move, triggers
from segue.errors import TransitionError
from segue.facts.decision import Phase, Trigger

PHASES: tuple[Phase, ...] = get_args(Phase)
TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)
PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "state-machine.md"


@pytest.mark.parametrize(("phase", "trigger"), sorted(set(product(PHASES, TRIGGERS)) - set(TABLE)))
def test_what_the_table_lacks_raises(phase: Phase, trigger: Trigger) -> None:
    """A move that the table does not have raises, and the error names both."""
    with pytest.raises(TransitionError, match=f"{phase} cannot {trigger}"):
        move(phase, trigger)


@pytest.mark.parametrize("phase", sorted(LIVE))
def test_every_live_phase_has_its_ways_out(phase: Phase) -> None:
    """From every live phase, harm rolls back and a person aborts."""
    assert move(phase, "harm") == "rolled_back"
    assert move(phase, "abort") == "aborted"
    assert move(phase, "superseded") == "aborted"


@pytest.mark.parametrize("phase", sorted(TERMINAL))
def test_over_is_over(phase: Phase) -> None:
    """A rollout that is over only holds or begins again; a promotion can be taken back."""
    assert set(triggers(phase)) == ({"hold", "undo"} if phase == "promoted" else {"hold", "retry"})


def test_every_phase_is_reached_and_every_trigger_used() -> None:
    """The table has no phase that cannot be reached from the queue, and no trigger that leads nowhere."""
    reached: set[Phase] = {"queued"}
    while more := {to for (phase, _), to in TABLE.items() if phase in reached} - reached:
        reached |= more
    assert reached == set(PHASES)
    assert {trigger for _, trigger in TABLE} == set(TRIGGERS)


def test_traffic_reaches_the_candidate_for_good_only_by_evidence_or_by_a_person() -> None:
    """Watching and promoted are entered only by passed gates, by approval or override, or from a watch that is over."""
    entering = {trigger for (phase, trigger), to in TABLE.items() if to in {"watching", "promoted"} and phase != to}
    assert entering == {
        "ready_release", "release", "passed_last", "approve_release", "approve_last", "resume_watch", "watched",
        "recovered_watch",
        "promote_release", "promote_last", "promote_full", "promote_full_last",
    }  # fmt: skip


def test_the_picture_shows_every_move() -> None:
    """Each trigger but hold stands in the diagram, and each phase."""
    picture = draw()
    assert picture.startswith("stateDiagram-v2\n")
    for name in (*PHASES, *set(TRIGGERS) - {"hold"}):
        assert name in picture


def test_the_page_shows_the_table_as_it_is() -> None:
    """The documentation's diagram is the one that the table draws."""
    assert draw() in PAGE.read_text()
