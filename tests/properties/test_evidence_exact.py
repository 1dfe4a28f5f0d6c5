"""The exact methods, checked against every path that a small world can take, not against simulations of it.

A world says, given all that happened before, what may happen next and how likely; its propensities react to the outcomes and
its base rate drifts. The best that a cheat can do who sees everything and stops when it suits is the Snell envelope: backward
from the last look, the larger of stopping now and going on. If that is at most 1, no way of looking breaks the error rate.
"""

from collections.abc import Callable, Iterator
from functools import cache
from math import exp, log1p

import numpy as np
import pytest
from msgspec.structs import replace

from segue.evidence.methods.indirect.beta_mixture import log_beta_mixture
from segue.evidence.process import Process
from segue.evidence.weighing import METHODS
from segue.facts.grid import score_grid
from segue.facts.question import Claim, Design, MetricRef, Prior, Question, Side
from segue.facts.summary import (
    Agreements,
    ArmCell,
    ArmCounts,
    Counts,
    Histogram,
    PairedCounts,
    ScoreSums,
    SpreadCell,
    Spreads,
    Summary,
)

Step = tuple[bool, float, float]
"""To the candidate, propensity, value."""
Path = tuple[Step, ...]
World = Callable[[Path], Iterator[tuple[float, Step]]]

SIDES: tuple[Side, ...] = ("above", "below")


def asking(design: Design, bound: float, *, side: Side, factor: float = 1.0, prior: Prior | None = None) -> Question:
    """A question about a metric that lies in [0, 1]."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", cap=1.0), design=design,
        candidate="b", champion="a", claim=Claim(side=side, bound=bound, factor=factor), alpha=0.05, prior=prior or Prior(),
    )  # fmt: skip


def best_stopping(world: World, wealth: Callable[[Path], float], depth: int, path: Path = ()) -> float:
    """What the cleverest stopping rule expects to walk away with, looking at least once."""
    if len(path) == depth:
        return wealth(path)
    onward = sum(chance * best_stopping(world, wealth, depth, (*path, step)) for chance, step in world(path))
    return max(onward, wealth(path)) if path else onward


def expected(world: World, wealth: Callable[[Path], float], depth: int, path: Path = ()) -> float:
    """The mean wealth at the last look."""
    if len(path) == depth:
        return wealth(path)
    return sum(chance * expected(world, wealth, depth, (*path, step)) for chance, step in world(path))


def wealth_of(question: Question, summarise: Callable[[Path], Summary], side: Side, bound: float) -> Callable[[Path], float]:
    """The wealth that a method has after a path, against any bound; the same counts are weighed once."""

    @cache
    def of(summary: Summary) -> float:
        process = METHODS[type(summary), question.design](question, summary)
        return exp(process.bets.log_e(side, bound)) if isinstance(process, Process) else 1.0

    return lambda path: of(summarise(path))


def drifting(path: Path) -> float:
    """A base rate that moves with the hour and with what came before."""
    return 0.35 + 0.25 * (len(path) % 3 - 1) + 0.05 * (bool(path) and path[-1][2] > 0.5)


def reacting(path: Path) -> float:
    """A propensity that chases the last success, as a bandit does."""
    if not path:
        return 0.3
    to_candidate, _, value = path[-1]
    return 0.8 if to_candidate == (value > 0.5) else 0.1


def drawn(effect: float, factor: float = 1.0) -> World:
    """Units with yes or no: the candidate's chance is factor times the champion's plus the effect, at every step."""

    def world(path: Path) -> Iterator[tuple[float, Step]]:
        pi, champion = reacting(path), drifting(path)
        candidate = factor * champion + effect
        for to_candidate, share, rate in ((True, pi, candidate), (False, 1 - pi, champion)):
            yield share * rate, (to_candidate, pi, 1.0)
            yield share * (1 - rate), (to_candidate, pi, 0.0)

    return world


def multiplied(ratio: float) -> World:
    """Units with a rare event: the candidate's rate is a multiple of the champion's, at every step."""

    def world(path: Path) -> Iterator[tuple[float, Step]]:
        pi, champion = reacting(path), drifting(path) / 2
        for to_candidate, share, rate in ((True, pi, ratio * champion), (False, 1 - pi, champion)):
            yield share * rate, (to_candidate, pi, 1.0)
            yield share * (1 - rate), (to_candidate, pi, 0.0)

    return world


def graded(effect: float, factor: float) -> World:
    """Units with a value of 0, 0.3 or 1; the means differ by the effect at every step."""

    def world(path: Path) -> Iterator[tuple[float, Step]]:
        pi, champion = reacting(path), drifting(path)
        for to_candidate, share, mean in ((True, pi, factor * champion + effect), (False, 1 - pi, champion)):
            high = mean * 0.8
            middle = mean * 0.2 / 0.3
            for chance, value in ((high, 1.0), (middle, 0.3), (1 - high - middle, 0.0)):
                yield share * chance, (to_candidate, pi, value)

    return world


def valued(mean: Callable[[Path], float]) -> World:
    """One variant's rows: a yes with a chance that the past decides."""

    def world(path: Path) -> Iterator[tuple[float, Step]]:
        yield mean(path), (True, 1.0, 1.0)
        yield 1 - mean(path), (True, 1.0, 0.0)

    return world


