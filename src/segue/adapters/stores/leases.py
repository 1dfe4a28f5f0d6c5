"""Who leads, and who believes it still does?

Taking a lease is one statement, so there is no moment between looking and taking. Time is the database's own, so that no
machine's clock, however wrong, takes a lease too early or keeps it too long.

A process may be frozen for an hour between two lines and wake up believing that it leads. So whoever leads writes through a
`Fence`: each of its transactions first reads the lease's row and locks it against being taken. Where the lease has had another
holder since, the transaction is a Conflict and changes nothing; where it has not, nobody can take it before the commit.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, or_, select, update

from segue.adapters.clocks import from_us, to_us
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.connect import Database, clock, insert
from segue.errors import Conflict, DomainError
from segue.ports.store import Lease

_NOBODY = ""
_leases = schema.leases.c
_NO_LEAD: Final = "another process leads since: nothing is written"


class Fence:
    """Lets a transaction through while the lease that was last taken is in force."""

    def __init__(self) -> None:
        self.lease: Lease | None = None

    def __call__(self, connection: Connection) -> None:
        """Hold the lease to the end of the transaction.

        Raises:
            Conflict: it is somebody else's, or was never ours.
        """
        lease = self.lease
        if lease is None:
            raise Conflict("nobody writes here without the lease", hint="another process leads")
        held = connection.execute(select(_leases.fence).where(_mine(lease)).with_for_update(read=True)).scalar()
        if held is None:
            raise Conflict(_NO_LEAD, lease=lease.name, fence=lease.fence)


class SqlLeases:
    """One row a lease.

    Args:
        database: not guarded: taking a lease is what the guard is about.
        fence: told of each lease that is taken, or None where nobody writes under it.
    """

    def __init__(self, database: Database, fence: Fence | None = None) -> None:
        self._database = database
        self._fence = fence

    def acquire(self, name: str, holder: str, *, ttl_s: float, now: datetime | None = None) -> Lease | None:
        """Take or renew the lease; None while somebody else holds it.

        Args:
            name: what is led.
            holder: unique to this boot of the process; not "".
            ttl_s: real time; > 0.
            now: real time, aware; None for the database's.

        Raises:
            DomainError: no holder, or a time to live that is not positive.
        """
        if not holder or not ttl_s > 0:
            raise DomainError(f"a lease needs a holder and a positive time to live, not {holder!r} and {ttl_s} s", lease=name)
        with self._database.write() as connection:
            at = now or clock(connection)
            until_us = to_us(at + timedelta(seconds=ttl_s))
            row = insert(connection, schema.leases).values(name=name, holder=holder, fence=1, until_us=until_us)
            taken = row.on_conflict_do_update(
                index_elements=["name"],
                set_={
                    "holder": holder,
                    "until_us": until_us,
                    "fence": case((_leases.holder == holder, _leases.fence), else_=_leases.fence + 1),
                },
                where=or_(_leases.holder == holder, _leases.until_us <= to_us(at)),
            ).returning(_leases.fence)
            fence = connection.execute(taken).scalar()
        lease = None if fence is None else Lease(name=name, holder=holder, fence=fence, until=from_us(until_us))
        if self._fence is not None:
            self._fence.lease = lease
        return lease

    def renew(self, lease: Lease, *, ttl_s: float, now: datetime | None = None) -> Lease | None:
        """Make it last longer; None where somebody else has had it since. The fence is left as it is."""
        with self._database.write() as connection:
            until_us = to_us((now or clock(connection)) + timedelta(seconds=ttl_s))
            renewed = connection.execute(update(schema.leases).where(_mine(lease)).values(until_us=until_us))
        return (
            Lease(name=lease.name, holder=lease.holder, fence=lease.fence, until=from_us(until_us))
            if renewed.rowcount
            else None
        )

    def release(self, lease: Lease) -> None:
        """Give it back; harmless when it is already somebody else's. The row stays, so that the fence goes on growing."""
        with self._database.write() as connection:
            connection.execute(update(schema.leases).where(_mine(lease)).values(holder=_NOBODY, until_us=0))

    def held(self, name: str, *, now: datetime | None = None) -> Lease | None:
        """The lease that is in force; None while nobody holds it."""
        with self._database.read() as connection:
            at_us = to_us(now or clock(connection))
            asked = select(_leases.holder, _leases.fence, _leases.until_us).where(
                _leases.name == name, _leases.until_us > at_us
            )
            row = connection.execute(asked).one_or_none()
        return None if row is None else Lease(name=name, holder=row.holder, fence=row.fence, until=from_us(row.until_us))


def _mine(lease: Lease) -> ColumnElement[bool]:
    return and_(_leases.name == lease.name, _leases.holder == lease.holder, _leases.fence == lease.fence)
