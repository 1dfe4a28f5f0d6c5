"""A transaction is whole, a snapshot stands still, and an address is checked."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from segue.adapters.stores.database.connect import Database
from segue.adapters.stores.store import open_store
from segue.errors import DomainError, Refused


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with an empty table t."""
    with closing(Database(f"sqlite:///{tmp_path}/new/folder/x.db")) as opened:
        with opened.write() as connection:
            connection.execute(text("CREATE TABLE t (x INTEGER)"))
        yield opened


def count(database: Database) -> int:
    """Rows of t."""
    with database.glance() as connection:
        return int(connection.execute(text("SELECT count(*) FROM t")).scalar_one())


def test_a_block_that_raises_did_nothing(database: Database) -> None:
    """Any exception inside, ours or not, takes all back."""

    def insert_and_fail() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        insert_and_fail()
    assert count(database) == 0


def test_a_note_is_whole_and_leaves_no_setting_behind(database: Database) -> None:
    """It is there for everybody, or did nothing; the next writer of the same connection is durable again."""

    def insert_and_fail() -> None:
        with database.note() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
            raise ZeroDivisionError

    def synchronous() -> int:
        with database.write() as connection:
            return int(connection.execute(text("PRAGMA synchronous")).scalar_one())

    full = synchronous()
    with pytest.raises(ZeroDivisionError):
        insert_and_fail()
    assert (count(database), synchronous()) == (0, full)
    with database.note() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() != full
        connection.execute(text("INSERT INTO t VALUES (1)"))
    assert (count(database), synchronous()) == (1, full)


def test_a_snapshot_stands_still(database: Database) -> None:
    """Queries of one read see the same moment, whatever is written meanwhile; the writer does not wait."""
    with database.read() as reading:
        assert reading.execute(text("SELECT count(*) FROM t")).scalar() == 0
        with database.write() as writing:
            writing.execute(text("INSERT INTO t VALUES (1)"))
        assert reading.execute(text("SELECT count(*) FROM t")).scalar() == 0
    assert count(database) == 1


def test_sqlite_is_set_up_for_many_processes_and_power_loss(database: Database) -> None:
    """Every connection has WAL, full synchronisation and foreign keys."""
    for opened in (database.read, database.write, database.glance):
        with opened() as connection:
            settings = [
                connection.execute(text(f"PRAGMA {it}")).scalar() for it in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert settings == ["wal", 2, 1]


def test_a_database_in_memory_is_one_for_all_threads() -> None:
    """What one block wrote the next one sees."""
    with closing(Database("sqlite:///:memory:")) as memory:
        with memory.write() as connection:
            connection.execute(text("CREATE TABLE t (x INTEGER)"))
        assert count(memory) == 0


@pytest.mark.parametrize("url", ["", "segue.db", "mysql://host/x", "sqlite//x"])
def test_a_wrong_address_is_named(url: str) -> None:
    """What is no address of a store is the caller's bug, and the hint shows a right one."""
    with pytest.raises(DomainError, match="sqlite:///path"):
        open_store(url)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file in the place of the folder is for a person to see to."""
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused):
        open_store(f"sqlite:///{tmp_path}/file/x.db")


def test_nothing_stays_open(tmp_path: Path) -> None:
    """A program that opens, uses and closes a store, and one whose opening fails, end without a warning."""
    program = f"""
import gc
from segue.adapters.stores.store import open_store
from segue.errors import Refused
stores = open_store("sqlite:///{tmp_path}/x.db")
assert stores.rollouts.rollouts() == []
stores.close()
stores.close()
with open("{tmp_path}/broken.db", "wb") as broken:
    broken.write(b"no database" * 100)
try:
    open_store("sqlite:///{tmp_path}/broken.db")
except Refused:
    pass
gc.collect()
import os
print([os.readlink(f"/proc/self/fd/{{fd}}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{fd}}")])
"""
    options = ["-W", "always::ResourceWarning", "-c", program]
    ended = subprocess.run([sys.executable, *options], capture_output=True, text=True, check=True)
    assert ".db" not in ended.stdout
    assert "ResourceWarning: unclosed database" not in ended.stderr
