"""Which statement tallies the rows in a profile's bins, all columns and all hours in one pass?"""

from collections.abc import Iterator, Sequence
from math import inf, nextafter
from typing import Any, Final

import msgspec

from segue.errors import DomainError
from segue.facts.drift.bins import ArmBins
from segue.facts.drift.profile import FeatureProfile
from segue.measure.drift.fields import Field
from segue.measure.expressions import quoted
from segue.measure.sql import filled

_COLUMNS: Final = "SELECT $keys, $columns FROM ($rows)"

Row = tuple[Any, ...]


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted.

    Args:
        columns: of the profile.
        fields: where each is in a row.
        keys: columns to group by.
    """

    columns: tuple[FeatureProfile, ...]
    fields: tuple[Field, ...]
    keys: tuple[str, ...]

    def statement(self, rows: str) -> str:
        """The query whose columns are tallied, over the rows of another one, which has the keys and all that the fields read.

        Raises:
            DomainError: not one field a column.
        """
        if len(self.columns) != len(self.fields):
            raise DomainError(f"{len(self.columns)} columns, but {len(self.fields)} fields")
        tallied = [_tallied(*pair) for pair in zip(self.columns, self.fields, strict=True)]
        return filled(_COLUMNS, keys=", ".join(self.keys), columns=", ".join(tallied), rows=rows)

    @property
    def bins(self) -> tuple[tuple[float, ...] | int, ...]:
        """What each column of the query holds: a number between these edges, or one of so many codes."""
        return tuple(it.edges if it.kind == "numeric" else len(it.categories) + 1 for it in self.columns)

    def read(self, rows: Sequence[Row]) -> Iterator[tuple[Row, int, tuple[tuple[int, ...], ...]]]:
        """Of each row of the tally: its keys, how many rows it counted, and the counts of each column.

        They are in the profile's order: the bins, *elsewhere* and *missing*.
        """
        width = len(self.keys)
        for row in rows:
            counted = zip(self.columns, self.fields, row[width + 1 :], strict=True)
            yield row[:width], row[width], tuple(_ordered(*it) for it in counted)

    def arms(self, rows: Sequence[Row], place: int = -1) -> Iterator[tuple[Row, ArmBins]]:
        """The same as sides: one key is the arm, the others are given back."""
        for keys, total, counts in self.read(rows):
            at = place % len(keys)
            yield (*keys[:at], *keys[at + 1 :]), ArmBins(arm=str(keys[at]), rows=total, counts=counts)


def _tallied(column: FeatureProfile, field: Field) -> str:
    """A number, NaN where what is there is none; or a category's place in the list, 0 for one that is not listed."""
    if column.kind == "numeric":
        return _or(field.value, field.present, "'nan'::DOUBLE")
    listed = ", ".join(map(quoted, column.categories))
    return _or(f"list_position([{listed}]::VARCHAR[], {field.value})", field.present, "0")


def _or(value: str, present: str, other: str) -> str:
    return value if present == f"{value} IS NOT NULL" else f"coalesce({value}, CASE WHEN {present} THEN {other} END)"


def _ordered(column: FeatureProfile, field: Field, counts: tuple[int, ...]) -> tuple[int, ...]:
    if column.kind == "categorical":
        return (*counts[1:-1], counts[0], counts[-1])
    *inside, nan, none = counts
    return (*inside, 0, nan + none) if field.nan_is_missing else counts


def left_closed(edges: Sequence[float]) -> tuple[float, ...]:
    """Edges that cut `[a, b)` where ours cut `(a, b]`: each one's predecessor, for conventions that close on the left."""
    return tuple(nextafter(edge, -inf) for edge in edges)
