"""P2: where two variants answered the same requests, is the candidate better (worse) by a margin?"""

from segue.errors import DomainError
from segue.evidence.methods.bounded_mean import LOG_WEIGHTS, MULTIPLES_ARRAY, on_values
from segue.evidence.methods.normal_mixture import normal_sum
from segue.evidence.process import ASSUMPTIONS, Betting, Method, Process
from segue.facts.evidence import NotEnough
from segue.facts.grid import planned
from segue.facts.question import Question
from segue.facts.summary import PairedCounts


def paired_difference(question: Question, counts: PairedCounts) -> Method:
    """Bet on `z = d - bound`, d in {1, -1, 0}: `log E_j = sum over d of n_d log(1 + l_j (d - bound))`.

    Null: the running mean of the conditional expectations of d is at most (at least) the bound. Exact at any look. At bound
    0 only discordant pairs count, as in McNemar's test. Source: Choe & Ramdas 2023 (arXiv 2110.00115), with fixed bets.

    Where truths are asked for of a share q of the disagreements only, d is 0 for the others and its mean is q times the effect
    (Horvitz & Thompson 1952): a bound b on the effect is the bound q b on the mean, and nothing else changes.

    *Holds when* both variants answered every counted request, and the outcome does not depend on which answer was served.

    Raises:
        DomainError: a factor other than 1; a relative margin needs the values, not their order (score sums).
    """
    if question.claim.factor != 1:
        raise DomainError("paired counts cannot carry a relative margin; sum scores instead", question=question.id)
    n = counts.plus + counts.minus + counts.zero
    if n == 0:
        return NotEnough(have=0, need=1, unit="judged pairs", reason="no pair so far")
    apart = counts.plus + counts.minus
    bets = MULTIPLES_ARRAY * planned(question, shares=True).bet
    growths, share = on_values((1.0, 0.0, -1.0), (counts.plus, counts.zero, counts.minus), bets), question.sampled or 1.0
    return Process(
        bets=Betting(growths if share == 1 else lambda side, bound: growths(side, share * bound), LOG_WEIGHTS),
        estimate=min(max((counts.plus - counts.minus) / (n * share), -1.0), 1.0),
        support=(-1.0, 1.0),
        n={question.candidate: n, question.champion: n},
        have=n,
        method="paired betting" if share == 1 else f"paired betting on {100 * share:.4g} % of the disagreements",
        validity="exact at any look",
        assumptions=ASSUMPTIONS["paired"],
        normal=normal_sum(n * share, apart - (counts.plus - counts.minus) ** 2 / n, fewest=apart // 2),
    )
