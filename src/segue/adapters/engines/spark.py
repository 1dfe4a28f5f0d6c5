"""Who runs the SQL where one machine is too small? A Spark cluster, to which this process is the driver.

The statements are the same as DuckDB's, rewritten (`rewriting`); every machine of the cluster reads the lake itself, so that
its locations have to mean the same everywhere: a folder that all mount, or a bucket.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote

import msgspec
import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark import StorageLevel
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import Row as SparkRow
from pyspark.sql.functions import arrow_udf

from segue.adapters.engines.foreign import Foreign
from segue.adapters.engines.mirror import Mirror, spelled
from segue.adapters.engines.portions import TALLY, Evaluated, Portioned
from segue.adapters.engines.rewriting import rewritten
from segue.adapters.engines.rowwise import rowwise
from segue.errors import InvariantError, Unavailable
from segue.ports.columns import BODIES, COLUMNS, kind_of
from segue.ports.engine import Row

_TYPES: Final = {
    "VARCHAR": "STRING",
    "BLOB": "BINARY",
    "INTEGER": "INT",
    "TIMESTAMPTZ": "TIMESTAMP",
    "MAP(VARCHAR, VARCHAR)": "MAP<STRING, STRING>",
    "MAP(VARCHAR, DOUBLE)": "MAP<STRING, DOUBLE>",
}
"""Names of SQL's types in Spark, where they differ."""
_FIXED: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # what overflows or can't be cast is an error, and never another number
    "spark.sql.parquet.mergeSchema": "false",
    "spark.ui.showConsoleProgress": "false",
}
_LOCAL: Final = re.compile(r"^file:/+")


class SparkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the cluster is and how it is asked.

    Args:
        master: `spark://host:port`, or whatever else Spark takes.
        rows_at_once: a measurement takes about so many predictions at a time.
        more: settings of Spark's own; what is not said here stands in its `spark-defaults.conf`.
    """

    master: str
    rows_at_once: int = 50_000_000
    more: Mapping[str, str] = msgspec.field(default_factory=dict)


class SparkEngine:
    """Spark over the lake's files; one query at a time, one engine a process.

    The session begins with the first `bind`. When the cluster fails, it is given up, and the next `bind` begins another.
    """

    def __init__(self, settings: SparkSettings) -> None:
        self._settings = settings
        self._open: SparkSession | None = None
        self._kept: list[tuple[str, DataFrame]] = []
        self._taught: dict[str, str] = {}
        self._mirror = Mirror()

    @property
    def rows_at_once(self) -> int:
        """About so many predictions are measured at a time."""
        return self._settings.rows_at_once

    def bind(self, sources: Mapping[str, Sequence[str]]) -> None:
        """Name the tables for the queries to come; what earlier queries made is gone.

        Raises:
            DomainError: a name that is no kind of row, with or without `new_` before it.
            Unavailable: a file can't be read, or the cluster does not answer.
        """
        kinds = {name: kind_of(name) for name in sources}
        self._mirror.bind(kinds)
        with self._asking(at_fault=Unavailable):
            self._forget()
            for name, locations in sources.items():
                self._files(kinds[name], locations).createOrReplaceTempView(name)

    def run(self, sql: str) -> Sequence[Row]:
        """The rows of one query.

        Raises:
            DomainError: it calls something that does not run on Spark.
        """
        statement = rewritten(sql)
        with self._asking():
            self._teach(statement.foreign)
            return [tuple(_python(value) for value in row) for row in self._session.sql(statement.query).collect()]

    def execute(self, sql: str) -> None:
        """A statement without rows, such as a temporary table; it lasts until the next `bind`.

        A table is computed when it is first read, and kept in the cluster's memory and on its disks.
        """
        statement = rewritten(sql)
        with self._asking():
            self._teach(statement.foreign)
            self._mirror.execute(sql)
            if not statement.query:
                return self._forget(statement.name)
            table = self._session.sql(statement.query).persist(StorageLevel.MEMORY_AND_DISK)
            table.createOrReplaceTempView(statement.name)
            self._kept.append((statement.name, table))  # with the one that it replaces, of which it may be made
            return None

    def tally(self, sql: str, keys: int, columns: Sequence[Sequence[float] | int]) -> Sequence[Row]:
        """How often each value occurs in some columns of a query, by others of them; each worker counts the rows that it reads.

        Raises:
            DomainError: a row of the query is not made of one row of a table alone.
        """
        read = rowwise(sql)
        self._mirror.types(sql)
        portioned = Portioned(table=read.table, sql=sql, keys=keys, columns=tuple(map(_edges, columns)))
        with self._asking():
            table = self._session.table(read.table)
            names = [f"`{name}`" for name in table.columns if {name, "*"} & read.columns]
            found = table.select(*names).mapInArrow(portioned.tallies, f"{TALLY} STRING").collect()
        return portioned.whole(text for (text,) in found)

    def holding(self, kind: str, column: str, keys: str, locations: Sequence[str]) -> Sequence[str]:
        """All of the files: the cluster reads them faster than the driver could keep the keys of a lake that large."""
        del column, keys
        kind_of(kind)
        return list(locations)

    def counts(self, locations: Sequence[str]) -> Sequence[int]:
        """How many rows each of these files holds."""
        if not locations:
            return []
        with self._asking(at_fault=Unavailable):
            files = self._session.read.schema("request_id STRING").parquet(*map(_location, locations))
            found = files.select("_metadata.file_path").groupBy("file_path").count().collect()
        rows = {_plain(name): int(count) for name, count in found}
        return [rows.get(_plain(_location(location)), 0) for location in locations]

    def close(self) -> None:
        """Leave the cluster, and give memory back."""
        self._mirror.close()
        session, self._open, self._kept, self._taught = self._open, None, [], {}
        if session is not None:
            session.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def _session(self) -> SparkSession:
        if self._open is None:
            builder = SparkSession.builder.master(self._settings.master).appName("segue")
            for name, value in (*self._settings.more.items(), *_FIXED.items()):
                builder = builder.config(name, value)
            self._open = builder.getOrCreate()
            if "PYSPARK_PYTHON" not in os.environ:
                self._open.sparkContext.pythonExec = sys.executable
        return self._open

    def _teach(self, foreign: Sequence[Foreign]) -> None:
        """Functions that have a worker evaluate these expressions in DuckDB."""
        for one in foreign:
            (of_type,) = self._mirror.types(one.probe)
            name, sql = spelled(of_type)
            if self._taught.get(one.name) != name:
                self._session.udf.register(one.name, _evaluated(Evaluated(sql=f"CAST({one.sql} AS {sql})"), name))
                self._taught[one.name] = name

    def _files(self, kind: str, locations: Sequence[str]) -> DataFrame:
        columns = {name: _TYPES.get(sql, sql) for name, sql in COLUMNS[kind].items() if name not in BODIES}
        if not locations:
            nothing = ", ".join(f"CAST(NULL AS {sql}) AS `{name}`" for name, sql in columns.items())
            return self._session.sql(f"SELECT {nothing} WHERE FALSE")
        schema = ", ".join(f"`{name}` {sql}" for name, sql in columns.items())
        return self._session.read.schema(schema).parquet(*map(_location, locations))

    def _forget(self, *names: str) -> None:
        for name, table in self._kept:
            if name in names or not names:
                self._session.catalog.dropTempView(name)
                table.unpersist()
        self._kept = [it for it in self._kept if names and it[0] not in names]

    @contextmanager
    def _asking(self, at_fault: type[Unavailable | InvariantError] = InvariantError) -> Iterator[None]:
        try:
            yield
        except AnalysisException as error:
            raise at_fault(f"Spark refused: {error}") from error
        except (PySparkException, Py4JError, OSError) as error:
            self._give_up()
            raise Unavailable(f"Spark could not finish: {error}") from error

    def _give_up(self) -> None:
        try:
            self.close()
        except (PySparkException, Py4JError, OSError):
            self._open = None  # there is nobody left to take leave of


def _evaluated(what: Evaluated, of_type: str) -> Any:  # noqa: ANN401 - what Spark takes as a function
    def values(*columns: pa.Array) -> pa.Array:
        return what.values(columns)

    return arrow_udf(values, of_type)


def _edges(column: Sequence[float] | int) -> tuple[float, ...] | int:
    return column if isinstance(column, int) else tuple(column)


def _location(location: str) -> str:
    """A location as Spark takes it: Hadoop calls S3 `s3a`.

    >>> _location("s3://bucket/lake/a.parquet"), _location("/lake/a.parquet")
    ('s3a://bucket/lake/a.parquet', '/lake/a.parquet')
    """
    return "s3a://" + location.removeprefix("s3://") if location.startswith("s3://") else location


def _plain(location: str) -> str:
    return unquote(_LOCAL.sub("/", location))


def _python(value: Any) -> object:  # noqa: ANN401 - whatever Spark gives back
    if isinstance(value, SparkRow):
        return {name: _python(it) for name, it in value.asDict().items()}
    if isinstance(value, list):
        return [_python(it) for it in value]
    if isinstance(value, dict):
        return {name: _python(it) for name, it in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC)  # without a zone it is in the machine's own
    return bytes(value) if isinstance(value, bytearray) else value
