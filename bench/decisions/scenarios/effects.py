"""How soon does each system see what is there, and what does it ship that it should not? Scenarios S6 and S7."""

from collections import Counter
from collections.abc import Iterator
from math import log
from typing import Final

import numpy as np
from bench.decisions.rows import HORIZON, SEGUE, Flags, Floats, Ints, Row, Scale, first, median, share
from bench.decisions.scenarios import worlds
from bench.decisions.systems import rivals
from bench.decisions.systems.ours import (
    ALPHA,
    DECLARED,
    Drawn,
    ask,
    crossed,
    crossed_by_horizon,
    expected,
    same,
    shown,
    summary_at,
)
from bench.decisions.systems.rivals import Pooled
from msgspec.structs import replace
from scipy.special import ndtri

from segue.evidence.looks import log_e_of_counts, rates_of
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Prior, Question, Side
from segue.facts.summary import PairedCounts

SPRT: Final = "SPRT (knows the effect)"
SAFE_ROLLOUT: Final = "GrowthBook Safe Rollout rule"
MULTIPLES: Final = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0)
BETA: Final = 0.2
HORIZONS: Final = (1.0, DECLARED, 2.0)
"""In fixed samples."""
PER_MINUTE: Final = 10
PAIRS_A_LOOK: Final = 10
CONVERSION: Final = "conversion 10 %, +1 pp"
LATENCY: Final = "p95 of 200 ms, -10 ms"
METRICS: Final[dict[str, tuple[Side, float, float]]] = {
    CONVERSION: ("above", 0.10, 0.01),
    "accuracy 91 %, +1 pp": ("above", 0.91, 0.01),
    LATENCY: ("below", 0.05, -0.0080),  # lognormal with sigma 0.6: share over 200 ms falls from 5 to 4.2 %
}
"""Side of the better, base rate, planned effect."""
Stops = dict[str, Ints]


def fixed(rate: float, effect: float, *, alpha: float = ALPHA, share: float = 0.5) -> float:
    """Units of both variants for a test with one look and power 0.8; each variant with its own variance."""
    z = float(ndtri(1 - alpha) + ndtri(1 - BETA))
    other = rate + effect
    return z**2 * (rate * (1 - rate) / (1 - share) + other * (1 - other) / share) / effect**2


def metric_curves(scale: Scale, name: str) -> Iterator[Row]:
    """S6 for one of `METRICS`; a quick check takes the first alone."""
    number, (side, rate, effect) = list(METRICS).index(name), METRICS[name]
    if number == 0 or not scale.short:
        yield from curves(scale, name, number, ask(side, 0.0, expected(rate, effect)))


def curves(scale: Scale, name: str, number: int, question: Question) -> Iterator[Row]:
    """Share of promotions by the fixed sample and by twice that, and the median time, at multiples of the plan."""
    rate, effect = question.prior.mean, question.prior.effect
    n_fix = fixed(rate, effect)
    minutes = int(2 * n_fix / PER_MINUTE)
    for place, multiple in enumerate(MULTIPLES):
        if scale.short and multiple not in {1.0, 2.0, 4.0}:
            continue
        stops: dict[str, list[Ints]] = {}
        for rng, runs in scale.chunks(6, number, place):
            rates = worlds.steady(minutes, rate + multiple * effect), worlds.steady(minutes, rate)
            drawn = worlds.drawn(rng, runs, PER_MINUTE, worlds.steady(minutes, 0.5), rates)
            for system, stop in _stops(question, drawn, n_fix).items():
                stops.setdefault(system, []).append(stop)
            if multiple == 1.0:
                covered = _covered(question, drawn, stops[SEGUE][-1], effect)
                stops.setdefault("covered", []).append(covered)
        yield from _coverage(name, np.concatenate(stops.pop("covered", [np.array([], dtype=int)])))
        for system, found in stops.items():
            yield from stopped(("S6", name, system), multiple, np.concatenate(found), n_fix / PER_MINUTE)


