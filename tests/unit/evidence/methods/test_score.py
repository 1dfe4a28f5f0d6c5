"""Scores with and without bounds."""

from math import log1p
from random import Random

import pytest

from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.grid import score_grid
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import ArmCell, ArmCounts, Counts, PairedCounts, ScoreSums


def asking(design: Design, bound: float, *, cap: float | None = 1.0, prior: Prior | None = None) -> Question:
    """A claim above a bound."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean", cap=cap), design=design,
        candidate="b", champion="a", claim=Claim(side="above", bound=bound), alpha=0.05,
        prior=prior or Prior(mean=0.1, variance=0.09),
    )  # fmt: skip


def summed(question: Question, z: list[float], weight: float, n_candidate: int) -> ScoreSums:
    """Sums of scores over the question's grid."""
    grid = score_grid(question)
    growth = tuple(sum(log1p(bet * x) for x in z) for bet in grid.lambdas)
    powers = {"z": sum(z), "z2": sum(x**2 for x in z), "z4": sum(x**4 for x in z)}
    return ScoreSums(n=len(z), n_candidate=n_candidate, weight=weight, log_growth=growth, **powers)


def both(question: Question, sums: ScoreSums, counts: Counts | PairedCounts | ArmCounts) -> tuple[Evidence, Evidence]:
    """The evidence in the sums and in the counts of the same rows."""
    of_sums, of_counts = weigh(question, sums), weigh(question, counts)
    assert isinstance(of_sums, Evidence)
    assert isinstance(of_counts, Evidence)
    return of_sums, of_counts


def test_counts_are_scores() -> None:
    """For pairs of yes and no, the sums of scores and the counts are the same evidence; the interval is a little wider."""
    question = asking("paired", -0.02)
    grid = score_grid(question)
    z = [grid.of_pair(1, 0)] * 40 + [grid.of_pair(0, 1)] * 25 + [grid.of_pair(1, 1)] * 935
    of_sums, of_counts = both(question, summed(question, z, 1000.0, 1000), PairedCounts(plus=40, minus=25, zero=935))
    assert of_sums.log_e == pytest.approx(of_counts.log_e)
    assert of_sums.estimate == pytest.approx(of_counts.estimate)
    assert of_sums.low == pytest.approx(of_counts.low, abs=0.002)
    assert of_sums.high == pytest.approx(of_counts.high, abs=0.002)
    assert of_sums.low <= of_counts.low + 1e-9


def test_drawn_counts_are_scores() -> None:
    """For drawn units of yes and no, score sums give nearly the evidence of the likelihood ratio."""
    question = asking("randomised", -0.02)
    grid = score_grid(question)
    z = []
    for arm, value, times in ((True, 1.0, 300), (True, 0.0, 2700), (False, 1.0, 700), (False, 0.0, 6300)):
        z += [grid.of_draw(value, to_candidate=arm, propensity=0.3)] * times
    cell = ArmCell(propensity=0.3, candidate_yes=300, candidate_no=2700, champion_yes=700, champion_no=6300)
    of_sums, of_counts = both(question, summed(question, z, 0.21 * 10_000, 3000), ArmCounts(cells=(cell,)))
    assert of_sums.log_e == pytest.approx(of_counts.log_e, abs=0.05)
    assert of_sums.estimate == pytest.approx(of_counts.estimate, abs=1e-9)
    assert of_sums.low == pytest.approx(of_counts.low, abs=1e-3)
    assert of_sums.high == pytest.approx(of_counts.high, abs=1e-3)
    assert of_sums.n == {"b": 3000, "a": 7000}


def test_in_the_metric_s_unit() -> None:
    """Estimate and interval are in the metric's unit, whatever the cap."""
    chance = Random(7)
    question = asking("randomised", -10.0, cap=500, prior=Prior(mean=100, variance=8000, effect=0))
    grid = score_grid(question)
    z, weight, n_candidate = [], 0.0, 0
    for _ in range(4000):
        arm = chance.random() < 0.5
        value = chance.expovariate(1 / 100) + (60 if arm else 0)
        z.append(grid.of_draw(value, to_candidate=arm, propensity=0.5))
        weight, n_candidate = weight + 0.25, n_candidate + arm
    evidence = weigh(question, summed(question, z, weight, n_candidate))
    assert isinstance(evidence, Evidence)
    assert evidence.validity == "exact at any look"
    assert 45 < evidence.low < 60 < evidence.high < 75


def test_heavy_tails_wait() -> None:
    """Without a cap, a few rows that carry all the variance are not enough, however many others there are."""
    question = asking("paired", 0.0, cap=None)
    light = [(-1.0) ** i + 0.2 for i in range(4000)]
    assert isinstance(weigh(question, summed(question, light, 4000.0, 4000)), Evidence)
    heavy = [*light, *[1000.0] * 10]
    weighed = weigh(question, summed(question, heavy, 4010.0, 4010))
    assert isinstance(weighed, NotEnough)
    assert weighed.have == 10
    assert "carry the variance" in weighed.unit


def test_burn_in() -> None:
    """Without a cap, a thousand units of each variant come first."""
    question = asking("randomised", 0.0, cap=None)
    sums = ScoreSums(n=10_000, n_candidate=999, z=100, z2=900, z4=200, weight=900, log_growth=())
    weighed = weigh(question, sums)
    assert isinstance(weighed, NotEnough)
    assert (weighed.have, weighed.need) == (999, 1000)
