"""What do many e-values say together: about each, about any, about all?

All of it holds whatever the dependence between them, and at any look: e-processes may be averaged and compared at any time.
Source: Vovk & Wang 2021 (arXiv 1912.06116); Wang & Ramdas 2022 (arXiv 2009.02824).
"""

from collections.abc import Iterable, Mapping
from math import exp, inf, log

import numpy as np

from segue.errors import DomainError
from segue.evidence.process import log_sum


def e_bh(log_e: Mapping[str, float], alpha: float) -> frozenset[str]:
    """Which hypotheses are rejected so that the expected share of false rejections among them is at most alpha.

    The k largest, k the largest number for which `k e_(k) >= n / alpha`: for verdicts across the rollouts of an organisation.

    Raises:
        DomainError: alpha outside (0, 1).

    >>> sorted(e_bh({"a": log(450), "b": log(150), "c": log(70), "d": log(4)}, 0.05))
    ['a', 'b', 'c']
    """
    _check(alpha)
    ranked = sorted(log_e, key=lambda name: -log_e[name])
    enough = [k for k, name in enumerate(ranked, start=1) if log(k) + log_e[name] >= log(len(ranked) / alpha)]
    return frozenset(ranked[: max(enough, default=0)])


def closed(log_e: Mapping[str, float], alpha: float) -> frozenset[str]:
    """Which of K candidates' claims are shown so that the chance of one false among them is at most alpha.

    Closed testing with averages: a claim is shown when every set that it belongs to has an average of at least 1 / alpha; the
    worst set joins it with all that lie below 1 / alpha. Never weaker than Bonferroni (`e >= K / alpha`).
    Source: Vovk & Wang 2021, algorithm 1.

    Raises:
        DomainError: alpha outside (0, 1).

    >>> sorted(closed({"v8": log(70), "v9": log(25), "v10": log(1)}, 0.05))
    ['v8']
    """
    _check(alpha)
    values = {name: exp(min(value, 700.0)) for name, value in log_e.items()}
    shown = set()
    for name, value in values.items():
        short = sum(other - 1 / alpha for rival, other in values.items() if rival != name and other < 1 / alpha)
        if value - 1 / alpha + short >= 0:
            shown.add(name)
    return frozenset(shown)


def bonferroni(log_e: Mapping[str, float], alpha: float, weights: Mapping[str, float] | None = None) -> frozenset[str]:
    """Which claims are shown at their own share of alpha, `e >= 1 / (w alpha)`; equal shares without weights.

    Raises:
        DomainError: alpha outside (0, 1), a weight missing or not positive, or weights that sum to more than 1.
    """
    _check(alpha)
    shares = weights if weights is not None else dict.fromkeys(log_e, 1 / max(len(log_e), 1))
    if set(log_e) - set(shares) or min(shares.values(), default=1.0) <= 0 or sum(shares.values()) > 1 + 1e-9:
        raise DomainError(f"no split of alpha: {dict(shares)}")
    return frozenset(name for name, value in log_e.items() if value >= -log(shares[name] * alpha))


def log_mean(log_e: Iterable[float]) -> float:
    """Logarithm of the mean of e-values: an alarm that something is wrong somewhere, at `>= log(1 / alpha)`.

    Raises:
        DomainError: there is none.

    >>> round(exp(log_mean([log(3), log(1), log(2)])), 12)
    2.0
    """
    logs = np.array(list(log_e))
    if not len(logs):
        raise DomainError("the mean of no e-value")
    return log_sum(logs) - log(len(logs))


def any_look_p_value(log_e: Iterable[float]) -> float:
    """`p_t = min(1, inf over looks of 1 / E)`: at most alpha with chance at most alpha, however often it is looked at.

    >>> round(any_look_p_value([0.0, log(40), log(10)]), 12), any_look_p_value([])
    (0.025, 1.0)
    """
    return exp(-max(max(log_e, default=-inf), 0.0))


def _check(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise DomainError(f"alpha is a chance of error in (0, 1), not {alpha}")
