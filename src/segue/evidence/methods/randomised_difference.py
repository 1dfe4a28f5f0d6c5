"""P3: among units that were drawn, is the candidate's share of yes above the champion's by a margin?"""

from dataclasses import dataclass

import numpy as np

from segue.evidence.methods.bounded_mean import LEAST_REACH, LOG_WEIGHTS, MULTIPLES_ARRAY
from segue.evidence.methods.normal_mixture import normal_sum
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
        normal=normal_sum(table.information, table.variance, fewest=table.fewest),
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
    variance: float  # of the sum that the estimate divides

    @property
    def fewest(self) -> int:
        """Of yes or no, of either variant."""
        return int(self.counts.sum(axis=0).min())

    @property
    def information(self) -> float:
        """What the estimate divides by."""
        return float(self.weight @ self.n)

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
        n, weight, z = counts.sum(axis=1), pi * (1 - pi), away * (values - seen_mean)
        estimate = float((counts * z).sum() / (n @ weight))
        return cls(
            propensity=pi,
            counts=counts,
            scores=scores,
            n=n,
            estimate=estimate,
            variance=float((counts * (z - (weight * estimate)[:, None]) ** 2).sum()),
            candidate=float(counts[:, :2].sum()),
        )


class _Growths:
    # The numerators do not depend on the bound: they are summed once for each side that is asked for.
    def __init__(self, table: _Table, planned_bets: Floats) -> None:
        self._table, self._planned, self._weight = table, planned_bets, table.weight
        self._sides: dict[Side, tuple[Floats, Floats]] = {}

    def __call__(self, side: Side, bound: float) -> Floats:
        if side not in self._sides:
            self._sides[side] = self._of(1.0 if side == "above" else -1.0)
        bets, numerators = self._sides[side]
        growths: Floats = numerators - np.log1p(bets * (self._weight * bound)) @ self._table.n
        return growths

    def _of(self, sign: float) -> tuple[Floats, Floats]:
        table = self._table
        reach = np.maximum((-sign * table.scores).max(axis=1), LEAST_REACH)
        bets = sign * np.minimum(self._planned[:, None], BOLDEST / reach)  # (bets, c)
        return bets, (np.log1p(bets[:, :, None] * table.scores) * table.counts).sum(axis=(1, 2))
