"""How far has each column moved, by which convention, and could that be chance?"""

from datetime import datetime

import msgspec


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """One statistic of one column.

    Args:
        column: of the profile.
        statistic: with its whole convention (`psi[ref_deciles,eps=0.0001]`).
        value: how far.
        expected: what it is on average where nothing has moved, for samples of these sizes; None where that is not known.
        p_value: chance of so much or more where nothing has moved; None where no test goes with the statistic.
        q_value: the p-value after Benjamini and Hochberg, over the columns that were looked at together.
        off_by: how far the value may be from that of the raw data, where it is read off bins; 0 where it is exact.
        reference, current: rows on either side that it rests on.
    """

    column: str
    statistic: str
    value: float
    expected: float | None = None
    p_value: float | None = None
    q_value: float | None = None
    off_by: float = 0.0
    reference: int
    current: int


class SegmentDifference(msgspec.Struct, frozen=True, kw_only=True):
    """How candidate and champion differ in one segment that nobody named before.

    Args:
        segment: attribute -> value, one or two of them.
        candidate, champion: the metric of each, averaged over allocations alike.
        low, high: 95 % of the difference, at a fixed look.
        q_value: the p-value after Benjamini and Hochberg over all segments that were looked at.
    """

    segment: dict[str, str]
    candidate: float
    champion: float
    difference: float
    low: float
    high: float
    p_value: float
    q_value: float
    n_candidate: int
    n_champion: int


class SegmentAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """How often two versions answer differently in one segment.

    Args:
        segment: attribute -> value, one or two of them.
        different: share of its requests; `elsewhere` of all requests outside of it, None where there are none.
        low, high: 95 % of the share, at a fixed look.
        p_value: chance of shares so far apart where the segment is like the rest.
        q_value: the p-value after Benjamini and Hochberg over all segments that were looked at.
        n: requests that both answered.
    """

    segment: dict[str, str]
    different: float
    elsewhere: float | None
    low: float
    high: float
    p_value: float
    q_value: float
    n: int


class FeatureSkew(msgspec.Struct, frozen=True, kw_only=True):
    """One value as it was served, and as the offline pipeline has it for the same request.

    Args:
        column: a feature, or `label` or `score`.
        same: both have it, and it is the same (numbers within the tolerance).
        different: both have it, and it is not.
        served_only, offline_only: one side has none.
        neither: both have none; not counted as the same.
        largest: the largest difference of two numbers, of those that are different; None for texts.
        examples: requests where they differ, a few.
    """

    column: str
    same: int
    different: int
    served_only: int
    offline_only: int
    neither: int
    largest: float | None = None
    examples: tuple[str, ...] = ()

    @property
    def rate(self) -> float | None:
        """Of the requests for which any side has a value, the share that is not the same; None where there is none."""
        wrong = self.different + self.served_only + self.offline_only
        return wrong / (wrong + self.same) if wrong + self.same else None


class Skew(msgspec.Struct, frozen=True, kw_only=True):
    """Training-serving skew: requests as served against the same requests offline.

    Args:
        joined: requests that both sides know.
        not_served: rows of the file whose request was never recorded.
        columns: in the order of the file.
    """

    joined: int
    not_served: int
    columns: tuple[FeatureSkew, ...]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a metric would be, guessed without (all of) its outcomes. It is no evidence: no gate takes it.

    Args:
        metric: which.
        low, high: 95 % at a fixed look, if the assumptions hold; for CBPE and DLE sampling error only.
        rows: predictions that it rests on, `labelled` those of them with an outcome.
        assumptions: what has to hold, in words.
    """

    metric: str
    value: float
    low: float
    high: float
    rows: int
    labelled: int = 0
    method: str
    assumptions: tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of a detector, as places in the losses that it watched; and where the losses changed most before it.

    Args:
        signalled: the loss at which it signalled.
        changed: the first loss of the part that is estimated to be another one.
        before, after: the mean loss of the two parts, since the signal before this one; None where there is no before.
        at, since: stream time of the two; None until somebody knows.
    """

    signalled: int
    changed: int
    before: float | None
    after: float
    rows_before: int
    rows_after: int
    at: datetime | None = None
    since: datetime | None = None


class Detected(msgspec.Struct, frozen=True, kw_only=True):
    """What a detector said of a stretch of losses.

    Args:
        detector: with its whole convention.
        guarantee: what is proved of its false alarms, in words.
        rows: losses that it watched.
        false_per_million: signals per million losses, on `drawn` losses that were drawn from those before its first
            change, where every signal is a false one.
    """

    detector: str
    guarantee: str
    rows: int
    changes: tuple[Change, ...]
    false_per_million: float
    drawn: int
