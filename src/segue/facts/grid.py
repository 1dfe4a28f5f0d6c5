"""Which score does a question ask of each observation, and which bets are laid on it?

The score z has mean zero at the edge of the question's null and a positive mean where the claim is true. Score, bets and
weights are functions of the question alone: whoever sums `log(1 + lambda z)` (the SQL) and whoever weighs the sums agree
without talking, and nothing that was seen can have chosen the bets.
"""

from math import isclose, sqrt
from typing import Final

import msgspec

from segue.errors import DomainError
from segue.facts.question import Question

MULTIPLES: Final = (1.0, 1 / 512, 1 / 64, 1 / 8, 1 / 4, 1 / 2, 2.0, 4.0, 8.0, 16.0)
"""The planned bet and its neighbours, so that an effect of a thousandth or of twenty times the plan is still seen."""
WEIGHTS: Final = (0.5, *(0.5 / 9 for _ in MULTIPLES[1:]))
"""Half of the stake on the plan costs ln 2 where the plan is right, ln 18 where a neighbour is."""
BOLDEST: Final = 0.9
"""No bet may lose more than this share of its stake in one observation: 1 + lambda z >= 0.1."""
_LEAST_VARIANCE: Final = 1e-6
_LEAST_REACH: Final = 1e-6
_YES_OR_NO: Final = 0.01  # as close as a measured variance of yes and no comes to that of their mean
_LEAST_EFFECT: Final = 1e-3  # of a standard deviation; a plan for less would take millions of observations


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one observation, in the score's own unit (that of the metric, divided by its cap).

    Args:
        distance: of the planned effect from the bound, towards the claim; a tenth of a standard deviation where the
            planned effect does not lie on the claim's side, by a thousandth of it.
        variance: of one observation (paired: of the difference), never zero.
    """

    distance: float
    variance: float

    @property
    def bet(self) -> float:
        """The lambda that grows fastest at the planned effect, to first order: distance / variance."""
        return self.distance / self.variance


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The score of one question and the bets on it.

    Args:
        sign: 1 for a claim above the bound, -1 below.
        scale: what values are divided by: the metric's cap, or 1 where it has none.
        bounded: whether values are cut to [0, scale]; without it there are no bets, the sums of z and of its square are all.
        bound: the claim's bound divided by the scale.
        factor: of the champion's value.
        centre: what is taken off a drawn unit's value; a guess of its mean that costs power when wrong, never validity.
        lambdas: the bets, in the order of `ScoreSums.log_growth`. The first half is positive and tests the claim; the second
            half is negative and gives the other end of the interval. Empty where the score has no bounds.
        weights: shares of the stake; each half sums to 1.
    """

    sign: float
    scale: float
    bounded: bool
    bound: float
    factor: float
    centre: float
    lambdas: tuple[float, ...]
    weights: tuple[float, ...]

    def of_one(self, value: float) -> float:
        """One sample: `z = sign (x - bound)`, where x is the value over the scale, cut to [0, 1] if bounded."""
        return self.sign * (self._scaled(value) - self.bound)

    def of_pair(self, candidate: float, champion: float) -> float:
        """Both answered the same request: `z = sign (x_b - factor x_a - bound)`."""
        return self.sign * (self._scaled(candidate) - self.factor * self._scaled(champion) - self.bound)

    def of_draw(self, value: float, *, to_candidate: bool, propensity: float, expected: float | None = None) -> float:
        """A drawn unit: `z = sign ((A - pi) (y - centre) - pi (1 - pi) bound)`.

        A is 1 for the candidate, pi its propensity; y is x for the candidate and factor x for the champion. Where pi is 0
        or 1, z is 0: who was not drawn says nothing. `expected`, a prediction of the value made before the draw, takes the
        centre's place (regression adjustment, CUPED): the mean of z is the same whatever it says, its spread the smaller
        the better it is.
        """
        y = self._scaled(value) * (1.0 if to_candidate else self.factor)
        centre = self.centre if expected is None else self._scaled(expected) * (1 + self.factor) / 2
        return self.sign * ((float(to_candidate) - propensity) * (y - centre) - propensity * (1 - propensity) * self.bound)

    def _scaled(self, value: float) -> float:
        x = value / self.scale
        return min(max(x, 0.0), 1.0) if self.bounded else x


def score_grid(question: Question) -> Grid:
    """The score and the bets of a question.

    Values are known to lie in [0, cap] where the metric has a cap (1 for shares and ranks); values outside are cut to it.

    Raises:
        DomainError: a cap or a factor that is not positive, or a prior that is no number.

    >>> from segue.facts.question import Claim, MetricRef
    >>> ndcg = MetricRef(name="ndcg", kind="mean", cap=1.0)
    >>> question = Question(id="q", gate="g", rollout="r", route="r", stage="s", metric=ndcg, design="paired",
    ...     candidate="b", champion="a", claim=Claim(side="above", bound=-0.02), alpha=0.05)
    >>> grid = score_grid(question)
    >>> round(grid.of_pair(0.75, 0.75), 6), len(grid.lambdas), all(1 + bet * grid.of_pair(0, 1) > 0.09 for bet in grid.lambdas)
    (0.02, 20, True)
    """
    plan = planned(question)
    cap, claim = question.metric.cap, question.claim
    scale = 1.0 if cap is None else cap
    bounded = cap is not None and question.design != "events"
    sign = 1.0 if claim.side == "above" else -1.0
    bound = claim.bound / scale
    mean = question.prior.mean / scale
    centre = (min(max(mean, 0.0), 1.0) if bounded else mean) * (1 + claim.factor) / 2
    lambdas: tuple[float, ...] = ()
    if bounded:
        centres = (0.0, (1 + claim.factor) / 2) if question.expected else (centre, centre)
        above, below = _reaches(question, bound, centres)
        towards, away = (above, below) if sign > 0 else (below, above)
        lambdas = (*bets(plan.bet, towards), *(-bet for bet in bets(plan.bet, away)))
    return Grid(
        sign=sign,
        scale=scale,
        bounded=bounded,
        bound=bound,
        factor=claim.factor,
        centre=centre,
        lambdas=lambdas,
        weights=WEIGHTS * 2 if bounded else (),
    )


