"""What are bets on one share worth, mixed over all shares on the claim's side? What a quantile's two halves are made of."""

from math import log, log1p

import numpy as np
from scipy.special import betainc, betaln

from segue.evidence.process import Floats
from segue.facts.question import Side

_LEAST = 1e-290


def log_beta_mixture(hits: Floats, n: Floats | float, *, share: float, strength: float, side: Side) -> Floats:
    """Logarithm of the wealth against "each row hits with chance at most (for `below`: at least) `share`".

    Likelihood ratios of q against the share, mixed over the q beyond it by a Beta(strength share, strength (1 - share)) law
    that is cut there: `B(a + S, b + F) I / (B(a, b) I_0 share^S (1 - share)^F)`. A martingale at the share and a
    supermartingale inside the null, as the ratios are monotone in the chance. Source: Robbins 1970; Howard et al. 2021
    (arXiv 1810.08240), one-sided beta-binomial mixture.

    Args:
        hits: S, how many of the rows hit, shape (...).
        n: rows, shape () or (...).
        share: in (0, 1).
        strength: a + b; see `strength_at`.
        side: "above" bets that more rows hit than the share says.

    >>> log_beta_mixture(np.array([50.0, 70.0]), 100, share=0.5, strength=30.0, side="above").round(3)
    array([-0.74 ,  6.258])
    """
    misses = n - hits
    a, b = strength * share, strength * (1 - share)
    tail, least = (betainc(b, a, 1 - share), betainc(b + misses, a + hits, 1 - share)) if side == "above" else (
        betainc(a, b, share), betainc(a + hits, b + misses, share)
    )  # fmt: skip
    logs: Floats = betaln(a + hits, b + misses) - betaln(a, b) + np.log(np.maximum(least, _LEAST)) - log(tail)
    logs -= hits * log(share) + misses * log1p(-share)
    return logs


def strength_at(n: float, alpha: float) -> float:
    """Sharpest when n rows have been seen: `n / (-2 log a + log(1 - 2 log a)) - 1`, a = 2 alpha."""
    doubled = -2 * log(min(2 * alpha, 0.5))
    return max(n / (doubled + log(1 + doubled)) - 1, 1e-3)
