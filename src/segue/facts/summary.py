"""Which few numbers of the rows does a verdict need?

Every summary is addable: that of two hours is the sum of theirs, in any order and grouping. There is no empty summary of
a mean: where no row was, there is no summary.
"""

import msgspec

from segue.facts.drift.bins import Bins


class Counts(msgspec.Struct, frozen=True, kw_only=True, tag="counts"):
    """Yes and no of one variant: successes and failures."""

    yes: int
    no: int


class PairedCounts(msgspec.Struct, frozen=True, kw_only=True, tag="paired_counts"):
    """Requests that two variants answered: candidate better, candidate worse, no difference."""

    plus: int
    minus: int
    zero: int


class Agreements(msgspec.Struct, frozen=True, kw_only=True, tag="agreements"):
    """Requests that two variants answered, with or without an outcome: the same answer, or different ones."""

    same: int
    different: int


class ArmCell(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Units that were drawn with one propensity for the candidate: how many of each variant said yes and no."""

    propensity: float
    candidate_yes: int
    candidate_no: int
    champion_yes: int
    champion_no: int


class ArmCounts(msgspec.Struct, frozen=True, kw_only=True, tag="arm_counts"):
    """Yes and no by variant and propensity; cells ordered by propensity, each propensity once."""

    cells: tuple[ArmCell, ...]


class ScoreSums(msgspec.Struct, frozen=True, kw_only=True, tag="score_sums"):
    """Sums of a score z whose mean is zero at the edge of the null.

    Args:
        n: observations.
        n_candidate: those of the candidate.
        z, z2, z4: sums of z, of its square and of its fourth power (which only an unbounded score needs: z2^2 / z4 says how
            many observations carry the variance).
        weight: sum of propensity x (1 - propensity), what the estimate divides by (n for a paired or one-sample score).
        log_growth: sum of log(1 + lambda_j z) for each lambda of the question's grid.
    """

    n: int
    n_candidate: int
    z: float
    z2: float
    z4: float = 0.0
    weight: float
    log_growth: tuple[float, ...]


class MomentCell(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """First and second moments of a vector of k numbers per unit, of one variant and propensity.

    Args:
        arm: the variant, or "paired" where the vector holds both variants' numbers (candidate's first).
        sums: k sums.
        products: k (k + 1) / 2 sums of products, row by row of the upper triangle.
    """

    arm: str
    propensity: float
    n: int
    sums: tuple[float, ...]
    products: tuple[float, ...]


class Moments(msgspec.Struct, frozen=True, kw_only=True, tag="moments"):
    """Moments by variant and propensity: all that a mean, a ratio and their differences need; cells ordered."""

    cells: tuple[MomentCell, ...]


class Histogram(msgspec.Struct, frozen=True, kw_only=True, tag="histogram"):
    """Counts in logarithmic buckets: bucket i holds values in (base^(i-1), base^i]; zero and less in `at_most_zero`."""

    base: float
    at_most_zero: int
    buckets: dict[int, int]


class ScoreTable(msgspec.Struct, frozen=True, kw_only=True, tag="score_table"):
    """How many positives and negatives had each score: three columns ordered by score, each score once."""

    scores: tuple[float, ...]
    positives: tuple[int, ...]
    negatives: tuple[int, ...]


class RankCell(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """How many positives and negatives had each score, for one variant and propensity; rows ordered, each once.

    Args:
        arm: the variant, or "paired" where both variants scored the same requests.
        scores: of the variant; of the candidate where paired.
        rival: of the champion where paired, else empty.
    """

    arm: str
    propensity: float
    scores: tuple[float, ...]
    rival: tuple[float, ...] = ()
    positives: tuple[int, ...]
    negatives: tuple[int, ...]


class Ranks(msgspec.Struct, frozen=True, kw_only=True, tag="ranks"):
    """Scores of positives and negatives by variant and propensity: all that an area under a curve needs; cells ordered."""

    cells: tuple[RankCell, ...]


class SpreadCell(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Both variants' values of units that were drawn with one propensity; the histograms have one base."""

    propensity: float
    candidate: Histogram
    champion: Histogram


class Spreads(msgspec.Struct, frozen=True, kw_only=True, tag="spreads"):
    """Histograms by variant and propensity: all that a difference of quantiles needs; cells ordered by propensity."""

    cells: tuple[SpreadCell, ...]


class Day(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Yes and no of both variants on one whole day (days since the epoch, stream time)."""

    day: int
    candidate_yes: int
    candidate_no: int
    champion_yes: int = 0
    champion_no: int = 0


class Days(msgspec.Struct, frozen=True, kw_only=True, tag="days"):
    """Yes and no by day, ordered, each day once."""

    days: tuple[Day, ...]


class Tally(msgspec.Struct, frozen=True, kw_only=True, tag="tally"):
    """How many rows had each combination of texts: (predicted label, true label), (group, predicted, true), (item,), ...

    Args:
        keys: all of one length, ordered, each once.
        counts: of the same places, above 0.
    """

    keys: tuple[tuple[str, ...], ...]
    counts: tuple[int, ...]


class Units(msgspec.Struct, frozen=True, kw_only=True, tag="units"):
    """What units did, of those with the smallest hashes: columns ordered by hash, each once.

    Args:
        limit: how many units are kept at most; with fewer, these are all.
        hashes: of the unit, hexadecimal digits.
        requests: rows of the unit.
        values: the sum of a value over them.
        first, last: hours since the epoch of the first and of the last of them.
    """

    limit: int
    hashes: tuple[str, ...]
    requests: tuple[int, ...]
    values: tuple[float, ...]
    first: tuple[int, ...]
    last: tuple[int, ...]


class Daily(msgspec.Struct, frozen=True, kw_only=True, tag="daily"):
    """Another kind of summary, day by day (days since the epoch, stream time), ordered, each day once."""

    days: tuple[int, ...]
    parts: tuple["Summary", ...]


Summary = (
    Counts
    | PairedCounts
    | Agreements
    | ArmCounts
    | ScoreSums
    | Moments
    | Histogram
    | ScoreTable
    | Ranks
    | Spreads
    | Days
    | Bins
    | Tally
    | Units
    | Daily
)


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's summary for one variant in one allocation, segment and hour: a cell of the cube that people look at.

    Args:
        metric: the spec's name.
        segment: attribute -> value; empty for everybody.
        hour: hours since the epoch, stream time, of the prediction.
        predictions: judged predictions in the cell, with or without outcome.
    """

    metric: str
    variant: str
    version: str
    allocation: int
    segment: dict[str, str]
    hour: int
    predictions: int
    summary: Summary


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A question's summary of one hour."""

    question: str
    hour: int
    summary: Summary
