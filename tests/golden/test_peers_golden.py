"""What peers say of the same numbers: of assignments, of two shares, of two samples, and of another policy's log.

| number | made by |
| --- | --- |
| 1.00872798, 1.22982207, 2.05806478 | ssrm-test 0.1.5 `sequential_bayes_factors([[100,120],[130,180],[200,260]], [.5,.5])` |
| 1.04506017, 19.70299038, 721.47176504 | the same, `dirichlet_concentration=100`; savvi `Multinomial(.05, [.5,.5], k=100)` |
| p-values .93233603, .43925611, .05084113 | the same of [[100,120,80],[130,180,100],[200,260,150]], [.33,.34,.33] |
| odds 1103.5154335228 | savvi 0.3.1 `InhomogeneousPoissonProcess(.05, [.9,.1], [[-1,1]], k=20)`, 100 and 30 events |
| 1.298303687 to 5.159671512 | its interval for the ratio of the rates |
| -.1534298204 | 40 better, 25 worse, uniform prior on (0, 1), by hand |
| interval -.0145179621 to .0745179621 | gbstats `SequentialTwoSidedTTest`, N* = 5000, 100 of 1000 against 130 of 1000 |
| lower limit -.0111294962 | gbstats `SequentialOneSidedTreatmentGreaterTTest` of the same |
| half-widths .1063754701, .0996883510 | the same two formulas at s^2 = 1, n = 1000 |
| chance to win .9823573399 | gbstats `EffectBayesianABTest`, flat prior, of the same; interval .0020679344 to .0579320656 |
| half-width 3.3638877258 | Eppo's documentation, N = 10 000, c = .95, t = 2000 |
| 3.5845153523 | Statsig's documentation, equal arms |
| t 1.1267808243, 2.8211880788, 1.1371796858 | scipy `ttest_ind(b, a)`, the same of b + .5, `ttest_rel(b, a)`, 200 values each |
| 18.261, .1106666667 | tea-tasting 1.14.0 `Mean("revenue")`, `RatioOfMeans("orders", "sessions")`, 2000 users |
| .2159139176, .2159495882 | obp 0.4.1 `InverseProbabilityWeighting` and the self-normalised one |
| 404.5523171770 | the effective sample of their weights |
"""

from math import exp, log, sqrt

import numpy as np
import pytest
from bench.decisions.rows import Floats
from bench.decisions.scenarios import replays
from bench.decisions.systems import rivals
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from segue.evidence.audits.sample_ratio import log_bayes_factor
from segue.evidence.methods.normal_mixture import NormalMixture
from segue.evidence.methods.ratio import ratio
from segue.evidence.process import Process
from segue.facts.question import Claim, Design, MetricRef, Question
from segue.facts.summary import MomentCell, Moments

A, B = ((37 * np.arange(200)) % 101) / 10, ((53 * np.arange(200)) % 103) / 10 + 0.3
TOTALS = np.array([2000.0])
SPREAD = sqrt(0.1 * 0.9 / 1000 + 0.13 * 0.87 / 1000)
"""Of the difference of 100 of 1000 and 130 of 1000."""


def asking(design: Design) -> Question:
    """A claim above zero."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"), design=design,
        candidate="b", champion="a", claim=Claim(side="above", bound=0.0), alpha=0.05,
    )  # fmt: skip


def triangle(*columns: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Sums of columns, and of their products, row by row of the upper triangle."""
    rows = np.stack(columns, axis=1).astype(float)
    products = (rows.T @ rows)[np.triu_indices(len(columns))]
    return tuple(rows.sum(axis=0).tolist()), tuple(products.tolist())


@pytest.mark.parametrize(
    ("concentration", "factors"),
    [(1e4, (1.00872798, 1.22982207, 2.05806478)), (100, (1.04506017, 19.70299038, 721.47176504))],
)
def test_sample_ratio(concentration: float, factors: tuple[float, ...]) -> None:
    """Three looks at two variants."""
    looks = ((100, 120), (230, 300), (430, 560))
    found = [exp(log_bayes_factor(look, (0.5, 0.5), concentration)) for look in looks]
    assert found == pytest.approx(factors, abs=1e-8)


def test_sample_ratio_of_three() -> None:
    """Three looks at three variants, as p-values."""
    looks = ((100, 120, 80), (230, 300, 180), (430, 560, 330))
    found = [exp(-log_bayes_factor(look, (0.33, 0.34, 0.33), 1e4)) for look in looks]
    assert found == pytest.approx((0.93233603, 0.43925611, 0.05084113), abs=1e-8)


