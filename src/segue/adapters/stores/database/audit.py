"""Who did what, written down in the transaction that does it."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, func, select

from segue.adapters.clocks import to_us
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.connect import Database, clock
from segue.facts.wire.codec import from_json, to_json
from segue.ports.audit import GENESIS, Deed, Entry, sealed

_audit = schema.audit.c
_LOCK = 0x5E60E  # of the log's end; ours alone among PostgreSQL's advisory locks


class Deeds(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to be, without its place in the log."""

    deed: Deed
    subject: str
    who: str = ""
    why: str = ""
    facts: dict[str, str] = {}


def note(connection: Connection, done: Deeds) -> None:
    """Add an entry; the last thing of a transaction, since it makes all writers take turns until the commit."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    last = connection.execute(select(_audit.number, _audit.digest).order_by(_audit.number.desc()).limit(1)).one_or_none()
    number, previous = (0, GENESIS) if last is None else last
    entry = sealed(
        Entry(
            number=number + 1,
            at=clock(connection),
            deed=done.deed,
            subject=done.subject,
            who=done.who,
            why=done.why,
            facts=done.facts,
            previous=previous,
        )
    )
    row = {"number": entry.number, "subject": entry.subject, "at_us": to_us(entry.at), "digest": entry.digest}
    connection.execute(schema.audit.insert(), row | {"body": to_json(entry).decode()})


class SqlAudit:
    """The log, to be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(self, *, after: int = 0, most: int = 1000, subject: str = "", newest: bool = False) -> Sequence[Entry]:
        """So many entries, of one subject or of all: those after a number, or from the newest backwards those before it."""
        query = select(_audit.body).order_by(_audit.number.desc() if newest else _audit.number).limit(most)
        if after:
            query = query.where(_audit.number < after if newest else _audit.number > after)
        if subject:
            query = query.where(_audit.subject == subject)
        with self._database.read() as connection:
            return [from_json(Entry, body) for body in connection.execute(query).scalars()]
