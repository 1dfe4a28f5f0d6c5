"""How were features, scores and labels distributed in training?

A profile is made once, when a model version is registered, and kept with it. Its bins are frozen: whatever is served later is
counted in them, so a comparison with training never touches the training data again, and counts of two hours add.
"""

from itertools import pairwise
from typing import Literal

import msgspec

FeatureKind = Literal["numeric", "categorical"]


class FeatureProfile(msgspec.Struct, frozen=True, kw_only=True):
    """One column of the training data, in bins.

    The bins of a number are the intervals `(edges[i-1], edges[i]]`, the first and the last one open to infinity; those of a
    category are the `categories`. After them come two more: *elsewhere* (a number that is none, a category that is not listed)
    and *missing*.

    Args:
        name: as the request names it; `inputs[3]` is the fourth value of the list `inputs`.
        edges: strictly increasing; the smallest value's predecessor, the percentiles, and the largest value, so that what lies
            outside of everything seen in training has bins of its own. Empty for a category.
        groups: number -> for each interval the coarse bin that it is a part of: a decile, or a value where there are few.
        categories: of a category: the most frequent ones, ordered by name.
        counts: rows in each bin, *elsewhere* and *missing* last.
        quantiles: number -> (share, value), for people.
        mean, std: number -> of all values; None where there is none.
    """

    name: str
    kind: FeatureKind
    edges: tuple[float, ...] = ()
    groups: tuple[int, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...]
    quantiles: tuple[tuple[float, float], ...] = ()
    mean: float | None = None
    std: float | None = None

    @property
    def rows(self) -> int:
        """How many rows were profiled."""
        return sum(self.counts)

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.counts[-1]

    @property
    def coarse(self) -> "FeatureProfile":
        """The same column in its coarse bins alone: deciles instead of percentiles."""
        if self.kind == "categorical":
            return self
        ends = [place for place, (one, other) in enumerate(pairwise(self.groups)) if one != other]
        sums = [0] * (self.groups[-1] + 1)
        for group, count in zip(self.groups, self.counts, strict=False):
            sums[group] += count
        return msgspec.structs.replace(
            self,
            edges=tuple(self.edges[place] for place in ends),
            groups=tuple(range(len(ends) + 1)),
            counts=(*sums, *self.counts[-2:]),
        )

    @property
    def bins(self) -> tuple[str, ...]:
        """What each bin is called."""
        if self.kind == "categorical":
            return (*self.categories, "elsewhere", "missing")
        ends = [f"{edge:.6g}" for edge in self.edges]
        if not ends:
            return ("any", "elsewhere", "missing")
        between = [f"({low}, {high}]" for low, high in pairwise(ends)]
        return (f"<= {ends[0]}", *between, f"> {ends[-1]}", "elsewhere", "missing")


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How often a score meant the positive label in training: a non-decreasing step function.

    Args:
        positive: the label that the score speaks of.
        scores: strictly increasing; a score means the rate of the last one that is not above it, or of the first.
        rates: non-decreasing, in [0, 1].
        rows: how many judged rows it was fitted to.
    """

    positive: str
    scores: tuple[float, ...]
    rates: tuple[float, ...]
    rows: int


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a model version saw in training.

    Args:
        features: in the order of the training file.
        label, score: of the version's own predictions on it; None where the file had none.
        rows: of the file.
        source: the file's name and digest.
    """

    features: tuple[FeatureProfile, ...]
    label: FeatureProfile | None = None
    score: FeatureProfile | None = None
    calibration: Calibration | None = None
    rows: int
    source: str = ""

    @property
    def columns(self) -> tuple[FeatureProfile, ...]:
        """Everything that can drift: the features, then label and score where they are known."""
        return (*self.features, *(it for it in (self.label, self.score) if it is not None))
