"""What do bodies of KServe's protocol v1 say: `instances` or `inputs` asked, `predictions` answered?

Paths: `predictions` is the one prediction, `predictions.score` or `predictions.1` a part of it; any other path is a place in
the answer's JSON. Features: `instances` or `inputs`, whichever the request has, or a column of it (`instances.age`).
"""

from collections.abc import Callable
from typing import Final

from segue.record.reading.table import Columns, columns, features
from segue.record.reading.values import Asked, Tongue, Unread, alone, at, found, object_of, split

_ROWS: Final = ("instances", "inputs")
_ANSWERS: Final = {"predictions", "outputs"}  # `outputs`: TensorFlow Serving's, for requests by column


def _features(asked: Asked, path: str) -> dict[str, object]:
    request = object_of(asked.body, "the request")
    first, *rest = split(path)
    if first not in _ROWS:
        raise Unread(f"the request has no {path}")
    return features(rows_of(request, only_one(request, _ROWS)), tuple(rest), path)


def only_one(request: dict[str, object], names: tuple[str, ...]) -> str:
    """The one of these names under which a request has its rows.

    Raises:
        Unread: it has none, or several.
    """
    present = [name for name in names if name in request]
    if len(present) != 1:
        raise Unread(f"the request has {' and '.join(present) or 'no ' + ', no '.join(names)}")
    return present[0]


def rows_of(request: dict[str, object], name: str) -> Columns:
    """A request's rows, written as a list of rows or as named columns.

    Raises:
        Unread: they are neither.
    """
    rows = request[name]
    if isinstance(rows, dict):
        lists = {key: value if isinstance(value, list) else [value] for key, value in rows.items()}
        if len({len(value) for value in lists.values()}) > 1:
            raise Unread(f"the request's {name} are of different lengths")
        return lists
    if not isinstance(rows, list):
        raise Unread(f"the request's {name} are no rows")
    return columns(rows)


def answered(body: bytes) -> Callable[[str], object]:
    """What an answer says at a path."""
    answer = object_of(body, "the answer")

    def at_path(path: str) -> object:
        first, *rest = split(path)
        if first not in _ANSWERS or first not in answer:
            return alone(found(answer, path, "the answer"), path)
        try:
            return alone(_of_row(answer[first], tuple(rest)), path)
        except KeyError:
            raise Unread(f"the answer has no {path}") from None

    return at_path


def _of_row(rows: object, keys: tuple[str, ...]) -> object:
    """The place in the only row; KeyError where there is none."""
    if isinstance(rows, list):
        return at(_only(rows), keys)
    value = at(rows, keys)  # by column, or not in rows at all
    return _only(value) if isinstance(value, list) else value


def _only(rows: list[object]) -> object:
    if len(rows) != 1:
        raise Unread(f"batch of {len(rows)} rows")
    return rows[0]


V1: Final = Tongue(_features, answered)
