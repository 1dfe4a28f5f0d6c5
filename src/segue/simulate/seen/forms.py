"""How is each form of summary made and read, so that a question sees of a world what it sees of a lake?

What depends on the question alone, its bets and what one observation of each kind is worth to them, is found once and kept.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from segue.errors import DomainError
from segue.evidence.looks import Rates, rates_of, rates_of_agreements, rates_of_scores
from segue.evidence.process import Floats
from segue.facts.grid import Grid, score_grid
from segue.facts.question import Question
from segue.facts.summary import Agreements, ArmCell, ArmCounts, Counts, MomentCell, Moments, PairedCounts, ScoreSums, Summary
from segue.measure.questions import form_of
from segue.simulate.seen.lenses import Lens, Null
from segue.simulate.seen.view import Observations, View, truth_of
from segue.simulate.worlds.streams import CANDIDATE
from segue.simulate.worlds.world import World

Chances = tuple[float, ...]
"""The candidate's, of drawn units, in order."""
_SAME: Final = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
_DIFFERENCES: Final = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
"""What kinds of pairs (`worlds.streams`) come to: both answers are the same or not; in whose favour they differ, or not."""


def lens_of(question: Question, world: World) -> Lens:
    """How the question's form is made.

    Raises:
        DomainError: nothing in a simulated world answers it.
    """
    form = form_of(question)
    if form not in _LENSES:
        raise DomainError(f"{question.metric.name} ({question.metric.kind}) is not simulated yet", question=question.id)
    return _LENSES[form](question, world.truths[truth_of(question)].high)


@dataclass(frozen=True)
class _Form:
    """A form whose bets can be laid over all looks at once: counts of a few kinds of observation.

    Args:
        question: what is asked.
        high: what an observation is worth, in the metric's unit.
    """

    question: Question
    high: float
    _kept: dict[tuple[Null, Chances], Rates] = field(default_factory=dict, repr=False)

    def _log_e(self, counts: Floats, null: Null, chances: Chances = ()) -> Floats:
        """Of the counts of each kind at each moment, shape (moments, kinds); of drawn units, with which chances."""
        if (null, chances) not in self._kept:
            self._kept[null, chances] = self._rates(null, chances)
        return self._kept[null, chances].log_e(counts)

    def _rates(self, null: Null, chances: Chances) -> Rates:
        return rates_of(self.question, propensities=chances, side=null.side, bound=null.bound)


class _Counts(_Form):
    def _columns(self, seen: Observations) -> Floats:
        return seen.pairs @ _SAME if self.question.metric.kind == "agreement" else seen.candidate

    def summary(self, view: View) -> Summary | None:
        yes, no = map(int, self._columns(view.seen(self.question))[0])
        return Counts(yes=yes, no=no) if yes + no else None

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        return self._log_e(self._columns(seen), null)


class _Agreements(_Form):
    def summary(self, view: View) -> Summary | None:
        same, apart = map(int, (view.seen(self.question).pairs @ _SAME)[0])
        return Agreements(same=same, different=apart) if same + apart else None

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        if null.side != self.question.claim.side:
            return None  # that answers differ shows nothing against anybody
        return self._log_e(seen.pairs @ _SAME, null)

    def _rates(self, null: Null, chances: Chances) -> Rates:  # noqa: ARG002 - of pairs there are none
        return rates_of_agreements(self.question, bound=null.bound)


class _Pairs(_Form):
    def summary(self, view: View) -> Summary | None:
        plus, minus, zero = map(int, (view.seen(self.question).pairs @ _DIFFERENCES)[0])
        return PairedCounts(plus=plus, minus=minus, zero=zero) if plus + minus + zero else None

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        return self._log_e(seen.pairs @ _DIFFERENCES, null)


class _Arms(_Form):
    def summary(self, view: View) -> Summary | None:
        rows = ((pi, [int(count) for count in counts[0]]) for pi, counts in view.seen(self.question).drawn.items())
        cells = tuple(
            ArmCell(propensity=pi, candidate_yes=row[0], candidate_no=row[1], champion_yes=row[2], champion_no=row[3])
            for pi, row in rows
            if any(row)
        )
        return ArmCounts(cells=cells) if cells else None

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        drawn = seen.drawn
        if not drawn:
            return np.zeros(len(seen.pairs))
        return self._log_e(np.concatenate(list(drawn.values()), axis=1), null, tuple(drawn))


class _Kinds(NamedTuple):
    """Of each kind of observation of a score, shape (kinds,)."""

    z: Floats
    weight: Floats
    mine: Floats  # 1 where the candidate gave it