def compared(effect: float) -> World:
    """Pairs: better, worse or the same, with a mean difference of `effect` and a share of ties that moves."""

    def world(path: Path) -> Iterator[tuple[float, Step]]:
        apart = max(abs(effect), drifting(path))
        yield (apart + effect) / 2, (True, 1.0, 1.0)
        yield (apart - effect) / 2, (True, 1.0, -1.0)
        yield 1 - apart, (True, 1.0, 0.0)

    return world


def counts(path: Path) -> Counts:
    """Yes and no."""
    yes = sum(value == 1 for *_, value in path)
    return Counts(yes=yes, no=len(path) - yes)


def pairs(path: Path) -> PairedCounts:
    """Better, worse, the same."""
    plus, minus = (sum(value == d for *_, value in path) for d in (1, -1))
    return PairedCounts(plus=plus, minus=minus, zero=len(path) - plus - minus)


def arms(path: Path) -> ArmCounts:
    """Yes and no by arm and propensity."""
    cells = []
    for pi in sorted({pi for _, pi, _ in path}):
        of = {(arm, value): sum(step == (arm, pi, value) for step in path) for arm in (True, False) for value in (1.0, 0.0)}
        cells.append(
            ArmCell(
                propensity=pi,
                candidate_yes=of[True, 1.0],
                candidate_no=of[True, 0.0],
                champion_yes=of[False, 1.0],
                champion_no=of[False, 0.0],
            )
        )
    return ArmCounts(cells=tuple(cells))


def scores(question: Question) -> Callable[[Path], ScoreSums]:
    """Score sums over the question's grid."""
    grid = score_grid(question)

    def summarise(path: Path) -> ScoreSums:
        if question.design == "randomised":
            z = [grid.of_draw(value, to_candidate=arm, propensity=pi) for arm, pi, value in path]
            weight = sum(pi * (1 - pi) for _, pi, _ in path)
        else:
            z, weight = [grid.of_one(value) for *_, value in path], float(len(path))
        growth = tuple(sum(log1p(bet * one) for one in z) for bet in grid.lambdas)
        n_candidate = sum(arm for arm, *_ in path)
        return ScoreSums(
            n=len(z), n_candidate=n_candidate, z=sum(z), z2=sum(x * x for x in z), weight=weight, log_growth=growth
        )

    return summarise


def into_the_null(side: Side, by: float) -> float:
    """A step from the edge of the null to its inside."""
    return -by if side == "above" else by


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("inside", [0.0, 0.1])
@pytest.mark.parametrize("bound", [0.1, 0.4, 0.9])
def test_share(side: Side, inside: float, bound: float) -> None:
    """P1: nobody who stops when it suits gets more than his stake from a share at the edge of the null, or inside it."""
    question = asking("one_sample", bound, side=side, prior=Prior(effect=bound + (0.05 if side == "above" else -0.05)))
    wealth = wealth_of(question, counts, side, bound)
    share = bound + into_the_null(side, inside)
    assert best_stopping(valued(lambda _: share), wealth, 8) <= 1 + 1e-12
    if not inside:
        assert expected(valued(lambda _: share), wealth, 8) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("side", SIDES)
def test_wandering_share(side: Side) -> None:
    """P1: only the running mean has to keep to the null; single chances may leave it."""
    question = asking("one_sample", 0.4, side=side, prior=Prior(effect=0.6 if side == "above" else 0.2))
    away = into_the_null(side, 0.2)
    wandering = valued(lambda path: 0.4 + (away if len(path) % 2 == 0 else -away))
    assert best_stopping(wandering, wealth_of(question, counts, side, 0.4), 8) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("bound", [-0.1, 0.0, 0.05])
def test_pairs(side: Side, bound: float) -> None:
    """P2: the same for pairs, with any margin, while the share of ties moves."""
    question = asking("paired", bound, side=side)
    wealth = wealth_of(question, pairs, side, bound)
    assert expected(compared(bound), wealth, 6) == pytest.approx(1, abs=1e-12)
    assert best_stopping(compared(bound), wealth, 6) <= 1 + 1e-12
    assert best_stopping(compared(bound + into_the_null(side, 0.1)), wealth, 6) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("bound", "factor"), [(-0.05, 1.0), (0.0, 1.0), (0.05, 1.0), (0.0, 0.9), (0.02, 1.1)])
