"""Which moves does a rollout have? The one table, and the picture that is drawn from it.

Every pair of phase and trigger that is not in the table is illegal: asking for it raises and changes nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, get_args

from segue.errors import TransitionError
from segue.facts.decision import Phase, Trigger

LIVE: Final[frozenset[Phase]] = frozenset(
    {"pending", "running", "paused", "awaiting_approval", "held", "champion_unhealthy", "watching"}
)
"""Phases in which guardrails are watched and a rollback is one move away."""
TERMINAL: Final[frozenset[Phase]] = frozenset(get_args(Phase)) - LIVE - {"queued"}
"""Phases in which a rollout is over; only a retry leaves them."""
STANDING: Final[frozenset[Phase]] = frozenset({"running", "paused", "awaiting_approval", "held", "champion_unhealthy"})
"""Phases inside a stage before the alias has moved: a person may promote out of them."""

_OF_EVERY_LIVE_PHASE: Final[dict[Trigger, Phase]] = {"abort": "aborted", "superseded": "aborted", "harm": "rolled_back"}
_OF_A_STAGE: Final[dict[Trigger, None]] = {"leave": None, "override": None}
"""What changes a stage from within, while the phase stays: a candidate leaves, a person takes a gate for passed."""
_BY_OVERRIDE: Final[dict[Trigger, Phase]] = {
    "promote": "running",
    "promote_release": "watching",
    "promote_last": "promoted",
    "promote_full": "watching",
    "promote_full_last": "promoted",
}
_OF_ITS_OWN: Final[dict[Phase, dict[Trigger, Phase]]] = {
    "queued": {"begin": "pending", "abort": "aborted"},
    "pending": {"ready": "running", "ready_release": "watching", "pause": "paused"},
    "running": {
        "step": "running",
        "next_stage": "running",
        "release": "watching",
        "passed": "awaiting_approval",
        "passed_last": "promoted",
        "time_out_hold": "held",
        "time_out_rollback": "rolled_back",
        "futile_hold": "held",
        "futile_rollback": "rolled_back",
        "pause": "paused",
        "unhealthy": "champion_unhealthy",
    },
    "champion_unhealthy": {
        "recovered": "running",
        "recovered_approval": "awaiting_approval",
        "recovered_watch": "watching",
        "fall_back": "aborted",
        "pause": "paused",
    },
    "paused": {"resume": "running", "resume_pending": "pending", "resume_watch": "watching"},
    "awaiting_approval": {
        "approve": "running",
        "approve_release": "watching",
        "approve_last": "promoted",
        "unhealthy": "champion_unhealthy",
    },
    "held": {"resume": "running", "retry": "pending"},
    "watching": {
        "watched": "promoted",
        "promote_last": "promoted",
        "promote_full_last": "promoted",
        "pause": "paused",
        "unhealthy": "champion_unhealthy",
    },
    "promoted": {"undo": "rolled_back"},
    "rolled_back": {"retry": "pending"},
    "aborted": {"retry": "pending"},
}


def _table() -> dict[tuple[Phase, Trigger], Phase]:
    rows: dict[tuple[Phase, Trigger], Phase] = {}
    for phase, own in _OF_ITS_OWN.items():
        moves: dict[Trigger, Phase] = {"hold": phase}
        moves |= _OF_EVERY_LIVE_PHASE | {"amend": phase} if phase in LIVE else {}
        moves |= _BY_OVERRIDE | dict.fromkeys(_OF_A_STAGE, phase) if phase in STANDING else {}
        rows |= {(phase, trigger): to for trigger, to in (moves | own).items()}
    return rows


TABLE: Final[Mapping[tuple[Phase, Trigger], Phase]] = MappingProxyType(_table())
"""(phase, trigger) -> phase: all the moves that there are."""


def move(phase: Phase, trigger: Trigger) -> Phase:
    """The phase that the trigger leads to.

    Raises:
        TransitionError: the table has no such move; nothing has changed.

    >>> move("watching", "harm")
    'rolled_back'
    """
    try:
        return TABLE[phase, trigger]
    except KeyError:
        raise TransitionError(
            f"a rollout that is {phase} cannot {trigger}", hint=f"it can: {', '.join(triggers(phase))}"
        ) from None


def triggers(phase: Phase) -> tuple[Trigger, ...]:
    """The triggers that this phase has, in alphabetical order."""
    return tuple(sorted(trigger for at, trigger in TABLE if at == phase))


def draw() -> str:
    """The table as a Mermaid diagram; the moves that every live phase has are drawn once, from a box around them."""
    edges: dict[tuple[str, str], list[str]] = {}
    for (phase, trigger), to in TABLE.items():
        if trigger != "hold" and trigger not in _OF_EVERY_LIVE_PHASE:
            edges.setdefault((phase, to), []).append(trigger)
    inner = [f"        {edge}" for edge in _lines({pair: names for pair, names in edges.items() if set(pair) <= LIVE})]
    outer = [f"    {edge}" for edge in _lines({pair: names for pair, names in edges.items() if not set(pair) <= LIVE})]
    always = [f"    live --> {to}: {trigger}" for trigger, to in _OF_EVERY_LIVE_PHASE.items()]
    ends = [f"    {phase} --> [*]" for phase in sorted(TERMINAL)]
    inside = ["    state live {", "        [*] --> pending", *inner, "    }"]
    return "\n".join(["stateDiagram-v2", "    [*] --> live", "    [*] --> queued", *inside, *always, *outer, *ends, ""])


def _lines(edges: dict[tuple[str, str], list[str]]) -> list[str]:
    return [f"{start} --> {end}: {', '.join(names)}" for (start, end), names in edges.items()]
