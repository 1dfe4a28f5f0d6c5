"""The same, where what is seen is more than yes or no: revenue, and users with many requests. Scenarios S2, S6 and S11."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np
from bench.decisions.rows import HORIZON, SEGUE, Flags, Floats, Ints, Row, Scale, first, share
from bench.decisions.scenarios import effects, nulls, worlds
from bench.decisions.systems import rivals
from bench.decisions.systems.ours import Drawn, ask, crossed, expected, same, shown
from bench.decisions.systems.rivals import Pooled
from scipy.special import ndtri

from segue.evidence.looks import log_e_of_growths, log_e_of_sums
from segue.evidence.methods.normal_mixture import BURN_IN_CARRIERS, BURN_IN_UNITS
from segue.facts.grid import score_grid
from segue.facts.question import Prior, Question
from segue.facts.summary import ScoreSums

BUYS: Final = 0.05
MEAN: Final = BUYS * float(np.exp(3 + 1.5**2 / 2))
SQUARES: Final = BUYS * float(np.exp(6 + 2 * 1.5**2))
DEARER: Final = "revenue 3.09 a unit, +2 %"
LOOKS_A_FIX: Final = 100


def revenue(scale: Scale) -> Iterator[Row]:
    """S2: one in twenty buys, for a lognormal amount; with a cap that was declared before the start, and without."""
    cap = float(np.exp(3 + 1.5 * 2.05))  # the 98th percentile of a purchase, the 99.9th of a unit
    prior = Prior(mean=3.0, variance=400.0, effect=0.6)
    for pi in (0.5,) if scale.short else (0.05, 0.5):
        hits: Counter[str] = Counter()
        for rng, runs in scale.chunks(2, round(100 * pi)):
            seen = _Purchases(rng, runs, pi)
            for system, promoted in seen.judged(prior, cap).items():
                hits[system] += int(promoted.any(axis=1).sum())
        for system, count in hits.items():
            yield share(("S2", f"A/A revenue, share {pi:g}"), system, nulls.WHAT, count, scale.runs)


class _Purchases:
    # Minutes of purchases; who buys nothing is counted, who buys is looked at.
    def __init__(self, rng: np.random.Generator, runs: int, pi: float) -> None:
        self._shape = (runs, nulls.UNITS // nulls.PER_MINUTE)
        self._pi = pi
        n_b = rng.binomial(nulls.PER_MINUTE, pi, self._shape)
        self._units = (n_b, nulls.PER_MINUTE - n_b)
        self._buyers = tuple(rng.binomial(n, BUYS) for n in self._units)
        self._amounts = tuple(rng.lognormal(3, 1.5, int(buyers.sum())) for buyers in self._buyers)

    def judged(self, prior: Prior, cap: float) -> dict[str, Flags]:
        """Who promotes, look by look."""
        seen = self._pooled()
        return {
            f"{SEGUE}, capped": self._capped(ask("above", 0.0, prior, cap=cap)),
            f"{SEGUE}, uncapped": self._uncapped(ask("above", 0.0, prior, cap=None)),
        } | {name: rule(seen) for name, rule in rivals.RULES.items()}

    def _sum(self, arm: int, of: Floats, of_nothing: float) -> Floats:
        # Sum over the units of each minute, cumulative: those who bought, and those who did not.
        buyers = self._buyers[arm]
        minute = np.repeat(np.arange(buyers.size), buyers.ravel())
        bought = np.bincount(minute, weights=of, minlength=buyers.size).reshape(self._shape)
        return (bought + of_nothing * (self._units[arm] - buyers)).cumsum(axis=1)

    def _capped(self, question: Question) -> Flags:
        grid = score_grid(question)
        growths = np.zeros((*self._shape, len(grid.lambdas)))
        for arm, amounts in enumerate(self._amounts):
            away = 1 - self._pi if arm == 0 else -self._pi
            bend = self._pi * (1 - self._pi) * grid.bound
            z = grid.sign * (away * (np.minimum(amounts / grid.scale, 1.0) - grid.centre) - bend)
            nothing = grid.of_draw(0.0, to_candidate=arm == 0, propensity=self._pi)
            for j, bet in enumerate(grid.lambdas[: len(grid.lambdas) // 2]):
                growths[..., j] += self._sum(arm, np.log1p(bet * z), float(np.log1p(bet * nothing)))
        logs = log_e_of_growths(question, growths)
        n_b, n_a = (int(units[0].sum()) for units in self._units)
        grown = ScoreSums(
            n=n_b + n_a, n_candidate=n_b, z=0.0, z2=1.0, weight=(n_b + n_a) * self._pi * (1 - self._pi),
            log_growth=tuple(growths[0, -1].tolist()),
        )  # fmt: skip
        same(question, grown, float(logs[0, -1]))
        return shown(question, logs)

    def _uncapped(self, question: Question) -> Flags:
        grid, pi = score_grid(question), self._pi
        sums = [np.zeros(self._shape) for _ in range(3)]
        for arm, amounts in enumerate(self._amounts):
            away, nothing = (1 - pi if arm == 0 else -pi), grid.of_draw(0.0, to_candidate=arm == 0, propensity=pi)
            for k, power in enumerate((1, 2, 4)):
                sums[k] += self._sum(arm, (away * (amounts - grid.centre)) ** power, nothing**power)
        z, z2, z4 = sums
        n_b, n_a = (units.cumsum(axis=1) for units in self._units)
        weight, n = (n_b + n_a) * pi * (1 - pi), n_b + n_a
        believed = (np.minimum(n_b, n_a) >= BURN_IN_UNITS) & (z2**2 >= BURN_IN_CARRIERS * z4)
        logs = log_e_of_sums(question, estimate=z / weight, weight=weight, variance=z2 - z**2 / n)
        promoted: Flags = believed & shown(question, logs)
        self._agrees(question, (n_b, n_a), (z, z2, z4), np.where(believed, logs, 0.0))
        return promoted

    def _agrees(self, question: Question, units: tuple[Ints, Ints], powers: tuple[Floats, ...], logs: Floats) -> None:
        # The last look of the first run, as it would have been weighed.
        n_b, n = int(units[0][0, -1]), int(units[0][0, -1] + units[1][0, -1])
        z, z2, z4 = (float(power[0, -1]) for power in powers)
        weight = n * self._pi * (1 - self._pi)
        same(question, ScoreSums(n=n, n_candidate=n_b, z=z, z2=z2, z4=z4, weight=weight, log_growth=()), float(logs[0, -1]))

    def _pooled(self) -> Pooled:
        n = [units.cumsum(axis=1).astype(float) for units in self._units]
        some = [np.maximum(units, 1) for units in n]
        means = [self._sum(arm, amounts, 0.0) / some[arm] for arm, amounts in enumerate(self._amounts)]
        squares = [self._sum(arm, amounts**2, 0.0) / some[arm] for arm, amounts in enumerate(self._amounts)]
        variances = [square - mean**2 for square, mean in zip(squares, means, strict=True)]
        burnt_in: Flags = np.minimum(*(buyers.cumsum(axis=1) for buyers in self._buyers)) >= rivals.BURN_IN
        return Pooled(n[0], n[1], means[0], means[1], variances[0], variances[1], burnt_in, nulls.UNITS / 3)


def dearer(scale: Scale) -> Iterator[Row]:
    """S6: revenue that is 2, 4 or 8 % higher. Its tails make a fixed sample of twelve million units; no cap, no prediction."""
    question = ask("above", 0.0, Prior(mean=MEAN, variance=SQUARES - MEAN**2, effect=0.02 * MEAN), cap=None)
    n_fix = 4 * question.prior.variance * (rivals.Z_ONCE + float(ndtri(1 - effects.BETA))) ** 2 / question.prior.effect**2
    few = Scale(runs=scale.runs // 10, chunk=4)
    for multiple, until in ((1.0, 2.0), (2.0, 1.0), (4.0, 0.5)):
        stops: dict[str, list[Ints]] = {}
        for rng, runs in few.chunks(62, round(multiple)):
            shape = (runs, round(until * LOOKS_A_FIX))
            arms = [_bought(rng, shape, n_fix / LOOKS_A_FIX / 2, 1 + 0.02 * times) for times in (multiple, 0.0)]
            for system, flags in _of_powers(question, arms, n_fix).items():
                stopped = first(flags)
                stops.setdefault(system, []).append(np.where(stopped < shape[1], stopped, 3 * LOOKS_A_FIX))
        for system, found in stops.items():
            yield from effects.stopped(("S6", DEARER, system), multiple, np.concatenate(found), LOOKS_A_FIX)


def _bought(rng: np.random.Generator, shape: tuple[int, int], units: float, dearer: float) -> Floats:
    # Units since the beginning, and the sums of their first four powers: shape (5, runs, looks).
    n = rng.poisson(units, shape)
    buyers = rng.binomial(n, BUYS)
    amounts, look = dearer * rng.lognormal(3, 1.5, int(buyers.sum())), np.repeat(np.arange(buyers.size), buyers.ravel())
    sums, power = [n.astype(float)], np.ones_like(amounts)
    for _ in range(4):
        power *= amounts
        sums.append(np.bincount(look, weights=power, minlength=buyers.size).reshape(shape))
    return np.stack(sums).cumsum(axis=2)


def _of_powers(question: Question, arms: list[Floats], n_fix: float) -> dict[str, Flags]:
    c, n = score_grid(question).centre, arms[0][0] + arms[1][0]
    (b0, b1, b2, *_), (a0, a1, a2, *_) = arms
    z = (b1 - c * b0 - a1 + c * a0) / 2
    z2 = sum((s2 - 2 * c * s1 + c**2 * s0) for s0, s1, s2, *_ in arms) / 4
    z4 = sum(s4 - 4 * c * s3 + 6 * c**2 * s2 - 4 * c**3 * s1 + c**4 * s0 for s0, s1, s2, s3, s4 in arms) / 16
    believed = (np.minimum(a0, b0) >= BURN_IN_UNITS) & (z2**2 >= BURN_IN_CARRIERS * z4)
    logs = np.where(believed, log_e_of_sums(question, estimate=4 * z / n, weight=n / 4, variance=z2 - z**2 / n), 0.0)
    last = [float(sums[0, -1]) for sums in (n, b0, z, z2, z4)]
    summary = ScoreSums(n=int(last[0]), n_candidate=int(last[1]), z=last[2], z2=last[3], z4=last[4], weight=last[0] / 4,
        log_growth=())  # fmt: skip
    same(question, summary, float(logs[0, -1]))
    means = b1 / b0, a1 / a0
    seen = Pooled(b0, a0, *means, b2 / b0 - means[0] ** 2, a2 / a0 - means[1] ** 2, np.ones(n.shape, dtype=bool), n_fix)
    return {SEGUE: shown(question, logs)} | {name: rule(seen) for name, rule in rivals.RULES.items()}


def clustered(scale: Scale) -> Iterator[Row]:
    """S11: users with habits, 1 to 20 requests each; users are drawn, and peers are shown requests."""
    question = ask("above", 0.0, expected(0.1, 0.02))
    shape, per_minute = (nulls.UNITS // nulls.PER_MINUTE,), 10
    asked, hits = nulls.judges(question, nulls.UNITS / 3), Counter[str]()
    del asked[SEGUE], asked[HORIZON]
    for rng, runs in scale.chunks(11):
        users = (runs, *shape, per_minute)
        to_b = rng.random(users) < 0.5
        requests = rng.integers(1, 21, users)
        yes = rng.binomial(requests, rng.beta(0.4, 3.6, users))  # intra-class correlation 1 / (1 + .4 + 3.6)
        hits[f"{SEGUE}, by user"] += int(_by_user(question, to_b, yes / requests).any(axis=1).sum())
        log = _by_request(to_b, yes, requests)
        hits[f"{SEGUE}, told that requests were drawn"] += int(crossed(question, log).any(axis=1).sum())
        for system, judge in asked.items():
            hits[system] += int(judge(log).any(axis=1).sum())
    for system, count in hits.items():
        yield share(("S11", "users with habits"), system, nulls.WHAT, count, scale.runs)


def _by_user(question: Question, to_b: Flags, share_of_yes: Floats) -> Flags:
    grid = score_grid(question)
    z = grid.sign * (np.where(to_b, 0.5, -0.5) * (share_of_yes - grid.centre) - 0.25 * grid.bound)
    growths = np.zeros((*z.shape[:2], len(grid.lambdas)))
    for j, bet in enumerate(grid.lambdas[: len(grid.lambdas) // 2]):
        growths[..., j] = np.log1p(bet * z).sum(axis=2).cumsum(axis=1)
    return shown(question, log_e_of_growths(question, growths))


def _by_request(to_b: Flags, yes: Ints, requests: Ints) -> Drawn:
    no = requests - yes
    counts = np.stack([(arm * side).sum(axis=2) for arm in (to_b, ~to_b) for side in (yes, no)], axis=2)
    return Drawn(propensity=worlds.steady(yes.shape[1], 0.5), counts=counts)
