"""Is the stability index of every feature below a bound, or that of some feature above it, at any look?

Each bin's share is bet on by itself. Against "the share is p", k of n rows in the bin and a Beta(a, b) mixture over shares,
`E(p) = B(a + k, b + n - k) / B(a, b) / (p^k (1 - p)^(n - k))` is an e-process (Robbins 1970; Howard et al. 2021, section 4.2),
and so is the average over the B bins of a feature (two samples: 2 B shares). The index is `sum f(p_i, q_i)`. Where all shares
with `E(p_i) < B e^L` give an index below the bound, every set of shares whose index is not below it has an average of at least
e^L: so e^L is a lower bound of an e-process against that composite null, exact whatever the shares are. Over features, "all are
below" needs each (their least e-value), "some is above" is shown by the mean of their e-values, which is at least the largest
over their number.

With an effect floor and evidence in one claim, a million rows do not make drift out of a difference that does not matter.
"""

from collections.abc import Callable
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from segue.errors import DomainError
from segue.evidence.drift.columns import PSI
from segue.evidence.process import Floats, Method, Process
from segue.facts.drift.bins import ArmBins, Bins
from segue.facts.evidence import NotEnough
from segue.facts.question import Question, Side

TRAINING: Final = "training"
"""The arm that holds the training profile's counts: what the bets are laid by, and the reference where there is no champion."""
PRIOR_ROWS: Final = 100.0
"""How many rows the training shares count for in the mixture: where the bets are strongest; any number is valid."""
LARGEST: Final = 20.0
"""No index is larger: `sum |p - q| ln(1 / eps)` is at most 18.5, and a little for the empty bins."""
_STEPS: Final = 45
_NEVER: Final = -20.0
_LEVELS: Final = np.concatenate([np.arange(_NEVER, 20.0, 0.5), np.geomspace(20.0, 700.0, 30)])

Flags = NDArray[np.bool_]


def drift(question: Question, summary: Bins) -> Method:
    """The process behind a gate on drift.

    Args:
        question: under the design `drift`; its champion is the reference, or training where it names none.
        summary: coarse bins of the candidate, of the reference and of training, one column a feature.

    Raises:
        DomainError: no training counts, or no feature.
    """
    training, current = summary.of(TRAINING), summary.of(question.candidate)
    if training is None or not summary.columns:
        raise DomainError("drift is weighed in the bins of a training profile", question=question.id)
    reference = summary.of(question.champion) if question.champion else training
    for name, side in ((question.candidate, current), (question.champion, reference)):
        if side is None or not side.rows:
            return NotEnough(have=0, need=1, unit=f"requests of {name}", reason="nothing to compare so far")
    assert current is not None  # noqa: S101 - seen above; mypy does not follow the loop
    assert reference is not None  # noqa: S101 - the same
    if question.champion:
        bets = DriftBets(summary.columns, _Shares(current, training, 2), _Shares(reference, training, 2), question.alpha)
    else:
        bets = DriftBets(summary.columns, _Shares(current, training, 1), _shares(training), question.alpha)
    worst = int(np.argmax(bets.estimates))
    sides = {question.candidate: current.rows} | ({question.champion: reference.rows} if question.champion else {})
    return Process(
        bets=bets,
        estimate=float(bets.estimates[worst]),
        support=(0.0, LARGEST),
        n=sides,
        have=sum(sides.values()),
        method=f"{PSI.id}: mixtures of bets on each bin; largest at {summary.columns[worst]}",
        validity="exact at any look",
        assumptions=(
            "requests are independent draws from one distribution",
            *(() if question.champion else ("the training profile is what training was, without error",)),
        ),
    )


