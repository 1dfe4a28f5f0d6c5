"""Do groups of people get the same from one variant, within a stated gap?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import log

import numpy as np
from msgspec.structs import replace

from segue.errors import DomainError
from segue.evidence.methods.ratio import ratio
from segue.evidence.process import ASSUMPTIONS, Bets, Method, Process, log_sum
from segue.facts.evidence import NotEnough
from segue.facts.question import Claim, Question, Side
from segue.facts.summary import MomentCell, Moments


def group_gaps(question: Question, groups: Moments) -> Method:
    """Bet for every ordered pair of groups that the first's rate is less than the bound above the second's.

    A cell is a group (its `arm`), its vector (N, D) of counts whose ratio is the rate, or (N, D, N', D') where two rates have
    to be alike (equalized odds). Two groups are compared as two arms between which the rows fell with the share that was seen.
    Null of "below b": some pair is at least b apart; the least of the pairs' wealths is at most the wealth against that pair.
    Null of "above b": no pair is further apart than b; the mean of the pairs' wealths is an e-process whatever binds them.
    Asymptotic at any look, behind the burn-in of each group: a group with few rows is no pass.

    *Holds when* rows are independent, and each group has 20 of its rarer events.

    Raises:
        DomainError: a bound below zero, a relative margin, or a horizon.
    """
    claim = question.claim
    if claim.bound < 0 or claim.factor != 1 or question.horizon is not None:
        raise DomainError(f"no gap between groups can be {claim} with horizon {question.horizon}", question=question.id)
    if len(groups.cells) < 2:
        reason = f"groups are the values of {question.over or 'an attribute'} that were seen"
        return NotEnough(have=len(groups.cells), need=2, unit="groups", reason=reason)
    pairs: list[Process] = []
    for cells in _pairs(groups.cells):
        found = _gap(question, cells)
        if isinstance(found, NotEnough):
            names = " or ".join(cell.arm for cell in cells)
            return NotEnough(have=found.have, need=found.need, unit=f"rarer events of {names}", reason=found.reason)
        pairs.append(found)
    return Process(
        bets=_Widest(tuple(pair.bets for pair in pairs)),
        estimate=max(pair.estimate for pair in pairs),
        support=(0.0, max(1.0, claim.bound)),
        n={cell.arm: cell.n for cell in groups.cells},
        have=sum(cell.n for cell in groups.cells),
        method="normal mixture over the widest pair of groups",
        validity="asymptotic at any look",
        assumptions=(*ASSUMPTIONS["groups"], *pairs[0].assumptions[len(ASSUMPTIONS["randomised"]) :]),
    )


@dataclass(frozen=True, slots=True)
class _Widest:
    pairs: tuple[Bets, ...]

    def log_e(self, side: Side, bound: float) -> float:
        logs = [pair.log_e(side, bound) for pair in self.pairs]
        return min(logs) if side == "below" else log_sum(np.array(logs)) - log(len(logs))

    def times(self, side: Side, bound: float, threshold: float) -> float | None:
        if side == "above":
            waits = [pair.times(side, bound, threshold + log(len(self.pairs))) for pair in self.pairs]
            return min((wait for wait in waits if wait is not None), default=None)
        longest = 0.0
        for pair in self.pairs:
            wait = pair.times(side, bound, threshold)
            if wait is None:
                return None
            longest = max(longest, wait)
        return longest


def _pairs(cells: Sequence[MomentCell]) -> Iterator[tuple[MomentCell, MomentCell]]:
    # Every ordered pair, once for each rate that the vector holds.
    for place in range(0, len(cells[0].sums), 2):
        yield from permutations([_rate(cell, place) for cell in cells], 2)


def _rate(cell: MomentCell, place: int) -> MomentCell:
    size = len(cell.sums)
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size)] = cell.products
    of_two = matrix[place : place + 2, place : place + 2]
    return replace(cell, sums=cell.sums[place : place + 2], products=tuple(of_two[np.triu_indices(2)].tolist()))


def _gap(question: Question, cells: tuple[MomentCell, MomentCell]) -> Method:
    first, second = cells
    if not (first.n and second.n):
        return NotEnough(have=0, need=1, unit="judged rows", reason="nothing to compare so far")
    share = first.n / (first.n + second.n)
    asked = replace(
        question,
        design="randomised",
        candidate="first",
        champion="second",
        claim=Claim(side="below", bound=question.claim.bound),
        prior=replace(question.prior, effect=0.0),
    )
    arms = (replace(first, arm="first", propensity=share), replace(second, arm="second", propensity=share))
    return ratio(asked, Moments(cells=arms))
