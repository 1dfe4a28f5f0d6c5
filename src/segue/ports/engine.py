"""Who runs the SQL over the lake?"""

from collections.abc import Mapping, Sequence
from typing import Protocol

Row = tuple[object, ...]


class Engine(Protocol):
    """Runs SQL in DuckDB's dialect over named sets of Parquet files.

    Duties: a source without files is an empty table with the schema of its kind; results are Python values; one query at a
    time per engine object; memory is bounded by the engine's setting.
    """

    @property
    def rows_at_once(self) -> int:
        """About so many predictions are measured at a time."""
        ...

    def bind(self, sources: Mapping[str, Sequence[str]]) -> None:
        """Name the tables for the queries to come: `predictions` and `outcomes`, and the same with `new_` before them.

        What a query may read is all columns of `ports.columns` but the bodies, which stay in the files.
        """
        ...

    def run(self, sql: str) -> Sequence[Row]:
        """The rows of one query."""
        ...

    def execute(self, sql: str) -> None:
        """A statement without rows, such as a temporary view; it lasts until the next `bind`."""
        ...

    def holding(self, kind: str, column: str, keys: str, locations: Sequence[str]) -> Sequence[str]:
        """Which of these files may hold a row with one of these keys? More may be named, none is missed.

        Args:
            kind: of the files, "predictions" or "outcomes".
            column: `request_id` or `unit`; an empty text is no key.
            keys: a query of one column over what is bound.
            locations: of the files.
        """
        ...

    def tally(self, sql: str, keys: int, columns: Sequence[Sequence[float] | int]) -> Sequence[Row]:
        """How often does each value occur in some columns of a query, by others of them?

        Args:
            sql: a query: first the keys, then the columns. Each row of it is made of one row of one table alone, so that an
                engine may tally portions of the table and add them up.
            keys: how many columns are keys; texts or whole numbers, of few different values.
            columns: of each further column what it holds. Strictly increasing edges: a DOUBLE, which is counted in the
                intervals `(a, b]` between them, the first and the last one open, then NaN, then NULL. A number `n`: a whole
                number of 0 to `n - 1`, then NULL.

        Returns:
            a row for each key that occurs: the keys, how many rows there are, and a tuple of counts for each column.
        """
        ...

    def counts(self, locations: Sequence[str]) -> Sequence[int]:
        """How many rows each of these files holds."""
        ...