class DriftBets:
    """Log wealth against "the largest index is not below (above) a bound"; a step function of the bound, from below.

    Args:
        columns: names of the features.
        current: what is bet on.
        reference: the same of the other side, or shares that are known.
        alpha: its level is among those that are looked at, so that nothing is lost to the steps where it matters.
    """

    def __init__(self, columns: tuple[str, ...], current: "_Shares", reference: "_Shares | Floats", alpha: float) -> None:
        self._current, self._reference = current, reference
        self._features = len(columns)
        own = -log(alpha)
        self._levels = np.unique([*_LEVELS, own, own + log(self._features)])
        self.estimates: Floats = self._indices(current.estimate, current.estimate, 1.0)[1]
        self._low, self._high = self._ranges(self._levels, 1.0)

    def log_e(self, side: Side, bound: float) -> float:
        """Logarithm of a lower bound of the wealth."""
        beyond = self._high < bound if side == "below" else self._low > bound
        logs = np.where(beyond.any(axis=0), self._levels[_last(beyond)], _NEVER)
        return float(logs.min() if side == "below" else logs.max() - log(self._features))

    def times(self, side: Side, bound: float, threshold: float) -> float | None:
        """How many times the same data it takes; None where it never would."""
        enough = threshold if side == "below" else threshold + log(self._features)

        def shown(times: float) -> bool:
            low, high = self._ranges(np.array([enough]), times)
            return bool((high < bound).all()) if side == "below" else bool((low > bound).any())

        longest = 1e6
        if not shown(longest):
            return None
        least = 1e-6
        for _ in range(_STEPS):
            middle = (least * longest) ** 0.5
            least, longest = (least, middle) if shown(middle) else (middle, longest)
        return longest

    def _ranges(self, levels: Floats, times: float) -> tuple[Floats, Floats]:
        """Least and largest index of each feature (columns) at each level (rows)."""
        low, high = self._current.between(levels, times)
        return self._indices(low, high, times, levels)

    def _indices(self, low: Floats, high: Floats, times: float, levels: Floats | None = None) -> tuple[Floats, Floats]:
        known = self._reference
        if isinstance(known, _Shares):
            least, most = known.between(levels, times) if levels is not None else (known.estimate, known.estimate)
        else:
            least = most = known
        low, high, least, most = (np.maximum(share, PSI.eps) for share in (low, high, least, most))
        corners = [_term(p, q) for p in (low, high) for q in (least, most)]
        apart = np.where(low > most, _term(low, most), np.where(least > high, _term(high, least), 0.0))
        feature = self._current.feature
        starts = np.flatnonzero(np.diff(feature, prepend=-1))
        return np.add.reduceat(apart, starts, axis=-1), np.add.reduceat(np.maximum.reduce(corners), starts, axis=-1)


class _Shares:
    """All bins of all features in a row, and what their shares may be."""

    def __init__(self, side: ArmBins, training: ArmBins, sides: int) -> None:
        counts = [np.array(column, dtype=float) for column in side.counts]
        sizes = [len(column) for column in counts]
        self.feature = np.repeat(np.arange(len(counts)), sizes)
        self._k = np.concatenate(counts)
        self._n = np.repeat([column.sum() for column in counts], sizes)
        share = _shares(training).clip(PSI.eps, 1 - PSI.eps)
        self._a, self._b = PRIOR_ROWS * share, PRIOR_ROWS * (1 - share)
        self._log_bets = np.log(np.repeat(sizes, sizes) * sides)

    @property
    def estimate(self) -> Floats:
        shares: Floats = self._k / self._n
        return shares

    def between(self, levels: Floats, times: float) -> tuple[Floats, Floats]:
        """Outer ends of the shares whose bets have not grown to the level, one row a level."""
        k, n = self._k * times, self._n * times
        mixed = betaln(self._a + k, self._b + n - k) - betaln(self._a, self._b)
        most = levels[:, None] + self._log_bets

        def refused(share: Floats) -> Flags:
            with np.errstate(divide="ignore", invalid="ignore"):
                likelihood = np.where(k > 0, k * np.log(share), 0.0) + np.where(n > k, (n - k) * np.log1p(-share), 0.0)
            over: Flags = mixed - likelihood >= most
            return over

        estimate = np.broadcast_to(self.estimate, most.shape)
        return _searched(refused, np.zeros_like(estimate), estimate), _searched(refused, np.ones_like(estimate), estimate)


def _searched(refused: Callable[[Floats], Flags], outer: Floats, inner: Floats) -> Floats:
    """Where the shares begin that are not refused, from outside, so that nothing is left out by rounding."""
    for _ in range(_STEPS):
        middle = (outer + inner) / 2
        out = refused(middle)
        outer, inner = np.where(out, middle, outer), np.where(out, inner, middle)
    return outer


def _shares(side: ArmBins) -> Floats:
    """Shares of all bins of all features in a row; 0 where a feature was never counted."""
    shares: Floats = np.concatenate([np.array(column, dtype=float) / max(sum(column), 1) for column in side.counts])
    return shares


def _last(beyond: Flags) -> NDArray[np.int64]:
    last: NDArray[np.int64] = len(beyond) - 1 - np.argmax(beyond[::-1], axis=0)
    return last


def _term(p: Floats, q: Floats) -> Floats:
    term: Floats = (p - q) * np.log(p / q)
    return term
