"""Numbers from papers and other packages that the methods must reproduce.

| number | made by |
| --- | --- |
| normal mixture 0.362112726047 | `confseq.boundaries.normal_log_mixture(30, 500, 500, 0.05, True)`, confseq 0.0.11 |
| normal mixture bound 61.851225251218 | `confseq.boundaries.normal_mixture_bound(500, 0.05, 500, 0.05, True)` |
| event split 6.1305964738 | 30 against 100 events at a share of 10 %, R = 1.1, r in 1.25 to 30 with equal weights, by hand |
| paired 1.2472540768, 3.2352163037 | n+ = 40, n- = 25, n0 = 935, margins 0 and 0.01, six bets around 1/6, by hand |
| one binary row | likelihood ratio of two Bernoulli laws (scipy.stats) |
| sample size 309.1278616, 392.4430233 per arm | statsmodels `NormalIndPower().solve_power(.2, alpha=.05, power=.8)`, both |
| beta mixture 6.836156838224 | `confseq.boundaries.beta_binomial_log_mixture(20, 25, 25, .5, .5, .05, True)` |
| discordant pairs 0.5071851270 | 40 better, 25 worse, uniform prior on (1/2, 1), by hand |
| t 1.9965882109, radius 3.3475397424 | `avlm::log_G_t(3, 98, 100, 1)`, `avlm::t_radius(1, 100, 2, .05)` |
| z radius 3.2730186242 | `avlm::z_radius(1, 100, .05)` |
| tuning 0.0015872309, 0.0023067483 | kappa at V* = 5000, alpha .05 and .01 (arXiv 2103.06476, appendix) |
| tuning 0.0355776885 | gbstats' one-sided `sequential_rho(.05, 5000)` |
| areas, DeLong z 1.3955053700 and its covariances | MLstatkit 0.1.91, y = 1{(29 i) % 7 < 2}, two scores of i < 200 |
| Q 3.8990270361, p 0.6903386817, tau^2 -5.706e-5 | seven days, scipy `chi2.sf`; DerSimonian and Laird by hand |
| Pitman-Morgan r 0.0133272574, p 0.8514232093 | scipy `pearsonr(b + a, b - a)` |
| e-BH: three of ten, none | `online_fdr` 1.0.0 `e_bh(..., .05)` |
| ratio's standard error 0.01473494674406 | `gbstats` ratio statistic, num = (31 i) % 6, den = num + (17 i) % 5 + 1, i < 200 |
"""

from math import ceil, log, sqrt

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.optimize import brentq
from scipy.stats import bernoulli

from segue.evidence.many.combining import e_bh
from segue.evidence.methods.bounded_mean import bounded_mean, on_values
from segue.evidence.methods.days.variation import (
    between_days,
    cochran,
    cochran_p,
    excess_variance,
    pitman_morgan,
    pitman_morgan_p,
)
from segue.evidence.methods.indirect.beta_mixture import log_beta_mixture, strength_at
from segue.evidence.methods.normal_mixture import NormalMixture, log_mixture, tuned_rho
from segue.evidence.methods.ranking.delong import roc_area
from segue.evidence.methods.ratio import ratio
from segue.evidence.planning.fixed import n_fixed
from segue.evidence.process import Process, log_sum
from segue.evidence.weighing import weigh
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, Design, MetricRef, Prior, Question
from segue.facts.summary import ArmCell, ArmCounts, Counts, MomentCell, Moments, RankCell, Ranks

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
    assert boundary == pytest.approx(61.851225251218, abs=1e-8)


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


def test_beta_mixture() -> None:
    """The one-sided beta-binomial mixture is that of confseq, tuned as there; a flat one is the test of discordant pairs."""
    tuned = log_beta_mixture(np.array([70.0]), 100, share=0.5, strength=strength_at(100, 0.05), side="above")
    assert float(tuned[0]) == pytest.approx(6.836156838224, abs=1e-8)
    flat = log_beta_mixture(np.array([40.0]), 65, share=0.5, strength=2.0, side="above")
    assert float(flat[0]) == pytest.approx(0.5071851270, abs=1e-9)


@pytest.mark.parametrize(("alpha", "kappa"), [(0.025, 0.0015872309), (0.005, 0.0023067483), (0.05, 0.0355776885**2)])
def test_tuning(alpha: float, kappa: float) -> None:
    """Rho is one over kappa of the plan, of a two-sided level of twice alpha."""
    question = replace(asking("one_sample", 0.0, Prior(variance=1e-6, effect=1.0)), alpha=alpha)
    assert 1 / tuned_rho(question, 5.0) == pytest.approx(kappa, abs=1e-9)  # 1000 x the spread of 5 is the plan's 5000


