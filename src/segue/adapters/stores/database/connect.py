"""How is the database reached, and what does a transaction promise there?

All that differs between SQLite and PostgreSQL stands in this file; every other file here is plain SQLAlchemy Core.
Open a `Database` after a fork, never before: connections do not survive one.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, Select, Table, create_engine, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from segue.adapters.stores.database.failures import translated
from segue.adapters.stores.database.marks import MEMORY, Marks
from segue.errors import DomainError, Refused, Unavailable
from segue.extras import installing
from segue.ports.span import Span

BUSY_TIMEOUT_S: Final = 10.0
"""How long a writer waits for another one before it is `Unavailable`; real time."""

FROZEN_AFTER_S: Final = 10.0
"""How long a transaction on PostgreSQL may stand still before the server ends it; real time. A process that was frozen inside
one would else keep what it has locked from everybody until it wakes."""

ANSWER_WITHIN_S: Final = 30.0
"""How long one statement on PostgreSQL may take; real time."""

_UPGRADE_LOCK: Final = 0x5E60E
_SETTINGS: Final = {
    "lock_timeout": BUSY_TIMEOUT_S,
    "idle_in_transaction_session_timeout": FROZEN_AFTER_S,
    "statement_timeout": ANSWER_WITHIN_S,
}
_NUDGES: Final = 2**31  # of a signed integer of four bytes
_BEGIN: Final = "segue_begin"  # our execution option: how SQLite begins the transaction

Rows = TypeVar("Rows", bound=Select[Any])
Upsert = sqlite.Insert | postgresql.Insert


class Database:
    """One database with its pool of connections; may be shared by threads.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, `sqlite:///:memory:` or `postgresql+psycopg://...`.

    Raises:
        DomainError: the url is none of these.
        Refused: the driver is not installed, or the folder cannot be made.
    """

    def __init__(self, url: str) -> None:
        try:
            address = make_url(url)
        except ArgumentError as error:
            raise DomainError(f"{url!r} is no address of a store", hint="sqlite:///path/to/segue.db") from error
        self.guard: Callable[[Connection], None] | None = None
        self._engine, self._reads, self._writes, self._glances = _engines(address)
        self._marks = Marks(self._engine)

    def guarded(self, guard: Callable[[Connection], None]) -> "Database":
        """The same database, where a writer first passes a guard inside its transaction: what that raises takes all back."""
        twin = copy(self)
        twin.guard = guard
        return twin

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when the block is left, and did nothing where it raised."""
        with translated(), self._writes.connect() as connection, connection.begin():
            if self.guard is not None:
                self.guard(connection)
            yield connection

    @contextmanager
    def note(self) -> Iterator[Connection]:
        """A transaction as `write`, which a loss of power may undo: for what is said again every second.

        What is synchronised to disk makes everybody wait who writes to the same file system, a gateway's journal too.
        """
        with translated(), self._writes.connect() as connection, _unsynchronised(connection):
            if self.guard is not None:
                self.guard(connection)
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot: all queries inside see the same moment."""
        with translated(), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """For one query alone: no transaction around it, so it is the cheapest."""
        with translated(), self._glances.connect() as connection:
            yield connection

    def mark(self) -> int | None:
        """What is another number whenever somebody has committed since; None where only a query tells."""
        return self._marks.now()

    def nudges(self) -> int:
        """How often `nudge` was called, for those who heard of it by `mark`; SQLite only."""
        with self.glance() as connection:
            return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    @property
    def tells(self) -> bool:
        """Whether a change can be heard of without asking."""
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def listening(self, channel: str) -> Iterator[Callable[[float], bool]]:
        """A connection of its own on which `tell` is heard; only where the database tells.

        What it gives waits so many seconds and says whether something was told since; it raises Unavailable when the
        connection is lost.
        """
        with translated(), self._glances.connect() as connection:
            connection.detach()  # it is closed afterwards, not given to somebody who does not listen
            connection.exec_driver_sql(f"LISTEN {channel}")
            yield partial(_heard, connection)

    def close(self) -> None:
        """Close every connection; harmless when done twice."""
        self._marks.close()
        self._engine.dispose()


def insert(connection: Connection, table: Table) -> Upsert:
    """An INSERT that knows ON CONFLICT, in the connection's dialect: both mean the same, SQLAlchemy has one class for each."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def part(query: Rows, span: Span) -> Rows:
    """A query of a part of its rows, which it has to give in an order of their own."""
    query = query.offset(span.after) if span.after else query
    return query if span.most is None else query.limit(span.most)


