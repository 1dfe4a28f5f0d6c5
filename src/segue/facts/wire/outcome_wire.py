"""Which outcomes do these bytes hold?

What callers send: one JSON object, a JSON list, or one object a line (NDJSON), each
`{"request_id" | "unit", "at"?, "label"?, "values"?: {name: number}, "route"?}`. A batch is taken whole or not at all, so
that a caller who gets a 400 can mend it and send it again.
"""

from datetime import UTC, datetime

import msgspec

from segue.errors import DomainError
from segue.facts.outcome import Outcome, canonical_label
from segue.facts.wire.codec import UNREADABLE


class _Sent(msgspec.Struct, forbid_unknown_fields=True):
    request_id: str = ""
    unit: str = ""
    at: datetime | int | float | None = None
    label: bool | int | float | str | None = None
    values: dict[str, float] = {}
    route: str = ""


_one = msgspec.json.Decoder(_Sent)
_many = msgspec.json.Decoder(list[msgspec.Raw])


def parse(body: bytes, *, received_at: datetime, route: str) -> list[Outcome]:
    """The outcomes of one message, in its order.

    Args:
        body: JSON object, JSON list or NDJSON.
        received_at: stream time; also when it became true, for those that do not say.
        route: for those that name none.

    Raises:
        DomainError: what is wrong with which of them; nothing was taken.

    >>> at = datetime(2026, 1, 2, tzinfo=UTC)
    >>> [outcome.label for outcome in parse(b'[{"request_id": "a", "label": true}]', received_at=at, route="churn")]
    ['1']
    """
    return [_outcome(piece, number, received_at, route) for number, piece in enumerate(_pieces(body))]


def _pieces(body: bytes) -> list[bytes | msgspec.Raw]:
    text = body.strip()
    if not text:
        raise DomainError("there is no outcome in an empty body", hint='{"request_id": "...", "label": 1}')
    if text.startswith(b"["):
        try:
            return list(_many.decode(text))
        except UNREADABLE as error:
            raise DomainError(f"this is no JSON list: {error}") from error
    return [line for line in text.splitlines() if line.strip()] if b"\n" in text and _lines(text) else [text]


def _lines(text: bytes) -> bool:
    """Whether the first line is an object by itself; else it is one object written over several lines."""
    try:
        msgspec.json.decode(text.split(b"\n", 1)[0])
    except UNREADABLE:
        return False
    return True


def _outcome(piece: bytes | msgspec.Raw, number: int, received_at: datetime, route: str) -> Outcome:
    try:
        sent = _one.decode(piece)
    except UNREADABLE as error:
        raise DomainError(f"outcome {number}: {error}") from error
    if bool(sent.request_id) == bool(sent.unit):
        raise DomainError(f"outcome {number}: give either a request_id or a unit")
    if isinstance(sent.label, float) and (sent.label != sent.label or abs(sent.label) == float("inf")):
        raise DomainError(f"outcome {number}: the label is no finite number")
    return Outcome(
        route=sent.route or route,
        request_id=sent.request_id,
        unit=sent.unit,
        at=_moment(sent.at, number) or received_at,
        received_at=received_at,
        label=None if sent.label is None else canonical_label(sent.label),
        values=sent.values,
    )


def _moment(at: datetime | float | None, number: int) -> datetime | None:
    if at is None:
        return None
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise DomainError(f"outcome {number}: `at` has no time zone", hint="write 2026-01-02T03:04:05Z")
        return at.astimezone(UTC)
    try:
        return datetime.fromtimestamp(at, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise DomainError(f"outcome {number}: `at` is no moment: {at}") from error
