"""Which columns do the rows of the lake have?

One list for all who write and read the lake: names are those of the facts, types are SQL's. Columns may be added at the end,
never renamed; a reader takes what is there and finds null in the rest.
"""

from typing import Final

from segue.errors import DomainError

SCHEMA_VERSION: Final = 1

PREDICTIONS: Final[dict[str, str]] = {
    "request_id": "VARCHAR",
    "route": "VARCHAR",
    "rollout": "VARCHAR",
    "stage": "VARCHAR",
    "allocation": "BIGINT",
    "spec_digest": "VARCHAR",
    "at": "TIMESTAMPTZ",
    "unit": "VARCHAR",
    "unit_source": "VARCHAR",
    "context": "MAP(VARCHAR, VARCHAR)",
    "assigned": "VARCHAR",
    "variant": "VARCHAR",
    "version": "VARCHAR",
    "role": "VARCHAR",
    "propensity": "DOUBLE",
    "comparable": "BOOLEAN",
    "status": "INTEGER",
    "error": "VARCHAR",
    "label": "VARCHAR",
    "score": "DOUBLE",
    "features": "VARCHAR",
    "cost": "DOUBLE",
    "unread": "VARCHAR",
    "latency_upstream_s": "DOUBLE",
    "latency_total_s": "DOUBLE",
    "request_size_bytes": "BIGINT",
    "response_size_bytes": "BIGINT",
    "request_hash": "BLOB",
    "response_hash": "BLOB",
    "request_body": "BLOB",
    "response_body": "BLOB",
}
"""Columns of `facts.prediction.Prediction`."""

OUTCOMES: Final[dict[str, str]] = {
    "route": "VARCHAR",
    "request_id": "VARCHAR",
    "unit": "VARCHAR",
    "at": "TIMESTAMPTZ",
    "received_at": "TIMESTAMPTZ",
    "label": "VARCHAR",
    "values": "MAP(VARCHAR, DOUBLE)",
}
"""Columns of `facts.outcome.Outcome`."""

COLUMNS: Final[dict[str, dict[str, str]]] = {"predictions": PREDICTIONS, "outcomes": OUTCOMES}

BODIES: Final = frozenset({"request_body", "response_body"})
"""Columns that stay in the files: nobody computes with them, and they are larger than all others together."""

_NEW: Final = "new_"
"""Before a kind: the name of a second table of the same rows, of the files that are new."""


def kind_of(name: str) -> str:
    """The kind of row that a table of the lake holds, by the table's name.

    Raises:
        DomainError: a name that is no kind of row, with or without `new_` before it.
    """
    kind = name.removeprefix(_NEW)
    if kind not in COLUMNS:
        raise DomainError(f"no table of the lake is called {name!r}", hint=", ".join(COLUMNS))
    return kind
