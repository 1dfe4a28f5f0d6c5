"""How often does each system promote a candidate that is no better? Scenarios S1, S3, S4 and S9."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

import numpy as np
from bench.decisions.rows import DOUBTFUL, HORIZON, SEGUE, Flags, Row, Scale, share
from bench.decisions.scenarios import worlds
from bench.decisions.systems import rivals
from bench.decisions.systems.ours import Drawn, ask, crossed, crossed_by_horizon, expected
from bench.decisions.systems.rivals import Pooled

from segue.facts.question import Question

WHAT: Final = "false promotion"
UNITS: Final = 70_000
PER_MINUTE: Final = 100
RATES: Final = (0.001, 0.01, 0.1, 0.5, 0.91, 0.99)
SHARES: Final = (0.01, 0.05, 0.5)
WINDOW: Final = worlds.DAY
Judges = dict[str, Callable[[Drawn], Flags]]
OURS: Final = frozenset({SEGUE, HORIZON})
Log = TypeVar("Log")


def judges(question: Question, n_fix: float) -> Judges:
    """Segue, and every peer, on the same totals."""
    found: Judges = {
        SEGUE: lambda log: crossed(question, log),
        HORIZON: lambda log: crossed_by_horizon(question, log),
    }
    return found | {name: _pooled(rule, n_fix) for name, rule in rivals.RULES.items()}


def _pooled(rule: Callable[[Pooled], Flags], n_fix: float) -> Callable[[Drawn], Flags]:
    return lambda log: rule(Pooled.of(log, n_fix))


def tally(where: tuple[str, str], scale: Scale, logs: Callable[[Scale], Iterable[Drawn]], asked: Judges) -> Iterator[Row]:
    """In which share of the runs each system ever promotes; `where` is scenario and world."""
    yield from counted(where, scale, logs, {name: partial(_ever, judge) for name, judge in asked.items()})


def _ever(judge: Callable[[Drawn], Flags], log: Drawn) -> Flags:
    return np.asarray(judge(log).any(axis=1))


def counted(
    where: tuple[str, str], scale: Scale, logs: Callable[[Scale], Iterable[Log]], asked: Mapping[str, Callable[[Log], Flags]]
) -> Iterator[Row]:
    """In which share of the runs each system promotes, given whether it does in each; ours of `most` runs where in doubt.

    Which systems go on is decided once, after the runs that every world has, and all of their runs count.
    """
    hits, runs, on = Counter[str](), Counter[str](), dict(asked)
    for log in logs(scale.extended):
        if runs.total() and max(runs.values()) == scale.runs:
            on = {name: of for name, of in on.items() if name in OURS and hits[name] > DOUBTFUL * scale.runs}
            if not on:
                break
        for system, promotes in on.items():
            flags = promotes(log)
            hits[system] += int(flags.sum())
            runs[system] += len(flags)
    for system in asked:
        yield share(where, system, WHAT, hits[system], runs[system])


def plain(scale: Scale) -> Iterator[Row]:
    """S1: the same model twice; rare and frequent outcomes, small and large shares."""
    minutes = UNITS // PER_MINUTE
    for cell, (rate, pi) in enumerate((rate, pi) for rate in RATES for pi in SHARES):
        if scale.short and (rate, pi) not in {(0.001, 0.01), (0.1, 0.5), (0.91, 0.05)}:
            continue
        question = ask("above", 0.0, expected(rate, 0.1 * min(rate, 1 - rate)))
        world = f"A/A, rate {rate:g}, share {pi:g}"
        yield from tally(("S1", world), scale, partial(_alike, (1, cell), (minutes, rate, pi)), judges(question, UNITS / 3))


def _alike(seed: tuple[int, int], world: tuple[int, float, float], scale: Scale) -> Iterator[Drawn]:
    minutes, rate, pi = world
    rates = (worlds.steady(minutes, rate),) * 2
    for rng, runs in scale.chunks(*seed):
        yield worlds.drawn(rng, runs, PER_MINUTE, worlds.steady(minutes, pi), rates)


def ramped(scale: Scale) -> Iterator[Row]:
    """S3: the share is raised once a day while the base rate follows the hour."""
    for cell, drift in enumerate((0.0, 0.03)):
        question = ask("above", 0.0, expected(0.1, 0.01))
        name = "ramp, day and night" + (", drift" if drift else "")
        yield from tally(("S3", name), scale, partial(_ramp, cell, drift), judges(question, 23_234))


def _ramp(cell: int, drift: float, scale: Scale) -> Iterator[Drawn]:
    pi, base = worlds.ramp(), worlds.day_and_night(5 * worlds.DAY, drift=drift)
    for rng, runs in scale.chunks(3, cell):
        yield worlds.drawn(rng, runs, 10, pi, (base, base))


def delayed(scale: Scale) -> Iterator[Row]:
    """S4: the candidate's outcomes come twice as soon; there are as many in the end."""
    asked = judges(ask("above", 0.0, expected(0.1, 0.01)), 23_234)
    yield from tally(("S4", "delays, outcomes that are due"), scale, partial(_late, _due), asked)
    del asked[HORIZON]
    asked = {"Segue, told not to wait": asked.pop(SEGUE), **asked}
    yield from tally(("S4", "delays, not yet counts as no"), scale, partial(_late, _known), asked)


