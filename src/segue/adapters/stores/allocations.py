"""Which allocation is in force, and where are its versions served?

Gateways poll `directory` several times a second, so what they ask is kept ready: one row a route holds the revision, a
digest of all that a gateway acts on. Who changes any of that (`publish`, `announce` and `withdraw` of endpoints, `add` and
`revoke` of keys) locks the row and renews the revision in the same transaction; an unchanged poll reads one row by its key and
no more, and not even that where nobody has committed anything since the last one.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from segue.adapters.clocks import from_us
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.audit import Deeds, note
from segue.adapters.stores.database.connect import Database, insert, part, tell
from segue.adapters.stores.database.failures import nearest
from segue.adapters.stores.nudges import listen
from segue.adapters.stores.rollouts import who_asked
from segue.assign.ownership import owned
from segue.errors import NotFound
from segue.facts.allocation import BUCKETS, Allocation, Directory, Endpoint, Key
from segue.facts.wire.codec import from_json, to_json
from segue.ids import digest
from segue.ports.span import WHOLE, Span
from segue.ports.store import End, Wake, WorkerReport

_routes = schema.routes.c
_allocations = schema.allocations.c
_endpoints = schema.endpoints.c
_CHANNEL: Final = "segue_routes"
_REVISION: Final = select(_routes.revision).where(_routes.route == bindparam("route"))
_IN_FORCE: Final = (
    select(_routes.revision, _allocations.body)
    .join(schema.allocations, (_allocations.route == _routes.route) & (_allocations.number == _routes.number))
    .where(_routes.route == bindparam("route"))
)


class SqlAllocations:
    """What gateways poll, and what they report."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unchanged: dict[str, tuple[str, int]] = {}  # by route, a revision and the database's mark when it was in force

    def publish(self, allocation: Allocation, *, command_id: str, who: str = "") -> Allocation:
        """Give it the route's next number and make it the one in force; the same command twice is the same allocation.

        `who` stands in the audit log; "" for those whose wishes the command's decision took.
        """
        route = allocation.route
        with self._database.write() as connection:
            first = insert(connection, schema.routes).values(route=route, number=0, revision="")
            connection.execute(first.on_conflict_do_nothing(index_elements=["route"]))
            # The row is locked before anything is read: publishers of a route take turns.
            number = connection.execute(select(_routes.number).where(_routes.route == route).with_for_update()).scalar_one()
            same = select(_allocations.body).where(_allocations.command_id == command_id)
            body = connection.execute(same).scalar()
            if body is not None:
                return from_json(Allocation, body)
            numbered = msgspec.structs.replace(allocation, number=number + 1)
            row = {"route": route, "number": number + 1, "command_id": command_id, "rollout": allocation.rollout}
            connection.execute(schema.allocations.insert(), row | {"body": to_json(numbered).decode()})
            connection.execute(update(schema.routes).where(_routes.route == route).values(number=number + 1))
            renew_revision(connection, route)
            note(connection, _published(numbered, who or who_asked(connection, command_id)))
        return numbered

    def directory(self, route: str, *, unless: str = "") -> Directory | None:
        """The allocation in force with its endpoints; None where its revision is `unless`.

        Raises:
            NotFound: nothing has been published for the route yet.
        """
        if unless and self._is_in_force(route, unless):
            return None
        with self._database.read() as connection:
            row = connection.execute(_IN_FORCE, {"route": route}).one_or_none()
            if row is None:
                known = connection.execute(select(_routes.route)).scalars()
                raise NotFound("nothing has been published for this route yet", hint=nearest(route, known), route=route)
            allocation = from_json(Allocation, row.body)
            serving, keys = _serving(connection, allocation), read_keys(connection, route, valid=True)
            return Directory(revision=row.revision, allocation=allocation, endpoints=serving, keys=keys)

    def _is_in_force(self, route: str, revision: str) -> bool:
        mark = self._database.mark()  # first: what is committed after it has another one
        if mark is not None and self._unchanged.get(route) == (revision, mark):
            return True
        with self._database.glance() as connection:
            same = connection.execute(_REVISION, {"route": route}).scalar() == revision
        if same and mark is not None:
            self._unchanged[route] = (revision, mark)
        return same

    def allocations(self, route: str, *, rollout: str = "", span: Span = WHOLE) -> Sequence[Allocation]:
        """Every allocation ever published, in order."""
        query = select(_allocations.body).where(_allocations.route == route).order_by(_allocations.number)
        if rollout:
            query = query.where(_allocations.rollout == rollout)
        with self._database.read() as connection:
            return [from_json(Allocation, body) for body in connection.execute(part(query, span)).scalars()]

    def report(self, report: WorkerReport) -> None:
        """Keep the last report of a worker."""
        with self._database.note() as connection:
            body = to_json(report).decode()
            row = insert(connection, schema.workers).values(route=report.route, worker=report.worker, body=body)
            connection.execute(row.on_conflict_do_update(index_elements=["route", "worker"], set_={"body": body}))

    def reports(self, route: str, *, span: Span = WHOLE) -> Sequence[WorkerReport]:
        """The last report of each worker, ordered by worker."""
        table = schema.workers.c
        query = select(table.body).where(table.route == route).order_by(table.worker)
        with self._database.read() as connection:
            return [from_json(WorkerReport, body) for body in connection.execute(part(query, span)).scalars()]

    def listen(self, wake: Wake) -> End:
        """Be woken when a directory has another revision."""
        return listen(self._database, _CHANNEL, wake)


