"""How far are two histograms apart? Each distance with its whole convention in its name.

Two numbers called "PSI" differ by the bins, by what is done about empty ones, and by how values are counted; none of these is
portable, and neither is a threshold. So each convention is an object whose parameters change the result, and its `id` says
every one of them. Empty bins on both sides never count.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from segue.errors import DomainError
from segue.evidence.process import Floats

Counted = Sequence[int] | Floats | NDArray[np.int64]


class Distance(Protocol):
    """A distance between two histograms over the same bins."""

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        ...

    def between(self, reference: Counted, current: Counted) -> float:
        """How far they are apart; 0 where the shares are the same, and where there is one bin only."""
        ...


class Psi(msgspec.Struct, frozen=True, kw_only=True):
    """Population stability index: `sum (q - p) ln(q / p)` over shares p (reference) and q (current).

    A share of zero is replaced by `eps`, without a new norm. Source: Lewis 1994; Siddiqi 2006, *Credit Risk Scorecards*, ch. 6.

    Args:
        bins: what the bins are, for the name.
        eps: what an empty bin's share counts as.
    """

    bins: str = "ref_deciles"
    eps: float = 1e-4

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        return f"psi[{self.bins},eps={self.eps:g}]"

    def between(self, reference: Counted, current: Counted) -> float:
        """The index.

        >>> round(Psi().between([50, 50, 0], [25, 75, 0]), 6)
        0.274653
        """
        p, q = (np.where(share == 0, self.eps, share) for share in shares(reference, current))
        return float(np.sum((q - p) * np.log(q / p)))


class JensenShannon(msgspec.Struct, frozen=True, kw_only=True):
    """Jensen-Shannon divergence, or its square root, the distance. Source: Lin 1991; Endres & Schindelin 2003.

    Args:
        base: of the logarithm: 2 bounds both at 1.
        form: distance or divergence.
    """

    bins: str = "ref_deciles"
    base: Literal["2", "e"] = "2"
    form: Literal["distance", "divergence"] = "distance"

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        return f"js[{self.bins},base={self.base},{self.form}]"

    def between(self, reference: Counted, current: Counted) -> float:
        """The distance or divergence.

        >>> round(JensenShannon().between([1, 0], [0, 1]), 6)
        1.0
        """
        p, q = shares(reference, current)
        middle = (p + q) / 2
        divergence = (_entropy_terms(p, middle) + _entropy_terms(q, middle)) / 2
        divergence = max(divergence, 0.0) / (np.log(2) if self.base == "2" else 1.0)
        return float(np.sqrt(divergence) if self.form == "distance" else divergence)


class Hellinger(msgspec.Struct, frozen=True, kw_only=True):
    """Hellinger distance `sqrt(1 - sum sqrt(p q))`, in [0, 1]. Source: Hellinger 1909; Bhattacharyya 1943."""

    bins: str = "ref_deciles"

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        return f"hellinger[{self.bins}]"

    def between(self, reference: Counted, current: Counted) -> float:
        """The distance."""
        p, q = shares(reference, current)
        return float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2))


class KolmogorovSmirnov(msgspec.Struct, frozen=True, kw_only=True):
    """Largest distance of the distribution functions, at the edges of ordered bins: never more than that of the raw data."""

    bins: str = "ref_percentiles"

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        return f"ks[{self.bins}]"

    def between(self, reference: Counted, current: Counted) -> float:
        """The distance D."""
        p, q = shares(reference, current)
        return float(np.max(np.abs(np.cumsum(p - q)))) if len(p) else 0.0

    @staticmethod
    def off_by(reference: Counted, current: Counted) -> float:
        """How much larger that of the raw data may be: inside a bin one function may rise before the other."""
        p, q = shares(reference, current)
        return float(np.max(np.maximum(p, q), initial=0.0))


class Wasserstein(msgspec.Struct, frozen=True, kw_only=True):
    """Earth mover's distance `integral |F - G|` of two ordered histograms, each value taken for its bin's upper edge.

    Args:
        edges: of the bins, as in a profile; the last bin, open to infinity, is taken as `edges[-1]`.
        scale: what the distance is divided by, such as the reference's standard deviation; 1 for none.
    """

    edges: tuple[float, ...]
    scale: float = 1.0
    scaled: str = ""
    bins: str = "ref_percentiles"

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        return f"wasserstein[{self.bins}{',/' + self.scaled if self.scaled else ''}]"

    def between(self, reference: Counted, current: Counted) -> float:
        """The distance, in the unit of the values (or of the scale)."""
        p, q = shares(reference, current)
        apart = np.abs(np.cumsum(p - q))[: len(self.edges) - 1]
        return float(np.sum(apart * np.diff(self.edges))) / self.scale


def shares(reference: Counted, current: Counted) -> tuple[Floats, Floats]:
    """Both histograms as shares.

    Raises:
        DomainError: different bins, a negative count, or nothing on one side.
    """
    p, q = np.asarray(reference, dtype=float), np.asarray(current, dtype=float)
    if p.shape != q.shape or p.ndim != 1:
        raise DomainError(f"histograms over different bins: {p.shape} and {q.shape}")
    if (p < 0).any() or (q < 0).any() or not p.sum() > 0 or not q.sum() > 0:
        raise DomainError("a histogram of nothing has no shares")
    return p / p.sum(), q / q.sum()


def _entropy_terms(p: Floats, middle: Floats) -> float:
    there = p > 0
    return float(np.sum(p[there] * np.log(p[there] / middle[there])))