def _late(see: Callable[[np.random.Generator, Drawn], Drawn], scale: Scale) -> Iterator[Drawn]:
    base = worlds.steady(7 * worlds.DAY, 0.1)
    for rng, runs in scale.chunks(4):
        yield see(rng, worlds.drawn(rng, runs, 10, worlds.steady(len(base), 0.5), (base, base)))


def _due(_: np.random.Generator, log: Drawn) -> Drawn:
    counts = np.zeros_like(log.counts)
    counts[:, WINDOW:] = log.counts[:, :-WINDOW]
    return replace(log, counts=counts)


def _known(rng: np.random.Generator, log: Drawn) -> Drawn:
    yes_b = worlds.arrivals(rng, log.counts[:, :, 0], mean_delay=240, window=WINDOW)
    yes_a = worlds.arrivals(rng, log.counts[:, :, 2], mean_delay=480, window=WINDOW)
    no_b, no_a = log.counts[:, :, :2].sum(axis=2) - yes_b, log.counts[:, :, 2:].sum(axis=2) - yes_a
    return replace(log, counts=np.stack([yes_b, no_b, yes_a, no_a], axis=2))


def several(scale: Scale) -> Iterator[Row]:
    """S9: 2 to 10 candidates and one champion, none or the first of them 2 pp better; each promotes whichever it is sure of."""
    for candidates in (2, 10) if scale.short else (2, 3, 5, 10):
        asked = judges(ask("above", 0.0, expected(0.1, 0.01), alpha=0.05 / candidates), UNITS / 3)
        any_of = {system: partial(_any, judge) for system, judge in asked.items()}
        yield from counted(("S9", f"{candidates} candidates, none better"), scale, partial(_none_better, candidates), any_of)
        yield from _one_better(scale, candidates, asked)


def _any(judge: Callable[[Drawn], Flags], logs: list[Drawn]) -> Flags:
    return np.asarray(np.stack([judge(log).any(axis=1) for log in logs]).any(axis=0))


def _none_better(candidates: int, scale: Scale) -> Iterator[list[Drawn]]:
    for rng, runs in scale.chunks(9, candidates, 0):
        yield _arms(rng, runs, candidates, 0)


def _one_better(scale: Scale, candidates: int, asked: Judges) -> Iterator[Row]:
    wrong, right, world = Counter[str](), Counter[str](), f"{candidates} candidates, one better"
    for rng, runs in scale.chunks(9, candidates, 1):
        logs = _arms(rng, runs, candidates, 1)
        for system, judge in asked.items():
            right[system] += int(judge(logs[0]).any(axis=1).sum())
            wrong[system] += int(_any(judge, logs[1:]).sum())
    for system in asked:
        yield share(("S9", world), system, WHAT, wrong[system], scale.runs)
        yield share(("S9", world), system, "the better one promoted", right[system], scale.runs)


def _arms(rng: np.random.Generator, runs: int, candidates: int, better: int) -> list[Drawn]:
    # Each candidate beside the champion, who is arm 0: of the units of these two, half were drawn for either.
    minutes = UNITS // PER_MINUTE
    arms = rng.multinomial(PER_MINUTE, np.full(candidates + 1, 1 / (candidates + 1)), size=(runs, minutes))
    yes = rng.binomial(arms, np.where((np.arange(candidates + 1) > 0) & (np.arange(candidates + 1) <= better), 0.12, 0.1))
    counts = np.stack([yes, arms - yes], axis=3)
    half = worlds.steady(minutes, 0.5)
    return [
        Drawn(propensity=half, counts=np.concatenate([counts[:, :, arm], counts[:, :, 0]], axis=2))
        for arm in range(1, candidates + 1)
    ]