def test_drawn(side: Side, bound: float, factor: float) -> None:
    """P3: the same for drawn units, with absolute and relative margins, while the propensity chases the outcomes."""
    question = asking("randomised", bound, side=side, factor=factor, prior=Prior(mean=0.3, effect=0.2))
    wealth = wealth_of(question, arms, side, bound)
    assert expected(drawn(bound, factor), wealth, 5) == pytest.approx(1, abs=1e-12)
    assert best_stopping(drawn(bound, factor), wealth, 5) <= 1 + 1e-12
    assert best_stopping(drawn(bound + into_the_null(side, 0.05), factor), wealth, 5) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("bound", "factor"), [(-0.05, 1.0), (0.0, 1.0), (0.03, 1.0), (0.0, 0.9)])
def test_scores(side: Side, bound: float, factor: float) -> None:
    """P4: the same for values between 0 and 1, read off sums over the grid."""
    question = asking("randomised", bound, side=side, factor=factor, prior=Prior(mean=0.3, effect=0.2))
    wealth = wealth_of(question, scores(question), side, bound)
    assert expected(graded(bound, factor), wealth, 4) == pytest.approx(1, abs=1e-12)
    assert best_stopping(graded(bound, factor), wealth, 4) <= 1 + 1e-12
    assert best_stopping(graded(bound + into_the_null(side, 0.05), factor), wealth, 4) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("shift", [-0.1, 0.04])
def test_scores_of_another_bound(side: Side, shift: float) -> None:
    """P4: the sums for one claim give fair bets against every other bound, on both sides: the interval covers."""
    for claimed in SIDES:
        question = asking("randomised", 0.01, side=claimed, prior=Prior(mean=0.3, effect=0.2))
        wealth = wealth_of(question, scores(question), side, 0.01 + shift)
        assert 0.8 < best_stopping(graded(0.01 + shift, 1.0), wealth, 4) <= 1 + 1e-12
    question = asking("one_sample", 0.4, side="above", prior=Prior(effect=0.7))
    wealth = wealth_of(question, scores(question), side, 0.4 + shift)
    assert 0.8 < best_stopping(valued(lambda _: 0.4 + shift), wealth, 8) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.1])
def test_events(side: Side, ratio: float) -> None:
    """P5: the same for a split of events, whatever the base rate does."""
    question = asking("events", ratio, side=side, prior=Prior(effect=1.5))
    wealth = wealth_of(question, arms, side, ratio)
    assert expected(multiplied(ratio), wealth, 5) == pytest.approx(1, abs=1e-12)
    assert best_stopping(multiplied(ratio), wealth, 5) <= 1 + 1e-12
    assert best_stopping(multiplied(ratio + into_the_null(side, 0.1)), wealth, 5) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(("bound", "factor"), [(-0.05, 1.0), (0.03, 1.0), (0.0, 0.9)])
def test_adjusted_scores(side: Side, bound: float, factor: float) -> None:
    """P4 with a prediction that the past made of each unit in place of the centre, right or wrong: still fair."""
    question = replace(
        asking("randomised", bound, side=side, factor=factor, prior=Prior(mean=0.3, effect=0.2)), expected="context.last"
    )
    grid = score_grid(question)

    def summarise(path: Path) -> ScoreSums:
        z = [
            grid.of_draw(value, to_candidate=arm, propensity=pi, expected=path[k - 1][2] if k else 0.9)
            for k, (arm, pi, value) in enumerate(path)
        ]
        growth = tuple(sum(log1p(bet * one) for one in z) for bet in grid.lambdas)
        weight = sum(pi * (1 - pi) for _, pi, _ in path)
        n_candidate = sum(arm for arm, *_ in path)
        return ScoreSums(n=len(z), n_candidate=n_candidate, z=sum(z), z2=1.0, weight=weight, log_growth=growth)

    wealth = wealth_of(question, summarise, side, bound)
    assert expected(graded(bound, factor), wealth, 4) == pytest.approx(1, abs=1e-12)
    assert best_stopping(graded(bound, factor), wealth, 4) <= 1 + 1e-12


def spread(values: tuple[float, ...], of_candidate: tuple[float, ...], of_champion: tuple[float, ...]) -> World:
    """Units with one of a few values; each variant's law stays what it is."""

    def world(path: Path) -> Iterator[tuple[float, Step]]:
        del path
        for arm, law in ((True, of_candidate), (False, of_champion)):
            for value, chance in zip(values, law, strict=True):
                yield chance / 2, (arm, 0.5, value)

    return world


