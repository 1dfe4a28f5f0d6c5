"""What would Segue have said at every look?

The log e-values are those of `segue.evidence`: `rates_of` asks the methods for the growth of their own bets, and `agrees` holds
every replay to `weigh`, look by look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import log
from typing import Final

import msgspec
import numpy as np
from bench.decisions.rows import Flags, Floats, Ints
from msgspec.structs import replace

from segue.evidence.looks import log_e_on_horizon, rates_of
from segue.evidence.methods.normal_mixture import BURN_IN_EVENTS, fixed_information
from segue.evidence.process import log_sums
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.grid import variance_where_planned
from segue.facts.question import Claim, Design, MetricRef, Prior, Question, Side
from segue.facts.summary import ArmCell, ArmCounts, Summary

AGREEMENT: Final = 1e-9
ALPHA: Final = 0.05
DECLARED: Final = 1.07
"""Fixed samples after which the looking with a horizon ends."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Drawn:
    """What was revealed to a rollout minute by minute: drawn units that said yes or no.

    Args:
        propensity: of the candidate in each minute, shape (minutes,); (runs, minutes) where it follows what was seen.
        counts: candidate yes and no, champion yes and no of each minute, shape (runs, minutes, 4).
    """

    propensity: Floats
    counts: Ints

    @cached_property
    def total(self) -> Floats:
        """The same counts since the beginning."""
        total: Floats = self.counts.cumsum(axis=1, dtype=float)
        return total

    @property
    def units(self) -> Ints:
        """Units of both variants since the beginning, shape (runs, minutes)."""
        units: Ints = self.counts.sum(axis=2).cumsum(axis=1)
        return units


def ask(
    side: Side, bound: float, prior: Prior, *, alpha: float = ALPHA, design: Design = "randomised", factor: float = 1.0,
    cap: float | None = 1.0,
) -> Question:  # fmt: skip
    """A question about the candidate b and the champion a, as the rollout would ask it."""
    metric, claim = MetricRef(name="m", kind="accuracy", cap=cap), Claim(side=side, bound=bound, factor=factor)
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", candidate="b", champion="a", metric=metric, design=design,
        claim=claim, alpha=alpha, prior=prior,
    )  # fmt: skip


def expected(rate: float, effect: float) -> Prior:
    """What a champion's history says of a share, and the effect that the rollout is planned for."""
    return Prior(mean=rate, variance=rate * (1 - rate), effect=effect)


def log_e(question: Question, drawn: Drawn) -> Floats:
    """The log e-value at every look, shape (runs, minutes)."""
    return _log_e(msgspec.json.encode(question), drawn)


@lru_cache(maxsize=1)
def _log_e(asked: bytes, drawn: Drawn) -> Floats:  # both clocks ask for the same, one after the other
    question = msgspec.json.decode(asked, type=Question)
    shares = np.unique(drawn.propensity)
    if len(shares) == 1:
        return rates_of(question, propensities=shares.tolist()).log_e(drawn.total)
    rates = [rates_of(question, propensities=[pi]) for pi in shares.tolist()]
    growths = np.empty((*drawn.counts.shape[:2], len(rates[0].log_weights)))
    if drawn.propensity.ndim == 1:
        for pi, rate in zip(shares, rates, strict=True):
            at = drawn.propensity == pi
            growths[:, at] = drawn.counts[:, at].astype(float) @ rate.growth.T
    else:
        table, place = np.stack([rate.growth for rate in rates]), np.searchsorted(shares, drawn.propensity)
        for bet in range(table.shape[1]):
            growths[..., bet] = (drawn.counts * table[place, bet]).sum(axis=2)
    return log_sums(growths.cumsum(axis=1) + rates[0].log_weights)


def crossed(question: Question, drawn: Drawn) -> Flags:
    """Whether the claim is shown, look by look; a sample of the looks is held to `weigh`."""
    logs = log_e(question, drawn)
    agrees(question, drawn, logs)
    return shown(question, logs)


