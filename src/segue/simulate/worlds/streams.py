"""What comes in while one allocation is in force? Counts by look, drawn from a world.

Everything that several questions ask about is drawn once, so that a gate and a guardrail on one metric see the same events.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from segue.evidence.process import Floats
from segue.simulate.worlds.recorded import Past
from segue.simulate.worlds.world import FAILURES, World

Whole = NDArray[np.int64]
Per = Literal["request", "unit"]
CANDIDATE, CHAMPION = 0, 1
BETTER, WORSE, BOTH, NEITHER = range(4)
"""Kinds of a pair: the candidate's observation counts and the champion's does not, the other way round, both, neither."""
NEVER, ON_TIME, LATE = range(3)
"""When an outcome comes: never, when it is due, one window later."""


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


@dataclass(slots=True, kw_only=True)
class Stretch:
    """A stretch of time under one allocation.

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
    _kept: dict[tuple[str, ...], Floats] = field(default_factory=dict)

    def arrivals(self, per: Per) -> Floats:
        """Cumulative arrivals, shape (looks + 1, 2 variants, parts + 1 populations); drawn requests or new units."""
        return self._once(("arrivals", self._per(per)), lambda: self._arrive(per))

    def pairs(self) -> Floats:
        """Cumulative requests that both variants answered, shape (looks + 1, parts + 1)."""
        if self.beside is not None:
            return self.beside.pairs()
        return self._once(
            ("pairs",), lambda: _summed(self._chance("pairs").poisson(self._expected("request") * self.share.paired))
        )

    def yes(self, metric: str, per: Per) -> Floats:
        """Cumulative observations that count, shape (looks + 1, 2 variants, parts + 1, 3 times of the outcome)."""
        return self._once(("yes", metric, self._per(per)), lambda: self._split(metric, per, place=0))

    def no(self, metric: str, per: Per) -> Floats:
        """The same of those that do not count."""
        return self._once(("no", metric, self._per(per)), lambda: self._split(metric, per, place=1))

    def joint(self, metric: str) -> Floats:
        """Cumulative pairs by kind, shape (looks + 1, parts + 1, 4 kinds, 3 times of the outcome)."""
        return self._once(("joint", metric), lambda: self._pair(metric))

    # -- how they are drawn ---------------------------------------------------------------------------------------------

    def _once(self, key: tuple[str, ...], draw: Callable[[], Floats]) -> Floats:
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = draw()
        return found

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

    def _arrive(self, per: Per) -> Floats:
        drawn, pi = self.share.drawn, self.share.candidate
        shares = np.array([drawn * pi, drawn * (1 - pi)])
        rng, expected = self._chance("arrivals", self._per(per)), self._expected(per)[:, None, :] * shares[None, :, None]
        if self.beside is None:
            return _summed(rng.poisson(expected))
        own = _summed(rng.poisson(expected[:, :1]))
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

    def _split(self, metric: str, per: Per, *, place: int) -> Floats:
        """Both halves are drawn together and kept; the one of this place."""
        truth, came, rng = self.world.truths[metric], _new(self.arrivals(per)), self._chance("split", metric, self._per(per))
        champion, candidate = self._chances(metric)
        chances = np.stack([candidate, champion], axis=1)[:, :, None]
        counted = came if truth.counted == 1 else rng.binomial(came, truth.counted)
        yes = rng.binomial(counted, np.broadcast_to(chances, counted.shape))
        waits = metric != FAILURES
        halves = [self._timed(half, rng, waits=waits) for half in (yes, counted - yes)]
        if self.beside is not None:
            theirs = self.beside.yes(metric, per), self.beside.no(metric, per)
            for half, their in zip(halves, theirs, strict=True):
                half[:, CHAMPION] = their[:, CHAMPION]
        for name, half in zip(("yes", "no"), halves, strict=True):
            self._kept[name, metric, self._per(per)] = half
        return halves[place]

    def _timed(self, counts: Whole, rng: np.random.Generator, *, waits: bool) -> Floats:
        """Counts of shape (looks, 2, parts + 1) by the time of their outcome, cumulative."""
        world = self.world
        if not waits or (world.coverage == 1 and not any(world.late)):
            timed = np.zeros((*counts.shape, 3))
            timed[..., ON_TIME] = counts
            return _summed(timed)
        known = rng.binomial(counts, world.coverage)
        late = np.array([world.late[1], world.late[0]])[None, :, None]
        later = rng.binomial(known, np.broadcast_to(late, known.shape))
        return _summed(np.stack([counts - known, known - later, later], axis=-1))

    def _pair(self, metric: str) -> Floats:
        if self.beside is not None:
            return self._pair_beside(metric, self.beside)
        truth, world, pairs, rng = self.world.truths[metric], self.world, _new(self.pairs()), self._chance("joint", metric)
        champion, candidate = self._chances(metric)
        apart = truth.apart(champion, candidate)
        better, worse = (apart + candidate - champion) / 2, (apart - candidate + champion) / 2
        chances = np.stack([better, worse, champion - worse, 1 - champion - better], axis=-1).clip(0.0, 1.0)
        chances /= chances.sum(axis=-1, keepdims=True)
        counted = pairs if truth.counted == 1 else rng.binomial(pairs, truth.counted)
        kinds = rng.multinomial(counted, np.broadcast_to(chances[:, None, :], (*counted.shape, 4)))
        if metric == FAILURES or (world.coverage == 1 and not world.late[0]):
            timed = np.zeros((*kinds.shape, 3))
            timed[..., ON_TIME] = kinds
            return _summed(timed)
        known = rng.binomial(kinds, world.coverage)
        later = rng.binomial(known, world.late[0])  # one outcome for both answers, as late as the champion's
        return _summed(np.stack([kinds - known, known - later, later], axis=-1))

    def _pair_beside(self, metric: str, beside: "Stretch") -> Floats:
        """The same requests as another candidate's pairs, with the same answers of the champion and the same times."""
        theirs, rng = _new(beside.joint(metric)), self._chance("joint", metric)
        champion, candidate = self._chances(metric)
        better = (self.world.truths[metric].apart(champion, candidate) + candidate - champion) / 2
        worse = better - candidate + champion
        with np.errstate(invalid="ignore", divide="ignore"):
            lost = np.nan_to_num(worse / champion).clip(0.0, 1.0)[:, None, None]
            won = np.nan_to_num(better / (1 - champion)).clip(0.0, 1.0)[:, None, None]
        yes, no = theirs[:, :, WORSE] + theirs[:, :, BOTH], theirs[:, :, BETTER] + theirs[:, :, NEITHER]
        losses, gains = rng.binomial(yes, np.broadcast_to(lost, yes.shape)), rng.binomial(no, np.broadcast_to(won, no.shape))
        return _summed(np.stack([gains, losses, yes - losses, no - gains], axis=2))


def _new(cumulative: Floats) -> Whole:
    return np.diff(cumulative, axis=0).astype(np.int64)


def _summed(counts: Floats | Whole) -> Floats:
    whole = np.zeros((len(counts) + 1, *counts.shape[1:]))
    np.cumsum(counts, axis=0, out=whole[1:])
    return whole


def at(stretch: Stretch, cumulative: Floats, moments: Floats) -> Floats:
    """A cumulative count at these moments; what lies between two looks belongs to the later one."""
    moments = np.minimum(moments, stretch.ends)
    if moments[0] >= stretch.edges[-1]:
        return np.broadcast_to(cumulative[-1], (len(moments), *cumulative.shape[1:]))
    places = np.searchsorted(stretch.edges, moments + 1e-9, side="right") - 1
    found: Floats = cumulative[np.maximum(places, 0)]
    return found  # before the begin: the begin, where nothing has come
