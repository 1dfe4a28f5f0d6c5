"""Numbers from papers and other packages that the methods must reproduce.

| number | made by |
| --- | --- |
| normal mixture 0.362112726047 | `confseq.boundaries.normal_log_mixture(30, 500, 500, 0.05, True)`, confseq 0.0.11 |
| normal mixture bound 61.851225251218 | `confseq.boundaries.normal_mixture_bound(500, 0.05, 500, 0.05, True)` |
| event split 6.1305964738 | 30 against 100 events at a share of 10 %, R = 1.1, r in 1.25 to 30 with equal weights, by hand |
| paired 1.2472540768, 3.2352163037 | n+ = 40, n- = 25, n0 = 935, margins 0 and 0.01, six bets around 1/6, by hand |
| one binary row | likelihood ratio of two Bernoulli laws (scipy.stats) |
| sample size 309.1278616 per arm | statsmodels `NormalIndPower().solve_power(0.2, alpha=0.05, power=0.8)`, larger |
| ratio's standard error 0.01473494674406 | `gbstats` ratio statistic, num = (31 i) % 6, den = num + (17 i) % 5 + 1, i < 200 |
"""

from math import ceil, log, sqrt

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import bernoulli

from segue.evidence.methods.bounded_mean import on_values
from segue.evidence.methods.normal_mixture import NormalMixture, log_mixture
from segue.evidence.methods.ratio import ratio
from segue.evidence.planning import n_fixed
from segue.evidence.process import Process, log_sum
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import ArmCell, ArmCounts, Counts, MomentCell, Moments

RHO = 79.00317453425


def asking(design: Design, bound: float, prior: Prior | None = None) -> Question:
    """A claim above a bound."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"), design=design,
        candidate="b", champion="a", claim=Claim(side="above", bound=bound), alpha=0.05, prior=prior or Prior(),
    )  # fmt: skip


def test_normal_mixture() -> None:
    """The one-sided normal mixture is that of confseq, value and boundary."""
    assert log_mixture(30, 500, RHO) == pytest.approx(0.362112726047, abs=1e-10)
    boundary = brentq(lambda total: log_mixture(total, 500, RHO) - log(20), 0, 1000, xtol=1e-12)
    assert boundary == pytest.approx(61.851225251218, abs=1e-6)


@pytest.mark.parametrize(("margin", "expected"), [(0.0, 1.2472540768), (0.01, 3.2352163037)])
def test_paired(margin: float, expected: float) -> None:
    """Six bets on 40 better, 25 worse and 935 equal pairs."""
    bets = np.array([1, 1 / 8, 1 / 4, 1 / 2, 2, 4]) / 6
    growths = on_values((1.0, 0.0, -1.0), (40, 935, 25), bets)("above", -margin)
    assert log_sum(np.log([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]) + growths) == pytest.approx(expected, abs=1e-9)


def test_event_split() -> None:
    """Thirty errors of a tenth of the traffic against a hundred of the rest."""
    cell = ArmCell(propensity=0.1, candidate_yes=30, candidate_no=0, champion_yes=100, champion_no=0)
    evidence = weigh(asking("events", 1.1), ArmCounts(cells=(cell,)))
    assert isinstance(evidence, Evidence)
    assert evidence.log_e == pytest.approx(6.1305964738, abs=1e-9)
    assert evidence.estimate == pytest.approx(2.7, abs=1e-9)


def test_one_row_is_a_likelihood_ratio() -> None:
    """A bet on one binary row is the likelihood ratio of the share that the bet is best for."""
    null, alternative = 0.9, 0.93
    bet = (alternative - null) / (null * (1 - null))
    growths = on_values((1.0, 0.0), (17, 3), np.array([bet]))("above", null)
    expected = 17 * log(alternative / null) + 3 * log((1 - alternative) / (1 - null))
    assert growths[0] == pytest.approx(expected, abs=1e-12)
    rows = [1] * 17 + [0] * 3
    assert expected == pytest.approx(bernoulli.logpmf(rows, alternative).sum() - bernoulli.logpmf(rows, null).sum())


def test_drawn_row_is_a_likelihood_ratio() -> None:
    """At bound 0, the bet on drawn units is the likelihood ratio of two shares against their mean, whatever the grid."""
    pi, mean, effect = 0.2, 0.1, 0.02
    evidence = weigh(
        asking("randomised", 0.0, Prior(mean=mean, effect=effect)),
        ArmCounts(cells=(ArmCell(propensity=pi, candidate_yes=30, candidate_no=170, champion_yes=70, champion_no=730),)),
    )
    assert isinstance(evidence, Evidence)
    logs = []
    for multiple in (1, 1 / 512, 1 / 64, 1 / 8, 1 / 4, 1 / 2, 2, 4, 8, 16):
        t1, t0 = mean + (1 - pi) * effect * multiple, mean - pi * effect * multiple
        largest = 0.9 / (1 / (mean * (1 - mean)) * effect)  # the boldest bet of a propensity: nobody loses more than 0.9
        reach = max((1 - pi) * mean, pi * (1 - mean))
        if multiple > largest / reach:
            scale = largest / reach
            t1, t0 = mean + (1 - pi) * effect * scale, mean - pi * effect * scale
        logs.append(
            30 * log(t1 / mean) + 170 * log((1 - t1) / (1 - mean)) + 70 * log(t0 / mean) + 730 * log((1 - t0) / (1 - mean))
        )
    weights = np.log([0.5] + [0.5 / 9] * 9)
    assert evidence.log_e == pytest.approx(log_sum(weights + np.array(logs)), abs=1e-9)


def test_ratio_standard_error() -> None:
    """The linearised ratio has the delta method's standard error."""
    i = np.arange(200)
    n = ((31 * i) % 6).astype(float)
    d = n + (17 * i) % 5 + 1
    products = tuple(float(x) for x in ((n * n).sum(), (n * d).sum(), (d * d).sum()))
    cell = MomentCell(arm="b", propensity=1.0, n=200, sums=(float(n.sum()), float(d.sum())), products=products)
    process = ratio(asking("one_sample", 0.4), Moments(cells=(cell,)))
    assert isinstance(process, Process)
    assert isinstance(process.bets, NormalMixture)
    assert process.estimate == pytest.approx(0.45255474452555, abs=1e-12)
    unbiased = sqrt(process.bets.variance * 200 / 199) / process.bets.weight
    assert unbiased == pytest.approx(0.01473494674406, abs=1e-12)


def test_sample_size() -> None:
    """The fixed sample of a standardised effect of 0.2 is the textbook's, both arms together."""
    assert n_fixed(asking("randomised", 0.0, Prior(variance=1.0, effect=0.2))) == ceil(2 * 309.1278616)


def test_prove_a_floor() -> None:
    """A share that is 99 % by the labels proves 95 % about as early as information theory allows: ln(1/alpha) / KL is 121."""
    evidence = weigh(asking("one_sample", 0.95, Prior(mean=0.99, effect=0.99, variance=0.0475)), Counts(yes=990, no=10))
    assert isinstance(evidence, Evidence)
    assert evidence.need is not None
    least = log(20) / (0.99 * log(0.99 / 0.95) + 0.01 * log(0.01 / 0.05))
    assert least == pytest.approx(121, abs=1)
    assert least <= evidence.need <= least * (1 + log(2) / log(20)) + 1
