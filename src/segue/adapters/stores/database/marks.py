"""Has anybody committed anything since, at a cost that is worth asking several times a second?

SQLite's `data_version` (sqlite.org/pragma.html#pragma_data_version): a connection that never writes sees another number after
each commit of any other connection, of this process or of another. It costs a tenth of the smallest query, for no layer is
passed but the driver. A thread that polls beside a request path holds Python's lock as long as its poll takes, and a request
that comes meanwhile waits.
"""

import sqlite3
import threading
from typing import Final, cast

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

MEMORY: Final = frozenset({None, "", ":memory:"})
"""Names of a database in memory: it is its one connection, which writes, and so it has no marks."""


class Marks:
    """The marks of one database, on a connection of their own; may be shared by threads.

    Args:
        engine: of the database; nothing is opened before the first question.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._says = engine.dialect.name == "sqlite" and engine.url.database not in MEMORY
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def now(self) -> int | None:
        """The mark; None where there is none, or the database fails, of which a query will tell more."""
        if not self._says:
            return None
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._open()
                # All rows are taken: a statement before its end keeps a snapshot, and the log of all others cannot shrink.
                return int(self._connection.execute("PRAGMA data_version").fetchall()[0][0])
            except (sqlite3.Error, DBAPIError):
                return None

    def close(self) -> None:
        """Close the connection; harmless when done twice."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        pooled = self._engine.raw_connection()
        pooled.detach()  # the pool's no more
        return cast("sqlite3.Connection", pooled.dbapi_connection)
