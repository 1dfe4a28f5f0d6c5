"""Where are versions served?

A sign of life of an endpoint that is known already touches one row. Only what a gateway acts on (version, url, path, or that
an endpoint came or went) renews the revisions of the routes that use it.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from segue.adapters.clocks import to_us
from segue.adapters.stores.allocations import names_of, read_endpoints, renew_revision
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.connect import Database, insert
from segue.facts.allocation import Allocation, Endpoint
from segue.facts.wire.codec import from_json

_endpoints = schema.endpoints.c


class SqlEndpoints:
    """Where versions are served."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def announce(self, endpoint: Endpoint) -> None:
        """Enter or refresh one endpoint, by (name, host); its version and url may have changed."""
        place = {"version": endpoint.version, "url": endpoint.url, "path": endpoint.path}
        seen = {"seen_at_us": to_us(endpoint.seen_at)}
        with self._database.write() as connection:
            same = [_endpoints[column] == value for column, value in place.items()]
            known = update(schema.endpoints).where(_endpoints.name == endpoint.name, _endpoints.host == endpoint.host)
            if connection.execute(known.where(*same).values(seen)).rowcount == 1:
                return
            row = insert(connection, schema.endpoints).values(name=endpoint.name, host=endpoint.host, **place, **seen)
            connection.execute(row.on_conflict_do_update(index_elements=["name", "host"], set_=place | seen))
            _renew_routes_of(connection, endpoint.name)

    def withdraw(self, name: str, host: str) -> None:
        """Take an endpoint out; unknown is fine."""
        with self._database.write() as connection:
            gone = delete(schema.endpoints).where(_endpoints.name == name, _endpoints.host == host)
            if connection.execute(gone).rowcount:
                _renew_routes_of(connection, name)

    def endpoints(self, name: str = "") -> Sequence[Endpoint]:
        """All endpoints, or those of one name, ordered by name and host; dead ones too: `seen_at` tells."""
        with self._database.read() as connection:
            return read_endpoints(connection, [name] if name else None)


def _renew_routes_of(connection: Connection, name: str) -> None:
    # All rows are locked, in one order, before their allocations are read: a publisher at the same time comes before or after.
    locked = select(schema.routes.c.route).order_by(schema.routes.c.route).with_for_update()
    connection.execute(locked).all()
    pairs = (schema.allocations.c.route == schema.routes.c.route) & (schema.allocations.c.number == schema.routes.c.number)
    in_force = select(schema.allocations.c.body).join(schema.routes, pairs)
    for body in connection.execute(in_force).scalars().all():
        allocation = from_json(Allocation, body)
        if name in names_of(allocation):
            renew_revision(connection, allocation.route)
