"""Open the store: where is it, and which objects speak to it?"""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from segue.adapters.registries.embedded import EmbeddedRegistry
from segue.adapters.stores.allocations import SqlAllocations
from segue.adapters.stores.commands import SqlCommands
from segue.adapters.stores.database.access import SqlAnswered, SqlTokens
from segue.adapters.stores.database.audit import SqlAudit
from segue.adapters.stores.database.connect import Database
from segue.adapters.stores.database.upgrade import upgrade
from segue.adapters.stores.endpoints import SqlEndpoints
from segue.adapters.stores.keys import SqlKeys
from segue.adapters.stores.leases import Fence, SqlLeases
from segue.adapters.stores.profiles import SqlProfiles
from segue.adapters.stores.rollouts import SqlRollouts
from segue.adapters.stores.summaries import SqlSummaries
from segue.ports.access import AnswerStore, TokenStore
from segue.ports.audit import AuditLog
from segue.ports.registry import ProfileStore, Registry
from segue.ports.store import AllocationStore, CommandStore, EndpointStore, KeyStore, LeaseStore, RolloutStore, SummaryStore

MakeRegistry = Callable[[Database], Registry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Every port that one database serves; may be shared by threads, not across a fork."""

    rollouts: RolloutStore
    commands: CommandStore
    allocations: AllocationStore
    endpoints: EndpointStore
    keys: KeyStore
    summaries: SummaryStore
    leases: LeaseStore
    registry: Registry
    profiles: ProfileStore
    audit: AuditLog
    tokens: TokenStore
    answered: AnswerStore
    database: Database
    make_registry: MakeRegistry

    def led(self) -> "Stores":
        """The same store for one who leads: it writes under the lease that it last took through this view, or not at all."""
        fence = Fence()
        return _stores(self.database.guarded(fence), SqlLeases(self.database, fence), self.make_registry)

    def close(self) -> None:
        """Close all connections; harmless when done twice."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_store(url: str, make_registry: MakeRegistry = EmbeddedRegistry) -> Stores:
    """Connect, bring the tables up to date, and hand out the stores.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path`, `sqlite:///:memory:` or `postgresql+psycopg://...`.
        make_registry: the registry, given the database; the database's own by default.

    Raises:
        DomainError: the url is none of these.
        Unavailable: the database does not answer.
        Refused: it will never: no driver, no right to write, or a newer schema.
    """
    database = Database(url)
    try:
        upgrade(database)
    except BaseException:
        database.close()
        raise
    return _stores(database, SqlLeases(database), make_registry)


def _stores(database: Database, leases: LeaseStore, make_registry: MakeRegistry) -> Stores:
    return Stores(
        rollouts=SqlRollouts(database),
        commands=SqlCommands(database),
        allocations=SqlAllocations(database),
        endpoints=SqlEndpoints(database),
        keys=SqlKeys(database),
        summaries=SqlSummaries(database),
        leases=leases,
        registry=make_registry(database),
        profiles=SqlProfiles(database),
        audit=SqlAudit(database),
        tokens=SqlTokens(database),
        answered=SqlAnswered(database),
        database=database,
        make_registry=make_registry,
    )
