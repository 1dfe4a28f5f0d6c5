"""What does a question see of a world: its summary at one look, and its evidence at thousands?

The summary goes to `weigh`, as in life. The evidence at every look is computed with the methods' own bets laid over all
looks at once (`evidence.looks`), so that a simulation needs `weigh` only where something may move.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np

from segue.errors import DomainError
from segue.evidence.looks import log_e_of_agreements, log_e_of_growths, rates_of
from segue.evidence.process import Floats
from segue.evidence.weighing import weigh
from segue.facts.evidence import UNKNOWN, Evidence
from segue.facts.grid import Grid, score_grid
from segue.facts.question import Question, Side
from segue.facts.summary import Agreements, ArmCell, ArmCounts, Counts, MomentCell, Moments, PairedCounts, ScoreSums, Summary
from segue.measure.questions import form_of
from segue.simulate.worlds.streams import BETTER, BOTH, CANDIDATE, CHAMPION, LATE, NEITHER, ON_TIME, WORSE, Stretch, at
from segue.simulate.worlds.world import FAILURES, World

_SPARSE: Final = 48
"""Looks of one stretch at which a question is weighed one by one, where its bets cannot be laid over all looks at once."""


@dataclass(frozen=True, slots=True)
class Observations:
    """What a question has to go by at some moments.

    Args:
        arms: by propensity in order, each (moments, 4): candidate yes, no, champion yes, no.
        pairs: (moments, 4 kinds).
        n: observations that came, counted or not, by propensity, (moments, 2 variants); of pairs (moments,).
    """

    arms: dict[float, Floats]
    pairs: Floats
    n: dict[float, Floats]
    n_pairs: Floats

    @property
    def drawn(self) -> dict[float, Floats]:
        """The arms of units that either variant could have got."""
        return {pi: counts for pi, counts in self.arms.items() if 0 < pi < 1}

    @property
    def candidate(self) -> Floats:
        """The candidate's own yes and no, however it was asked, (moments, 2)."""
        yes, no = self.pairs[:, BETTER] + self.pairs[:, BOTH], self.pairs[:, WORSE] + self.pairs[:, NEITHER]
        whole: Floats = np.stack([yes, no], axis=-1)
        for counts in self.arms.values():
            whole = whole + counts[:, :2]
        return whole


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
    """How one form of summary is made and read."""

    def summary(self, seen: Observations) -> Summary | None:
        """The summary at the one moment that was observed; None where no row was."""
        ...

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        """The evidence against a null at each moment; None where it has to be weighed look by look."""
        ...


def seen_by(question: Question, stretches: Sequence[Stretch], moments: Floats) -> Observations:
    """A question's observations at these moments, those that have matured and whose outcome is there."""
    lag = question.metric.window_s / 60
    arms: dict[float, Floats] = {}
    n: dict[float, Floats] = {}
    pairs, n_pairs = np.zeros((len(moments), 4)), np.zeros(len(moments))
    for stretch in stretches:
        if stretch.share.paired:
            found, came = _pairs(question, stretch, moments, lag)
            pairs, n_pairs = pairs + found, n_pairs + came
        else:
            counts, came = _arms(question, stretch, moments, lag)
            pi = stretch.share.candidate
            arms[pi] = arms.get(pi, 0.0) + counts
            n[pi] = n.get(pi, 0.0) + came
    return Observations(dict(sorted(arms.items())), pairs, n, n_pairs)


def path(question: Question, stretches: Sequence[Stretch], moments: Floats, hoped: float | None = None) -> Path:
    """The log e-values at each moment.

    Args:
        question: what is asked.
        stretches: of the stage so far, in order.
        moments: at which somebody looks.
        hoped: the effect that is still hoped for; the claim's own bound where nothing is said.
    """
    claim, world = question.claim, stretches[0].world
    own = Null(claim.side, claim.bound)
    opposite = Null("below" if claim.side == "above" else "above", claim.bound if hoped is None else hoped)
    if question.horizon is None:
        seen, lens = seen_by(question, stretches, moments), lens_of(question, world)
        found = lens.log_e(seen, own)
        if found is not None:
            against = lens.log_e(seen, opposite)
            return Path(found, np.full(len(moments), -np.inf) if against is None else against)
    return _weighed(question, stretches, moments, opposite)


def _weighed(question: Question, stretches: Sequence[Stretch], moments: Floats, opposite: Null) -> Path:
    """Look by look, at a few of them."""
    log_e, against = (np.full(len(moments), -np.inf) for _ in range(2))
    for place in np.unique(np.linspace(0, len(moments) - 1, _SPARSE).astype(int)):
        found = weigh(question, summary_at(question, stretches, float(moments[place])))
        if isinstance(found, Evidence):
            log_e[place] = found.log_e
            beyond = found.high < opposite.bound if opposite.side == "below" else found.low > opposite.bound
            against[place] = np.inf if beyond else -np.inf
    return Path(log_e, against)


