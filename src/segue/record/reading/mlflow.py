"""What do bodies of MLflow's `/invocations` say: rows in one of four forms asked, `predictions` answered?

Paths are as in v1. Features: `dataframe_split`, `dataframe_records`, `instances` or `inputs`, whichever the request has, or a
column of it (`inputs.age`), also of a CSV; for a model of texts, any place in the request (`messages`, `prompt`).
"""

import csv
import io
from typing import Final

from segue.record.reading.table import Columns, columns, features
from segue.record.reading.v1 import answered, only_one, rows_of
from segue.record.reading.values import Asked, Tongue, Unread, found, object_of, plain, split

_SPLIT: Final = "dataframe_split"
_ROWS: Final = (_SPLIT, "dataframe_records", "instances", "inputs")


def _features(asked: Asked, path: str) -> dict[str, object]:
    first, *rest = split(path)
    if asked.content_type.lower().startswith("text/csv"):
        return features(_of_csv(asked.body), tuple(rest), path)
    request = object_of(asked.body, "the request")
    if first not in _ROWS:
        return {path: found(request, path, "the request")}
    name = only_one(request, _ROWS)
    return features(_of_split(request[name]) if name == _SPLIT else rows_of(request, name), tuple(rest), path)


def _of_split(split_frame: object) -> Columns:
    """Columns and data apart, as pandas writes them."""
    problem = Unread(f"the request's {_SPLIT} is no table")
    if not isinstance(split_frame, dict) or not isinstance(data := split_frame.get("data"), list):
        raise problem
    by_place = columns(data)
    names = split_frame.get("columns", list(by_place))
    if not isinstance(names, list) or len(names) != len(by_place):
        raise problem
    return {str(name): by_place.get(str(place), []) for place, name in enumerate(names)}


def _of_csv(body: bytes) -> Columns:
    """A first line of names, then rows; a number is one."""
    try:
        names, *rows = csv.reader(io.StringIO(plain(body).decode()), strict=True)
    except (ValueError, csv.Error):
        raise Unread("the request is no CSV with names") from None
    if any(len(row) != len(names) for row in rows):
        raise Unread("the request's CSV has rows of different lengths")
    return {name: [_typed(row[place]) for row in rows] for place, name in enumerate(names)}


def _typed(text: str) -> object:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


MLFLOW: Final = Tongue(_features, answered)
