"""Which provider does a spec name?"""

from segue.adapters.providers.httproute import HttpRoutes
from segue.assign.ownership import owned
from segue.errors import DomainError
from segue.facts.allocation import BUCKETS, Allocation
from segue.ports.provider import InForce
from segue.spec.rollout import GATEWAY


class ProviderBySpec:
    """The gateway, and routes of the Kubernetes Gateway API.

    Args:
        routes: who speaks to the API servers.
    """

    def __init__(self, routes: HttpRoutes) -> None:
        self._routes = routes

    def carry(self, provider: str, allocation: Allocation) -> InForce:
        """Put an allocation that was published in force.

        For the gateway that is done by the publication: gateways poll it.

        Raises:
            DomainError: a spec can name no such provider.
        """
        if provider == GATEWAY:
            counts = owned(allocation.split.ranges)
            return InForce(shares={name: n / BUCKETS for name, n in counts.items()}, number=allocation.number)
        if provider.startswith("httproute+"):
            return self._routes.carry(provider, allocation)
        raise DomainError(f"no provider is called {provider!r}")
