"""What came true, and when was it known?"""

from datetime import datetime

import msgspec

Label = bool | int | float | str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became true of one request, or of one unit; append-only, a correction is another outcome.

    The last revision by (`at`, `received_at`) wins; one with neither label nor values withdraws the earlier ones.

    Args:
        request_id: the request it belongs to, or "" where `unit` is given.
        unit: the unit it belongs to, or "" where `request_id` is given.
        at: when it became true.
        received_at: when it reached us; stream time.
        label: the truth in canonical text, None if the outcome has values only.
        values: named numbers (`converted`, `revenue`).
    """

    route: str
    request_id: str = ""
    unit: str = ""
    at: datetime
    received_at: datetime
    label: str | None = None
    values: dict[str, float] = {}


def canonical_label(label: Label) -> str:
    """The one text of a label: whole numbers without a point, booleans as 1 and 0.

    >>> [canonical_label(label) for label in (1, 1.0, True, 0.5, "late")]
    ['1', '1', '1', '0.5', 'late']
    """
    if isinstance(label, str):
        return label
    if isinstance(label, float) and not label.is_integer():
        return repr(label)
    return str(int(label))
