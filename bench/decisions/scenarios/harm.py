"""How much does a bad candidate serve before it is rolled back, and how often is a good one? Scenarios S8 and S10."""

from collections import Counter
from collections.abc import Iterator
from math import sqrt
from typing import Final

import numpy as np
from bench.decisions.rows import SEGUE, Flags, Floats, Ints, Row, Scale, first, median, share
from bench.decisions.scenarios import worlds
from bench.decisions.systems import rivals
from bench.decisions.systems.ours import Drawn, ask, crossed, expected
from bench.decisions.systems.rivals import Pooled
from msgspec.structs import replace
from scipy.special import ndtri

from segue.facts.question import Prior

ALPHA: Final = 0.01
ERRORS: Final = 0.01
MULTIPLES: Final = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0)
PER_MINUTE: Final = 1000
SHARES: Final = (0.01, 0.05, 0.25, 0.5)
AS_ASKED: Final = f"{SEGUE}, difference of shares"
THRESHOLD: Final = "1.5 x baseline in a 5-minute window"
SERVED: Final = "median requests of the candidate"
CANARY: Final = "canary from 1 %"
KAYENTA: Final = "Kayenta, every 10 minutes"
BREAKS_AT: Final = 90
"""Minute of the step failure."""
WINDOW: Final = 5
GATES: Final = (5, 4)
"""Guardrails and segments of S10."""
SEGMENTS: Final = (0.05, 0.20, 0.25, 0.50)
ALIKE: Final = sqrt(0.5)
"""A guardrail copies the request's common luck with this chance, so that two correlate by 0.5."""
HARM_MARGIN: Final = 0.01
RATE: Final = 0.91


def ratios(scale: Scale) -> Iterator[Row]:
    """S8: the candidate fails so many times as often as the champion, from the first request on; a day at each share."""
    pi = np.repeat(SHARES, worlds.DAY)
    for place, multiple in enumerate(MULTIPLES):
        if scale.short and multiple not in {1.1, 2.0, 3.0, 5.0}:
            continue
        until = len(pi) if multiple < 1.5 else 2 * worlds.DAY
        yield from _replayed(scale, CANARY, multiple, (pi[:until], worlds.steady(until, multiple), 0, place))


def step(scale: Scale) -> Iterator[Row]:
    """S8: all is well for 90 minutes, then the candidate fails five times as often; what it serves from then on."""
    minutes = worlds.DAY
    factor = np.where(np.arange(minutes) < BREAKS_AT, 1.0, 5.0)
    yield from _replayed(scale, "breaks at minute 90", 5.0, (worlds.steady(minutes, 0.01), factor, BREAKS_AT, 20))


def _replayed(scale: Scale, world: str, at: float, run: tuple[Floats, Floats, int, int]) -> Iterator[Row]:
    pi, factor, begins, seed = run
    served: dict[str, list[Floats]] = {}
    early: Counter[str] = Counter()
    for rng, runs in scale.chunks(8, seed):
        drawn = worlds.drawn(rng, runs, PER_MINUTE, pi, (ERRORS * factor, worlds.steady(len(pi), ERRORS)))
        to_candidate = drawn.counts[:, :, :2].sum(axis=2).cumsum(axis=1)
        if begins:
            to_candidate = np.maximum(to_candidate - to_candidate[:, begins - 1 : begins], 0)
        for system, flags in _judged(drawn).items():
            stops = first(flags)
            early[system] += int((stops < begins).sum())
            served.setdefault(system, []).append(_served(to_candidate, stops))
    for system, found in served.items():
        yield from told(world, system, at, np.concatenate(found))
        if begins:
            yield share(("S8", world), system, "rolled back before it broke", early[system], scale.runs)


def _judged(drawn: Drawn) -> dict[str, Flags]:
    split = ask("above", 1.1, Prior(effect=2.0), alpha=ALPHA, design="events")
    share = ask("above", 0.0, expected(ERRORS, 0.001), alpha=ALPHA, factor=1.1)
    seen = Pooled.of(drawn, np.inf)
    return {
        SEGUE: crossed(split, drawn),
        AS_ASKED: crossed(share, drawn),
        "z-test at every look": seen.z > float(ndtri(1 - ALPHA)),
        rivals.GROWTHBOOK: seen.z > rivals.growthbook_bound(seen.n, ALPHA),
        THRESHOLD: _threshold(drawn),
    }


