"""What do the rows of a request say, however they were written down?

Rows are lists (columns named by their place), objects, or single values; a column is a name and its values, one a row.
"""

from segue.record.reading.values import Unread, at

Columns = dict[str, list[object]]


def columns(rows: list[object]) -> Columns:
    """Rows as columns; a row that lacks a column has None there.

    >>> columns([[1, 2], [3, 4]])
    {'0': [1, 3], '1': [2, 4]}
    >>> columns([{"a": 1}, {"b": 2}])
    {'a': [1, None], 'b': [None, 2]}
    """
    named = [_named(row) for row in rows]
    names = dict.fromkeys(name for row in named for name in row)
    return {name: [row.get(name) for row in named] for name in names}


def features(found: Columns, keys: tuple[str, ...], path: str) -> dict[str, object]:
    """The columns, or one of them; a single row's values are bare.

    Raises:
        Unread: there is no such column.
    """
    if keys:
        name = ".".join(keys)
        column = found.get(name)
        if column is None:
            try:
                column = [at({key: found[key][row] for key in found}, keys) for row in range(_rows(found))]
            except KeyError:
                column = []
        if not column:
            raise Unread(f"the request has no {path}")
        found = {name: column}
    single = _rows(found) == 1
    return {name: values[0] if single else values for name, values in found.items()}


def _rows(found: Columns) -> int:
    return len(next(iter(found.values()), []))


def _named(row: object) -> dict[str, object]:
    if isinstance(row, dict):
        return row
    return {str(place): value for place, value in enumerate(row if isinstance(row, list) else [row])}
