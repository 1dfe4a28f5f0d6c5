"""How many observations has a stage after so many days?"""

from itertools import pairwise

import msgspec

from segue.facts.question import Design
from segue.planning.assumptions import DAY_S
from segue.spec.stage import Ab, Canary, Full, Shadow, Stage, Step


class Leg(msgspec.Struct, frozen=True):
    """A stretch of a stage with one share; the last one lasts as long as need be.

    Args:
        days: its length; infinite for the last.
        share: of the candidate.
        drawn: part of the units that are drawn at all, 0 for an audience that is served by rule.
    """

    days: float
    share: float
    drawn: float = 1.0


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Observations over time, each worth as much as one under the share that the plan is made for.

    Args:
        share: the candidate's share, in (0, 1), that the others are converted to: information grows as share (1 - share).
        rates: length in days and observations a day, for each leg.
    """

    share: float
    rates: tuple[tuple[float, float], ...]

    def observations(self, days: float) -> float:
        """How many there are after so many days."""
        count = 0.0
        for length, rate in self.rates:
            count += rate * min(max(days, 0.0), length)
            days -= length
            if days <= 0:
                break
        return count

    def days(self, n: float | None) -> float | None:
        """After how many days there are n; None where never."""
        if n is None:
            return None
        passed = 0.0
        for length, rate in self.rates:
            if rate * length >= n:
                return passed + (n / rate if rate else 0.0)
            passed, n = passed + length, n - rate * length
        return None


def pace(stage: Stage, sides: tuple[str, str, int], design: Design) -> Pace | None:
    """The pace of a stage for one row a day of the route; None where the stage never has the comparison.

    Args:
        stage: whose.
        sides: candidate, champion, and how many candidates the rollout has: they divide a canary's share.
        design: of the comparison.

    >>> from segue.spec.stage import Step
    >>> ramp = Canary(steps=(Step(share=0.1, age_s=86400.0), Step(share=0.5, age_s=86400.0)))
    >>> found = pace(Stage(name="ramp", strategy=ramp), ("b", "a", 1), "randomised")
    >>> found.share, round(found.observations(1), 2), round(found.observations(3), 2), found.days(2.36)
    (0.5, 0.36, 2.36, 3.0)
    """
    if isinstance(stage.strategy, Shadow):
        return Pace(share=0.5, rates=((float("inf"), stage.strategy.sample),))
    legs = legs_of(stage, *sides)
    if design == "one_sample":
        return Pace(share=0.5, rates=tuple((leg.days, leg.drawn * leg.share) for leg in legs))
    worth = [leg.drawn * leg.share * (1 - leg.share) for leg in legs]
    best = max(range(len(legs)), key=lambda at: worth[at])
    if not worth[best]:
        return None
    per_row = worth[best] / legs[best].drawn
    return Pace(share=legs[best].share, rates=tuple((leg.days, each / per_row) for leg, each in zip(legs, worth, strict=True)))


def legs_of(stage: Stage, candidate: str, champion: str, candidates: int = 1) -> tuple[Leg, ...]:
    """The shares of a stage in which units are drawn for one candidate or the champion, one after another."""
    strategy, forever = stage.strategy, float("inf")
    if isinstance(strategy, Canary):
        steps = [_leg(step, candidates) for step in strategy.steps]
        return (*steps[:-1], msgspec.structs.replace(steps[-1], days=forever))
    if isinstance(strategy, Ab):
        both = strategy.shares.get(candidate, 0.0) + strategy.shares.get(champion, 0.0)
        return (Leg(forever, strategy.shares.get(candidate, 0.0) / both if both else 0.0, both),)
    if isinstance(strategy, Full):
        return (Leg(forever, 1.0 - strategy.holdback),)
    return (Leg(forever, 0.5),)


def _leg(step: Step, candidates: int) -> Leg:
    mine = step.share / candidates
    both = mine + 1.0 - step.share if candidates > 1 else 1.0
    return Leg(step.age_s / DAY_S, mine / both, 0.0 if step.audience else both)


def least_days(stage: Stage) -> float:
    """How long the stage takes whatever the evidence: its least age, and the ages of its steps."""
    steps = stage.strategy.steps if isinstance(stage.strategy, Canary) else ()
    watch = stage.strategy.watch_s if isinstance(stage.strategy, Full) else 0.0
    return max(stage.at_least.age_s, sum(step.age_s for step in steps), watch) / DAY_S


def candidate_answers(legs: tuple[Leg, ...], days: float) -> float:
    """How many of the route's requests, one a day, the candidate has answered after so many days.

    >>> candidate_answers((Leg(1.0, 0.1), Leg(float("inf"), 0.5)), 3.0)
    1.1
    """
    ends = [0.0]
    for leg in legs:
        ends.append(ends[-1] + leg.days)
    return sum(
        leg.share * leg.drawn * max(min(days, end) - begin, 0.0) for leg, (begin, end) in zip(legs, pairwise(ends), strict=True)
    )
