"""What comes in while one allocation is in force? Counts by look, drawn from a world.

Everything that several questions ask about is drawn once, so that a gate and a guardrail on one metric see the same events.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, NamedTuple, TypeVar, cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from segue.evidence.process import Floats
from segue.simulate.worlds.recorded import Past
from segue.simulate.worlds.world import FAILURES, World

Whole = NDArray[np.int64]
Numbers = TypeVar("Numbers", Whole, Floats)
T = TypeVar("T")
Per = Literal["request", "unit"]
CANDIDATE, CHAMPION = 0, 1
BETTER, WORSE, BOTH, NEITHER = range(4)
"""Kinds of a pair: the candidate's observation counts and the champion's does not, the other way round, both, neither."""
_ASKED_DRAWN: Final = np.array([[1.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]])
_ASKED_PAIRED: Final = np.array([[1.0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0]])
"""Of which columns of failures it is the sum how often the candidate was asked and failed, and the champion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How an allocation deals out the requests.

    Args:
        number: of the allocation.
        drawn: part of the requests that are drawn at all; the rest goes to the champion by rule.
        candidate: the candidate's chance among the drawn.
        paired: part of the requests for which the candidate is asked in the shadow as well.
    """

    number: int
    drawn: float = 1.0
    candidate: float = 0.0
    paired: float = 0.0


class Drawn(NamedTuple):
    """What came between one look and the next: all, that with an outcome on time, and that with one a window later.

    Where everything has its outcome on time, `late` is None.
    """

    every: Whole
    on_time: Whole
    late: Whole | None


class Columns(NamedTuple):
    """The same of what has come by each edge, each of shape (looks + 1, 4)."""

    every: Floats
    on_time: Floats
    late: Floats | None


@dataclass(slots=True, kw_only=True)
class Stretch:
    """A stretch of time under one allocation.

    What comes is drawn as whole numbers from one look to the next; what is read has come since the begin, by each edge.

    Args:
        world: what is true.
        share: what is in force.
        edges: begin, and then each look, minutes since the rollout began, shape (looks + 1,).
        parts: expressions whose populations are told apart; taken to be disjoint.
        seed: where chance comes from; what is drawn does not depend on what was drawn before.
        beside: the stretch of another candidate at the same time: the champion's side is its champion's side.
        past: recorded days that it is like, with the names of candidate and champion there; None for the world's own.
        ends: minutes since the rollout began; what would have come later did not: the allocation was another one by then.
    """

    world: World
    share: Share
    edges: Floats
    parts: Sequence[str]
    seed: tuple[int, ...]
    beside: "Stretch | None" = None
    past: "tuple[Past, str, str] | None" = None
    ends: float = inf
    _kept: dict[tuple[str, ...], object] = field(default_factory=dict)

    # -- what has come --------------------------------------------------------------------------------------------------

    def places(self, moments: Floats) -> Whole:
        """The edge by which what had come at each moment is known; what lies between two looks belongs to the later one.

        Before the begin it is the begin, where nothing has come, and after the end the end.
        """
        return np.searchsorted(self.edges[1:], np.minimum(moments, self.ends) + 1e-9, side="right")

    def came(self, per: Per, where: str = "") -> Floats:
        """Arrivals in a population, or in all of them, shape (looks + 1, 2 variants)."""
        return self._once(("came", self._per(per), where), lambda: _summed(self._part(self.arrivals(per), where)))

    def paired(self, where: str = "") -> Floats:
        """Requests that both variants answered, shape (looks + 1,)."""
        return self._once(("paired", where), lambda: _summed(self._part(self.pairs(), where)))

    def arms(self, metric: str, per: Per, where: str = "") -> Columns:
        """Observations of drawn units: the candidate's that count and that do not, and the champion's."""
        return self._once(("arms", metric, self._per(per), where), lambda: self._columns(self.split(metric, per), where))

    def kinds(self, metric: str, where: str = "") -> Columns:
        """Pairs by kind."""
        return self._once(("kinds", metric, where), lambda: self._columns(self.joint(metric), where))

    def asked(self) -> Floats:
        """How often each variant was asked, in its own right or in the shadow, and failed, shape (looks + 1, 2 variants, 2)."""
        return self._once(("asked",), self._ask)

    # -- what comes -----------------------------------------------------------------------------------------------------

    def arrivals(self, per: Per) -> Whole:
        """Drawn requests or new units, shape (looks, 2 variants, parts + 1 populations)."""
        return self._once(("arrivals", self._per(per)), lambda: self._arrive(per))

    def pairs(self) -> Whole:
        """Requests that both variants answer, shape (looks, parts + 1)."""
        if self.beside is not None:
            return self.beside.pairs()
        return self._once(("pairs",), lambda: self._chance("pairs").poisson(self._expected("request") * self.share.paired))

    def split(self, metric: str, per: Per) -> Drawn:
        """Observations of drawn units, each of shape (looks, 4 as in `arms`, parts + 1)."""
        return self._once(("split", metric, self._per(per)), lambda: self._split(metric, per))

    def joint(self, metric: str) -> Drawn:
        """Pairs, each of shape (looks, 4 kinds, parts + 1)."""
        return self._once(("joint", metric), lambda: self._pair(metric))

    # -- how it is read -------------------------------------------------------------------------------------------------

    def _once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        return cast("T", self._kept[key])

    def _part(self, counts: Whole, where: str) -> Whole:
        """Of counts whose last axis is the populations: those of one, or the sum of all."""
        if where:
            return counts[..., 1 + list(self.parts).index(where)]
        first, *others = np.moveaxis(counts, -1, 0)  # there are few; a sum along a short last axis takes ten times as long
        whole: Whole = sum(others, start=first)
        return whole

    def _columns(self, drawn: Drawn, where: str) -> Columns:
        every = _summed(self._part(drawn.every, where))
        if drawn.late is None:
            return Columns(every, every, None)
        return Columns(every, *(_summed(self._part(counts, where)) for counts in (drawn.on_time, drawn.late)))

    def _ask(self) -> Floats:
        paired = bool(self.share.paired)
        counts = (self.kinds(FAILURES) if paired else self.arms(FAILURES, "request")).every
        asked: Floats = (counts @ (_ASKED_PAIRED if paired else _ASKED_DRAWN).T).reshape(-1, 2, 2)
        return asked

    # -- how it is drawn ------------------------------------------------------------------------------------------------

    def _chance(self, *what: str) -> np.random.Generator:
        return np.random.default_rng((*self.seed, crc32("/".join(what).encode())))

    def _per(self, per: Per) -> Per:
        return "request" if self.world.units is None else per

    def _middles(self) -> Floats:
        return (self.edges[1:] + self.edges[:-1]) / 2

    def _expected(self, per: Per) -> Floats:
        """Expected arrivals of the whole route, shape (looks, parts + 1)."""
        world = self.world
        a_day = world.requests if per == "request" or world.units is None else world.units
        busy = world.traffic(self._middles()) if self.past is None else self.past[0].traffic(self._middles())
        rate = a_day / 1440.0 * np.diff(self.edges) * busy
        known = [world.populations[part] for part in self.parts]
        expected: Floats = np.multiply.outer(rate, np.array([max(1.0 - sum(known), 0.0), *known]))
        return expected

    def _arrive(self, per: Per) -> Whole:
        drawn, pi = self.share.drawn, self.share.candidate
        shares = np.array([drawn * pi, drawn * (1 - pi)])
        rng, expected = self._chance("arrivals", self._per(per)), self._expected(per)[:, None, :] * shares[None, :, None]
        if self.beside is None:
            whole: Whole = rng.poisson(expected)
            return whole
        own = rng.poisson(expected[:, :1])
        return np.concatenate([own, self.beside.arrivals(per)[:, CHAMPION:]], axis=1)

    def _chances(self, metric: str) -> tuple[Floats, Floats]:
        middles = self._middles()
        recorded = self._recorded(metric, middles)
        if recorded is not None:
            return recorded
        champion, candidate = self.world.truths[metric].chances(self.world.swung(middles))
        if metric == FAILURES and self.world.outage is not None:
            added = self.world.outage.during(middles)
            champion, candidate = (1 - (1 - chance) * (1 - added) for chance in (champion, candidate))
        return champion, candidate

    def _recorded(self, metric: str, minutes: Floats) -> tuple[Floats, Floats] | None:
        """Champion's and candidate's chances as they were recorded; None where the champion's are not known."""
        if self.past is None:
            return None
        past, mine, theirs = self.past
        truth, seen = self.world.truths[metric], past.rates(metric, theirs, minutes)
        if seen is None:
            return None
        champion: Floats = np.clip(seen / truth.high, 0.0, 1.0)
        own = past.rates(metric, mine, minutes) if self.world.replayed else None
        return champion, np.clip(truth.factor * champion + truth.shift if own is None else own / truth.high, 0.0, 1.0)

    def _split(self, metric: str, per: Per) -> Drawn:
        truth, came, rng = self.world.truths[metric], self.arrivals(per), self._chance("split", metric, self._per(per))
        champion, candidate = self._chances(metric)
        counted = came if truth.counted == 1 else rng.binomial(came, truth.counted)
        yes = rng.binomial(counted, np.stack([candidate, champion], axis=1)[:, :, None])
        late = np.array([self.world.late[1], self.world.late[0]])[:, None]
        drawn = _halves(*(self._timed(half, rng, late=late, waits=metric != FAILURES) for half in (yes, counted - yes)))
        if self.beside is not None:
            for mine, theirs in zip(drawn, self.beside.split(metric, per), strict=True):
                if mine is not None and theirs is not None:
                    mine[:, 2:] = theirs[:, 2:]
        return drawn

    def _timed(self, counts: Whole, rng: np.random.Generator, *, late: Floats | float, waits: bool) -> Drawn:
        """Counts by when their outcome comes; late: the share that comes late, to be laid over the counts."""
        coverage = self.world.coverage
        if not waits or (coverage == 1 and not np.any(late)):
            return Drawn(counts, counts, None)
        known = rng.binomial(counts, coverage)
        later = rng.binomial(known, late)
        return Drawn(counts, known - later, later)

    def _pair(self, metric: str) -> Drawn:
        if self.beside is not None:
            return self._pair_beside(metric, self.beside)
        truth, pairs, rng = self.world.truths[metric], self.pairs(), self._chance("joint", metric)
        champion, candidate = self._chances(metric)
        apart = truth.apart(champion, candidate)
        better, worse = (apart + candidate - champion) / 2, (apart - candidate + champion) / 2
        chances = np.stack([better, worse, champion - worse, 1 - champion - better], axis=-1).clip(0.0, 1.0)
        chances /= chances.sum(axis=-1, keepdims=True)
        counted = pairs if truth.counted == 1 else rng.binomial(pairs, truth.counted)
        kinds = rng.multinomial(counted, chances[:, None, :])
        late = self.world.late[0]  # one outcome for both answers, as late as the champion's
        timed = self._timed(kinds, rng, late=late, waits=metric != FAILURES)
        every, on_time = timed.every.swapaxes(1, 2), timed.on_time.swapaxes(1, 2)
        return Drawn(every, on_time, None if timed.late is None else timed.late.swapaxes(1, 2))

    def _pair_beside(self, metric: str, beside: "Stretch") -> Drawn:
        """The same requests as another candidate's pairs, with the same answers of the champion and the same times."""
        theirs, rng = _by_time(beside.joint(metric)), self._chance("joint", metric)
        champion, candidate = self._chances(metric)
        better = (self.world.truths[metric].apart(champion, candidate) + candidate - champion) / 2
        worse = better - candidate + champion
        with np.errstate(invalid="ignore", divide="ignore"):
            lost = np.nan_to_num(worse / champion).clip(0.0, 1.0)[:, None, None]
            won = np.nan_to_num(better / (1 - champion)).clip(0.0, 1.0)[:, None, None]
        yes, no = theirs[:, WORSE] + theirs[:, BOTH], theirs[:, BETTER] + theirs[:, NEITHER]
        losses, gains = rng.binomial(yes, lost), rng.binomial(no, won)
        never, on_time, late = np.moveaxis(np.stack([gains, losses, yes - losses, no - gains], axis=1), -1, 0)
        return Drawn(never + on_time + late, on_time, late)


def _halves(yes: Drawn, no: Drawn) -> Drawn:
    """Those that count and those that do not, of shape (looks, 2 variants, parts + 1), as (looks, 4, parts + 1)."""

    def together(one: Whole, other: Whole) -> Whole:
        return np.stack([one, other], axis=2).reshape(len(one), 4, one.shape[-1])

    every = together(yes.every, no.every)
    if yes.late is None or no.late is None:
        return Drawn(every, every, None)
    return Drawn(every, together(yes.on_time, no.on_time), together(yes.late, no.late))


def _by_time(drawn: Drawn) -> Whole:
    """With a last axis of the time of the outcome: never, on time, late."""
    late = np.zeros_like(drawn.every) if drawn.late is None else drawn.late
    return np.stack([drawn.every - drawn.on_time - late, drawn.on_time, late], axis=-1)


def _summed(counts: Whole) -> Floats:
    whole = np.zeros((len(counts) + 1, *counts.shape[1:]))
    np.cumsum(counts, axis=0, out=whole[1:])
    return whole
