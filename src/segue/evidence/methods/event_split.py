"""P5: of the events that happened, did more (fewer) fall to the candidate than its share of the traffic explains?"""

from dataclasses import dataclass
from math import exp, log
from typing import Final

import numpy as np

from segue.errors import DomainError
from segue.evidence.process import ASSUMPTIONS, Betting, Floats, Method, Process, find_root
from segue.facts.evidence import NotEnough
from segue.facts.question import Question, Side
from segue.facts.summary import ArmCounts

FACTORS: Final = np.log(np.array([1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0]) / 1.1)
"""How far beyond the bound the bets look, as logarithms of factors: those of a rate ratio of 1.25 to 30 against 1.1."""
PLANNED_MULTIPLES: Final = np.array([1.0, 0.5, 0.25, 2.0])
LARGEST_RATIO: Final = 1e6
"""A ratio beyond this is reported as this: without one event of the champion the ratio has no upper bound."""


def event_split(question: Question, arms: ArmCounts) -> Method:
    """Given an event, it is the candidate's with chance `q(r) = pi r / (pi r + 1 - pi)`, r the ratio of the rates.

    Bets: `log E_k = x_b log(q(kR) / q(R)) + x_a log((1 - q(kR)) / (1 - q(R)))` for fixed factors k beyond the bound R.
    Null: at every event the ratio of the rates is at most (at least) R. Exact at any look, whatever the traffic and the base
    rate do. Source: Lindon & Malek 2022 (arXiv 2011.03567). "Yes" of the counts is the event; "no" does not enter.

    *Holds when* a unit's propensity is the one it was drawn with, and events of one unit are counted once.

    Raises:
        DomainError: a bound that is no ratio (not positive), or a factor other than 1 (put it into the bound).
    """
    if question.claim.bound <= 0 or question.claim.factor != 1:
        raise DomainError(f"an event split claims a positive ratio of rates with factor 1, not {question.claim}")
    split = _Split.of(arms)
    if split is None:
        return NotEnough(have=0, need=1, unit="events", reason="no event so far among drawn units")
    log_factors, weights = _bets(question)
    return Process(
        bets=Betting(lambda side, bound: split.growths(log_factors[side], bound), np.log(weights)),
        estimate=split.estimate(),
        support=(1 / LARGEST_RATIO, LARGEST_RATIO),
        logarithmic=True,
        n={question.candidate: split.units[0], question.champion: split.units[1]},
        have=int(split.n.sum()),
        method="split of events",
        validity="exact at any look",
        assumptions=ASSUMPTIONS["events"],
    )


def _bets(question: Question) -> tuple[dict[Side, Floats], Floats]:
    # One set of distances from the bound for both sides: the general ones, and those of the plan and of "no difference".
    bound, sign = log(question.claim.bound), 1 if question.claim.side == "above" else -1
    anchors = [sign * (log(r) - bound) for r in {question.prior.effect, 1.0} if r > 0]
    groups = [FACTORS] + [min(anchor, float(FACTORS[-1])) * PLANNED_MULTIPLES for anchor in sorted(anchors) if anchor > 0]
    weights = np.concatenate([np.full(len(group), 1 / (len(group) * len(groups))) for group in groups])
    distances = np.concatenate(groups)
    return {"above": distances, "below": -distances}, weights


@dataclass(frozen=True, slots=True, kw_only=True)
class _Split:
    log_odds: Floats  # (c,): of the propensity
    candidate: Floats  # (c,): events
    n: Floats  # (c,): events of both
    units: tuple[int, int]

    @classmethod
    def of(cls, arms: ArmCounts) -> "_Split | None":
        cells = [cell for cell in arms.cells if 0 < cell.propensity < 1]
        candidate = np.array([cell.candidate_yes for cell in cells], dtype=float)
        n = candidate + np.array([cell.champion_yes for cell in cells], dtype=float)
        if n.sum() == 0:
            return None
        pi = np.array([cell.propensity for cell in cells])
        units = (
            sum(cell.candidate_yes + cell.candidate_no for cell in cells),
            sum(cell.champion_yes + cell.champion_no for cell in cells),
        )
        return cls(log_odds=np.log(pi) - np.log1p(-pi), candidate=candidate, n=n, units=units)

    def growths(self, log_factors: Floats, bound: float) -> Floats:
        # x_b log k + n (log(1 + o R) - log(1 + o k R)), o the odds of the propensity
        at_null = self.log_odds + log(bound)
        at_bet = np.add.outer(log_factors, at_null)
        growths: Floats = log_factors * self.candidate.sum() + (np.logaddexp(0, at_null) - np.logaddexp(0, at_bet)) @ self.n
        return growths

    def estimate(self) -> float:
        # The likeliest ratio: where the expected share of the candidate, summed over propensities, is the one that was seen.
        edge, events = log(LARGEST_RATIO), float(self.candidate.sum())

        def surplus(log_ratio: float) -> float:
            return float(np.exp(-np.logaddexp(0, -(self.log_odds + log_ratio))) @ self.n) - events

        return exp(find_root(surplus, -edge, edge))
