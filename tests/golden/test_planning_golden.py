"""Numbers of planning that were computed apart from our code: beside each the formula that makes it."""

from math import exp, sqrt

import pytest
from scipy.stats import norm

from segue.decide.budget import gate_power
from segue.evidence.methods.horizon import crossing_chance
from segue.evidence.planning.fixed import n_fixed
from segue.facts.question import Claim, Design, MetricRef, Prior, Question


def asking(design: Design, bound: float, prior: Prior) -> Question:
    """A question at 5 %."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"), design=design,
        candidate="b", champion="a", claim=Claim(side="above", bound=bound), alpha=0.05, prior=prior,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("question", "n"),
    [
        # (z_.95 + z_.8)^2 (.1 x .9 + .11 x .89) / (2 x .25 x .01^2)
        (asking("randomised", 0.0, Prior(mean=0.1, variance=(0.09 + 0.0979) / 2, effect=0.01)), 23_234),
        # sigma^2 = p01 + p10 - theta^2, p01 = .04, p10 = .03
        (asking("paired", 0.0, Prior(variance=0.0699, effect=0.01)), 4_322),
        # 91 % against 92 %, each request drawn
        (asking("randomised", 0.0, Prior(mean=0.91, variance=(0.91 * 0.09 + 0.92 * 0.08) / 2, effect=0.01)), 19_228),
    ],
)
def test_fixed_samples(question: Question, n: int) -> None:
    """The samples of a test that looks once, to the last observation."""
    assert n_fixed(question) == pytest.approx(n, abs=1)


@pytest.mark.parametrize("times", [1.0, 1.0675, 1.25, 2.0])
@pytest.mark.parametrize("alpha", [0.005, 0.01, 0.05])
def test_the_boundary(times: float, alpha: float) -> None:
    """The power of the constant boundary, to 1e-8; .775, .799 and .852 at alpha 5 %."""
    c = norm.isf(alpha / 2)
    drift = (norm.isf(alpha) + norm.ppf(0.8)) * sqrt(times)
    found = crossing_chance(drift, alpha)
    assert found == pytest.approx(norm.cdf(drift - c) + exp(2 * drift * c) * norm.cdf(-drift - c), abs=1e-8)
    rounded = {1.0: 0.775, 1.0675: 0.799, 1.25: 0.852}
    if alpha == 0.05 and times in rounded:
        assert found == pytest.approx(rounded[times], abs=5e-4)


def test_shared_power() -> None:
    """Each of G gates has 1 - beta / G (Schultzberg, Ankargren & Frånberg 2024)."""
    assert [gate_power(0.8, gates) for gates in (1, 2, 3, 5)] == pytest.approx([0.8, 0.9, 1 - 0.2 / 3, 0.96], abs=1e-12)
