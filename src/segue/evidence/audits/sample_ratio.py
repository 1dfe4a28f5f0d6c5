"""Did each variant get its share of the units? A sequential test of the sample ratio."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final, NamedTuple

import numpy as np
from scipy.special import gammaln

from segue.evidence.audits.alarm import Subject, against
from segue.evidence.process import MOST_TIMES, Floats, Process, find_root
from segue.facts.evidence import Audit, NotEnough
from segue.facts.question import Side

CONCENTRATIONS: Final = (1e1, 1e2, 1e3, 1e4, 1e5, 1e6)
"""Beliefs about how near to the intended shares the true ones are, on equal stakes: from quite wrong to off by a thousandth. A
single 1e4 takes twice the units to see 55 to 45."""
MOST_ODDS: Final = 1e6
_MOST_DIGITS: Final = float(np.log10(MOST_TIMES))
_C: Final = np.array(CONCENTRATIONS)[:, None]


class Epoch(NamedTuple):
    """Units that were drawn with one chance under one allocation.

    Args:
        share: the candidate's chance, in (0, 1).
        candidate, champion: how many units each of them got.
    """

    share: float
    candidate: int
    champion: int


def log_bayes_factor(counts: Sequence[float], shares: Sequence[float], concentration: float) -> float:
    """Logarithm of the Dirichlet-multinomial Bayes factor against "units fall by these shares".

    `Gamma(c) / Gamma(c + n) prod_k Gamma(c s_k + n_k) / (Gamma(c s_k) s_k^n_k)`; under the shares it is a martingale in units
    that starts at 1. Source: Lindon & Malek 2022 (arXiv 2011.03567).

    Args:
        counts: units of each variant.
        shares: intended, each in (0, 1), sum 1.
        concentration: c > 0; a large one expects small deviations.

    >>> round(log_bayes_factor([430, 560], [0.5, 0.5], 1e4), 8)
    0.72176611
    """
    n, s = np.array(counts, dtype=float), np.array(shares)
    parts = gammaln(concentration * s + n) - gammaln(concentration * s) - n * np.log(s)
    return float(gammaln(concentration) - gammaln(concentration + n.sum()) + parts.sum())


def log_e_value(share: Floats, candidate: Floats, champion: Floats) -> Floats:
    """Logarithm of the mean over `CONCENTRATIONS` of the product of two variants' Bayes factors over epochs, the last axis.

    Args:
        share: the candidate's, (epochs,), in (0, 1).
        candidate: its units, (..., epochs).
        champion: its units, (..., epochs).

    Returns:
        (...)
    """
    a, b = np.asarray(candidate)[..., None, :], np.asarray(champion)[..., None, :]
    priors = gammaln(_C * share) + gammaln(_C * (1 - share)) - gammaln(_C)
    posteriors = gammaln(_C * share + a) + gammaln(_C * (1 - share) + b) - gammaln(_C + a + b)
    logs = (posteriors - priors - a * np.log(share) - b * np.log1p(-share)).sum(axis=-1)
    mixed: Floats = np.logaddexp.reduce(logs, axis=-1) - log(len(CONCENTRATIONS))
    return mixed


def sample_ratio(subject: Subject, epochs: Sequence[Epoch]) -> Audit:
    """Whether units fell to the variants by other odds than those that they were drawn with.

    The e-value is the mean over `CONCENTRATIONS` of the product of the epochs' Bayes factors: shares may change as they like.
    The estimate is the factor on the candidate's odds, 1 where all is well; the interval holds every factor that the same
    Bayes factors, moved to it, do not reject.

    *Holds when* an epoch's share is the chance of each of its units, whatever came before. Exact at any look.
    """
    drawn = [epoch for epoch in epochs if 0 < epoch.share < 1 and epoch.candidate + epoch.champion > 0]
    if not drawn:
        few = NotEnough(have=0, need=1, unit="drawn units", reason="no unit was drawn with a chance between 0 and 1")
        return Audit(name=subject.name, part=subject.part, found=few, expected=1.0)
    table = Table.of(drawn)
    candidate, champion = int(table.candidate.sum()), int(table.champion.sum())
    process = Process(
        bets=table,
        estimate=table.odds(),
        support=(1 / MOST_ODDS, MOST_ODDS),
        logarithmic=True,
        n={subject.candidate: candidate, subject.champion: champion},
        have=candidate + champion,
        method="Dirichlet-multinomial Bayes factor",
        validity="exact at any look",
        assumptions=("each unit is drawn once an epoch, with the chance of its epoch",),
    )
    return against(subject, process, 1.0)


@dataclass(frozen=True, slots=True)
class Table:
    """The epochs as columns; a process of one e-value for both directions."""

    share: Floats
    candidate: Floats
    champion: Floats

    @classmethod
    def of(cls, epochs: Sequence[Epoch]) -> "Table":
        """The columns of these epochs."""
        share, candidate, champion = np.array(epochs, dtype=float).T
        return cls(share, candidate, champion)

    def log_e(self, side: Side, bound: float) -> float:  # noqa: ARG002 - one process tests both sides
        """Logarithm of the e-value against "the candidate's odds are `bound` times the intended ones"."""
        return self._log_e(bound, 1.0)

    def times(self, side: Side, bound: float, threshold: float) -> float | None:  # noqa: ARG002 - as above
        """How many times the same data it takes to reach the threshold; None where they never would."""

        def excess(digits: float) -> float:
            return self._log_e(bound, 10**digits) - threshold

        if excess(0.0) >= 0:
            return 1.0
        most = next((digits for digits in np.arange(1.0, _MOST_DIGITS / 2) if excess(digits) >= 0), None)
        return None if most is None else float(10 ** find_root(excess, most - 1, most))

    def odds(self) -> float:
        """The factor on the candidate's odds at which as many units as were seen were to be expected."""
        seen, total = self.candidate.sum(), (self.candidate + self.champion).sum()

        def excess(log_odds: float) -> float:
            return float(((self.candidate + self.champion) * self._shares(np.exp(log_odds))).sum() - seen)

        far = log(MOST_ODDS)
        if excess(-far) >= 0 or excess(far) <= 0:
            return MOST_ODDS if seen > total / 2 else 1 / MOST_ODDS
        return float(np.exp(find_root(excess, -far, far)))

    def _shares(self, odds: float) -> Floats:
        moved = self.share * odds
        shares: Floats = moved / (moved + 1 - self.share)
        return shares

    def _log_e(self, odds: float, times: float) -> float:
        return float(log_e_value(self._shares(odds), self.candidate * times, self.champion * times))
