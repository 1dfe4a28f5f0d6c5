"""Who may ask which route?

A gateway learns of keys by the poll that it makes anyway: whoever adds or revokes one renews its route's revision.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select, update

from segue.adapters.clocks import to_us
from segue.adapters.stores.allocations import read_keys, renew_revision
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.audit import Deeds, note
from segue.adapters.stores.database.connect import Database, insert
from segue.errors import Conflict, NotFound
from segue.facts.allocation import Key
from segue.facts.wire.codec import from_json, to_json
from segue.ports.span import WHOLE, Span

_keys = schema.keys.c


class SqlKeys:
    """Who may ask which route."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: Key, *, who: str = "") -> None:
        """Enter a key, made by somebody; Conflict where its id is taken."""
        row = {"id": key.id, "route": key.route, "created_at_us": to_us(key.created_at), "revoked": False}
        with self._database.write() as connection:
            if connection.execute(select(_keys.id).where(_keys.id == key.id)).scalar() is not None:
                raise Conflict("there is a key of this id already", key=key.id)
            connection.execute(schema.keys.insert(), row | {"body": to_json(key).decode()})
            _tell_gateways(connection, key.route)
            note(connection, Deeds(deed="key_added", subject=key.id, who=who, facts={"route": key.route, "name": key.name}))

    def revoke(self, key_id: str, at: datetime, *, who: str = "") -> Key:
        """Let a key open nothing from now on; twice is once. NotFound where there is none."""
        with self._database.write() as connection:
            body = connection.execute(select(_keys.body).where(_keys.id == key_id).with_for_update()).scalar()
            if body is None:
                raise NotFound("there is no such key", hint="`segue key list` names them", key=key_id)
            key = from_json(Key, body)
            if key.revoked_at is not None:
                return key
            key = msgspec.structs.replace(key, revoked_at=at)
            changed = {"revoked": True, "body": to_json(key).decode()}
            connection.execute(update(schema.keys).where(_keys.id == key_id).values(changed))
            _tell_gateways(connection, key.route)
            note(connection, Deeds(deed="key_revoked", subject=key.id, who=who, facts={"route": key.route, "name": key.name}))
        return key

    def keys(self, route: str = "", *, span: Span = WHOLE) -> Sequence[Key]:
        """All keys ever made, or those of a route, oldest first; revoked and expired ones too."""
        with self._database.read() as connection:
            return read_keys(connection, route, span=span)


def _tell_gateways(connection: Connection, route: str) -> None:
    """Renew the route's revision; its row is made where it is missing, so that a first publication takes turns with us."""
    first = insert(connection, schema.routes).values(route=route, number=0, revision="")
    connection.execute(first.on_conflict_do_nothing(index_elements=["route"]))
    locked = select(schema.routes.c.number).where(schema.routes.c.route == route).with_for_update()
    if connection.execute(locked).scalar_one():
        renew_revision(connection, route)
