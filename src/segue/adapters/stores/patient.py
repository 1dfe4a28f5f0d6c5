"""How does a gateway look at a store that may not be there yet, or not any more?"""

from collections.abc import Sequence

from segue.adapters.stores.store import Stores, open_store
from segue.facts.allocation import Allocation, Directory
from segue.ports.span import WHOLE, Span
from segue.ports.store import AllocationStore, End, Wake, WorkerReport


class PatientAllocations:
    """The allocations of a store that is opened at the first use that finds it; until then every call is Unavailable.

    For one thread.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stores: Stores | None = None

    @property
    def _open(self) -> AllocationStore:
        if self._stores is None:
            self._stores = open_store(self._url)
        return self._stores.allocations

    def publish(self, allocation: Allocation, *, command_id: str, who: str = "") -> Allocation:
        """As the store does."""
        return self._open.publish(allocation, command_id=command_id, who=who)

    def directory(self, route: str, *, unless: str = "") -> Directory | None:
        """As the store does."""
        return self._open.directory(route, unless=unless)

    def allocations(self, route: str, *, rollout: str = "", span: Span = WHOLE) -> Sequence[Allocation]:
        """As the store does."""
        return self._open.allocations(route, rollout=rollout, span=span)

    def report(self, report: WorkerReport) -> None:
        """As the store does."""
        self._open.report(report)

    def reports(self, route: str, *, span: Span = WHOLE) -> Sequence[WorkerReport]:
        """As the store does."""
        return self._open.reports(route, span=span)

    def listen(self, wake: Wake) -> End:
        """As the store does."""
        return self._open.listen(wake)

    def close(self) -> None:
        """Close the store if it was opened."""
        if self._stores is not None:
            self._stores.close()
            self._stores = None
