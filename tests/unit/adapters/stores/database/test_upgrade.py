"""The tables are made by the migrations, whole or not at all, and are those of the schema."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from segue.adapters.stores.database import schema
from segue.adapters.stores.database.connect import Database
from segue.adapters.stores.database.upgrade import MIGRATIONS, revision, upgrade
from segue.adapters.stores.store import open_store
from segue.errors import Refused


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An address where nothing is yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/x.db"
        return
    server = request.getfixturevalue("postgres_server")
    with server.database(empty=True) as name:
        yield server.url(name)


def test_the_migrations_make_the_schema(empty_url: str) -> None:
    """Alembic finds no difference between what the revisions made and what the schema says."""
    with open_store(empty_url) as store, store.database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_the_schema_names_the_newest_revision() -> None:
    """There is one newest revision, and it is the one that openings compare with."""
    folder = ScriptDirectory(str(MIGRATIONS), version_locations=[str(MIGRATIONS)])
    assert folder.get_heads() == [schema.HEAD]


def test_opening_again_keeps_what_is_there(empty_url: str) -> None:
    """A second upgrade changes nothing."""
    with closing(Database(empty_url)) as database:
        upgrade(database)
        with database.write() as connection:
            connection.execute(text("INSERT INTO leases VALUES ('monitor', 'm1', 7, 1)"))
        upgrade(database)
        with database.read() as connection:
            assert revision(connection) == schema.HEAD
            assert connection.execute(text("SELECT fence FROM leases")).scalar() == 7


def test_an_upgrade_that_fails_leaves_nothing(empty_url: str) -> None:
    """Where a late revision cannot be made, the earlier ones are taken back; without the obstacle all of it works."""
    with closing(Database(empty_url)) as database:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE aliases (mine INTEGER)"))
        with pytest.raises(Refused, match="aliases"):
            upgrade(database)
        with database.read() as connection:
            assert inspect(connection).get_table_names() == ["aliases"]
        with database.write() as connection:
            connection.execute(text("DROP TABLE aliases"))
        upgrade(database)
        with database.read() as connection:
            assert revision(connection) == schema.HEAD


def test_a_newer_database_is_refused(empty_url: str) -> None:
    """An old program does not write into tables that it does not know."""
    with open_store(empty_url) as store, store.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(Refused, match="r9999"):
        open_store(empty_url)


def test_every_table_can_be_made_on_postgresql() -> None:
    """The schema has no word that only SQLite knows; numbers that count up are wide there."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's
    made = [str(CreateTable(table).compile(dialect=dialect)) for table in schema.metadata.sorted_tables]
    indexes = [
        str(CreateIndex(index).compile(dialect=dialect)) for table in schema.metadata.sorted_tables for index in table.indexes
    ]
    assert sum("BIGSERIAL" in table for table in made) == 4
    assert any("UNIQUE" in index and "WHERE live IS true" in index for index in indexes)
