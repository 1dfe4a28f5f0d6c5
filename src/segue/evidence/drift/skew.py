"""Is a value that was served the one that the offline pipeline has for the same request?"""

from collections.abc import Mapping, Sequence
from math import inf, isclose, isnan
from typing import Final

import msgspec

from segue.facts.drift.findings import FeatureSkew, Skew

Values = Mapping[str, object]
_EXAMPLES: Final = 3


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """How far two numbers may be apart and be the same.

    Args:
        relative: of the larger one; a float32 in between costs about 1e-7.
        absolute: near zero.
    """

    relative: float = 1e-6
    absolute: float = 1e-9


def skew(served: Mapping[str, Values], offline: Mapping[str, Values], columns: Sequence[str], tolerance: Tolerance) -> Skew:
    """Compare column by column, request by request.

    Args:
        served: request -> its values; numbers, texts, booleans or None.
        offline: the same from the offline pipeline.
        columns: that are compared.
        tolerance: of numbers.
    """
    joined = [request for request in offline if request in served]
    found = tuple(_column(column, [(it, served[it], offline[it]) for it in joined], tolerance) for column in columns)
    return Skew(joined=len(joined), not_served=len(offline) - len(joined), columns=found)


def same(one: object, other: object, tolerance: Tolerance) -> bool:
    """Whether two values are the same: `1`, `1.0` and `"1"` are one number, `True` is `"true"`, texts are compared as they are.

    >>> same("1", 1.0, Tolerance()), same("a", "b", Tolerance()), same(0.1 + 0.2, 0.3, Tolerance())
    (True, False, True)
    """
    first, second = number(one), number(other)
    if first is not None and second is not None:
        return isclose(first, second, rel_tol=tolerance.relative, abs_tol=tolerance.absolute)
    return _text(one) == _text(other)


def number(value: object) -> float | None:
    """A value as a number; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        found = float(value) if isinstance(value, str) else inf
    except ValueError:
        return None
    return found if isinstance(value, str) and not isnan(found) else None


def _column(column: str, rows: Sequence[tuple[str, Values, Values]], tolerance: Tolerance) -> FeatureSkew:
    counts = dict.fromkeys(("same", "different", "served_only", "offline_only", "neither"), 0)
    examples: list[str] = []
    largest: float | None = None
    for request, served, offline in rows:
        one, other = _present(served.get(column)), _present(offline.get(column))
        if one is None or other is None:
            counts["neither" if one is other else "offline_only" if one is None else "served_only"] += 1
        elif same(one, other, tolerance):
            counts["same"] += 1
        else:
            counts["different"] += 1
            examples += [request] if len(examples) < _EXAMPLES else []
            first, second = number(one), number(other)
            if first is not None and second is not None:
                largest = max(largest or 0.0, abs(first - second))
    return FeatureSkew(column=column, largest=largest, examples=tuple(examples), **counts)


def _present(value: object) -> object:
    return None if isinstance(value, float) and isnan(value) else value


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
