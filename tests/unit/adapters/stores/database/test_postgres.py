"""What PostgreSQL does to a caller that is cut off, waits too long or stands still."""

import time
from collections.abc import Iterator
from contextlib import closing

import postgres
import pytest
from sqlalchemy import text

from segue.adapters.stores.database import connect
from segue.adapters.stores.database.connect import Database, clock
from segue.adapters.stores.store import open_store
from segue.errors import PortError, Unavailable


@pytest.fixture
def name(postgres_server: postgres.Server) -> Iterator[str]:
    """A database with an empty table t."""
    with postgres_server.database(empty=True) as made:
        postgres_server.ask("CREATE TABLE t (x INTEGER)", made)
        yield made


def rows(server: postgres.Server, name: str) -> int:
    """Rows of t."""
    ((count,),) = server.ask("SELECT count(*) FROM t", name)
    return int(str(count))


def test_a_cut_connection_is_unavailable_and_did_nothing(postgres_server: postgres.Server, name: str) -> None:
    """The transaction that it was in the middle of is taken back; the next one has a new connection and goes through."""
    with closing(Database(postgres_server.url(name))) as database:

        def be_cut_off() -> None:
            with database.write() as connection:
                connection.execute(text("INSERT INTO t VALUES (1)"))
                postgres_server.cut(name)
                connection.execute(text("INSERT INTO t VALUES (2)"))

        with pytest.raises(Unavailable):
            be_cut_off()
        assert rows(postgres_server, name) == 0
        postgres_server.cut(name)  # while it rests in the pool
        with database.write() as connection:
            connection.execute(text("INSERT INTO t VALUES (3)"))
        assert rows(postgres_server, name) == 1


def test_a_server_that_is_not_there_is_unavailable(postgres_server: postgres.Server) -> None:
    """Neither a missing server nor a missing database is anything but to be tried again."""
    for url in (postgres_server.url("nowhere"), "postgresql+psycopg://segue@127.0.0.1:1/x"):
        with pytest.raises(Unavailable):
            open_store(url)


def test_who_waits_too_long_for_another_is_told_to_try_later(
    postgres_server: postgres.Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that somebody holds is waited for within bounds, and nothing has changed then."""
    monkeypatch.setitem(connect._SETTINGS, "lock_timeout", 0.05)
    with closing(Database(postgres_server.url(name))) as first, closing(Database(postgres_server.url(name))) as second:
        with first.write() as holding:
            holding.execute(text("LOCK TABLE t IN EXCLUSIVE MODE"))
            with pytest.raises(Unavailable, match="lock timeout"), second.write() as waiting:
                waiting.execute(text("INSERT INTO t VALUES (1)"))
        assert rows(postgres_server, name) == 0


def test_who_stands_still_in_a_transaction_lets_go(
    postgres_server: postgres.Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a frozen process has locked is free again before it wakes, and it cannot go on when it does."""
    monkeypatch.setitem(connect._SETTINGS, "idle_in_transaction_session_timeout", 0.05)
    with closing(Database(postgres_server.url(name))) as frozen, closing(Database(postgres_server.url(name))) as other:

        def freeze() -> None:
            with frozen.write() as connection:
                connection.execute(text("LOCK TABLE t IN EXCLUSIVE MODE"))
                connection.execute(text("INSERT INTO t VALUES (1)"))
                with other.write() as others:
                    others.execute(text("INSERT INTO t VALUES (2)"))
                time.sleep(0.1)

        with pytest.raises(PortError):
            freeze()
        assert rows(postgres_server, name) == 1


def test_all_share_the_server_s_clock(postgres_server: postgres.Server, name: str) -> None:
    """Two readings through two openings grow, in UTC, whatever the machines' own clocks say."""
    url = postgres_server.url(name)
    with (
        closing(Database(url)) as first,
        closing(Database(url)) as second,
        first.glance() as one,
        second.glance() as two,
    ):
        readings = [clock(one), clock(two), clock(one)]
    assert readings == sorted(set(readings))
    assert {str(it.tzinfo) for it in readings} == {"UTC"}


def test_settings_of_the_address_win(postgres_server: postgres.Server, name: str) -> None:
    """Whoever knows better writes it into the url."""
    url = postgres_server.url(name) + "&application_name=mine&options=-c%20lock_timeout%3D1234"
    with closing(Database(url)) as database, database.glance() as connection:
        assert connection.execute(text("SHOW application_name")).scalar() == "mine"
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "1234ms"