def test_areas() -> None:
    """Two areas, their covariances and DeLong's z."""
    i = np.arange(200)
    truth = ((29 * i) % 7 < 2).astype(int)
    scores = ((37 * i) % 101) / 101 + 0.35 * truth, ((53 * i) % 103) / 103 + 0.25 * truth
    rows = {"positives": tuple(truth.tolist()), "negatives": tuple((1 - truth).tolist())}
    first, second = (tuple(one.tolist()) for one in scores)
    singles = [RankCell(arm="b", propensity=1.0, scores=one, **rows) for one in (first, second)]
    both = RankCell(arm="paired", propensity=1.0, scores=first, rival=second, **rows)
    results = [roc_area(asking("one_sample", 0.5), Ranks(cells=(cell,))) for cell in singles]
    results.append(roc_area(asking("paired", 0.0), Ranks(cells=(both,))))
    estimates, variances = [], []
    for process in results:
        assert isinstance(process, Process)
        assert isinstance(process.bets, NormalMixture)
        estimates.append(process.estimate)
        variances.append(process.bets.variance / process.bets.weight**2)
    assert estimates == pytest.approx([0.7759834871, 0.7045896066, 0.7759834871 - 0.7045896066], abs=1e-9)
    assert variances == pytest.approx([0.0012312761, 0.0015834972, 0.0012312761 + 0.0015834972 - 2 * 0.0000987202], abs=2e-10)
    assert estimates[2] / sqrt(variances[2]) == pytest.approx(1.3955053700, abs=1e-8)


def test_days() -> None:
    """Over-dispersion of seven days, and two variances of the same days."""
    n = np.array([500, 480, 510, 495, 505, 490, 520], dtype=float)
    shares = np.array([455, 430, 470, 449, 462, 441, 480]) / n
    assert cochran(shares, n) == pytest.approx(3.8990270361, abs=1e-9)
    assert cochran_p(shares, n, "above", 0.0) == pytest.approx(0.6903386817, abs=1e-9)
    assert excess_variance(shares, n) == pytest.approx(-5.706e-5, abs=5e-8)
    assert between_days(shares, n) == 0
    i = np.arange(200)
    a, b = ((37 * i) % 101) / 10, ((53 * i) % 103) / 10 + 0.3
    assert pitman_morgan(b, a) == pytest.approx(0.0133272574, abs=1e-9)
    assert 2 * pitman_morgan_p(b, a, "above", 1.0) == pytest.approx(0.8514232093, abs=1e-9)


def test_e_bh() -> None:
    """Which of ten e-values are rejected at a false discovery rate of 5 %."""
    rest = [22, 9, 4, 1.2, 0.3, 0.1, 2]
    for values, rejected in (([450, 150, 70], {"0", "1", "2"}), ([120, 45, 38], set())):
        assert e_bh({str(k): log(value) for k, value in enumerate([*values, *rest])}, 0.05) == rejected


def test_each_end_spends_alpha_once() -> None:
    """A peer's interval halves alpha twice (confseq `conjmix_empbern`): ours rejects at 1 / alpha on either end, not 2 / alpha.

    Another's interval contradicts its stopping rule (TensorZero 4389): here both ends and the verdict are one process.
    """
    question, counts = asking("one_sample", 0.5, Prior(mean=0.6, effect=0.6)), Counts(yes=600, no=400)
    evidence, process = weigh(question, counts), bounded_mean(question, counts)
    assert isinstance(evidence, Evidence)
    assert isinstance(process, Process)
    assert process.bets.log_e("above", evidence.low) == pytest.approx(log(20), abs=1e-8)
    assert process.bets.log_e("below", evidence.high) == pytest.approx(log(20), abs=1e-8)


def test_the_boundary_grows() -> None:
    """A peer's critical value is a constant |Z| > 3.58 (Statsig's documents), which is crossed some day: ours grows with V."""
    z = [float(brentq(lambda s, v=v: log_mixture(s, v, RHO) - log(20), 0, 1e9)) / sqrt(v) for v in (1e3, 1e6, 1e9)]
    assert z[0] < z[1] < z[2]
    assert z[2] > 3.5845153523


@pytest.mark.parametrize(("alpha", "per_arm"), [(0.05, 309.1278616), (0.025, 392.4430233)])
def test_sample_size(alpha: float, per_arm: float) -> None:
    """The fixed sample of a standardised effect of 0.2 is the textbook's, both arms together."""
    question = replace(asking("randomised", 0.0, Prior(variance=1.0, effect=0.2)), alpha=alpha)
    assert n_fixed(question) == ceil(2 * per_arm)


def test_prove_a_floor() -> None:
    """A share that is 99 % by the labels proves 95 % about as early as information theory allows: ln(1/alpha) / KL is 121."""
    evidence = weigh(asking("one_sample", 0.95, Prior(mean=0.99, effect=0.99, variance=0.0475)), Counts(yes=990, no=10))
    assert isinstance(evidence, Evidence)
    assert evidence.need is not None
    least = log(20) / (0.99 * log(0.99 / 0.95) + 0.01 * log(0.01 / 0.05))
    assert least == pytest.approx(121, abs=1)
    assert least <= evidence.need <= least * (1 + log(2) / log(20)) + 1
