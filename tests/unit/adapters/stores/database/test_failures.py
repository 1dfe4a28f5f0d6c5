"""Every error of the database leaves the store as one of ours, which says what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from segue.adapters.stores.database import connect
from segue.adapters.stores.database.connect import Database
from segue.adapters.stores.database.failures import BY_CLASS, translate
from segue.adapters.stores.store import open_store
from segue.errors import Conflict, NotFound, PortError, Refused, Unavailable


def subclasses(kind: type[exc.DBAPIError]) -> Iterator[type[exc.DBAPIError]]:
    """A class and all below it."""
    yield kind
    for below in kind.__subclasses__():
        yield from subclasses(below)


def test_every_class_of_the_driver_has_a_meaning() -> None:
    """No error of a database is without one of ours; a class that a new SQLAlchemy brings fails here."""
    assert set(subclasses(exc.DBAPIError)) <= set(BY_CLASS)
    assert all(issubclass(kind, PortError) for kind in BY_CLASS.values())


class Vendor(Exception):  # noqa: N818 - it stands for any driver's error
    """An error of a driver that tells a SQLSTATE."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("vendor")
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("kind", "sqlstate", "ours"),
    [
        (exc.OperationalError, None, Unavailable),
        (exc.OperationalError, "08006", Unavailable),
        (exc.OperationalError, "40001", Conflict),
        (exc.OperationalError, "40P01", Conflict),
        (exc.OperationalError, "28P01", Refused),
        (exc.IntegrityError, "23505", Conflict),
        (exc.IntegrityError, "23503", NotFound),
        (exc.ProgrammingError, "42501", Refused),
        (exc.ProgrammingError, "42P01", Refused),
        (exc.InterfaceError, None, Unavailable),
    ],
)
def test_codes_decide_where_classes_do_not(kind: type[exc.DBAPIError], sqlstate: str | None, ours: type[PortError]) -> None:
    """A deadlock is a Conflict though its class says "operational"; a missing parent is NotFound though it is "integrity"."""
    assert type(translate(kind("SELECT 1", {}, Vendor(sqlstate)))) is ours


def test_waiting_for_a_connection_in_vain_is_unavailable() -> None:
    """An exhausted pool may be free later; any other misuse is for a person."""
    assert type(translate(exc.TimeoutError())) is Unavailable
    assert type(translate(exc.NoSuchTableError("x"))) is Refused


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database."""
    with closing(Database(f"sqlite:///{tmp_path}/x.db")) as opened:
        yield opened


def test_a_locked_database_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits longer than the limit for another writer is told to try later, and has changed nothing."""
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_S", 0.05)
    with closing(Database(f"sqlite:///{tmp_path}/x.db")) as first, closing(Database(f"sqlite:///{tmp_path}/x.db")) as second:
        with first.write() as holding:
            holding.execute(text("CREATE TABLE t (x INTEGER)"))
            with pytest.raises(Unavailable, match="locked"), second.write():
                pytest.fail("two writers at once")
        with second.write() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))


def test_a_missing_table_is_refused(database: Database) -> None:
    """It will not appear by waiting."""
    with pytest.raises(Refused, match="no such table"), database.read() as connection:
        connection.execute(text("SELECT * FROM nowhere"))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Opening somebody else's file says so and leaves it as it is."""
    file = tmp_path / "notes.db"
    file.write_bytes(b"these are my notes, not a database" * 100)
    with pytest.raises(Refused, match="not a database"):
        open_store(f"sqlite:///{file}")
    assert file.read_bytes().startswith(b"these are my notes")


def test_a_read_only_database_is_refused(tmp_path: Path) -> None:
    """No right to write: waiting does not help."""
    file = tmp_path / "x.db"
    open_store(f"sqlite:///{file}").close()
    with (
        open_store(f"sqlite:///file:{file}?mode=ro&uri=true") as store,
        pytest.raises(Refused, match="readonly"),
        store.database.write() as connection,
    ):
        connection.execute(text("DELETE FROM acts"))


def test_constraints_say_which_kind(database: Database) -> None:
    """A taken key is a Conflict, a parent that is not there is NotFound."""
    with database.write() as connection:
        connection.execute(text("CREATE TABLE p (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE c (p INTEGER REFERENCES p (id))"))
        connection.execute(text("INSERT INTO p VALUES (1)"))
    with pytest.raises(Conflict), database.write() as connection:
        connection.execute(text("INSERT INTO p VALUES (1)"))
    with pytest.raises(NotFound), database.write() as connection:
        connection.execute(text("INSERT INTO c VALUES (2)"))


def test_the_vendor_s_own_error_is_kept(database: Database) -> None:
    """Ours carries theirs as its cause, for the log."""
    with pytest.raises(Refused) as caught, database.read() as connection:
        connection.execute(text("SELEC"))
    assert isinstance(caught.value.__cause__, exc.DBAPIError)
    assert isinstance(caught.value.__cause__.orig, sqlite3.Error)
