"""Where does a segment lie below the lake's top, and which segment lies there?

The layout is one for every kind of storage: `{kind}/route={route}/date={date}/hour={hour}/{segment}.parquet`, and the same
below `packs` for the packs.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from segue.errors import DomainError
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.ports.lake import RowKind, Segment

ENDING: Final = ".parquet"
PACKS: Final = "packs"
"""The folder of the packs, laid out as the lake itself."""
_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


def top(kind: RowKind, route: str) -> str:
    """The folder of all segments of a kind and route.

    Raises:
        DomainError: the route cannot name a folder.
    """
    return f"{kind}/route={safe(route)}"


def path(segment: Segment) -> str:
    """The segment's file.

    Raises:
        DomainError: the route or the name could lead elsewhere.
    """
    before = f"{PACKS}/" if segment.packed else ""
    return f"{before}{top(segment.kind, segment.route)}/{_partition(segment.hour)}/{safe(segment.name)}{ENDING}"


def safe(name: str) -> str:
    """A name that is one part of a path.

    Raises:
        DomainError: it is none.
    """
    if not _SAFE.match(name):
        raise DomainError(f"{name!r} can't name a folder of the lake", hint="letters, digits, '_', '-' and '.'")
    return name


@lru_cache(maxsize=100_000)
def hour(date: str, of_day: str) -> int:
    """Hours since the epoch of a partition.

    >>> hour("date=1970-01-02", "hour=01")
    25
    """
    at = datetime.strptime(f"{date}T{of_day}", "date=%Y-%m-%dThour=%H").replace(tzinfo=UTC)
    return int(at.timestamp()) // 3600


def check(segment: Segment, kind: RowKind, rows: Sequence[Prediction] | Sequence[Outcome]) -> None:
    """Rows of a segment are of its kind, lie in its hour and belong to its route, and there is one at least.

    Raises:
        DomainError: they are not.
    """
    if segment.kind != kind or not rows:
        raise DomainError(f"a segment of {segment.kind} takes at least one row of {kind}", segment=segment.key)
    begins = datetime.fromtimestamp(segment.hour * 3600, UTC)
    ends = begins + timedelta(hours=1)
    if not all(begins <= row.at < ends and row.route == segment.route for row in rows):
        raise DomainError("a row lies outside the segment's route or hour", segment=segment.key)


@lru_cache(maxsize=100_000)
def _partition(of: int) -> str:
    return f"{datetime.fromtimestamp(of * 3600, UTC):date=%Y-%m-%d/hour=%H}"
