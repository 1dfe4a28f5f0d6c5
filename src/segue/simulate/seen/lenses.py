"""What does a question see of a world: its summary at one look, and its evidence at thousands?

The summary goes to `weigh`, as in life. The evidence at every look is computed with the methods' own bets laid over all
looks at once (`evidence.looks`), so that a simulation needs `weigh` only where something may move.
"""

from typing import Final, NamedTuple, Protocol

import numpy as np

from segue.evidence.process import Floats
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Question, Side
from segue.facts.summary import Summary
from segue.simulate.seen.view import Observations, View

_SPARSE: Final = 48
"""Looks of one stretch at which a question is weighed one by one, where its bets cannot be laid over all looks at once."""


class Null(NamedTuple):
    """What is refuted: that the effect does not lie on this side of the bound."""

    side: Side
    bound: float


class Path(NamedTuple):
    """A question's evidence at many moments.

    Args:
        log_e: for its claim; 0 where nothing can be said yet, minus infinity where nobody looked.
        against: for the opposite of what would still be hoped for; the same.
    """

    log_e: Floats
    against: Floats


class Lens(Protocol):
    """How the summaries of one question are made and read."""

    @property
    def question(self) -> Question:
        """What is asked."""
        ...

    def summary(self, view: View) -> Summary | None:
        """What the question's rows sum up to at the first moment of a view; None where no row was."""
        ...

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        """The evidence against a null at each moment; None where it has to be weighed look by look."""
        ...


def path(lens: Lens, view: View, hoped: float | None = None) -> Path:
    """The log e-values at each moment.

    Args:
        lens: of what is asked.
        view: of the stage so far, at the moments at which somebody looks.
        hoped: the effect that is still hoped for; the claim's own bound where nothing is said.
    """
    question, claim = lens.question, lens.question.claim
    own = Null(claim.side, claim.bound)
    opposite = Null("below" if claim.side == "above" else "above", claim.bound if hoped is None else hoped)
    if question.horizon is None:
        seen = view.seen(question)
        found = lens.log_e(seen, own)
        if found is not None:
            against = lens.log_e(seen, opposite)
            return Path(found, np.full(len(view.moments), -np.inf) if against is None else against)
    return _weighed(lens, view, opposite)


def _weighed(lens: Lens, view: View, opposite: Null) -> Path:
    """Look by look, at a few of them."""
    looks = len(view.moments)
    log_e, against = (np.full(looks, -np.inf) for _ in range(2))
    for place in np.unique(np.linspace(0, looks - 1, _SPARSE).astype(int)):
        found = weigh(lens.question, lens.summary(view.at(place)))
        if isinstance(found, Evidence):
            log_e[place] = found.log_e
            beyond = found.high < opposite.bound if opposite.side == "below" else found.low > opposite.bound
            against[place] = np.inf if beyond else -np.inf
    return Path(log_e, against)
