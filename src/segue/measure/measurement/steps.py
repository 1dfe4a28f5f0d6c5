"""What can a plan ask of whoever carries it through?"""

from collections.abc import Generator, Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

import msgspec

from segue.facts.summary import Answer, Cell
from segue.measure.answers import Row


class File(Protocol):
    """A segment of the lake, as far as a plan looks at it (`ports.lake.Segment`)."""

    @property
    def hour(self) -> int:
        """Hours since the epoch."""
        ...

    @property
    def key(self) -> str:
        """The name as one text."""
        ...


F = TypeVar("F", bound=File)
Kind: TypeAlias = Literal["predictions", "outcomes"]
Column: TypeAlias = Literal["request_id", "unit"]


class Bind(msgspec.Struct, Generic[F], frozen=True, kw_only=True):
    """Name these files for the queries to come; what earlier queries made is gone."""

    predictions: tuple[F, ...] = ()
    outcomes: tuple[F, ...] = ()
    new_predictions: tuple[F, ...] = ()
    new_outcomes: tuple[F, ...] = ()


class Execute(msgspec.Struct, frozen=True):
    """A statement without rows."""

    sql: str


class Query(msgspec.Struct, frozen=True):
    """A query, whose rows are sent back."""

    sql: str


class Tally(msgspec.Struct, frozen=True):
    """A query whose columns are counted, value by value; the tallies are sent back, a row each key (`ports.Engine.tally`).

    Args:
        keys: how many of its columns are keys; they come first.
        columns: the edges of a number's intervals, or how many codes there are.
    """

    sql: str
    keys: int
    columns: tuple[tuple[float, ...] | int, ...]


class Find(msgspec.Struct, Generic[F], frozen=True, kw_only=True):
    """Which of these files may hold a row with one of the keys? Their places in `files` are sent back, a row each.

    Args:
        kind: of the files.
        column: request_id or unit.
        keys: a query of one column.
    """

    kind: Kind
    column: Column
    keys: str
    files: tuple[F, ...]


class Count(msgspec.Struct, Generic[F], frozen=True):
    """How many rows has each of these files? The numbers are sent back in order, a row each."""

    files: tuple[F, ...]


class Keep(msgspec.Struct, frozen=True):
    """Put these summaries in the place of all that were kept for these hours.

    Args:
        hours: that were counted again, also where nothing came out.
    """

    hours: tuple[int, ...]
    answers: tuple[Answer, ...]
    cells: tuple[Cell, ...]


class Files(msgspec.Struct, Generic[F], frozen=True, kw_only=True):
    """All segments of the route, and which of them the kept summaries include already."""

    predictions: Sequence[F]
    outcomes: Sequence[F]
    seen: AbstractSet[str] = frozenset()


T = TypeVar("T")
Steps = Generator[Bind[F] | Execute | Query | Tally | Find[F] | Count[F] | Keep, Sequence[Row], T]
"""Yields what is to be done, is sent the rows, returns what came out."""


def whole(value: object) -> int:
    """A whole number in a row; mypy sees objects."""
    assert isinstance(value, int)  # noqa: S101 - what our own queries return
    return value
