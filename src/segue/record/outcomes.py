"""How do outcomes come out of a file into the lake, each exactly once?

CSV, NDJSON, JSON and Parquet. A row is what `POST /segue/v1/outcomes` takes; in CSV and Parquet every column that is none of
`request_id, unit, at, label, route` is a named value, and an empty cell is no value. The segments are named after the file's
content, so that importing a file twice is importing it once.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from segue.errors import DomainError
from segue.facts.outcome import Outcome
from segue.facts.wire.outcome_wire import parse
from segue.ids import digest
from segue.ports.lake import Lake, Segment

_DECIMAL: Final = re.compile(r"[+-]?[0-9]+\.[0-9]+").fullmatch
_NAMED: Final = frozenset({"request_id", "unit", "at", "label", "route"})


Rows = Iterable[Mapping[str, object]]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a file's rows may leave open.

    Args:
        received_at: stream time; also when it became true, for rows that do not say.
        route: for rows that name none.
        parquet: reads the rows of a Parquet file; None where nobody can.
    """

    received_at: datetime
    route: str
    parquet: Callable[[bytes], Rows] | None = None


def read_outcomes(path: Path, given: Given) -> list[Outcome]:
    """The outcomes of a file: `.csv`, `.parquet`, else JSON or NDJSON.

    Raises:
        DomainError: what is wrong with which row; nothing was taken.
    """
    body = path.read_bytes()
    if path.suffix == ".csv":
        body = _ndjson(_csv_rows(body))
    elif path.suffix == ".parquet":
        if given.parquet is None:
            raise DomainError("Parquet can't be read here", hint="convert the file to CSV or NDJSON")
        body = _ndjson(_timed(given.parquet(body)))
    return parse(body, received_at=given.received_at, route=given.route)


def import_outcomes(path: Path, lake: Lake, given: Given) -> int:
    """Put the outcomes of a file into the lake; returns how many rows it has."""
    outcomes = read_outcomes(path, given)
    name = f"import-{digest(path.read_bytes())}"
    groups: defaultdict[tuple[str, int], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.route, int(outcome.at.timestamp() // 3600)].append(outcome)
    for (named, hour), rows in sorted(groups.items()):
        lake.put_outcomes(Segment(kind="outcomes", route=named, hour=hour, name=name), rows)
    return len(outcomes)


def _csv_rows(body: bytes) -> Iterator[Mapping[str, object]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DomainError(f"the file is no UTF-8 text: {error}") from error
    for row in csv.DictReader(io.StringIO(text), strict=True, restkey="", restval=""):
        yield {name: _cell(name, value) for name, value in row.items() if value not in {"", None}}


def _cell(name: str, value: str) -> object:
    if name == "label":
        return _label(value)
    if name in _NAMED:
        return value
    try:
        return float(value)
    except ValueError:
        raise DomainError(f"the value {value!r} of {name} is no number") from None


def _label(value: str) -> object:
    # CSV has no types: what other programs write for a number with a point, or for yes and no, is meant as such.
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return float(value) if _DECIMAL(value) else value


def _timed(rows: Rows) -> Iterator[Mapping[str, object]]:
    for row in rows:
        yield {name: _moment(value) for name, value in row.items() if value is not None}


def _moment(value: object) -> object:
    # A time without a zone in a Parquet file is UTC, as most writers mean it.
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _ndjson(rows: Rows) -> bytes:
    lines = []
    for row in rows:
        entry = {name: value for name, value in row.items() if name in _NAMED}
        values = {name: value for name, value in row.items() if name not in _NAMED}
        lines.append(msgspec.json.encode({**entry, "values": values} if values else entry))
    if not lines:
        raise DomainError("the file has no row")
    return b"\n".join(lines)
