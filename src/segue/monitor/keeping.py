"""Which ticks does the history keep?

Every move is kept, and every tick at which a person who looks would see something new: another verdict, another reason in
kind, an act, another outcome of a gate. A hold that only has other numbers is kept when the stage is one per cent older than
at the last one, and not within a minute: a stage of any length has about a hundred times the logarithm of its length in
minutes, enough to draw its curves.
"""

import re
from datetime import datetime, timedelta
from typing import Final

import msgspec

from segue.facts.decision import Decision, State
from segue.ports.store import RolloutStore

AGES_BY: Final = 0.01
LEAST_S: Final = 60.0
_NUMBERS: Final = re.compile(r"[\d.]+( (min|h|d|s)\b)?")


class Seen(msgspec.Struct, frozen=True):
    """What a person last saw, and when."""

    looks: tuple[object, ...]
    at: datetime


class Keeping:
    """Remembers the last decision kept of each rollout; after a restart it asks the store.

    Args:
        rollouts: where the history is.
    """

    def __init__(self, rollouts: RolloutStore) -> None:
        self._rollouts = rollouts
        self._seen: dict[str, Seen] = {}

    def worth_keeping(self, decision: Decision, after: State, before: State) -> bool:
        """Whether this tick goes into the history."""
        if decision.trigger != "hold" or decision.acts or decision.commands:
            return True
        if msgspec.structs.replace(after, decisions=before.decisions) != before:
            return True
        last = self._last(decision.rollout, before.decisions)
        if last is None or last.looks != _looks(decision):
            return True
        age = decision.at - before.entered_at
        return decision.at - last.at >= max(timedelta(seconds=LEAST_S), AGES_BY * age)

    def kept(self, decision: Decision) -> None:
        """Remember a decision that was saved."""
        self._seen[decision.rollout] = Seen(_looks(decision), decision.at)

    def _last(self, rollout: str, decisions: int) -> Seen | None:
        if rollout not in self._seen and decisions:
            for decision in self._rollouts.decisions(rollout, after=decisions - 1):
                self.kept(decision)
        return self._seen.get(rollout)


def _looks(decision: Decision) -> tuple[object, ...]:
    """What of a decision changes only when something has happened: no number is in it."""
    first = _NUMBERS.sub("#", decision.reasons[0].partition(":")[0])
    outcomes = tuple((verdict.gate, verdict.outcome) for verdict in decision.verdicts)
    return (decision.to_phase, decision.to_stage, decision.step, outcomes, first)