def histograms(path: Path) -> Spreads:
    """Values 1, 2 and 4 in the buckets 0, 1 and 2 of base 2."""
    of = {
        arm: Histogram(
            base=2.0, at_most_zero=0, buckets={k: sum(step[0] == arm and step[2] == 2.0**k for step in path) for k in range(3)}
        )
        for arm in (True, False)
    }
    return Spreads(cells=(SpreadCell(propensity=0.5, candidate=of[True], champion=of[False]),))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("of_candidate", "of_champion"),
    [((0.5, 0.3, 0.2), (0.5, 0.3, 0.2)), ((0.5, 0.5, 0.0), (0.5, 0.0, 0.5)), ((0.2, 0.6, 0.2), (0.49, 0.02, 0.49))],
    ids=["same", "same median", "atoms"],
)
def test_quantiles(side: Side, of_candidate: tuple[float, ...], of_champion: tuple[float, ...]) -> None:
    """P9: with equal medians nobody gains, whatever the rest of the two laws."""
    question = asking("randomised", 0.0, side=side)
    question = replace(question, metric=replace(question.metric, parameters={"q": 0.5}))
    world = spread((1.0, 2.0, 4.0), of_candidate, of_champion)

    @cache
    def unordered(path: Path) -> float:
        process = METHODS[Spreads, "randomised"](question, histograms(path))
        return exp(process.bets.log_e(side, 0.0)) if isinstance(process, Process) else 1.0

    assert best_stopping(world, lambda path: unordered(tuple(sorted(path))), 4) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("joint", ["bound", "crossed", "loose"])
def test_quantiles_of_pairs(side: Side, joint: str) -> None:
    """P9 of pairs: with equal medians nobody gains, however the two answers to one request go together."""
    question = asking("paired", 0.0, side=side)
    question = replace(question, metric=replace(question.metric, parameters={"q": 0.5}))
    both = {
        "bound": [(0.5, 1.0, 1.0), (0.3, 2.0, 2.0), (0.2, 4.0, 4.0)],
        "crossed": [(0.5, 1.0, 4.0), (0.5, 4.0, 1.0)],
        "loose": [(0.25, b, a) for b in (1.0, 2.0) for a in (1.0, 4.0)],
    }[joint]

    def world(path: Path) -> Iterator[tuple[float, Step]]:
        del path
        yield from ((chance, (True, b, a)) for chance, b, a in both)

    @cache
    def wealth(path: Path) -> float:
        counted = [
            Histogram(base=2.0, at_most_zero=0, buckets={k: sum(step[at] == 2.0**k for step in path) for k in range(3)})
            for at in (1, 2)
        ]
        cells = (SpreadCell(propensity=1.0, candidate=counted[0], champion=counted[1]),)
        process = METHODS[Spreads, "paired"](question, Spreads(cells=cells))
        return exp(process.bets.log_e(side, 0.0)) if isinstance(process, Process) else 1.0

    assert best_stopping(world, lambda path: wealth(tuple(sorted(path))), 4) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
def test_beta_mixture(side: Side) -> None:
    """The halves that a quantile is made of: exactly fair at the share, never a gain inside the null."""

    def wealth(path: Path) -> float:
        hits = np.array([sum(value for *_, value in path)])
        return float(np.exp(log_beta_mixture(hits, len(path), share=0.7, strength=5.0, side=side))[0])

    assert expected(valued(lambda _: 0.7), wealth, 8) == pytest.approx(1, abs=1e-12)
    assert best_stopping(valued(lambda _: 0.7), wealth, 8) <= 1 + 1e-12
    inside = 0.7 + into_the_null(side, 0.1)
    assert best_stopping(valued(lambda path: inside + 0.05 * (len(path) % 2)), wealth, 8) <= 1 + 1e-12


@pytest.mark.parametrize("side", SIDES)
def test_agreements(side: Side) -> None:
    """Agreement: where answers differ as often as the margin, nobody who stops when it suits gains."""
    question = asking("paired", 0.3 if side == "below" else -0.3, side=side, prior=Prior(effect=0.0))

    def summarise(path: Path) -> Agreements:
        different = sum(value == 1 for *_, value in path)
        return Agreements(same=len(path) - different, different=different)

    wealth = wealth_of(question, summarise, side, question.claim.bound)
    assert expected(valued(lambda _: 0.3), wealth, 8) == pytest.approx(1, abs=1e-12)
    assert best_stopping(valued(lambda _: 0.4), wealth, 8) <= 1 + 1e-12


def test_a_wrong_method_is_caught() -> None:
    """The same enumeration condemns the bet that forgets the margin's correction, so it can fail."""
    question = asking("randomised", 0.0, side="above", prior=Prior(mean=0.3, effect=0.2))
    wealth = wealth_of(question, arms, "above", 0.0)
    assert best_stopping(drawn(0.02), wealth, 5) > 1.0001