def _published(allocation: Allocation, who: str) -> Deeds:
    facts = {"number": str(allocation.number), "rollout": allocation.rollout, "stage": allocation.stage}
    owned_by = owned(allocation.split.ranges)
    facts |= {f"share of {name}": f"{count / BUCKETS:.6f}" for name, count in owned_by.items() if count}
    facts |= {f"shadow of {shadow.variant}": f"{shadow.share:.6f}" for shadow in allocation.shadows}
    facts |= {f"version of {name}": target.version for name, target in allocation.variants.items()}
    return Deeds(deed="published", subject=allocation.route, who=who, facts=facts)


def renew_revision(connection: Connection, route: str) -> None:
    """Bring a route's revision up to its allocation, endpoints and keys; inside a transaction that has locked its row."""
    row = connection.execute(_IN_FORCE, {"route": route}).one()
    allocation = from_json(Allocation, row.body)
    serving = _serving(connection, allocation)
    places = "\x1e".join(f"{it.name}\x1f{it.host}\x1f{it.version}\x1f{it.url}\x1f{it.path}" for it in serving)
    keys = "".join(f"\x1d{key.id}" for key in read_keys(connection, route, valid=True))
    revision = f"{allocation.number}-{digest((row.body + places + keys).encode())[:16]}"
    connection.execute(update(schema.routes).where(_routes.route == route).values(revision=revision))
    tell(connection, _CHANNEL, route)


def names_of(allocation: Allocation) -> set[str]:
    """The names under which an allocation's variants are looked up among the endpoints."""
    return {target.version for target in allocation.variants.values()}


def _serving(connection: Connection, allocation: Allocation) -> tuple[Endpoint, ...]:
    return read_endpoints(connection, sorted(names_of(allocation)))


def read_endpoints(connection: Connection, names: Sequence[str] | None) -> tuple[Endpoint, ...]:
    """Endpoints in the order of name and host: those of some names, or all where that is None."""
    query = select(schema.endpoints).order_by(_endpoints.name, _endpoints.host)
    if names is not None:
        query = query.where(_endpoints.name.in_(names))
    rows = connection.execute(query).mappings()
    return tuple(Endpoint(seen_at=from_us(row["seen_at_us"]), **{key: row[key] for key in _PLACE}) for row in rows)


def read_keys(connection: Connection, route: str = "", *, valid: bool = False, span: Span = WHOLE) -> tuple[Key, ...]:
    """Keys, oldest first: of a route or of all, only those that were not revoked or all; a part of them."""
    query = select(schema.keys.c.body).order_by(schema.keys.c.created_at_us, schema.keys.c.id)
    if route:
        query = query.where(schema.keys.c.route == route)
    if valid:
        query = query.where(schema.keys.c.revoked.is_(False))
    return tuple(from_json(Key, body) for body in connection.execute(part(query, span)).scalars())


_PLACE: Final = ("name", "host", "version", "url", "path")
