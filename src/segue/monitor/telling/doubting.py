"""Is a candidate probably worse, while its outcomes are not there yet? A sentence beside a verdict, which changes none.

Where less than half of a candidate's answers have an outcome, and both versions were registered with a calibrated profile,
their metrics are estimated from their scores (CBPE). Where the candidate's whole interval lies below the champion's,
verdicts on that metric say so. Looked for at most once in an hour of the stream and in half a minute of real time, in so
many answers.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from segue.decide.allocate import model_of
from segue.errors import DomainError, PortError
from segue.facts.decision import State
from segue.facts.drift.findings import Estimate
from segue.facts.evidence import Health
from segue.facts.question import Question
from segue.monitor.drifting import Profiles, Window
from segue.monitor.outside import Outside
from segue.monitor.telling.estimating import Guess, Guessing, guessed
from segue.spec.rollout import Rollout

KINDS: Final = frozenset({"accuracy", "precision", "recall", "f1", "roc_auc"})
ENOUGH: Final = 0.5
"""Share of answers with an outcome from which on the evidence speaks for itself."""
ROWS: Final = 5000
HOURS: Final = 24.0
_STREAM: Final = timedelta(hours=1)
_REAL_S: Final = 30.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a tick asks about, and how completely it is known."""

    spec: Rollout
    state: State
    questions: Sequence[Question]
    health: Mapping[str, Health]
    now: datetime


class Doubts:
    """Remembers what was estimated of each rollout's variants.

    Args:
        outside: lake and engine.
        profiles: of the versions.
    """

    def __init__(self, outside: Outside, profiles: Profiles) -> None:
        self._outside, self._profiles = outside, profiles
        self._looked: dict[tuple[str, str], tuple[datetime, float, dict[str, Guess]]] = {}

    def about(self, asked: Asked) -> dict[str, str]:
        """Question id -> what should be known beside its verdict."""
        found = {}
        for question in asked.questions:
            if question.metric.kind not in KINDS or not question.champion or not _unknown(asked.health.get(question.candidate)):
                continue
            kind = question.metric.kind
            mine, theirs = (self._of(asked, name).get(kind) for name in (question.candidate, question.champion))
            if isinstance(mine, Estimate) and isinstance(theirs, Estimate) and mine.high < theirs.low:
                found[question.id] = (
                    f"without outcomes {kind} of {question.candidate} is estimated as {mine.value:.3g} ({mine.low:.3g} to "
                    f"{mine.high:.3g}), champion's as {theirs.value:.3g}: a guess, no evidence ({mine.method})"
                )
        return found

    def forget(self, rollout: str) -> None:
        """Forget a rollout that is over."""
        self._looked = {key: kept for key, kept in self._looked.items() if key[0] != rollout}

    def _of(self, asked: Asked, variant: str) -> dict[str, Guess]:
        key, now_s = (asked.state.rollout, variant), time.monotonic()
        at, at_s, known = self._looked.get(key, (None, 0.0, {}))
        if at is None or (asked.now - at >= _STREAM and now_s - at_s >= _REAL_S):
            known = self._guessed(asked, variant)
            self._looked[key] = (asked.now, now_s, known)
        return known

    def _guessed(self, asked: Asked, variant: str) -> dict[str, Guess]:
        spec, state = asked.spec, asked.state
        champion = variant == spec.champion
        version = state.champion_version if champion else state.versions.get(variant, state.candidate_version)
        profile = self._profiles.of(f"{model_of(spec.variants[variant].version)}/{version}")
        if profile is None or profile.calibration is None:
            return {}
        window = Window.of_last(asked.now, HOURS)
        guessing = Guessing(route=state.route, version=version, window=window, rows=ROWS)
        try:
            found = guessed(self._outside.engine, self._outside.lake, profile, guessing)
        except (PortError, DomainError):
            return {}  # a guess that cannot be made is none; measuring says what does not answer
        return {name: guess for name, guess in reversed(found.found) if isinstance(guess, Estimate) and not guess.labelled}


def _unknown(health: Health | None) -> bool:
    return health is not None and health.asked > 0 and health.with_outcome < ENOUGH * health.asked
