"""P9: is the candidate's quantile (a p95 of latency) below the champion's by a margin?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np

from segue.errors import DomainError
from segue.evidence.methods.indirect.beta_mixture import log_beta_mixture, strength_at
from segue.evidence.process import ASSUMPTIONS, Floats, Method, Process
from segue.facts.evidence import NotEnough
from segue.facts.question import Question, Side
from segue.facts.summary import Histogram, SpreadCell, Spreads

SHARPEST: Final = 10_000
"""Rows per variant at which the bets are sharpest; they are within a few percent over a decade on either side."""


def quantile(question: Question, spreads: Spreads) -> Method:
    """Bet at every value x that the quantile might be: `log E = min over x of log M_b(x) + log M_a(x)`.

    Claim "below": where q_b >= factor q_a + bound, some x has F_a(x) >= q and F_b'(x) <= q, b' the candidate's values less the
    bound over the factor. M_b bets that more than q of b' lie below x, M_a that fewer than q of the champion's do; at that x
    the product is an e-process, and the least over x is smaller. Values are known to their bucket: counts are rounded
    against the claim, which widens the interval by one bucket. Cells of different propensity multiply. Of pairs, whose two
    values come together, the mean of M_b and M_a takes the place of their product: it is an e-process whatever binds them.
    Null: the difference of the quantiles. Exact at any look. Source: Howard & Ramdas 2022 (arXiv 1906.09712).

    *Holds when* within a propensity the values of each variant come from one distribution; a daily cycle breaks this. The
    share of values above a limit ("p99 above 80 ms") has no such condition, and is the first choice.

    Raises:
        DomainError: no `q` in (0, 1) among the metric's parameters, a horizon, or histograms of different bases.
    """
    q = question.metric.parameters.get("q", question.metric.parameters.get("quantile"))
    if not isinstance(q, float) or not 0 < q < 1 or question.horizon is not None:
        raise DomainError(f"no quantile {q} with horizon {question.horizon}", question=question.id)
    paired = question.design == "paired"
    cells = [cell for cell in spreads.cells if paired or 0 < cell.propensity < 1]
    if len({histogram.base for cell in cells for histogram in (cell.candidate, cell.champion)}) > 1:
        raise DomainError("histograms of different bases do not compare", question=question.id)
    n_b, n_a = (sum(_size(h) for h in column) for column in ([c.candidate for c in cells], [c.champion for c in cells]))
    pairs = [_Pair.of(cell, q, question) for cell in cells if _size(cell.candidate) and _size(cell.champion)]
    if not pairs:
        return NotEnough(have=0, need=1, unit="answers per variant", reason="nothing to compare so far")
    reach = (1 + question.claim.factor) * max(float(pair.edges[-1]) for pair in pairs) + abs(question.claim.bound)
    return Process(
        bets=_Bets(pairs, paired=paired),
        estimate=_quantile([c.candidate for c in cells], q) - question.claim.factor * _quantile([c.champion for c in cells], q),
        support=(-reach, reach),
        n={question.candidate: n_b, question.champion: n_a},
        have=n_b + n_a,
        method="quantile through counts",
        validity="exact at any look",
        assumptions=(*ASSUMPTIONS[question.design], "each variant's values come from one distribution", "wider by one bucket"),
    )


@dataclass(frozen=True, slots=True)
class _Bets:
    pairs: Sequence["_Pair"]
    paired: bool

    def log_e(self, side: Side, bound: float) -> float:
        return sum(pair.log_e(side, bound, paired=self.paired) for pair in self.pairs)

    def times(self, side: Side, bound: float, threshold: float) -> float | None:  # noqa: ARG002
        return None  # the least over x moves with the data


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    # One propensity. Place k of a wealth is that with the k lowest buckets counted as hits: 0 none, 1 all that is not positive.
    edges: Floats  # (k,), upper ones of the buckets; the first is 0
    gaps: tuple[Floats, Floats]  # (k + 1,) each: factor times what x lies above, and what it is at most
    wealth: dict[Side, tuple[Floats, Floats]]  # (k + 1,) each: side of the claim -> of bets on the candidate, on the champion

    @classmethod
    def of(cls, cell: SpreadCell, q: float, question: Question) -> "_Pair":
        keys = [key for histogram in (cell.candidate, cell.champion) for key in histogram.buckets] or [0]
        buckets = range(min(keys), max(keys) + 1)
        strength = strength_at(SHARPEST, question.alpha)

        def wealth(histogram: Histogram, side: Side) -> Floats:
            counts = [0, histogram.at_most_zero, *(histogram.buckets.get(key, 0) for key in buckets)]
            return log_beta_mixture(np.cumsum(counts), sum(counts), share=q, strength=strength, side=side)

        edges = np.array([0.0, *(cell.candidate.base**key for key in buckets)])
        scaled = question.claim.factor * edges
        return cls(
            edges=edges,
            gaps=(np.concatenate([[-np.inf], scaled]), np.concatenate([scaled, [np.inf]])),
            wealth={
                "below": (wealth(cell.candidate, "above"), wealth(cell.champion, "below")),
                "above": (wealth(cell.candidate, "below"), wealth(cell.champion, "above")),
            },
        )

    def log_e(self, side: Side, bound: float, *, paired: bool) -> float:
        # x lies between two edges. Claim below: the candidate's buckets that surely end below factor x + bound, the champion's
        # that may begin below x. Claim above: the other way round.
        candidate, champion = self.wealth[side]
        places = np.arange(len(self.edges) + 1)
        if side == "below":
            hits = np.searchsorted(self.edges, self.gaps[0] + bound, side="right")
            rival = np.minimum(places + 1, len(self.edges))
        else:
            hits = np.searchsorted(self.edges[:-1], self.gaps[1] + bound, side="left") + 1
            rival = places
        if paired:
            return float((np.logaddexp(candidate[hits], champion[rival]) - log(2)).min())
        return float((candidate[hits] + champion[rival]).min())


def _size(histogram: Histogram) -> int:
    return histogram.at_most_zero + sum(histogram.buckets.values())


def _quantile(histograms: Sequence[Histogram], q: float) -> float:
    # The upper edge of the bucket in which the quantile of all histograms together lies.
    counts: Counter[int] = Counter()
    for histogram in histograms:
        counts.update(histogram.buckets)
    below = sum(histogram.at_most_zero for histogram in histograms)
    rank = q * (below + counts.total())
    for key in sorted(counts):
        if below >= rank:
            break
        below += counts[key]
        if below >= rank:
            return float(histograms[0].base ** key)
    return 0.0