def summary_at(question: Question, stretches: Sequence[Stretch], moment: float) -> Summary | None:
    """What the question's rows sum up to at a moment."""
    return lens_of(question, stretches[0].world).summary(seen_by(question, stretches, np.array([moment])))


def lens_of(question: Question, world: World) -> Lens:
    """How the question's form is made.

    Raises:
        DomainError: nothing in a simulated world answers it.
    """
    form = form_of(question)
    if form not in _LENSES:
        raise DomainError(f"{question.metric.name} ({question.metric.kind}) is not simulated yet", question=question.id)
    return _LENSES[form](question, world.truths[truth_of(question)].high)


def truth_of(question: Question) -> str:
    """The name of the truth that the question is about."""
    return FAILURES if question.metric.kind == "error_rate" else question.metric.name


def counted(question: Question, stretches: Sequence[Stretch], moments: Floats) -> Floats:
    """How many of the candidate's observations the question has counted at each moment."""
    seen = seen_by(question, stretches, moments)
    arms = seen.drawn if question.design == "randomised" else seen.arms
    whole: Floats = seen.pairs.sum(axis=1) + sum((rows[:, :2].sum(axis=1) for rows in arms.values()), np.zeros(len(moments)))
    return whole


# -- which observations --------------------------------------------------------------------------------------------------


def _part(question: Question, stretch: Stretch, counts: Floats, axis: int) -> Floats:
    if not question.where:
        whole: Floats = counts.sum(axis=axis)
        return whole
    taken: Floats = np.take(counts, 1 + list(stretch.parts).index(question.where), axis=axis)
    return taken


def _known(stretch: Stretch, counts: Floats, moments: Floats, lag: float) -> Floats:
    """What has matured with an outcome, whose time is the last axis: on time after one window, late after two."""
    if not lag:
        whole: Floats = at(stretch, counts, moments).sum(axis=-1)
        return whole
    return at(stretch, counts[..., ON_TIME], moments - lag) + at(stretch, counts[..., LATE], moments - 2 * lag)


def _arms(question: Question, stretch: Stretch, moments: Floats, lag: float) -> tuple[Floats, Floats]:
    name, per = truth_of(question), question.unit
    every = (stretch.yes(name, per), stretch.no(name, per))
    matured = _part(question, stretch, at(stretch, stretch.arrivals(per), moments - lag), 2)
    yes, no = (_part(question, stretch, _known(stretch, counts, moments, lag), 2) for counts in every)
    guess = question.metric.parameters.get(UNKNOWN)
    if guess:
        due = sum(_part(question, stretch, at(stretch, counts, moments - lag).sum(axis=-1), 2) for counts in every)
        unknown = due - yes - no
        yes, no = (yes + unknown, no) if guess == "right" else (yes, no + unknown)
    return np.stack([yes[:, CANDIDATE], no[:, CANDIDATE], yes[:, CHAMPION], no[:, CHAMPION]], axis=-1), matured


def _pairs(question: Question, stretch: Stretch, moments: Floats, lag: float) -> tuple[Floats, Floats]:
    joint = stretch.joint(truth_of(question))
    found = _part(question, stretch, _known(stretch, joint, moments, lag), 1)
    came = _part(question, stretch, at(stretch, stretch.pairs(), moments - lag), 1)
    if question.metric.parameters.get(UNKNOWN):  # the same unknown truth for both: wrong for both, or right for both
        due = _part(question, stretch, at(stretch, joint, moments - lag).sum(axis=-1), 1)
        place = BOTH if question.metric.parameters[UNKNOWN] == "right" else NEITHER
        found[:, place] += (due - found).sum(axis=-1)
    return found, came


# -- forms ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Counts:
    question: Question
    high: float

    def _columns(self, seen: Observations) -> Floats:
        if self.question.metric.kind == "agreement":
            same, other = seen.pairs[:, BOTH] + seen.pairs[:, NEITHER], seen.pairs[:, BETTER] + seen.pairs[:, WORSE]
            return np.stack([same, other], axis=-1)
        return seen.candidate

    def summary(self, seen: Observations) -> Summary | None:
        yes, no = (int(count) for count in self._columns(seen)[0])
        return Counts(yes=yes, no=no) if yes + no else None

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        return rates_of(self.question, side=null.side, bound=null.bound).log_e(self._columns(seen))


@dataclass(frozen=True, slots=True)
class _Agreements:
    question: Question
    high: float

    def _apart(self, seen: Observations) -> tuple[Floats, Floats]:
        return seen.pairs[:, BETTER] + seen.pairs[:, WORSE], seen.pairs.sum(axis=1)

    def summary(self, seen: Observations) -> Summary | None:
        apart, n = (int(count[0]) for count in self._apart(seen))
        return Agreements(same=n - apart, different=apart) if n else None

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        if null.side != self.question.claim.side:
            return None  # that answers differ shows nothing against anybody
        return log_e_of_agreements(self.question, *self._apart(seen), bound=null.bound)