def _threshold(drawn: Drawn) -> Flags:
    # The rule of thumb of canary tools: the window's error rate is over 1.5 times the baseline's in the same window.
    runs, minutes, _ = drawn.counts.shape
    windows = drawn.counts.reshape(runs, minutes // WINDOW, WINDOW, 4).sum(axis=2)
    bad_b, good_b, bad_a, good_a = np.moveaxis(windows, 2, 0)
    broken = bad_b * (bad_a + good_a) > 1.5 * bad_a * (bad_b + good_b)
    flags = np.zeros((runs, minutes), dtype=bool)
    flags[:, WINDOW - 1 :: WINDOW] = broken
    return flags


def _served(to_candidate: Ints, stops: Ints) -> Floats:
    minutes = to_candidate.shape[1]
    at = np.minimum(stops, minutes - 1)
    return np.where(stops < minutes, to_candidate[np.arange(len(stops)), at], np.inf).astype(float)


def told(world: str, system: str, at: float, served: Floats) -> Iterator[Row]:
    """How often it was rolled back, and after how many of the candidate's requests."""
    runs, hits = len(served), int(np.isfinite(served).sum())
    row = replace(share(("S8", world), system, "rolled back", hits, runs), at=at)
    yield row
    yield replace(row, what=SERVED, value=median(served), upper=None)


def halves(scale: Scale) -> Iterator[Row]:
    """S8 at one half each, four hours: what Kayenta's judge is made for, error rates minute by minute."""
    minutes = 240
    for place, multiple in enumerate((1.0, 1.25, 2.0)):
        served: dict[str, list[Floats]] = {}
        few = scale.runs // 10
        for rng, runs in Scale(runs=few, chunk=scale.chunk).chunks(88, place):
            rates = worlds.steady(minutes, multiple * ERRORS), worlds.steady(minutes, ERRORS)
            drawn = worlds.drawn(rng, runs, PER_MINUTE, worlds.steady(minutes, 0.5), rates)
            to_candidate = drawn.counts[:, :, :2].sum(axis=2).cumsum(axis=1)
            flags = {KAYENTA: _kayenta(drawn), SEGUE: _judged(drawn)[SEGUE]}
            for system, judged in flags.items():
                served.setdefault(system, []).append(_served(to_candidate, first(judged)))
        for system, found in served.items():
            yield from told("halves, four hours", system, multiple, np.concatenate(found))


def _kayenta(drawn: Drawn) -> Flags:
    counts = drawn.counts.astype(float)
    b, a = (counts[:, :, arm] / np.maximum(counts[:, :, arm] + counts[:, :, arm + 1], 1) for arm in (0, 2))
    flags = np.zeros(b.shape, dtype=bool)
    for end in range(10, b.shape[1] + 1, 10):
        for run in np.flatnonzero(~flags.any(axis=1)):
            flags[run, end - 1] = kayenta_high(b[run, :end], a[run, :end])
    return flags


def kayenta_high(b: Floats, a: Floats, *, confidence: float = 0.98, tolerance: float = 0.25) -> bool:
    """Kayenta's verdict "High": the Mann-Whitney interval of the shift lies above a quarter of its Hodges-Lehmann estimate.

    >>> kayenta_high(np.arange(20.0) + 12, np.arange(20.0)), kayenta_high(np.arange(20.0), np.arange(20.0))
    (True, False)
    """
    shifts = np.sort(np.subtract.outer(b, a), axis=None)
    spread = sqrt(len(b) * len(a) * (len(b) + len(a) + 1) / 12)
    rank = max(int(len(shifts) / 2 - float(ndtri((1 + confidence) / 2)) * spread), 0)
    return bool(shifts[rank] > tolerance * abs(float(np.median(shifts))))


def boundary(scale: Scale) -> Iterator[Row]:
    """S10 without harm: 5 guardrails in 4 segments and 4 stages, every one of them as bad as it may be, and at no effect."""
    gates = GATES[0] * GATES[1] * len(SHARES)
    question = ask("below", -HARM_MARGIN, expected(RATE, -2 * HARM_MARGIN), alpha=ALPHA / gates)
    few = Scale(runs=scale.runs, chunk=50)
    for place, (world, effect) in enumerate((("every gate at its margin", -HARM_MARGIN), ("no effect", 0.0))):
        rolled_back = 0
        for rng, runs in few.chunks(10, place):
            harmed = np.zeros(runs, dtype=bool)
            for pi in SHARES:
                for segment in SEGMENTS:
                    for drawn in _guardrails(rng, (runs, 144), (pi, 10 * PER_MINUTE * segment), (effect,) * GATES[0]):
                        harmed |= crossed(question, drawn).any(axis=1)
            rolled_back += int(harmed.sum())
        yield share(("S10", world), SEGUE, "false rollback", rolled_back, scale.runs)


def segment(scale: Scale) -> Iterator[Row]:
    """S10: one guardrail is harmed by 3 pp in 5 % of the traffic, while the objective is 1 pp better for everybody."""
    gates = GATES[0] * GATES[1] * len(SHARES)
    question = ask("below", -HARM_MARGIN, expected(RATE, -2 * HARM_MARGIN), alpha=ALPHA / gates)
    n_fix = fixed_harm(question.alpha)
    minutes = int(2 * n_fix / (PER_MINUTE * SEGMENTS[0]))
    seen = promoted = 0
    for rng, runs in scale.chunks(101):
        harm, *_ = _guardrails(rng, (runs, minutes), (0.5, PER_MINUTE * SEGMENTS[0]), (-0.03,))
        at = first(crossed(question, harm))
        whole = worlds.drawn(
            rng,
            runs,
            PER_MINUTE,
            worlds.steady(minutes, 0.5),
            (worlds.steady(minutes, RATE + 0.01), worlds.steady(minutes, RATE)),
        )
        objective = first(Pooled.of(whole, np.inf).z > rivals.growthbook_bound(whole.units.astype(float)))
        seen += int((at < minutes).sum())
        promoted += int((objective < minutes).sum())
    world = "5 % of the traffic harmed"
    for system, what, hits in (
        (SEGUE, "detected by 2 n_fix of the segment", seen),
        (rivals.GROWTHBOOK + ", objective only", "promoted by then", promoted),
    ):
        yield share(("S10", world), system, what, hits, scale.runs)


def fixed_harm(alpha: float) -> float:
    """Units of the segment for a test with one look: 3 pp worse against a margin of 1 pp."""
    z = float(ndtri(1 - alpha) + ndtri(0.8))
    return z**2 * 2 * (RATE * (1 - RATE) + (RATE - 0.03) * (1.03 - RATE)) / (0.03 - HARM_MARGIN) ** 2


def _guardrails(
    rng: np.random.Generator, shape: tuple[int, int], drawn_by: tuple[float, float], effects: tuple[float, ...]
) -> Iterator[Drawn]:
    # One log a guardrail. Each request has a common luck; a guardrail copies it with chance ALIKE, else has its own.
    pi, per_look = drawn_by
    n_b = rng.binomial(round(per_look), pi, shape)
    arms = (n_b, round(per_look) - n_b)
    lucky = [rng.binomial(n, RATE) for n in arms]
    for effect in effects:
        counts = []
        for n, luck, worse in zip(arms, lucky, (effect, 0.0), strict=True):
            yes = rng.binomial(luck, ALIKE + (1 - ALIKE) * RATE) + rng.binomial(n - luck, (1 - ALIKE) * RATE)
            yes = rng.binomial(yes, 1 + worse / RATE)
            counts += [yes, n - yes]
        yield Drawn(propensity=worlds.steady(shape[1], pi), counts=np.stack(counts, axis=2))