def test_split_of_events() -> None:
    """A Dirichlet belief about a split of events, its interval for the ratio of the rates, and the one about pairs."""
    at_null = log_bayes_factor((100, 30), (0.9, 0.1), 20)
    assert exp(at_null) == pytest.approx(1103.5154335228, rel=1e-11)

    def excess(ratio: float) -> float:
        share = 0.1 * ratio / (0.9 + 0.1 * ratio)  # the belief stays where it was, the null moves
        return at_null + 100 * log(0.9 / (1 - share)) + 30 * log(0.1 / share) - log(20)

    ends = [brentq(excess, *between, xtol=1e-13) for between in ((0.5, 2.7), (2.7, 20.0))]
    assert ends == pytest.approx((1.298303687, 5.159671512), abs=1e-8)
    assert log_bayes_factor((40, 25), (0.5, 0.5), 2) == pytest.approx(-0.1534298204, abs=1e-9)


def test_sequential_intervals() -> None:
    """GrowthBook's, Eppo's and Statsig's bounds, as the benchmark writes them down."""
    two_sided = float(rivals.eppo_bound(TOTALS, 0.05, 5000)[0]) * SPREAD  # one formula, tuned as GrowthBook does
    one_sided = float(rivals.growthbook_bound(TOTALS, 0.05, 5000)[0]) * SPREAD
    assert (0.03 - two_sided, 0.03 + two_sided) == pytest.approx((-0.0145179621, 0.0745179621), abs=1e-9)
    assert 0.03 - one_sided == pytest.approx(-0.0111294962, abs=1e-9)
    at = np.array([1000.0])
    halves = [float(bound[0]) / sqrt(1000) for bound in (rivals.eppo_bound(at, 0.05, 5000), rivals.growthbook_bound(at))]
    assert halves == pytest.approx((0.1063754701, 0.0996883510), abs=1e-9)
    assert float(rivals.eppo_bound(TOTALS, 0.05, 10_000)[0]) == pytest.approx(3.3638877258, abs=1e-9)
    tau = float(ndtri(0.975)) ** 2 / 2  # z^2 (v + v) / (n + n) over the variance v / n + v / n
    assert float(rivals.statsig_bound(np.array(tau), 0.05)) == pytest.approx(3.5845153523, abs=1e-8)


def test_chance_to_win() -> None:
    """With a flat prior it is the normal tail, which is why looking at it again and again is peeking."""
    assert float(ndtr(0.03 / SPREAD)) == pytest.approx(0.9823573399, abs=1e-9)
    half = float(ndtri(0.975)) * SPREAD
    assert (0.03 - half, 0.03 + half) == pytest.approx((0.0020679344, 0.0579320656), abs=1e-9)


def test_t_statistics() -> None:
    """Ratios of ones are the paired t."""
    ones = np.ones(200)
    sums, products = triangle(B, ones, A, ones)
    process = ratio(
        asking("paired"), Moments(cells=(MomentCell(arm="paired", propensity=1.0, n=200, sums=sums, products=products),))
    )
    assert isinstance(process, Process)
    assert isinstance(process.bets, NormalMixture)
    t = process.estimate * process.bets.weight / sqrt(process.bets.variance * 200 / 199)
    assert t == pytest.approx(1.1371796858, abs=1e-9)


def test_two_means() -> None:
    """A difference of means and of ratios, as tea-tasting has them; half of the users were drawn for either."""
    i = np.arange(2000)
    variant = i % 2
    orders = ((37 * i) % 11 < 3) * ((13 * i) % 4 + 1) + variant * ((7 * i) % 17 == 0)
    sessions, revenue = (29 * i) % 5 + 1, orders * ((53 * i) % 103 + 5)
    for (number, by), expected in (((revenue, np.ones(2000)), 18.261), ((orders, sessions), 0.1106666666667)):
        cells = []
        for place, arm in enumerate("ab"):
            sums, products = triangle(number[variant == place], by[variant == place])
            cells.append(MomentCell(arm=arm, propensity=0.5, n=1000, sums=sums, products=products))
        process = ratio(asking("randomised"), Moments(cells=tuple(cells)))
        assert isinstance(process, Process)
        assert process.estimate == pytest.approx(expected, abs=1e-9)


def test_another_policy() -> None:
    """Importance weights on a log of 1009 rows, plain and self-normalised, and their effective sample."""
    i = np.arange(1009)
    context, draw = i % 7, (7919 * i) % 1000
    action = (draw >= 600).astype(int) + (draw >= 900)
    reward = ((104729 * i) % 997) / 997 < np.array([0.10, 0.15, 0.20])[action] + 0.1 * context / 7
    rows = np.zeros((1, 1, 7, 3, 2), dtype=np.int64)
    for place in zip(context.tolist(), action.tolist(), (~reward).astype(int).tolist(), strict=True):
        rows[(0, 0, *place)] += 1
    weighted = replays.Weighted.of(rows, replays.JUDGED / replays.DRAWN)
    found = (weighted.plain, weighted.normalised, weighted.sample)
    expected = (0.2159139176, 0.2159495882, 404.5523171770)
    assert [one.item() for one in found] == pytest.approx(expected, abs=1e-8)
