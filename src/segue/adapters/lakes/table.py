"""How do facts become a Parquet file?"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from segue.errors import DomainError
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.ports.columns import COLUMNS, SCHEMA_VERSION
from segue.ports.lake import RowKind

_TYPES: Final = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "BLOB": pa.binary(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    "MAP(VARCHAR, VARCHAR)": pa.map_(pa.string(), pa.string()),
    "MAP(VARCHAR, DOUBLE)": pa.map_(pa.string(), pa.float64()),
}

_LARGE: Final = 1000
"""Below so many rows, dictionaries and statistics cost more than they save."""

SCHEMAS: Final[dict[str, pa.Schema]] = {
    kind: pa.schema(
        [pa.field(name, _TYPES[sql]) for name, sql in columns.items()],
        metadata={"segue.kind": kind, "segue.schema": str(SCHEMA_VERSION)},
    )
    for kind, columns in COLUMNS.items()
}
"""Arrow schemas of the lake's files; the version of the schema stands in the file's metadata."""


def parquet(kind: RowKind, rows: Sequence[Prediction] | Sequence[Outcome]) -> bytes:
    """The rows as one Parquet file, zstd; the same rows give the same bytes."""
    schema = SCHEMAS[kind]
    columns = {field.name: _column(values, field.type) for field, values in zip(schema, _values(schema, rows), strict=True)}
    sink = pa.BufferOutputStream()
    large = len(rows) >= _LARGE
    table = pa.table(columns, schema=schema)
    pq.write_table(table, sink, compression="zstd", compression_level=1, use_dictionary=large, write_statistics=large)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _values(schema: pa.Schema, rows: Sequence[Prediction] | Sequence[Outcome]) -> Iterable[Sequence[object]]:
    """The values of each column, in the order of the schema."""
    if not rows:
        return [()] * len(schema)
    return [list(map(attrgetter(name), rows)) for name in schema.names]


def _column(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_map(kind):
        values = [list(value.items()) if isinstance(value, dict) else value for value in values]
    return pa.array(values, type=kind)


def rows_of(body: bytes) -> list[dict[str, object]]:
    """The rows of anybody's Parquet file.

    Raises:
        DomainError: the bytes are no Parquet.
    """
    try:
        rows: list[dict[str, object]] = pq.read_table(pa.BufferReader(body)).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DomainError(f"the file is no Parquet that can be read: {error}") from error
    return rows


def check_kinds() -> None:
    """Every column is a field of its fact and the other way round.

    >>> check_kinds()
    """
    for kind, fact in (("predictions", Prediction), ("outcomes", Outcome)):
        fields = {field.name for field in msgspec.structs.fields(fact)}
        if fields != set(COLUMNS[kind]):
            raise AssertionError(fields ^ set(COLUMNS[kind]))
