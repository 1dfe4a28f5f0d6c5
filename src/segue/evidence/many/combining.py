"""Which of many e-values, of many rollouts, hold up together?

Whatever the dependence between them, and at any look. What several claims of one rollout show together is decided where they
are asked (`decide.gates.together`).
Source: Wang & Ramdas 2022 (arXiv 2009.02824).
"""

from collections.abc import Mapping
from math import log

from segue.errors import DomainError


def e_bh(log_e: Mapping[str, float], alpha: float) -> frozenset[str]:
    """Which hypotheses are rejected so that the expected share of false rejections among them is at most alpha.

    The k largest, k the largest number for which `k e_(k) >= n / alpha`: for verdicts across the rollouts of an organisation.

    Raises:
        DomainError: alpha outside (0, 1).

    >>> sorted(e_bh({"a": log(450), "b": log(150), "c": log(70), "d": log(4)}, 0.05))
    ['a', 'b', 'c']
    """
    if not 0 < alpha < 1:
        raise DomainError(f"alpha is a chance of error in (0, 1), not {alpha}")
    ranked = sorted(log_e, key=lambda name: -log_e[name])
    enough = [k for k, name in enumerate(ranked, start=1) if log(k) + log_e[name] >= log(len(ranked) / alpha)]
    return frozenset(ranked[: max(enough, default=0)])
