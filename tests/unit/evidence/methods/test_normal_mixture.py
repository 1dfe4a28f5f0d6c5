"""The normal mixture and its tuning."""

from math import log

import pytest

from segue.evidence.methods.normal_mixture import BURN_IN_UNITS, NormalMixture, log_mixture, tuned_rho
from segue.facts.question import Claim, MetricRef, Prior, Question


def asking(prior: Prior, alpha: float = 0.05) -> Question:
    """A claim about a mean without bounds."""
    return Question(
        id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"), design="paired",
        candidate="b", champion="a", claim=Claim(side="above", bound=0.0), alpha=alpha, prior=prior,
    )  # fmt: skip


def test_a_fresh_start() -> None:
    """Before the first observation the wealth is 1."""
    assert log_mixture(0.0, 0.0, 7.0) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_tuning(alpha: float) -> None:
    """At the planned information, the tuned boundary is no more than a percent above the best of all boundaries."""
    question = asking(Prior(variance=100.0, effect=0.1), alpha)
    rho = tuned_rho(question, 100.0)
    doubled = -2 * log(2 * alpha)
    information = rho * (doubled + log(1 + doubled))

    def boundary(rho: float) -> float:
        return NormalMixture(estimate=0.0, weight=1.0, variance=information, rho=rho).reach(log(1 / alpha))[1]

    assert boundary(rho) <= 1.01 * min(boundary(rho * 1.2**k) for k in range(-10, 11))


def test_a_bold_plan_waits() -> None:
    """A plan to decide after ten observations is tuned to a thousand all the same."""
    bold, least = asking(Prior(variance=1.0, effect=1.0)), BURN_IN_UNITS * 4.0
    assert tuned_rho(bold, 4.0) == pytest.approx(least / (-2 * log(0.1) + log(1 - 2 * log(0.1))))


def test_times() -> None:
    """So many times the same data reach the threshold, and not much less."""
    bets = NormalMixture(estimate=0.1, weight=1000.0, variance=1000.0, rho=200.0)
    times = bets.times("above", 0.05, log(20))
    assert times is not None
    assert log_mixture(50 * times, 1000 * times, 200.0) == pytest.approx(log(20))
    assert bets.times("above", 0.1, log(20)) is None
    assert bets.times("above", 0.1 - 1e-15, log(20)) is None
