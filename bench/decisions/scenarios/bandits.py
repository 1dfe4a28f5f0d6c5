"""Is the evidence right when the traffic goes where it earns most? Scenario S13: shares that chase the outcomes."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from bench.decisions.rows import Flags, Floats, Ints, Row, Scale, first, median, share
from bench.decisions.scenarios import nulls, worlds
from bench.decisions.systems.ours import Drawn, ask, expected
from msgspec.structs import replace

BATCHES: Final = 1000
PER_BATCH: Final = 100
MINUTES_A_BATCH: Final = 10
DRAWS: Final = 200
"""Of the posterior, in each batch."""
N_FIX: Final = 23_234


class Bandit(NamedTuple):
    """A world and who divides its traffic: Thompson sampling by batch, with a floor under every arm.

    Args:
        name: of the world.
        rates: of yes by batch and arm, shape (batches, arms); the champion is arm 0.
        floor: the least share of an arm, at least a step.
        steps: in how many equal steps traffic is divided; shares are logged as they are then.
        delay: batches until an outcome is known.
        discount: of what is known, from batch to batch.
        until: batches after which a promotion no longer counts.
    """

    name: str
    rates: Floats
    floor: float
    steps: int = 100
    delay: int = 0
    discount: float = 1.0
    until: int = BATCHES


class Played(NamedTuple):
    """One log: the share of each arm and its yes and no, shapes (runs, batches, arms) and (runs, batches, arms, 2)."""

    shares: Floats
    counts: Ints


def bandit_scenarios(scale: Scale) -> Iterator[Row]:
    """S13: arms that are alike, an arm that gets better at half time, and one that is better throughout."""
    for place, bandit in enumerate(_alike()[:1] if scale.short else _alike()):
        yield from _none_better(Scale(runs=scale.runs, most=scale.most, chunk=250), bandit, (13, place))
    few = Scale(runs=scale.runs // 4, chunk=250)
    if not scale.short:
        for place, floor in enumerate((0.01, 0.05, 0.10, 0.50)):
            name = "bandit, one of two better" + (f", floor {100 * floor:g} %" if floor < 0.5 else ", halves")
            yield from _judged(few, Bandit(name, _steady(0.10, 0.12), floor), (13, 10 + place))


def _alike() -> list[Bandit]:
    night = worlds.day_and_night(BATCHES * MINUTES_A_BATCH)[::MINUTES_A_BATCH, None]
    half = np.arange(BATCHES)[:, None] < BATCHES // 2
    later = np.where(half, _steady(0.10, 0.08), _steady(0.10, 0.12))
    return [
        Bandit("bandit, two arms alike, day and night", night.repeat(2, axis=1), 0.05),
        Bandit("bandit, three arms alike, day and night", night.repeat(3, axis=1), 0.05, steps=20),
        Bandit("bandit, outcomes 60 batches late", night.repeat(2, axis=1), 0.01, delay=60),
        Bandit("bandit, worse until half time", later, 0.05, discount=0.995, until=BATCHES // 2),
    ]


def _steady(*rates: float) -> Floats:
    return np.tile(np.array(rates), (BATCHES, 1))


class Log(NamedTuple):
    """Each candidate beside the champion, and how many yes the bandit lost to the best arm in each run."""

    beside: list[Drawn]
    lost: Floats


def _logs(bandit: Bandit, seed: tuple[int, int], scale: Scale) -> Iterator[Log]:
    for rng, runs in scale.chunks(*seed):
        played = play(rng, runs, bandit)
        beside = [_beside_the_champion(played, arm) for arm in range(1, bandit.rates.shape[1])]
        yield Log(beside, _regret(played, bandit))


def _judges(bandit: Bandit) -> nulls.Judges:
    # Each candidate is judged against the champion, on its part of alpha.
    return nulls.judges(ask("above", 0.0, expected(0.1, 0.01), alpha=0.05 / (bandit.rates.shape[1] - 1)), N_FIX)


def _soonest(judge: Callable[[Drawn], Flags], log: Log) -> Ints:
    # The first candidate that is promoted ends the run.
    soonest: Ints = np.min([first(judge(one)) for one in log.beside], axis=0)
    return soonest


def _none_better(scale: Scale, bandit: Bandit, seed: tuple[int, int]) -> Iterator[Row]:
    lost: list[Floats] = []

    def kept(scale: Scale) -> Iterator[Log]:
        for log in _logs(bandit, seed, scale):
            lost.append(log.lost)
            yield log

    def promotes(judge: Callable[[Drawn], Flags], log: Log) -> Flags:
        flags: Flags = _soonest(judge, log) < bandit.until
        return flags

    asked = {system: partial(promotes, judge) for system, judge in _judges(bandit).items()}
    yield from nulls.counted(("S13", bandit.name), scale, kept, asked)
    yield _lost(bandit, lost)


def _judged(scale: Scale, bandit: Bandit, seed: tuple[int, int]) -> Iterator[Row]:
    asked, lost = _judges(bandit), []
    stops: dict[str, list[Ints]] = {system: [] for system in asked}
    for log in _logs(bandit, seed, scale):
        lost.append(log.lost)
        for system, judge in asked.items():
            stops[system].append(_soonest(judge, log))
    for system, found in stops.items():
        stop = np.concatenate(found)
        took = np.where(stop < bandit.until, PER_BATCH * (stop + 1 + bandit.delay), np.inf)
        row = share(("S13", bandit.name), system, "promoted", int(np.isfinite(took).sum()), len(stop))
        yield row
        yield replace(row, what="median requests", value=median(took), upper=None)
    yield _lost(bandit, lost)


def _lost(bandit: Bandit, lost: list[Floats]) -> Row:
    each = np.concatenate(lost)
    value, of = float(each.mean()), "Thompson sampling"
    return Row(scenario="S13", world=bandit.name, system=of, what="mean yes lost", value=value, runs=len(each))


def play(rng: np.random.Generator, runs: int, bandit: Bandit) -> Played:
    """The log of a bandit: in each batch, shares from what is known, then units and their outcomes."""
    batches, arms = bandit.rates.shape
    shares = np.zeros((runs, batches, arms))
    counts = np.zeros((runs, batches, arms, 2), dtype=np.int64)
    known = np.zeros((runs, arms, 2))
    for batch in range(batches):
        if batch > bandit.delay:
            known = bandit.discount * known + counts[:, batch - 1 - bandit.delay]
        shares[:, batch] = _shares(rng, known, bandit)
        units = rng.multinomial(PER_BATCH, shares[:, batch])
        yes = rng.binomial(units, bandit.rates[batch])
        counts[:, batch] = np.stack([yes, units - yes], axis=2)
    return Played(shares, counts)


def _shares(rng: np.random.Generator, known: Floats, bandit: Bandit) -> Floats:
    # How often each arm is the best in draws of its posterior, Beta(1 + yes, 1 + no) by its mean and variance.
    runs, arms, _ = known.shape
    n = known.sum(axis=2) + 2
    mean = (known[:, :, 0] + 1) / n
    deviation = np.sqrt(mean * (1 - mean) / (n + 1))
    best = (mean[:, None] + deviation[:, None] * rng.standard_normal((runs, DRAWS, arms))).argmax(axis=2)
    won = np.stack([(best == arm).mean(axis=1) for arm in range(arms)], axis=1)
    steps = np.floor(bandit.steps * (bandit.floor + (1 - arms * bandit.floor) * won) + 1e-9)
    steps[:, 0] += bandit.steps - steps.sum(axis=1)
    shares: Floats = steps / bandit.steps
    return shares


def _beside_the_champion(played: Played, arm: int) -> Drawn:
    # Of the units of these two, each was drawn for the candidate with its share of theirs.
    own, champions = played.shares[:, :, arm], played.shares[:, :, 0]
    counts = np.concatenate([played.counts[:, :, arm], played.counts[:, :, 0]], axis=2)
    return Drawn(propensity=np.round(own / (own + champions), 12), counts=counts)


def _regret(played: Played, bandit: Bandit) -> Floats:
    short = bandit.rates.max(axis=1, keepdims=True) - bandit.rates
    lost: Floats = (played.counts.sum(axis=3) * short).sum(axis=(1, 2))
    return lost
