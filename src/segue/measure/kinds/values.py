"""How is a label read that is more than one text?

A label, and an outcome's label, may be JSON: a list of items (`["b", "a"]`), a list of numbers (`[0.1, 2.5]`), or an object of
numbers by name (`{"a": 3, "b": 1}`). What is not of the form that a metric needs is not judged.
"""

from typing import Final

from segue.measure.kinds.reading import Columns, Reading

EMPTY: Final = "''"


def numbers(label: str) -> str:
    """A list of numbers, or NULL; a null in it is a NaN, of which nothing finite comes."""
    # The engine's functions of vectors fail at a NULL within one, and look at those of rows that are not judged too.
    return f"list_transform(TRY_CAST(TRY_CAST({label} AS JSON) AS DOUBLE[]), lambda n: coalesce(n, 'nan'::DOUBLE))"


def texts(label: str) -> str:
    """A list of texts, or NULL."""
    return f"TRY_CAST(TRY_CAST({label} AS JSON) AS VARCHAR[])"


def scores(label: str) -> str:
    """Numbers by name, or NULL."""
    return f"TRY_CAST(TRY_CAST({label} AS JSON) AS MAP(VARCHAR, DOUBLE))"


def listed(columns: Columns, *, judged: str, each: str, width: int) -> Reading:
    """A table of what rows list; a key of empty texts counts the rows themselves."""
    row = f"[[{', '.join([EMPTY] * width)}]]"
    return Reading(form="table", rows="answers", due=columns.due, judged=judged, each=f"({row} || {each})", width=width)
