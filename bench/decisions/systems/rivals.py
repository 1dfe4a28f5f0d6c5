"""What would the peers have said at every look?

Each rule is written down from its documentation or its published formula, for arrays of looks; where the peer is a package,
`referee.py` holds these to the package itself. All are one-sided at 5 %: two-sided rules run at 10 %. All of them are
asymptotic, and all are granted the burn-in that Segue's asymptotic methods have, 20 of the rarer events of each variant, though
only some of them ask for one; without it they do worse.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from bench.decisions.rows import Flags, Floats
from bench.decisions.systems.ours import Drawn
from scipy.special import ndtri

ALPHA: Final = 0.05
BURN_IN: Final = 20
GROWTHBOOK_TUNING: Final = 5000.0
EPPO_TUNING: Final = 10000.0
Z_ONCE: Final = float(ndtri(1 - ALPHA))
PEEKING: Final = "z-test at every look (chance to win > 95 %)"
GROWTHBOOK: Final = "GrowthBook sequential"
TENSORZERO: Final = "TensorZero GLR"
SPOTIFY: Final = "Spotify, 14 looks"
STATSIG: Final = "Statsig sequential"
EPPO: Final = "Eppo sequential"
WELCH: Final = "Welch once, at n_fix"
SPOTIFY_BOUNDS: Final = (
    3.475341, 3.146312, 2.944339, 2.786644, 2.653792, 2.537332, 2.432637, 2.336812, 2.247955, 2.164698, 2.086037, 2.011217,
    1.939641, 1.870828,
)  # fmt: skip
"""spotify_confidence 4.1.0: bounds(t=1/14 to 1, alpha=.05, rho=2, ztrun=8, sides=1)."""


@dataclass(frozen=True)
class Pooled:
    """The two variants' totals at every look, as every peer pools them; each array has shape (runs, looks).

    Args:
        n_b, n_a: units of candidate and champion.
        mean_b, mean_a: of their values.
        var_b, var_a: of one value.
        burnt_in: whether an asymptotic rule may speak.
        n_fix: units of both that a test with one look would take; infinity where nothing was planned.
    """

    n_b: Floats
    n_a: Floats
    mean_b: Floats
    mean_a: Floats
    var_b: Floats
    var_a: Floats
    burnt_in: Flags
    n_fix: float

    @classmethod
    def of(cls, drawn: Drawn, n_fix: float) -> "Pooled":
        """The totals of shares."""
        yes_b, no_b, yes_a, no_a = np.moveaxis(drawn.total, 2, 0)
        n_b, n_a = yes_b + no_b, yes_a + no_a
        p_b, p_a = yes_b / np.maximum(n_b, 1), yes_a / np.maximum(n_a, 1)
        rarest = np.minimum(np.minimum(yes_b, no_b), np.minimum(yes_a, no_a))
        return cls(n_b, n_a, p_b, p_a, p_b * (1 - p_b), p_a * (1 - p_a), rarest >= BURN_IN, n_fix)

    @cached_property
    def n(self) -> Floats:
        """Units of both."""
        return self.n_b + self.n_a

    @cached_property
    def variance(self) -> Floats:
        """Of the difference of the means; infinite before the burn-in, so that nothing is said."""
        plain = self.var_b / np.maximum(self.n_b, 1) + self.var_a / np.maximum(self.n_a, 1)
        return np.where(self.burnt_in & (plain > 0), plain, np.inf)

    @cached_property
    def difference(self) -> Floats:
        """Candidate minus champion."""
        return self.mean_b - self.mean_a

    @cached_property
    def z(self) -> Floats:
        """Of the difference against zero."""
        return self.difference / np.sqrt(self.variance)

    def at_n_fix(self) -> Flags:
        """The last look at which the planned sample is not exceeded."""
        within = self.n <= self.n_fix
        last: Flags = within & ~np.concatenate([within[..., 1:], np.zeros_like(within[..., :1])], axis=-1)
        return last


def peeking(seen: Pooled) -> Flags:
    """A fixed-sample test, asked again and again; with a flat prior the chance to win is the same number."""
    return seen.z > Z_ONCE


def growthbook(seen: Pooled) -> Flags:
    """One-sided asymptotic confidence sequence, Waudby-Smith et al. 2024 (arXiv 2103.06476) appendix B, tuned to 5 000."""
    return seen.z > growthbook_bound(seen.n)


def growthbook_bound(n: Floats, alpha: float = ALPHA, tuning: float = GROWTHBOOK_TUNING) -> Floats:
    """How many standard errors the difference must lie above zero."""
    log_a = np.log(2 * alpha)
    r = n * (-2 * log_a + np.log(-2 * log_a + 1)) / tuning
    bound: Floats = np.sqrt(2 * (r + 1) / np.maximum(r, 1e-300) * np.log1p(np.sqrt(r + 1) / (2 * alpha)))
    return bound


def eppo(seen: Pooled) -> Flags:
    """Eppo's documented sequential interval, tuned to 10 000."""
    return seen.z > eppo_bound(seen.n)


def eppo_bound(n: Floats, alpha: float = 2 * ALPHA, tuning: float = EPPO_TUNING) -> Floats:
    """How many standard errors its two-sided interval is wide to each side."""
    log_a = 2 * np.log(1 / alpha)
    rho = tuning / (log_a + np.log(1 + log_a))
    bound: Floats = np.sqrt((n + rho) / np.maximum(n, 1) * np.log((n + rho) / (rho * alpha**2)))
    return bound


def statsig(seen: Pooled) -> Flags:
    """Statsig's documented mixture, whose tau shrinks with the sample."""
    tau = Z_ONCE**2 * (seen.var_b + seen.var_a) / np.maximum(seen.n, 1)
    with np.errstate(invalid="ignore"):
        return seen.z > statsig_bound(np.where(np.isfinite(seen.variance), tau / seen.variance, np.nan))


def statsig_bound(tau_over_variance: Floats, alpha: float = 2 * ALPHA) -> Floats:
    """Its critical value, a constant for equal arms."""
    bound: Floats = np.sqrt((1 + 1 / tau_over_variance) * (2 * np.log(2 / alpha) + np.log1p(tau_over_variance)))
    return bound


def tensorzero(seen: Pooled) -> Flags:
    """TensorZero's stopping rule of track-and-stop: a generalised likelihood ratio with plug-in variances."""
    return (seen.z**2 / 2 > np.log((1 + np.log(np.maximum(seen.n, 1))) / ALPHA)) & (seen.z > 0)


def spotify(seen: Pooled) -> Flags:
    """Group-sequential bounds (Lan & DeMets) for 14 looks, the last at the end of the log."""
    looks = seen.z.shape[-1]
    crossed = np.zeros(seen.z.shape, dtype=bool)
    for number, bound in enumerate(SPOTIFY_BOUNDS, start=1):
        at = round(looks * number / len(SPOTIFY_BOUNDS)) - 1
        crossed[..., at] = seen.z[..., at] > bound
    return crossed


def welch(seen: Pooled) -> Flags:
    """The oracle: it knows the sample size and looks once."""
    return seen.at_n_fix() & (seen.z > Z_ONCE)


RULES: Final[dict[str, Callable[[Pooled], Flags]]] = {
    PEEKING: peeking,
    GROWTHBOOK: growthbook,
    EPPO: eppo,
    STATSIG: statsig,
    TENSORZERO: tensorzero,
    SPOTIFY: spotify,
    WELCH: welch,
}
