"""P4: does the mean of a score lie on the claim's side? Exact where the score is bounded, asymptotic where it is not."""

import numpy as np

from segue.errors import DomainError
from segue.evidence.methods.bounded_mean import LOG_WEIGHTS
from segue.evidence.methods.normal_mixture import BURN_IN_CARRIERS, BURN_IN_UNITS, NormalMixture, asymptotic, tuned_rho
from segue.evidence.process import ASSUMPTIONS, Betting, Floats, Method, NormalSum, Process
from segue.facts.evidence import NotEnough
from segue.facts.grid import Grid, score_grid
from segue.facts.question import Question, Side
from segue.facts.summary import ScoreSums


def score(question: Question, sums: ScoreSums) -> Method:
    """Bet on the question's score: `log E_j = sum_i log(1 + l_j z_i)` where it is bounded, a normal mixture where not.

    Null: the running weighted mean of the conditional effects is at most (at least) the bound. Against another bound b the
    same sums give `log E_j(b) = log E_j - l_j weight (b - bound)`, because 1 + l w d <= exp(l w d); both ends of the interval
    are read off these. Proofs in `docs/methods/evidence.md`. Source: Waudby-Smith & Ramdas 2024 (arXiv 2010.09686).

    *Holds when* what `ASSUMPTIONS` says of the design holds; without a cap, only as the sample grows.

    Raises:
        DomainError: sums over another grid than the question's.
    """
    grid = score_grid(question)
    if len(sums.log_growth) != len(grid.lambdas):
        raise DomainError(
            f"the sums have {len(sums.log_growth)} bets, the question's grid {len(grid.lambdas)}", question=question.id
        )
    if sums.n == 0 or sums.weight == 0:
        return NotEnough(have=0, need=1, unit=_unit(question), reason="no row that compares anything so far")
    if not grid.lambdas:
        return _unbounded(question, sums, grid)
    return Process(
        bets=Betting(_Growths(sums, grid), LOG_WEIGHTS),
        estimate=_estimate(sums, grid),
        support=(0.0 if question.design == "one_sample" else -grid.factor * grid.scale, grid.scale),
        n=_per_variant(question, sums),
        have=sums.n,
        method="betting on a bounded score",
        validity="exact at any look",
        assumptions=(*ASSUMPTIONS[question.design], f"values outside 0 to {grid.scale:g} are cut"),
        normal=_normal(sums, grid) if min(_per_variant(question, sums).values()) >= BURN_IN_UNITS else None,
    )


def _normal(sums: ScoreSums, grid: Grid) -> NormalSum:
    return NormalSum(weight=sums.weight, variance=grid.scale**2 * max(sums.z2 - sums.z**2 / sums.n, 0.0))


def _unbounded(question: Question, sums: ScoreSums, grid: Grid) -> Method:
    per_variant, unit = _per_variant(question, sums), _unit(question)
    fewest, carriers = min(per_variant.values()), int(sums.z2**2 / sums.z4) if sums.z4 > 0 else 0
    why = "a normal limit is not believed before; a cap on the metric makes it exact"
    if fewest < BURN_IN_UNITS:
        return NotEnough(have=fewest, need=BURN_IN_UNITS, unit=f"{unit} per variant", reason=why)
    if carriers < BURN_IN_CARRIERS and sums.z2 > 0:
        return NotEnough(have=carriers, need=BURN_IN_CARRIERS, unit=f"{unit} that carry the variance", reason=why)
    variance = max(sums.z2 - sums.z**2 / sums.n, 0.0)
    bets = NormalMixture(
        estimate=_estimate(sums, grid),
        weight=sums.weight,
        variance=variance,
        rho=tuned_rho(question, variance / sums.weight),
    )
    return asymptotic(question, bets, n=per_variant, have=sums.n)


class _Growths:
    def __init__(self, sums: ScoreSums, grid: Grid) -> None:
        half = len(grid.lambdas) // 2
        lambdas, growths = np.array(grid.lambdas), np.array(sums.log_growth)
        towards, away = (lambdas[:half], growths[:half]), (lambdas[half:], growths[half:])
        self._halves: dict[Side, tuple[Floats, Floats]] = (
            {"above": towards, "below": away} if grid.sign > 0 else {"below": towards, "above": away}
        )
        self._grid, self._weight = grid, sums.weight

    def __call__(self, side: Side, bound: float) -> Floats:
        lambdas, growths = self._halves[side]
        grid = self._grid
        return growths - lambdas * (self._weight * grid.sign * (bound / grid.scale - grid.bound))


def _estimate(sums: ScoreSums, grid: Grid) -> float:
    return grid.scale * (grid.bound + grid.sign * sums.z / sums.weight)


def _per_variant(question: Question, sums: ScoreSums) -> dict[str, int]:
    if question.design == "one_sample":
        return {question.candidate: sums.n}
    if question.design == "paired":
        return {question.candidate: sums.n, question.champion: sums.n}
    return {question.candidate: sums.n_candidate, question.champion: sums.n - sums.n_candidate}


def _unit(question: Question) -> str:
    return {"one_sample": "judged predictions", "paired": "judged pairs"}.get(question.design, "drawn units")
