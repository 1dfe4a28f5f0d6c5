"""What is in a table that somebody hands us: CSV or Parquet?"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from segue.errors import DomainError
from segue.ids import digest


def columns_of(path: Path) -> dict[str, NDArray[Any] | list[object]]:
    """The columns of a file, in its order: numbers as an array (NaN where there is none), everything else as a list.

    Raises:
        DomainError: the file cannot be read, or has no row.
    """
    if not path.is_file():
        raise DomainError(f"{path} cannot be read: there is no such file")
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise DomainError(f"{path} cannot be read: {error}", hint="a CSV with a line of names, or .parquet") from error
    if not table.num_rows:
        raise DomainError(f"{path} has no row")
    return {name: _values(table.column(name)) for name in table.column_names}


def named(path: Path) -> str:
    """A file's name and the digest of its content."""
    return f"{path.name} ({digest(path.read_bytes())[:12]})"


def _values(column: pa.ChunkedArray) -> NDArray[Any] | list[object]:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers: NDArray[Any] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.asarray(numbers, dtype=float)
    values: list[object] = column.to_pylist()
    return values