def stopped(named: tuple[str, str, str], at: float, stops: Ints, n_fix_minutes: float) -> Iterator[Row]:
    """Shares of promotions by each of `HORIZONS` and the median time, from the look at which each run stopped."""
    scenario, world, system = named
    runs, took = len(stops), (stops + 1) / n_fix_minutes
    for horizon in HORIZONS:
        what = "promoted by n_fix" if horizon == 1 else f"promoted by {horizon:g} n_fix"
        yield replace(share((scenario, world), system, what, int((took <= horizon).sum()), runs), at=at)
    ends = np.where(took <= HORIZONS[-1], took, np.inf)
    yield Row(scenario=scenario, world=world, system=system, what="median n/n_fix", at=at, value=median(ends), runs=runs)


def _stops(question: Question, drawn: Drawn, n_fix: float) -> Stops:
    # The first look at which each system promotes; peers know only "above", so "below" is shown to them upside down.
    seen = Pooled.of(drawn, n_fix)
    if question.claim.side == "below":
        seen = Pooled(seen.n_b, seen.n_a, -seen.mean_b, -seen.mean_a, seen.var_b, seen.var_a, seen.burnt_in, n_fix)
    found = {
        SEGUE: first(crossed(question, drawn)),
        HORIZON: first(crossed_by_horizon(question, drawn)),
        SPRT: first(_sprt(question, drawn)),
    }
    return found | {system: first(rule(seen)) for system, rule in rivals.RULES.items()}


def _sprt(question: Question, drawn: Drawn) -> Flags:
    # Wald's test with the planned bet alone; once it has given up it stays so.
    pi = float(drawn.propensity[0])
    wealth = drawn.total @ rates_of(question, propensities=[pi]).growth[0]
    given_up = np.logical_or.accumulate(wealth <= log(BETA / (1 - ALPHA)), axis=1)
    won: Flags = (wealth >= log((1 - BETA) / ALPHA)) & ~given_up
    return won


def _covered(question: Question, drawn: Drawn, stops: Ints, effect: float) -> Ints:
    # Whether the 95 % interval at the moment of promotion (or at the end) holds the truth.
    wide = replace(question, alpha=ALPHA / 2)
    last = drawn.counts.shape[1] - 1
    found = [weigh(wide, summary_at(drawn, run, min(int(stop), last))) for run, stop in enumerate(stops)]
    return np.array([isinstance(it, Evidence) and it.low <= effect <= it.high for it in found], dtype=np.int64)


def _coverage(name: str, covered: Ints) -> Iterator[Row]:
    if len(covered):
        value = float(covered.mean())
        yield Row(scenario="S6", world=name, system=SEGUE, what="coverage at stopping", at=1.0, value=value, runs=len(covered))


def harmful(scale: Scale) -> Iterator[Row]:
    """S6 at -1: a candidate that is worse by the whole margin asks to be called no worse; looks up to three fixed samples."""
    rate, margin = 0.10, 0.01
    n_fix = fixed(rate, margin)
    minutes = int(3 * n_fix / PER_MINUTE)
    question = ask("above", -margin, expected(rate, 0.0))
    shipped: Counter[tuple[str, float]] = Counter()
    for rng, runs in scale.extended.chunks(66):
        rates = worlds.steady(minutes, rate - margin), worlds.steady(minutes, rate)
        drawn = worlds.drawn(rng, runs, PER_MINUTE, worlds.steady(minutes, 0.5), rates)
        seen = Pooled.of(drawn, n_fix)
        passed = {
            SEGUE: np.logical_or.accumulate(crossed(question, drawn), axis=1),
            HORIZON: np.logical_or.accumulate(crossed_by_horizon(question, drawn), axis=1),
            SAFE_ROLLOUT: ~np.logical_or.accumulate(-seen.z > rivals.growthbook_bound(seen.n), axis=1),
        }
        for horizon in (0.5, 1.0, 2.0, 3.0):
            look = min(round(horizon * n_fix / PER_MINUTE), minutes) - 1
            shipped.update({(system, horizon): int(ships[:, look].sum()) for system, ships in passed.items()})
    for (system, horizon), hits in shipped.items():
        yield replace(share(("S6", "worse by the margin"), system, "shipped", hits, scale.extended.runs), at=horizon)


