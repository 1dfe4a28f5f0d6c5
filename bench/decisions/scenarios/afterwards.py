"""Does what was true when it was promoted stay true, and is it the same every day? Scenarios S12, S15 and S16."""

from collections.abc import Iterator
from math import log
from typing import Final

import numpy as np
from bench.decisions.rows import SEGUE, Floats, Ints, Row, Scale, first, median, share
from bench.decisions.scenarios import nulls, worlds
from bench.decisions.systems.ours import ask, expected
from msgspec.structs import replace
from scipy.stats import binom, chi2

from segue.evidence.looks import rates_of
from segue.evidence.many.detectors import Watch, log_statistic, replayed
from segue.evidence.process import log_sums
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Prior, Question
from segue.facts.summary import Counts, Day, Days

RUN_LENGTH: Final = 10_080.0
"""Minutes of a week: batches between two false alarms, at least."""
BATCH: Final = 100
LIMIT: Final = 0.10
RULE_OF_THUMB: Final = "one batch beyond 3 sigma"
PRECISION: Final = 0.91
A_DAY: Final = 500
CHI_SQUARE: Final = "chi-square every day"


def novelty(scale: Scale) -> Iterator[Row]:
    """S12: 2 pp better when it is new, half of that lost every two days, 0.5 pp worse in the end; two weeks."""
    minute = np.arange(14 * worlds.DAY)
    effect = -0.005 + 0.025 * 0.5 ** (minute / (2 * worlds.DAY))
    base = worlds.steady(len(minute), 0.1)
    asked = nulls.judges(ask("above", 0.0, expected(0.1, 0.01)), 23_234)
    few = Scale(runs=scale.runs // 4, chunk=50)
    found: dict[str, list[Floats]] = {}
    for rng, runs in few.chunks(12):
        drawn = worlds.drawn(rng, runs, 10, worlds.steady(len(minute), 0.5), (base + effect, base))
        for system, judge in asked.items():
            found.setdefault(system, []).append(first(judge(drawn)).astype(float))
    for system, stops in found.items():
        took = np.concatenate(stops)
        ended = took < len(minute)
        row = share(("S12", "a novelty that wears off"), system, "promoted", int(ended.sum()), few.runs)
        days = np.where(ended, took / worlds.DAY, np.inf)
        yield row
        yield replace(row, what="median days to promotion", value=median(days), upper=None)


def drop(scale: Scale) -> Iterator[Row]:
    """S15: a promoted model's errors rise from 9 to 11, 12 or 14 % of batches of 100; and a week in which all is well."""
    question = ask("above", LIMIT, Prior(mean=0.09, variance=0.0819, effect=0.12), design="one_sample")
    for place, rate in enumerate((0.12,) if scale.short else (0.09, 0.11, 0.12, 0.14)):
        well = rate == 0.09
        few = Scale(runs=scale.runs // 10 if well else scale.runs // 2, chunk=scale.runs)
        for rng, runs in few.chunks(15, place):
            before = rng.binomial(BATCH, 0.09, (runs, 0 if well else BATCH))
            errors = np.concatenate([before, rng.binomial(BATCH, rate, (runs, int(RUN_LENGTH) if well else 500))], axis=1)
            limit = int(binom.isf(0.00135, BATCH, LIMIT))
            for system, alarms in ((SEGUE, _watched(question, errors)), (RULE_OF_THUMB, first(errors > limit))):
                yield from _delays(system, alarms - before.shape[1], rate, errors.shape[1] - before.shape[1])


def _delays(system: str, alarms: Ints, rate: float, batches: int) -> Iterator[Row]:
    place = ("S15", f"errors at {100 * rate:g} %" + (", a week" if rate == 0.09 else ", from 9 %"))
    false = int((alarms < (batches if rate == 0.09 else 0)).sum())
    row = replace(share(place, system, "false alarm", false, len(alarms)), at=rate)
    yield row
    if rate != 0.09:
        late = np.where(alarms < batches, np.maximum(alarms + 1.0, 0.0), np.inf)
        yield replace(row, what="median batches to the alarm", value=median(late), upper=None)


def _watched(question: Question, errors: Ints) -> Ints:
    # A Shiryaev-Roberts detector over each run's batches; the first run is held to `replayed`.
    rates = rates_of(question)
    wealth = np.full((len(errors), len(rates.log_weights)), -1e300)
    statistic = np.empty(errors.shape)
    for batch in range(errors.shape[1]):
        counts = np.stack([errors[:, batch], BATCH - errors[:, batch]], axis=1).astype(float)
        wealth = counts @ rates.growth.T + np.logaddexp(wealth, 0.0)
        statistic[:, batch] = log_sums(rates.log_weights + wealth)
    alarms = first(statistic >= log(RUN_LENGTH))
    beginning = [Counts(yes=int(yes), no=BATCH - int(yes)) for yes in errors[0, :200]]
    watch = replayed(question, Watch(run_length=RUN_LENGTH), beginning)
    assert abs(log_statistic(rates.log_weights, np.array(watch.log_wealth)) - statistic[0, len(beginning) - 1]) < 1e-9
    return alarms


def stable(scale: Scale) -> Iterator[Row]:
    """S16: precision of 91 % that varies by 0 to 3 pp from day to day; 500 labels a day, two weeks; alpha 5 %."""
    question = ask("above", 0.0, Prior(), design="days")
    question = replace(question, champion="")
    few = scale.runs // 4
    for place, tau in enumerate((0.0, 0.02) if scale.short else (0.0, 0.01, 0.02, 0.03)):
        rng = np.random.default_rng((16, place))
        level = np.clip(rng.normal(PRECISION, tau, (few, 14)), 0.0, 1.0)
        right = rng.binomial(A_DAY, level)
        ours = sum(any(_unstable(question, row[:days]) for days in (7, 14)) for row in right)
        daily = np.stack([_q(right[:, :days]) for days in range(2, 15)])
        peeked = (daily > np.array([[_chi(days)] for days in range(2, 15)])).any(axis=0)
        for system, hits in ((SEGUE, ours), (CHI_SQUARE, int(peeked.sum()))):
            what = "false alarm" if tau == 0 else "detected in 14 days"
            yield replace(share(("S16", f"varies by {100 * tau:g} pp a day"), system, what, hits, few), at=tau)


def _unstable(question: Question, right: Ints) -> bool:
    days = tuple(Day(day=day, candidate_yes=int(yes), candidate_no=A_DAY - int(yes)) for day, yes in enumerate(right))
    found = weigh(question, Days(days=days))
    return isinstance(found, Evidence) and found.shown


def _q(right: Ints) -> Floats:
    pooled = right.mean(axis=1, keepdims=True) / A_DAY
    q: Floats = (A_DAY * (right / A_DAY - pooled) ** 2 / (pooled * (1 - pooled))).sum(axis=1)
    return q


def _chi(days: int) -> float:
    return float(chi2.ppf(0.95, days - 1))
