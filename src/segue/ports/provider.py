"""Who carries the traffic?

An allocation goes in, the shares that are in force come out. Segue's own gateway is one provider; a mesh that splits by weights
is another. What a provider cannot do is known before a rollout begins (`spec.document.rules`), never found out by it.
"""

from typing import Protocol

import msgspec

from segue.facts.allocation import Allocation


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider does now, as it says itself.

    Args:
        shares: variant -> share of the requests; sum 1.
        number: of the allocation that this is.
    """

    shares: dict[str, float]
    number: int


class Provider(Protocol):
    """Whoever splits the traffic; the name of which one is the spec's `provider`."""

    def carry(self, provider: str, allocation: Allocation) -> InForce:
        """Put an allocation that was published in force, and read back; twice is once, and an older one changes nothing.

        Raises:
            Unavailable: no answer, or others change it all the time; it is to be tried again.
            Refused: it says no, or it is not what the allocation needs; a person has to look.
            NotFound: there is no such route.
        """
        ...
