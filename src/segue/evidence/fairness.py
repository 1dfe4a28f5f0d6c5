"""Do groups of people get the same quality from one variant, within a stated gap?"""

from collections.abc import Mapping
from itertools import permutations

from msgspec.structs import replace

from segue.errors import DomainError
from segue.evidence.weighing import weigh
from segue.facts.evidence import NotEnough, Weighed
from segue.facts.question import Claim, Question
from segue.facts.summary import MomentCell, Moments

Gaps = dict[tuple[str, str], Weighed]


def gaps(question: Question, groups: Mapping[str, MomentCell], *, within: float) -> Gaps:
    """For every ordered pair of groups: is the first's rate less than `within` above the second's?

    A rate is a ratio of sums (share of yes, true or false positive rate: the vector says of what), compared as that of two arms
    between which the rows fell with the share seen. Asymptotic at any look, behind the burn-in of each group.

    Args:
        question: of one sample; its variant, alpha and prior (the planned gap is its effect) are taken.
        groups: value of the segment -> moments of (N, D) of that variant's units there.
        within: the largest gap that is tolerated, in the metric's unit.

    Raises:
        DomainError: fewer than two groups, or a gap that is not positive.
    """
    if len(groups) < 2 or not within > 0:
        raise DomainError(f"no gap of {within} among {len(groups)} groups", question=question.id)
    return {pair: _gap(question, groups, pair, within) for pair in permutations(sorted(groups), 2)}


def worst(gaps: Gaps) -> tuple[tuple[str, str], Weighed]:
    """The pair that speaks for all: with too few data if any has, else the least evidence.

    "All gaps are small" is an intersection of claims: it is shown at alpha when each is, with no correction. A group without
    data is not a pass.
    """
    waiting = [(pair, weighed) for pair, weighed in gaps.items() if isinstance(weighed, NotEnough)]
    if waiting:
        return min(waiting, key=lambda item: item[1].have)
    return min(gaps.items(), key=lambda item: item[1].log_e if not isinstance(item[1], NotEnough) else 0.0)


def _gap(question: Question, groups: Mapping[str, MomentCell], pair: tuple[str, str], within: float) -> Weighed:
    first, second = (groups[name] for name in pair)
    if not (first.n and second.n):
        empty = pair[0] if not first.n else pair[1]
        return NotEnough(have=0, need=1, unit=f"judged units of {empty}", reason="nothing to compare so far")
    share = first.n / (first.n + second.n)
    cells = (replace(first, arm=pair[0], propensity=share), replace(second, arm=pair[1], propensity=share))
    asked = replace(
        question,
        design="randomised",
        candidate=pair[0],
        champion=pair[1],
        claim=Claim(side="below", bound=within),
        prior=replace(question.prior, effect=0.0),
    )
    return weigh(asked, Moments(cells=cells))
