"""Is a commit of anybody seen by its mark?"""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from segue.adapters.stores.database.connect import Database
from segue.adapters.stores.store import open_store
from segue.testkit import samples


def test_each_commit_has_another_mark(tmp_path: Path) -> None:
    """A commit of any other connection, in this process or another, changes the mark; a question or a rollback does not."""
    url = f"sqlite:///{tmp_path}/s.db"
    asked, other = Database(url), Database(url)
    with other.write() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    seen = [asked.mark(), asked.mark()]
    assert seen[0] == seen[1]
    for writer in (other, asked):
        with writer.write() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
        seen.append(asked.mark())
        with writer.read() as connection:
            connection.execute(text("SELECT * FROM t")).all()
        assert asked.mark() == seen[-1]
    code = f"import sqlite3; c = sqlite3.connect({str(tmp_path / 's.db')!r}); c.execute('INSERT INTO t VALUES (2)'); c.commit()"
    subprocess.run([sys.executable, "-c", code], check=True)
    seen.append(asked.mark())
    assert len(set(seen[1:])) == len(seen[1:])

    def insert_and_fail() -> None:
        with other.write() as connection:
            connection.execute(text("INSERT INTO t VALUES (3)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        insert_and_fail()
    assert asked.mark() == seen[-1]
    asked.close()
    other.close()


def test_a_mark_holds_no_snapshot(tmp_path: Path) -> None:
    """The log of a file that is only ever asked for its mark is taken over whole, so that it does not grow for ever."""
    database = Database(f"sqlite:///{tmp_path}/s.db")
    database.mark()
    with database.write() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    with sqlite3.connect(tmp_path / "s.db") as plain:
        busy, in_log, moved = plain.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, in_log, moved) == (0, 0, 0)
    database.close()


def test_a_database_in_memory_has_no_mark() -> None:
    """Its one connection writes, and sees no difference."""
    database = Database("sqlite:///:memory:")
    assert database.mark() is None
    database.close()


def test_a_poll_sees_what_another_store_has_published(tmp_path: Path) -> None:
    """However often nothing had changed before, the next poll after a change has it; one of an older revision is answered."""
    url = f"sqlite:///{tmp_path}/s.db"
    with open_store(url) as ours, open_store(url) as others:
        revision = ""
        for number, share in enumerate((0.1, 0.2, 0.3)):
            others.allocations.publish(samples.allocation(share=share), command_id=f"c{number}")
            found = ours.allocations.directory("churn", unless=revision)
            assert found is not None
            assert found.allocation.number == number + 1
            before, revision = revision, found.revision
            assert [ours.allocations.directory("churn", unless=revision) for _ in range(3)] == [None] * 3
            if before:
                assert ours.allocations.directory("churn", unless=before) == found