def declared(scale: Scale) -> Iterator[Row]:
    """S6 for the clock that ends: who has promoted the planned effect by the declared end, in so many runs that it is known."""
    side, rate, effect = METRICS[CONVERSION]
    question, n_fix, hits = ask(side, 0.0, expected(rate, effect)), fixed(rate, effect), 0
    minutes = int(DECLARED * n_fix / PER_MINUTE)
    rates = worlds.steady(minutes, rate + effect), worlds.steady(minutes, rate)
    for rng, runs in scale.extended.chunks(67):
        drawn = worlds.drawn(rng, runs, PER_MINUTE, worlds.steady(minutes, 0.5), rates)
        hits += int(crossed_by_horizon(question, drawn).any(axis=1).sum())
    yield replace(share(("S6", CONVERSION), HORIZON, "promoted by its end", hits, scale.extended.runs), at=1.0)


def pairs(scale: Scale) -> Iterator[Row]:
    """S7: a shadow stage; one point better, versions disagree on 1 to 20 % of the requests; and no better at all."""
    for place, disagreement in enumerate((0.07,) if scale.short else (0.01, 0.03, 0.06, 0.07, 0.20)):
        question = ask("above", 0.0, Prior(variance=disagreement, effect=0.01), design="paired")
        n_fix = float(ndtri(1 - ALPHA) + ndtri(1 - BETA)) ** 2 * (disagreement - 0.01**2) / 0.01**2
        world = f"shadow, {100 * disagreement:g} % disagree"
        for effect in (0.01, 0.0):
            chances = ((disagreement + effect) / 2, (disagreement - effect) / 2)
            took, labels = _paired(scale, question, chances, (place, round(100 * effect), round(n_fix / PAIRS_A_LOOK)))
            yield from _pair_rows(world, effect, took, labels)


def _paired(
    scale: Scale, question: Question, chances: tuple[float, float], run: tuple[int, int, int]
) -> tuple[dict[str, Floats], Floats]:
    # Pairs until each system promotes (infinity: never), and the labels that ours needed: those of the disagreements.
    stops: dict[str, list[Floats]] = {}
    labels: list[Floats] = []
    for rng, runs in scale.chunks(7, *run[:2]):
        counts = rng.multinomial(PAIRS_A_LOOK, (*chances, 1 - sum(chances)), size=(runs, 4 * run[2])).cumsum(axis=1)
        logs = log_e_of_counts(question, counts)
        plus, minus, zero = counts[0, -1].tolist()
        same(question, PairedCounts(plus=plus, minus=minus, zero=zero), float(logs[0, -1]))
        discordant = counts[:, :, 0] + counts[:, :, 1]
        mcnemar = (counts[:, :, 0] - counts[:, :, 1]) / np.sqrt(np.maximum(discordant, 1))
        mcnemar[discordant < rivals.BURN_IN] = 0.0
        once = np.zeros(mcnemar.shape, dtype=bool)
        once[:, run[2] - 1] = mcnemar[:, run[2] - 1] > rivals.Z_ONCE
        verdicts = {
            SEGUE: shown(question, logs),
            "McNemar at every look": mcnemar > rivals.Z_ONCE,
            "GrowthBook sequential, paired": mcnemar > rivals.growthbook_bound(counts.sum(axis=2).astype(float)),
            "McNemar once, at n_fix": once,
        }
        for system, flags in verdicts.items():
            stop = first(flags)
            stops.setdefault(system, []).append(np.where(stop < flags.shape[1], PAIRS_A_LOOK * (stop + 1.0), np.inf))
        at = np.minimum(first(verdicts[SEGUE]), logs.shape[1] - 1)
        labels.append(discordant[np.arange(runs), at].astype(float))
    return {system: np.concatenate(found) for system, found in stops.items()}, np.concatenate(labels)


def _pair_rows(world: str, effect: float, took: dict[str, Floats], labels: Floats) -> Iterator[Row]:
    for system, pairs_taken in took.items():
        runs, hits = len(pairs_taken), int(np.isfinite(pairs_taken).sum())
        told = share(("S7", world), system, "false promotion", hits, runs)
        yield replace(told, what="median pairs", value=median(pairs_taken), upper=None) if effect else told
    if effect:
        yield Row(scenario="S7", world=world, system=SEGUE, what="median labels", value=median(labels), runs=len(labels))