@dataclass(frozen=True, slots=True)
class _Pairs:
    question: Question
    high: float

    def summary(self, seen: Observations) -> Summary | None:
        plus, minus, both, neither = (int(count) for count in seen.pairs[0])
        return PairedCounts(plus=plus, minus=minus, zero=both + neither) if plus + minus + both + neither else None

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        zero = seen.pairs[:, BOTH] + seen.pairs[:, NEITHER]
        columns = np.stack([seen.pairs[:, BETTER], seen.pairs[:, WORSE], zero], axis=-1)
        return rates_of(self.question, side=null.side, bound=null.bound).log_e(columns)


@dataclass(frozen=True, slots=True)
class _Arms:
    question: Question
    high: float

    def summary(self, seen: Observations) -> Summary | None:
        rows = ((pi, [int(count) for count in counts[0]]) for pi, counts in seen.drawn.items())
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
        rates = rates_of(self.question, propensities=list(drawn), side=null.side, bound=null.bound)
        return rates.log_e(np.concatenate(list(drawn.values()), axis=1))


@dataclass(frozen=True, slots=True)
class _Kinds:
    counts: Floats  # (moments, kinds)
    z: Floats  # the score of each kind
    weight: Floats
    mine: Floats  # 1 where the candidate gave it


@dataclass(frozen=True, slots=True)
class _Scores:
    question: Question
    high: float

    def summary(self, seen: Observations) -> Summary | None:
        grid = score_grid(self.question)
        kinds = self._kinds(seen, grid)
        counts, z = kinds.counts[0], kinds.z
        if not counts.any():
            return None
        return ScoreSums(
            n=int(counts.sum()),
            n_candidate=int(counts @ kinds.mine),
            z=float(counts @ z),
            z2=float(counts @ z**2),
            z4=float(counts @ z**4),
            weight=float(counts @ kinds.weight),
            log_growth=tuple(map(float, counts @ _growths(z, grid))) if grid.lambdas else (),
        )

    def log_e(self, seen: Observations, null: Null) -> Floats | None:
        grid = score_grid(self.question)
        if not grid.lambdas:
            return None
        kinds = self._kinds(seen, grid)
        growths, weight = kinds.counts @ _growths(kinds.z, grid), kinds.counts @ kinds.weight
        return log_e_of_growths(self.question, growths, weight=weight, null=null)

    def _kinds(self, seen: Observations, grid: Grid) -> _Kinds:
        high, values = self.high, ((True, self.high), (True, 0.0), (False, self.high), (False, 0.0))
        if self.question.design == "paired":
            both = ((high, 0.0), (0.0, high), (high, high), (0.0, 0.0))
            return _Kinds(seen.pairs, np.array([grid.of_pair(*each) for each in both]), np.ones(4), np.ones(4))
        if self.question.design == "one_sample":
            return _Kinds(seen.candidate, np.array([grid.of_one(high), grid.of_one(0.0)]), np.ones(2), np.ones(2))
        drawn = {pi: rows for pi, rows in seen.drawn.items() if pi <= self.question.chance_most}
        drawn = drawn or {0.5: np.zeros((len(seen.pairs), 4))}
        z = [grid.of_draw(value, to_candidate=mine, propensity=pi) for pi in drawn for mine, value in values]
        weight, mine = np.repeat([pi * (1 - pi) for pi in drawn], 4), np.tile([1.0, 1.0, 0.0, 0.0], len(drawn))
        return _Kinds(np.concatenate(list(drawn.values()), axis=1), np.array(z), weight, mine)


def _growths(z: Floats, grid: Grid) -> Floats:
    growths: Floats = np.log1p(np.multiply.outer(z, np.array(grid.lambdas)))
    return growths


@dataclass(frozen=True, slots=True)
class _Moments:
    question: Question
    high: float

    def summary(self, seen: Observations) -> Summary | None:
        if self.question.design == "paired":
            vectors = np.array([[1.0, 1, 0, 1], [0, 1, 1, 1], [1, 1, 1, 1], [0, 1, 0, 1]])
            cells = [_moment("paired", 1.0, (int(seen.n_pairs[0]), seen.pairs[0]), vectors)]
        elif self.question.design == "one_sample":
            n = int(seen.n_pairs[0] + sum(came[0, CANDIDATE] for came in seen.n.values()))
            cells = [_moment(self.question.candidate, 1.0, (n, seen.candidate[0]), _COUNTED)]
        else:
            cells = sorted(
                _moment(name, pi, (int(seen.n[pi][0, place]), counts[0, 2 * place : 2 * place + 2]), _COUNTED)
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
