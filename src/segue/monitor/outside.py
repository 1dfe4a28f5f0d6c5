"""Whom does the monitor talk to?"""

from dataclasses import dataclass
from typing import Protocol

from segue.ports.clock import Clock
from segue.ports.engine import Engine
from segue.ports.lake import Lake
from segue.ports.notifier import Notifier
from segue.ports.provider import Provider
from segue.ports.registry import ProfileStore, Registry
from segue.ports.store import AllocationStore, CommandStore, EndpointStore, LeaseStore, RolloutStore, SummaryStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What it takes to begin, steer and describe rollouts: everything but the data.

    Args:
        notifier: who delivers notices; None where nobody can, as in simulations: they are dropped with a word in the log.
        provider: who puts shares in force where that is not done by their publication; None where only gateways carry traffic.
        registry_name: as a spec names it (`embedded`, `mlflow+http://host:5000`).
    """

    clock: Clock
    rollouts: RolloutStore
    commands: CommandStore
    allocations: AllocationStore
    endpoints: EndpointStore
    registry: Registry
    registry_name: str = "embedded"
    notifier: Notifier | None = None
    provider: Provider | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside(Control):
    """Everything that the monitor itself needs.

    Args:
        engine: this monitor's own; nobody else runs queries on it.
        profiles: None where nobody keeps any; drift from training is then not known.
    """

    summaries: SummaryStore
    leases: LeaseStore
    lake: Lake
    engine: Engine
    profiles: ProfileStore | None = None


class Opening(Protocol):
    """One opening of a store, as far as the monitor needs it."""

    @property
    def rollouts(self) -> RolloutStore: ...  # noqa: D102 - the port says it; the same below
    @property
    def commands(self) -> CommandStore: ...  # noqa: D102
    @property
    def allocations(self) -> AllocationStore: ...  # noqa: D102
    @property
    def endpoints(self) -> EndpointStore: ...  # noqa: D102
    @property
    def summaries(self) -> SummaryStore: ...  # noqa: D102
    @property
    def leases(self) -> LeaseStore: ...  # noqa: D102
    @property
    def registry(self) -> Registry: ...  # noqa: D102
    @property
    def profiles(self) -> ProfileStore: ...  # noqa: D102


def control_over(stores: Opening, clock: Clock, *, registry_name: str = "embedded") -> Control:
    """What it takes to steer, over one opening of a store."""
    return Control(
        clock=clock,
        rollouts=stores.rollouts,
        commands=stores.commands,
        allocations=stores.allocations,
        endpoints=stores.endpoints,
        registry=stores.registry,
        registry_name=registry_name,
    )


def outside_over(stores: Opening, clock: Clock, lake: Lake, engine: Engine, *, registry_name: str = "embedded") -> Outside:
    """Everything, over one opening of a store and what is not kept in it; nobody delivers notices or sets a mesh's weights."""
    return Outside(
        clock=clock,
        rollouts=stores.rollouts,
        commands=stores.commands,
        allocations=stores.allocations,
        endpoints=stores.endpoints,
        registry=stores.registry,
        registry_name=registry_name,
        summaries=stores.summaries,
        leases=stores.leases,
        lake=lake,
        engine=engine,
        profiles=stores.profiles,
    )
