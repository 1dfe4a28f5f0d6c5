"""How did a version do on one day, in one segment? Plain numbers for people and programs; no gate reads them."""

import msgspec


class DayCell(msgspec.Struct, frozen=True, kw_only=True):
    """One day of one segment.

    Args:
        day: days since the epoch, UTC; a request belongs to the day in which it was made.
        segment: a value of the attribute; None for the whole day.
        answers: of the version, each request once.
        known: those of them whose outcome is known.
        tp, fp, fn, tn: of the known ones that have a label, by predicted and true.
        auc: exact, ties half; None where positives or negatives are missing.
        ece: expected calibration error in fifteen equal widths; None where no score is a chance, and so for `bias`.
        bias: mean score - share of positives.
    """

    day: int
    segment: str | None = None
    answers: int
    known: int
    tp: int
    fp: int
    fn: int
    tn: int
    auc: float | None = None
    ece: float | None = None
    bias: float | None = None


class DayMoved(msgspec.Struct, frozen=True, kw_only=True):
    """How far a column lay from training on one day, by the distances that its bins tell.

    Args:
        rows: requests of the day.
        psi, js: population stability index and Jensen-Shannon distance (base 2), over deciles or categories.
        ks: Kolmogorov-Smirnov distance over percentiles; None for a category.
        ks_off_by: how much larger that of the raw data may be.
    """

    day: int
    column: str
    rows: int
    psi: float
    js: float
    ks: float | None = None
    ks_off_by: float | None = None
