"""How does the database get today's tables?

`upgrade` runs at each opening. Where the schema is up to date it is one query and needs no Alembic, whose import takes half
a second; else it runs what is missing from `migrations` in one transaction, alone. So any number of processes may start at
once: one upgrades, the others wait and find it done, and a kill in between leaves what was there before.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from segue.adapters.stores.database.connect import Database, upgrade_alone
from segue.adapters.stores.database.schema import HEAD
from segue.errors import Refused

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep

MIGRATIONS: Final = Path(__file__).parent / "migrations"
_alembic_is_global = threading.Lock()  # `alembic.op` speaks to one database at a time in a process


def upgrade(database: Database) -> None:
    """Bring the tables to `HEAD`.

    Raises:
        Refused: a newer program wrote the database.
    """
    with database.read() as connection:
        current = revision(connection)
    if current == HEAD:
        return
    with _alembic_is_global, database.write() as connection:
        upgrade_alone(connection)
        if revision(connection) != HEAD:
            _migrate(connection)


def revision(connection: Connection) -> str:
    """The revision of the database's tables; "" for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _migrate(connection: Connection) -> None:
    from alembic.operations import Operations  # noqa: PLC0415 - see the module's docstring
    from alembic.runtime.migration import MigrationContext, RevisionStep  # noqa: PLC0415 - the same
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - the same

    folder = ScriptDirectory(str(MIGRATIONS), version_locations=[str(MIGRATIONS)])
    known = {script.revision for script in folder.walk_revisions()}

    def missing(current: tuple[str, ...], _context: "MigrationContext") -> Iterable["RevisionStep"]:
        unknown = set(current) - known
        if unknown:
            raise Refused(
                f"a newer program wrote this store: schema {', '.join(unknown)}", hint="install that version or newer"
            )
        scripts = list(folder.iterate_revisions(HEAD, current or "base"))
        return [RevisionStep(folder.revision_map, script, is_upgrade=True) for script in reversed(scripts)]

    context = MigrationContext.configure(connection, opts={"fn": missing})
    with Operations.context(context):
        context.run_migrations()
