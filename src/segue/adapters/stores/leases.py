"""Who leads?"""

from datetime import datetime, timedelta

from sqlalchemy import case, or_, update

from segue.adapters.clocks import from_us, to_us
from segue.adapters.stores.database import schema
from segue.adapters.stores.database.connect import Database, insert
from segue.errors import DomainError
from segue.ports.store import Lease

_NOBODY = ""


class SqlLeases:
    """One row a lease; taking it is one statement, so there is no moment between looking and taking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, *, ttl_s: float, now: datetime) -> Lease | None:
        """Take or renew the lease; None while somebody else holds it.

        Args:
            name: what is led.
            holder: unique to this boot of the process; not "".
            ttl_s: real time; > 0.
            now: real time, aware.

        Raises:
            DomainError: no holder, or a time to live that is not positive.
        """
        if not holder or not ttl_s > 0:
            raise DomainError(f"a lease needs a holder and a positive time to live, not {holder!r} and {ttl_s} s", lease=name)
        table = schema.leases.c
        until_us = to_us(now + timedelta(seconds=ttl_s))
        with self._database.write() as connection:
            row = insert(connection, schema.leases).values(name=name, holder=holder, fence=1, until_us=until_us)
            taken = row.on_conflict_do_update(
                index_elements=["name"],
                set_={
                    "holder": holder,
                    "until_us": until_us,
                    "fence": case((table.holder == holder, table.fence), else_=table.fence + 1),
                },
                where=or_(table.holder == holder, table.until_us <= to_us(now)),
            ).returning(table.fence)
            fence = connection.execute(taken).scalar()
        return None if fence is None else Lease(name=name, holder=holder, fence=fence, until=from_us(until_us))

    def release(self, lease: Lease) -> None:
        """Give it back; harmless when it is already somebody else's. The row stays, so that the fence goes on growing."""
        table = schema.leases.c
        mine = (table.name == lease.name) & (table.holder == lease.holder) & (table.fence == lease.fence)
        with self._database.write() as connection:
            connection.execute(update(schema.leases).where(mine).values(holder=_NOBODY, until_us=0))
