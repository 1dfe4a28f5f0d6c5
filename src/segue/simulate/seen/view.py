"""What has come of a stage by each of several moments, and what of it does a question have to go by?

Where a moment lies in a stretch is found once, however many questions look.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from segue.evidence.process import Floats
from segue.facts.evidence import UNKNOWN
from segue.facts.question import Question
from segue.simulate.worlds.streams import BOTH, NEITHER, Columns, Stretch, Whole
from segue.simulate.worlds.world import FAILURES

_MINE: Final = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
"""Of which kind of a pair the candidate's observation counts, and of which it does not."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One stretch at some moments.

    Args:
        stretch: that is looked at.
        moments: in order, minutes since the rollout began, shape (moments,).
    """

    stretch: Stretch
    moments: Floats
    _places: dict[float, Whole] = field(default_factory=dict)

    def at(self, come: Floats, lag: float = 0.0) -> Floats:
        """Of what has come by each edge, that by each moment, or by so many minutes before it."""
        if lag not in self._places:
            self._places[lag] = self.stretch.places(self.moments - lag)
        return come.take(self._places[lag], axis=0)

    def known(self, columns: Columns, lag: float) -> Floats:
        """What has matured with an outcome, after one window or after two; whatever has come, where there is no window."""
        if not lag:
            return self.at(columns.every)
        on_time = self.at(columns.on_time, lag)
        return on_time if columns.late is None else on_time + self.at(columns.late, 2 * lag)


class View:
    """All stretches of a stage at some moments.

    Args:
        stretches: of one candidate, so far, in order.
        moments: as of `Glance`.
    """

    def __init__(self, stretches: Sequence[Stretch], moments: Floats) -> None:
        self.stretches, self.moments = stretches, moments
        self.glances = tuple(Glance(stretch, moments) for stretch in stretches)

    def at(self, place: int) -> "View":
        """At one of the moments."""
        return View(self.stretches, self.moments[place : place + 1])

    def seen(self, question: Question) -> "Observations":
        """A question's observations, those that have matured and whose outcome is there."""
        lag = question.metric.window_s / 60
        arms: dict[float, Floats] = {}
        pairs = np.zeros((len(self.moments), 4))
        for glance in self.glances:
            share = glance.stretch.share
            if share.paired:
                pairs = pairs + _pairs(question, glance, lag)
            else:
                arms[share.candidate] = arms.get(share.candidate, 0.0) + _arms(question, glance, lag)
        return Observations(dict(sorted(arms.items())), pairs)

    def came(self, question: Question) -> tuple[dict[float, Floats], Floats]:
        """What has matured, counted or not: of drawn units by propensity, (moments, 2 variants), and of pairs (moments,)."""
        lag = question.metric.window_s / 60
        arms: dict[float, Floats] = {}
        pairs = np.zeros(len(self.moments))
        for glance in self.glances:
            stretch, share = glance.stretch, glance.stretch.share
            if share.paired:
                pairs = pairs + glance.at(stretch.paired(question.where), lag)
            else:
                come = glance.at(stretch.came(question.unit, question.where), lag)
                arms[share.candidate] = arms.get(share.candidate, 0.0) + come
        return arms, pairs


@dataclass(frozen=True, slots=True)
class Observations:
    """What a question has to go by at some moments.

    Args:
        arms: by propensity in order, each (moments, 4): candidate yes, no, champion yes, no.
        pairs: (moments, 4 kinds).
    """

    arms: dict[float, Floats]
    pairs: Floats

    @property
    def drawn(self) -> dict[float, Floats]:
        """The arms of units that either variant could have got."""
        return {pi: counts for pi, counts in self.arms.items() if 0 < pi < 1}

    @property
    def candidate(self) -> Floats:
        """The candidate's own yes and no, however it was asked, (moments, 2)."""
        whole: Floats = self.pairs @ _MINE
        for counts in self.arms.values():
            whole = whole + counts[:, :2]
        return whole


def truth_of(question: Question) -> str:
    """The name of the truth that the question is about."""
    return FAILURES if question.metric.kind == "error_rate" else question.metric.name


def counted(question: Question, view: View) -> Floats:
    """How many of the candidate's observations the question has counted at each moment."""
    seen = view.seen(question)
    arms = seen.drawn if question.design == "randomised" else seen.arms
    whole: Floats = seen.pairs.sum(axis=1)
    for rows in arms.values():
        whole = whole + rows[:, 0] + rows[:, 1]
    return whole


def _arms(question: Question, glance: Glance, lag: float) -> Floats:
    columns = glance.stretch.arms(truth_of(question), question.unit, question.where)
    known, guess = glance.known(columns, lag), question.metric.parameters.get(UNKNOWN)
    if guess:
        unknown = glance.at(columns.every, lag) - known
        taken = slice(0, None, 2) if guess == "right" else slice(1, None, 2)
        known[:, taken] += unknown[:, 0::2] + unknown[:, 1::2]
    return known


def _pairs(question: Question, glance: Glance, lag: float) -> Floats:
    columns = glance.stretch.kinds(truth_of(question), question.where)
    known, guess = glance.known(columns, lag), question.metric.parameters.get(UNKNOWN)
    if guess:  # the same unknown truth for both: wrong for both, or right for both
        unknown = glance.at(columns.every, lag) - known
        known[:, BOTH if guess == "right" else NEITHER] += unknown.sum(axis=1)
    return known
