"""Which statement counts the rows in a profile's bins, all columns and all hours in one pass?"""

from collections.abc import Iterator, Sequence
from math import inf, nextafter
from typing import Any, Final

import msgspec

from segue.errors import DomainError
from segue.facts.drift.bins import ArmBins
from segue.facts.drift.profile import FeatureProfile
from segue.measure.drift.fields import Field
from segue.measure.expressions import quoted
from segue.measure.sql import filled, number

_COUNT: Final = "SELECT $keys, count(*) AS rows, $columns FROM ($rows) GROUP BY $keys"
_OTHER: Final = ""
"""The key under which DuckDB's `histogram_exact` counts texts that are in no bin."""

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
        """The query over the rows of another one, which has the keys and everything that the fields read.

        Raises:
            DomainError: not one field a column.
        """
        if len(self.columns) != len(self.fields):
            raise DomainError(f"{len(self.columns)} columns, but {len(self.fields)} fields")
        counted = [part for pair in zip(self.columns, self.fields, strict=True) for part in _counted(*pair)]
        return filled(_COUNT, keys=", ".join(self.keys), columns=", ".join(counted), rows=rows)

    def read(self, rows: Sequence[Row]) -> Iterator[tuple[Row, int, tuple[tuple[int, ...], ...]]]:
        """Of each row of the statement: its keys, how many rows it counted, and the counts of each column."""
        width = len(self.keys)
        for row in rows:
            total, cells = int(row[width]), row[width + 1 :]
            found = zip(self.columns, cells[::3], cells[1::3], cells[2::3], strict=True)
            yield row[:width], total, tuple(_counts(column, total, cell) for column, *cell in found)

    def arms(self, rows: Sequence[Row], place: int = -1) -> Iterator[tuple[Row, ArmBins]]:
        """The same as sides: one key is the arm, the others are given back."""
        for keys, total, counts in self.read(rows):
            at = place % len(keys)
            yield (*keys[:at], *keys[at + 1 :]), ArmBins(arm=str(keys[at]), rows=total, counts=counts)


def _counted(column: FeatureProfile, field: Field) -> tuple[str, str, str]:
    if column.kind == "numeric":
        edges = ", ".join(number(edge) for edge in column.edges)
        counts = f"histogram({field.value}, [{edges}]::DOUBLE[])"
    else:
        listed = ", ".join(quoted(text) for text in column.categories if text != _OTHER)
        counts = f"histogram_exact({field.value}, [{listed}]::VARCHAR[])"
    empty = f"count(*) FILTER ({field.value} = '')" if _OTHER in column.categories else "0"
    return counts, f"count(*) FILTER ({field.present})", empty


def _counts(column: FeatureProfile, total: int, cell: Sequence[Any]) -> tuple[int, ...]:
    """The bins in the profile's order, *elsewhere* and *missing* last."""
    counted, present, empty = cell
    found = dict(counted or {})
    if column.kind == "numeric":
        inside = [int(found.get(edge, 0)) for edge in (*column.edges, inf)]
    else:
        inside = [int(empty if text == _OTHER else found.get(text, 0)) for text in column.categories]
    return (*inside, int(present) - sum(inside), total - int(present))


def left_closed(edges: Sequence[float]) -> tuple[float, ...]:
    """Edges that cut `[a, b)` where ours cut `(a, b]`: each one's predecessor, for conventions that close on the left."""
    return tuple(nextafter(edge, -inf) for edge in edges)
