"""Can a candidate that seldom disagrees be much worse? What disagreement proves without a label."""

from dataclasses import dataclass

from segue.errors import DomainError
from segue.evidence.methods.bounded_mean import LOG_WEIGHTS, MULTIPLES_ARRAY, on_values
from segue.evidence.process import ASSUMPTIONS, Betting, Floats, Method, Process
from segue.facts.evidence import NotEnough
from segue.facts.grid import planned
from segue.facts.question import Question, Side
from segue.facts.summary import Agreements


def agreement(question: Question, counts: Agreements) -> Method:
    """Bet that the answers differ in fewer than m of the requests: `|accuracy_b - accuracy_a| <= P(answers differ)`.

    On a request where both say the same, both are right or both are wrong; so the difference of any two means of a score in
    [0, 1] of the answer is at most the share of requests on which the answers differ.
    Null: the difference is at most -m (at least m), which the disagreement being at least m follows from. Exact at any look;
    P1 on the disagreement. It never shows that one is better, only that neither is worse by more than m.

    *Holds when* the metric is the mean of a score in [0, 1] that depends on answer and truth alone, and both variants answered.

    Raises:
        DomainError: a relative margin, or a horizon.
    """
    if question.claim.factor != 1 or question.horizon is not None:
        raise DomainError("a disagreement bounds absolute differences, for ever", question=question.id)
    n = counts.same + counts.different
    if n == 0:
        return NotEnough(have=0, need=1, unit="pairs of answers", reason="no pair so far")
    bets = MULTIPLES_ARRAY * planned(question, shares=True).bet
    apart = Betting(on_values((1.0, 0.0), (counts.different, counts.same), bets), LOG_WEIGHTS)
    return Process(
        bets=Within(apart),
        estimate=0.0,
        support=(-1.0, 1.0),
        n={question.candidate: n, question.champion: n},
        have=n,
        method="bound by disagreement",
        validity="exact at any look",
        assumptions=(ASSUMPTIONS["paired"][0], "the metric depends on nothing but the answer and the truth"),
    )


@dataclass(frozen=True, slots=True)
class Within:
    """Bets that the answers differ in less than a difference of the means would need.

    Args:
        apart: on the share of different answers.
    """

    apart: Betting

    def growths(self, side: Side, bound: float) -> Floats:
        """The growth of each bet."""
        return self.apart.growths("below", _most(side, bound))

    def log_e(self, side: Side, bound: float) -> float:
        """Logarithm of the wealth against the null at this bound."""
        return self.apart.log_e("below", _most(side, bound))

    def times(self, side: Side, bound: float, threshold: float) -> float | None:
        """How many times the same data it takes."""
        return self.apart.times("below", _most(side, bound), threshold)


def _most(side: Side, bound: float) -> float:
    # The disagreement that the null needs at least; a claim of being better needs one below nothing.
    return min(max(-bound if side == "above" else bound, 0.0), 1.0)