def tell(connection: Connection, channel: str, about: str) -> None:
    """Wake whoever listens (`nudges`), when the transaction is committed; nothing where the database cannot."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(channel, about)))


def nudge(connection: Connection) -> None:
    """Count one nudge more, in SQLite's header (sqlite.org/pragma.html#pragma_user_version), which is free for that."""
    if connection.dialect.name == "sqlite":
        number = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) % _NUDGES}")


def _heard(connection: Connection, within_s: float) -> bool:
    driver = connection.connection.dbapi_connection
    error = connection.dialect.loaded_dbapi.Error
    try:
        heard = list(driver.notifies(timeout=within_s, stop_after=1))  # type: ignore[union-attr] # psycopg's
    except error as lost:
        raise Unavailable(f"the store failed: {lost}") from lost
    return bool(heard)


@contextmanager
def _unsynchronised(connection: Connection) -> Iterator[None]:
    """A transaction that is whole, and not durable before the next one that is."""
    if connection.dialect.name == "postgresql":
        with connection.begin():
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
            yield
        return
    driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    driver.execute("PRAGMA synchronous=NORMAL")  # not possible once the transaction has begun
    try:
        with connection.begin():
            yield
    finally:
        driver.execute("PRAGMA synchronous=FULL")


def clock(connection: Connection) -> datetime:
    """The one clock that all who use this database share: the server's; SQLite's users share their machine's."""
    if connection.dialect.name == "postgresql":
        at: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return at.astimezone(UTC)
    return datetime.now(UTC)


def upgrade_alone(connection: Connection) -> None:
    """Wait until no other process upgrades the schema, to the end of the transaction; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))


def _engines(address: URL) -> tuple[Engine, Engine, Engine, Engine]:
    backend = address.get_backend_name()
    if backend == "sqlite":
        engine = _sqlite(address)
        return (
            engine,
            engine.execution_options(**{_BEGIN: "DEFERRED"}),
            engine.execution_options(**{_BEGIN: "IMMEDIATE"}),
            engine,
        )
    if backend == "postgresql":
        engine = _postgresql(address)
        return (
            engine,
            engine.execution_options(isolation_level="REPEATABLE READ"),
            engine,  # READ COMMITTED: a writer that waited for a row goes on with what it finds there
            engine.execution_options(isolation_level="AUTOCOMMIT"),
        )
    raise DomainError(f"no store on {backend}", hint="sqlite:///path/to/segue.db or postgresql+psycopg://...")


def _postgresql(address: URL) -> Engine:
    """Settings of the address win over ours; a pooler in between that refuses ours is not supported."""
    ours = {
        "connect_timeout": int(BUSY_TIMEOUT_S),
        "application_name": "segue",
        "options": " ".join(f"-c {name}={int(1000 * seconds)}" for name, seconds in _SETTINGS.items()),
        "keepalives_idle": 5,  # a server that vanished without a word is noticed within half a minute
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 20_000,
    }
    arguments = {name: value for name, value in ours.items() if name not in address.query}
    try:
        return create_engine(address, pool_pre_ping=True, connect_args=arguments)
    except ImportError as error:
        raise Refused(f"the driver of {address.drivername} is missing: {error}", hint=installing("postgres")) from error


def _sqlite(address: URL) -> Engine:
    # isolation_level None: the driver begins nothing by itself, `_begin` says when and how.
    arguments = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None, "check_same_thread": False}
    if address.database in MEMORY:  # a database in memory is its connection: there is exactly one, and threads take turns
        engine = create_engine(address, connect_args=arguments, poolclass=QueuePool, pool_size=1, max_overflow=0)
    else:
        if not str(address.database).startswith("file:"):  # SQLite's own kind of address names a file that is there
            _make_folder(Path(str(address.database)).parent)
        engine = create_engine(address, connect_args=arguments)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"the store's folder cannot be made: {error}") from error


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    """What every connection to SQLite is told.

    WAL: readers never wait for the writer. FULL: in WAL, NORMAL keeps the database whole but may lose the last commits with
    the power; an allocation's number that gateways have written into captures would then be given away a second time.
    """
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _use_wal(connection: sqlite3.Connection) -> None:
    # The very first switch of a file needs it alone, and SQLite does not wait for that: we do.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _begin(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that read first and wrote later would fail without waiting.
    how = connection.get_execution_options().get(_BEGIN)
    if how:
        connection.exec_driver_sql(f"BEGIN {how}")