class _Scores(_Form):
    @cached_property
    def _grid(self) -> Grid:
        return score_grid(self.question)

    def summary(self, view: View) -> Summary | None:
        counts, chances = self._columns(view.seen(self.question))
        kinds, lambdas, (now,) = self._kinds(chances), self._grid.lambdas, counts
        if not now.any():
            return None
        return ScoreSums(
            n=int(now.sum()),
            n_candidate=int(now @ kinds.mine),
            z=float(now @ kinds.z),
            z2=float(now @ kinds.z**2),
            z4=float(now @ kinds.z**4),
            weight=float(now @ kinds.weight),
            log_growth=tuple(map(float, now @ np.log1p(np.multiply.outer(kinds.z, np.array(lambdas))))) if lambdas else (),
        )

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        if not self._grid.lambdas:
            return None
        counts, chances = self._columns(seen)
        return self._log_e(counts, null, chances)

    def _columns(self, seen: Observations) -> tuple[Floats, Chances]:
        """Counts of each kind, shape (moments, kinds), and the chances of drawn units."""
        if self.question.design != "randomised":
            return (seen.pairs if self.question.design == "paired" else seen.candidate), ()
        drawn = {pi: rows for pi, rows in seen.drawn.items() if pi <= self.question.chance_most}
        drawn = drawn or {0.5: np.zeros((len(seen.pairs), 4))}
        return np.concatenate(list(drawn.values()), axis=1), tuple(drawn)

    def _kinds(self, chances: Chances) -> _Kinds:
        grid, high = self._grid, self.high
        if self.question.design == "paired":
            both = ((high, 0.0), (0.0, high), (high, high), (0.0, 0.0))
            return _Kinds(np.array([grid.of_pair(*each) for each in both]), np.ones(4), np.ones(4))
        if self.question.design == "one_sample":
            return _Kinds(np.array([grid.of_one(high), grid.of_one(0.0)]), np.ones(2), np.ones(2))
        values = ((True, high), (True, 0.0), (False, high), (False, 0.0))
        z = [grid.of_draw(value, to_candidate=mine, propensity=pi) for pi in chances for mine, value in values]
        weight, mine = np.repeat([pi * (1 - pi) for pi in chances], 4), np.tile([1.0, 1.0, 0.0, 0.0], len(chances))
        return _Kinds(np.array(z), weight, mine)

    def _rates(self, null: Null, chances: Chances) -> Rates:
        kinds = self._kinds(chances)
        return rates_of_scores(self.question, kinds.z, weight=kinds.weight, null=null)


class _Moments(_Form):
    def summary(self, view: View) -> Summary | None:
        seen, (arms, pairs) = view.seen(self.question), view.came(self.question)
        if self.question.design == "paired":
            vectors = np.array([[1.0, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 1], [0, 1, 0, 1]])
            cells = [_moment("paired", 1.0, (int(pairs[0]), seen.pairs[0]), vectors)]
        elif self.question.design == "one_sample":
            n = int(pairs[0] + sum(came[0, CANDIDATE] for came in arms.values()))
            cells = [_moment(self.question.candidate, 1.0, (n, seen.candidate[0]), _COUNTED)]
        else:
            cells = sorted(
                _moment(name, pi, (int(arms[pi][0, place]), counts[0, 2 * place : 2 * place + 2]), _COUNTED)
                for pi, counts in seen.arms.items()
                for place, name in enumerate((self.question.candidate, self.question.champion))
            )
        found = tuple(cell for cell in cells if cell.n)
        return Moments(cells=found) if found else None

    def log_e(self, _seen: Observations, _null: Null) -> Floats | None:
        return None


def _moment(arm: str, propensity: float, counted: tuple[int, Floats], vectors: Floats) -> MomentCell:
    n, counts = counted
    products = np.einsum("k,ki,kj->ij", counts, vectors, vectors)[np.triu_indices(vectors.shape[1])]
    return MomentCell(
        arm=arm,
        propensity=propensity,
        n=max(n, int(counts.sum())),
        sums=tuple(map(float, counts @ vectors)),
        products=tuple(map(float, products)),
    )


_COUNTED: Final = np.array([[1.0, 1.0], [0.0, 1.0]])
_LENSES: Final[dict[str, Callable[[Question, float], Lens]]] = {
    "counts": _Counts,
    "agreements": _Agreements,
    "paired_counts": _Pairs,
    "arm_counts": _Arms,
    "score_sums": _Scores,
    "moments": _Moments,
}
