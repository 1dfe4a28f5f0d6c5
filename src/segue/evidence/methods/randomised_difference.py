"""P3: among units that were drawn, is the candidate's share of yes above the champion's by a margin?"""

from dataclasses import dataclass

import numpy as np

from segue.evidence.methods.bounded_mean import LEAST_REACH, LOG_WEIGHTS, MULTIPLES_ARRAY
from segue.evidence.process import ASSUMPTIONS, Betting, Floats, Method, Process
from segue.facts.evidence import NotEnough
from segue.facts.grid import BOLDEST, planned
from segue.facts.question import Question, Side
from segue.facts.summary import ArmCounts


def randomised_difference(question: Question, arms: ArmCounts) -> Method:
    """Bet by `e_i = (1 + l (A - pi) (y - m)) / (1 + l pi (1 - pi) bound)`, y being Y, or factor Y for the champion.

    Null: at every observation `p_b - factor p_a <= bound` (>=), given all that came before; base rates and propensities may
    move as they like. Exact at any look. For factor 1 this is the likelihood ratio of (t1, t0) against (t, t), where
    t = pi t1 + (1 - pi) t0 = m and l = (t1 - t0) / (t (1 - t)), divided by its largest mean under the null; the proof is in
    `docs/methods/evidence.md`. Family: Turner, Ly & Grünwald 2024 (arXiv 2106.02693).

    *Holds when* a unit's propensity is the one it was drawn with, and it is counted once, as the variant it was assigned.
    """
    table = _Table.of(arms, question.claim.factor, min(max(question.prior.mean, 0.001), 0.999))
    if table is None:
        return NotEnough(have=0, need=1, unit="drawn units", reason="no unit was drawn with a chance between 0 and 1")
    plan = planned(question, shares=True)
    centre = min(max(question.prior.mean, 0.001), 0.999)
    bets = MULTIPLES_ARRAY * (plan.distance / (centre * (1 - centre)))
    return Process(
        bets=Betting(_Growths(table, bets), LOG_WEIGHTS),
        estimate=table.estimate,
        support=(-question.claim.factor, 1.0),
        n={question.candidate: int(table.candidate), question.champion: int(table.n.sum() - table.candidate)},
        have=int(table.n.sum()),
        method="randomised likelihood ratio",
        validity="exact at any look",
        assumptions=ASSUMPTIONS["randomised"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    # One row a propensity strictly between 0 and 1; the others carry no comparison.
    propensity: Floats  # (c,)
    counts: Floats  # (c, 4): candidate yes, candidate no, champion yes, champion no
    scores: Floats  # (c, 4): (A - pi) (y - m), m the predicted mean under this propensity
    n: Floats  # (c,)
    estimate: float
    candidate: float

    @property
    def weight(self) -> Floats:
        return self.propensity * (1 - self.propensity)

    @classmethod
    def of(cls, arms: ArmCounts, factor: float, mean: float) -> "_Table | None":
        rows = [
            (cell.propensity, cell.candidate_yes, cell.candidate_no, cell.champion_yes, cell.champion_no)
            for cell in arms.cells
            if 0 < cell.propensity < 1
        ]
        data = np.array(rows, dtype=float).reshape(-1, 5)
        pi, counts = data[:, 0], data[:, 1:]
        if counts.sum() == 0:
            return None
        values = np.array([1.0, 0.0, factor, 0.0])
        away = np.stack([1 - pi, 1 - pi, -pi, -pi], axis=1)
        scores = away * (values - (mean * (1 - pi + pi * factor))[:, None])
        seen_mean = float((counts * values).sum() / counts.sum())  # for the estimate only; the bets must not know it
        estimate = float((counts * away * (values - seen_mean)).sum() / (counts.sum(axis=1) * pi * (1 - pi)).sum())
        return cls(
            propensity=pi,
            counts=counts,
            scores=scores,
            n=counts.sum(axis=1),
            estimate=estimate,
            candidate=float(counts[:, :2].sum()),
        )


class _Growths:
    # The numerators do not depend on the bound: they are summed once.
    def __init__(self, table: _Table, planned_bets: Floats) -> None:
        self._drawn = table.n * 1.0
        self._weight = table.weight
        self._bets: dict[Side, Floats] = {}
        self._numerators: dict[Side, Floats] = {}
        sides: tuple[tuple[Side, float], ...] = (("above", 1.0), ("below", -1.0))
        for side, sign in sides:
            reach = np.maximum((-sign * table.scores).max(axis=1), LEAST_REACH)
            bets = sign * np.minimum(planned_bets[:, None], BOLDEST / reach)  # (bets, c)
            self._bets[side] = bets
            self._numerators[side] = (np.log1p(bets[:, :, None] * table.scores) * table.counts).sum(axis=(1, 2))

    def __call__(self, side: Side, bound: float) -> Floats:
        growths: Floats = self._numerators[side] - np.log1p(self._bets[side] * (self._weight * bound)) @ self._drawn
        return growths
