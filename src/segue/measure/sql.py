"""How are our values written into SQL?

The engine takes text. Names and texts are quoted, numbers written so that they come back bit by bit, and everything else is
a template of our own.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from string import Template
from typing import Final

from segue.measure.expressions import quoted

HOUR_US: Final = 3_600_000_000
TIE: Final = """'l': coalesce(label, ''), 'none': coalesce(cardinality("values"), 0) = 0,
      'names': coalesce(map_keys("values"), []), 'values': coalesce(map_values("values"), [])"""
"""Which of two outcomes of one moment counts: fields of a struct, whose largest is the last; one without values comes last."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def filled(template: str, **parts: object) -> str:
    """A template with its `$parts` filled in; a missing part is an error.

    >>> filled("SELECT $what", what=1)
    'SELECT 1'
    """
    return Template(template).substitute(parts)


def number(value: float) -> str:
    """A float as an SQL DOUBLE, exactly; a plain decimal would be a DECIMAL.

    >>> number(0.1)
    '(1.00000000000000006e-01)'
    """
    return f"({value:.17e})"


def doubles(values: Iterable[str]) -> str:
    """A list of DOUBLEs out of SQL expressions."""
    return f"[{', '.join(values)}]::DOUBLE[]"


def any_of(column: str, values: Iterable[int | str]) -> str:
    """Whether a column has one of these values; false for no value.

    >>> any_of("hour", [1, 2]), any_of("stage", [])
    ('hour IN (1, 2)', 'FALSE')
    """
    listed = ", ".join(quoted(value) if isinstance(value, str) else str(value) for value in values)
    return f"{column} IN ({listed})" if listed else "FALSE"


def micros(at: datetime) -> int:
    """Microseconds since the epoch."""
    return (at - _EPOCH) // timedelta(microseconds=1)
