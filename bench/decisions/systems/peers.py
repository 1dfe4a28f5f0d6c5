"""What do the peers that are packages say? Run by their own Python: questions on stdin, answers on stdout, both JSON.

Their pins (an old numpy and pandas) fit no environment of ours, so nothing of this repository is imported here. Each package is
imported where it is asked: not all of them can be installed everywhere.
"""

import json
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd

Totals = tuple[int, int, int, int]
"""Units and yes of the champion, then of the candidate."""


def versions(_: None) -> dict[str, str]:
    """Of the peers that are installed."""
    found = {}
    for name in ("gbstats", "spotify-confidence", "confseq", "ssrm-test"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def growthbook(cases: Sequence[Totals]) -> list[tuple[float, float]]:
    """Half of the sequential interval's width in standard errors at 10 %, and the chance to win with a flat prior."""
    from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig
    from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
    from gbstats.models.statistics import ProportionStatistic

    found = []
    for n_a, yes_a, n_b, yes_b in cases:
        arms = ProportionStatistic(n=n_a, sum=yes_a), ProportionStatistic(n=n_b, sum=yes_b)
        sequential = SequentialTwoSidedTTest(*arms, SequentialConfig(difference_type="absolute", alpha=0.1))
        low, high = sequential.confidence_interval
        won = EffectBayesianABTest(*arms, EffectBayesianConfig(difference_type="absolute")).compute_result()
        found.append((float((high - low) / 2 / np.sqrt(sequential.variance)), float(won.chance_to_win)))
    return found


def spotify(cases: Sequence[Totals]) -> list[float]:
    """Two-sided p-values of `ZTest`."""
    from spotify_confidence import ZTest

    found = []
    for n_a, yes_a, n_b, yes_b in cases:
        frame = pd.DataFrame({"variant": ["a", "b"], "yes": [yes_a, yes_b], "n": [n_a, n_b]})
        test = ZTest(frame, "yes", None, "n", categorical_group_columns="variant")
        found.append(float(test.difference("a", "b")["p-value"].iloc[0]))
    return found


def spotify_bounds(looks: int) -> list[float]:
    """Group-sequential bounds at equal steps, one-sided at 5 %."""
    from spotify_confidence.analysis.frequentist.sequential_bound_solver import bounds

    at = np.arange(1, looks + 1) / looks
    return [float(bound) for bound in bounds(at, alpha=0.05, rho=2, ztrun=8, sides=1).df["zb"]]


def ssrm(cases: Sequence[Sequence[tuple[int, int]]]) -> list[float]:
    """The last Bayes factor of each sequence of new units by variant."""
    vars(np)["Inf"] = np.inf  # the package was written for numpy 1
    from ssrm_test.ssrm_test import sequential_bayes_factors

    return [float(sequential_bayes_factors(np.array(case), np.array([0.5, 0.5]))[-1]) for case in cases]


def betting(logs: Sequence[Sequence[int]]) -> list[int]:
    """Pairs until confseq's betting martingale shows, at 5 %, that the candidate is better; 0 for never."""
    from confseq.betting import betting_mart

    found = []
    for log in logs:
        wealth = betting_mart((np.array(log) + 1) / 2, 0.5, alpha=0.05, theta=1, convex_comb=True)
        found.append(int(np.argmax(wealth >= 20) + 1) if (wealth >= 20).any() else 0)
    return found


def quantiles(asked: dict[str, Any]) -> list[int]:
    """Units of both arms until confseq's quantile test shows, at 10 % two-sided, another p95; 0 for never."""
    from confseq.quantiles import quantile_ab_p_value

    found = []
    for seed in range(asked["runs"]):
        rng = np.random.default_rng((asked["seed"], seed))
        a, b = (rng.lognormal(location, asked["sigma"], asked["looks"][-1]) for location in asked["locations"])
        shown = (n for n in asked["looks"] if quantile_ab_p_value(a[:n], b[:n], 0.95, asked["looks"][0], 0.05) <= 0.1)
        found.append(2 * next(shown, 0))
    return found


ANSWERS: dict[str, Callable[[Any], object]] = {
    "versions": versions, "growthbook": growthbook, "spotify": spotify, "spotify_bounds": spotify_bounds, "ssrm": ssrm,
    "betting": betting, "quantiles": quantiles,
}  # fmt: skip


def answers(asked: dict[str, Any]) -> dict[str, object]:
    """An answer to every question; None where the peer is not installed."""
    found: dict[str, object] = {}
    for name, one in asked.items():
        try:
            found[name] = ANSWERS[name](one)
        except ImportError:
            found[name] = None
    return found


if __name__ == "__main__":
    json.dump(answers(json.load(sys.stdin)), sys.stdout)
