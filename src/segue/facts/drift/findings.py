"""How far has each column moved, by which convention, and could that be chance?"""

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