def crossed_by_horizon(question: Question, drawn: Drawn) -> Flags:
    """The same on the clock that ends, declared at `DECLARED` fixed samples of the planned effect."""
    ending = replace(question, horizon=DECLARED * fixed_information(question) * variance_where_planned(question) ** 2)
    estimate, weight, variance = _sums(drawn)
    logs = log_e_on_horizon(ending, log_e(question, drawn), estimate=estimate, weight=weight, variance=variance)
    agrees(ending, drawn, logs)
    return shown(question, logs)


def _sums(drawn: Drawn) -> tuple[Floats, Floats, Floats]:
    # Estimate, what it divides by, and the variance of the sum at every look, all from cumulative sums.
    pi = drawn.propensity
    weight = pi * (1 - pi)
    away = np.stack([1 - pi, 1 - pi, -pi, -pi], axis=-1)
    yes = np.array([1.0, 0.0, 1.0, 0.0])
    total, n = drawn.total, drawn.counts.sum(axis=2)
    units = np.maximum(n.cumsum(axis=1), 1)
    mean = total[..., 0::2].sum(axis=2) / units

    def summed(of: Floats) -> Floats:
        if pi.ndim == 1 and (pi == pi[0]).all():
            steady: Floats = total @ of[0]
            return steady
        sums: Floats = np.einsum("rmk,mk->rm" if of.ndim == 2 else "rmk,rmk->rm", drawn.counts, of).cumsum(axis=1)
        return sums

    information = np.maximum((n * weight).cumsum(axis=1), 1e-300)
    estimate = (summed(away * yes) - mean * summed(away)) / information
    squares = (1 - 2 * mean) * summed(away**2 * yes) + mean**2 * summed(away**2)
    mixed = summed(weight[..., None] * away * yes) - mean * summed(weight[..., None] * away)
    variance = squares - 2 * estimate * mixed + estimate**2 * (n * weight**2).cumsum(axis=1)
    return estimate, information, np.where(total.min(axis=2) >= BURN_IN_EVENTS, variance, np.inf)


def agrees(question: Question, drawn: Drawn, logs: Floats, *, looks: int = 4) -> None:
    """Assert that the replay says what `weigh` says, at some looks of some runs.

    Raises:
        AssertionError: they differ by more than 1e-9.
    """
    rng = np.random.default_rng(logs.shape)
    for run, look in zip(rng.integers(logs.shape[0], size=looks), rng.integers(logs.shape[1], size=looks), strict=True):
        same(question, summary_at(drawn, int(run), int(look)), float(logs[run, look]))


def same(question: Question, summary: Summary, said: float) -> None:
    """Assert that `weigh` says the same of one summary.

    Raises:
        AssertionError: they differ by more than 1e-9.
    """
    weighed = weigh(question, summary)
    meant = weighed.log_e if isinstance(weighed, Evidence) else min(said, 0.0)  # where nothing is said, nothing may be shown
    assert abs(said - meant) <= AGREEMENT * max(1.0, abs(meant)), f"weigh says {meant}, the replay {said}"


def shown(question: Question, logs: Floats) -> Flags:
    """Whether the claim is shown, look by look."""
    flags: Flags = logs >= -log(question.alpha)
    return flags


def summary_at(drawn: Drawn, run: int, look: int) -> ArmCounts:
    """What the rollout would have weighed at one look."""
    propensity = drawn.propensity if drawn.propensity.ndim == 1 else drawn.propensity[run]
    past, counts = propensity[: look + 1], drawn.counts[run, : look + 1]
    return ArmCounts(cells=tuple(_cell(pi, counts[past == pi].sum(axis=0).tolist()) for pi in np.unique(past).tolist()))


def _cell(pi: float, counts: Sequence[int]) -> ArmCell:
    b_yes, b_no, a_yes, a_no = counts
    return ArmCell(propensity=pi, candidate_yes=b_yes, candidate_no=b_no, champion_yes=a_yes, champion_no=a_no)
