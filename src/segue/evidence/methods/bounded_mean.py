"""P1: does a share of one variant's own rows lie above (below) a constant?"""

from collections.abc import Callable, Sequence

import numpy as np

from segue.evidence.methods.normal_mixture import normal_sum
from segue.evidence.process import ASSUMPTIONS, Betting, Floats, Method, Process
from segue.facts.evidence import NotEnough
from segue.facts.grid import BOLDEST, MULTIPLES, WEIGHTS, planned
from segue.facts.question import Question, Side
from segue.facts.summary import Counts

LEAST_REACH = 1e-9
"""A score that cannot fall at all may still not be bet on without bound."""


def bounded_mean(question: Question, counts: Counts) -> Method:
    """Bet on `z = x - bound`, x in {0, 1}: `log E_j = yes log(1 + l_j (1 - bound)) + no log(1 - l_j bound)`.

    Null: the running mean of the conditional chances of a yes is at most (at least) the bound. Exact at any look.
    Source: Waudby-Smith & Ramdas 2024 (arXiv 2010.09686), with fixed bets, so that the state is two counts.

    *Holds when* each row is judged once, and rows are revealed without regard to what they will say.
    """
    n = counts.yes + counts.no
    if n == 0:
        return NotEnough(have=0, need=1, unit="judged predictions", reason="no row so far")
    return Process(
        bets=Betting(
            on_values((1.0, 0.0), (counts.yes, counts.no), MULTIPLES_ARRAY * planned(question, shares=True).bet), LOG_WEIGHTS
        ),
        estimate=counts.yes / n,
        support=(0.0, 1.0),
        n={question.candidate: n},
        have=n,
        method="betting on one share",
        validity="exact at any look",
        assumptions=ASSUMPTIONS["one_sample"],
        normal=normal_sum(n, counts.yes * counts.no / n, fewest=min(counts.yes, counts.no)),
    )


def on_values(values: Sequence[float], counts: Sequence[int], planned_bets: Floats) -> Callable[[Side, float], Floats]:
    """Growths of bets on `z = x - bound` where x takes few values, the largest first.

    The bets do not depend on the bound, except that none may lose more than 0.9 of its stake; so the growths fall (rise)
    with the bound, and the bounds that are not rejected form an interval.
    """
    x, times, most, least = np.array(values), np.array(counts, dtype=float), values[0], values[-1]

    def growths(side: Side, bound: float) -> Floats:
        reach = bound - least if side == "above" else most - bound
        bets = np.minimum(planned_bets, BOLDEST / max(reach, LEAST_REACH))
        return growth_of(bets if side == "above" else -bets, x - bound, times)

    return growths


def growth_of(bets: Floats, scores: Floats, times: Floats) -> Floats:
    """`sum_i times_i log(1 + bet_j score_i)` for each bet.

    >>> growth_of(np.array([0.5]), np.array([1.0, -1.0]), np.array([1.0, 1.0])).round(4)
    array([-0.2877])
    """
    growths: Floats = np.log1p(np.multiply.outer(bets, scores)) @ times
    return growths


MULTIPLES_ARRAY = np.array(MULTIPLES)
LOG_WEIGHTS = np.log(np.array(WEIGHTS))