def planned(question: Question, *, shares: bool = False) -> Plan:
    """What the question's prior expects of one observation.

    Args:
        question: its prior and claim are in the metric's unit; the plan is in units of the metric's cap.
        shares: the observations are yes or no, whatever cap the metric has.

    Raises:
        DomainError: a cap or a factor that is not positive, or a prior that is no number.
    """
    prior, claim, cap = question.prior, question.claim, 1.0 if shares else question.metric.cap
    scale = 1.0 if cap is None else cap
    finite = all(abs(x) < float("inf") for x in (prior.mean, prior.variance, prior.effect, claim.bound, claim.factor, scale))
    if not (finite and scale > 0 and claim.factor > 0 and prior.variance >= 0):
        raise DomainError(f"no score: cap {cap}, factor {claim.factor}, bound {claim.bound}, {prior}", question=question.id)
    variance = prior.variance / scale**2
    bound = claim.bound / scale
    if cap is not None and question.design == "one_sample" and 0 < bound < 1:
        variance = min(variance, bound * (1 - bound))  # no variable in [0, 1] with this mean varies more
    size = 1.0 if cap is not None else max(prior.mean**2, prior.effect**2, claim.bound**2, 1e-200)
    variance = max(variance, _LEAST_VARIANCE * size)
    distance = (prior.effect / scale - bound) * (1 if claim.side == "above" else -1)
    spread = sqrt(variance)
    return Plan(distance=distance if distance > _LEAST_EFFECT * spread else spread / 10, variance=variance)


def variance_where_planned(question: Question, *, share: float = 0.5) -> float:
    """Of one observation where the planned effect is true, in the metric's own unit.

    Yes and no of chance p vary by p (1 - p), so a candidate as good as planned varies otherwise than the champion whose
    history the prior is: drawn units vary by the mean of both, each with the other's share.

    Args:
        question: only a prior of yes and no, `variance = mean (1 - mean)`, says how the variance moves with the mean.
        share: of the drawn units, the candidate's.

    >>> from segue.facts.question import Claim, MetricRef, Prior
    >>> question = Question(id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="accuracy"),
    ...     design="randomised", candidate="b", champion="a", claim=Claim(side="above", bound=0.0), alpha=0.05,
    ...     prior=Prior(mean=0.1, variance=0.09, effect=0.01))
    >>> round(variance_where_planned(question), 6), round(variance_where_planned(question, share=0.1), 6)
    (0.09395, 0.09711)
    """
    prior, factor = question.prior, question.claim.factor
    if not isclose(prior.variance, prior.mean * (1 - prior.mean), rel_tol=_YES_OR_NO):
        return prior.variance
    if question.design == "one_sample":
        return prior.effect * (1 - prior.effect) if 0 < prior.effect < 1 else prior.variance
    if question.design != "randomised":
        return prior.variance
    candidate = min(max(factor * prior.mean + prior.effect, 0.0), 1.0)
    return (1 - share) * candidate * (1 - candidate) + share * factor**2 * prior.variance


def bets(planned_bet: float, reach: float) -> tuple[float, ...]:
    """The planned bet and its neighbours, none bolder than a fall of `reach` in one observation allows.

    >>> [round(bet, 3) for bet in bets(0.4, reach=1.0)]
    [0.4, 0.001, 0.006, 0.05, 0.1, 0.2, 0.8, 0.9, 0.9, 0.9]
    """
    boldest = BOLDEST / max(reach, _LEAST_REACH)
    return tuple(min(planned_bet * multiple, boldest) for multiple in MULTIPLES)


def _reaches(question: Question, bound: float, centres: tuple[float, float]) -> tuple[float, float]:
    # How far the score of a claim above, and of one below, can fall below zero. Values lie in [0, 1], centres between two.
    factor = question.claim.factor
    if question.design == "one_sample":
        return bound, 1 - bound
    if question.design == "paired":
        return factor + bound, 1 - bound
    least, most = centres
    top = min(max(question.chance_most, 0.0), 1.0)
    mine, theirs = (1 - top, 1.0), (0.0, top)  # what a unit's distance from its chance may be, by who got it
    above = max(_steepest(most, bound, mine), _steepest(factor - least, bound, theirs))
    below = max(_steepest(1 - least, -bound, mine), _steepest(most, -bound, theirs))
    return above, below


def _steepest(slope: float, bend: float, within: tuple[float, float]) -> float:
    # The largest slope u + bend u (1 - u) over distances u of a range in [0, 1]: the bets must stand any ramp.
    at = [*within]
    if bend > 0:
        at.append(min(max((slope + bend) / (2 * bend), within[0]), within[1]))
    return max(slope * u + bend * u * (1 - u) for u in at)
