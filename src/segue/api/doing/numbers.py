"""What is Prometheus told about monitor and rollouts? What the store keeps, read when somebody asks."""

from collections.abc import Iterator
from typing import Final

from segue.api.desk import shares_in_force
from segue.api.operation import Office
from segue.facts.wire.exposition import Labels, Sample, exposition
from segue.monitor.leading import LEASE
from segue.monitor.telling.numbers import FAMILIES as OF_ROLLOUTS
from segue.monitor.telling.numbers import Standing, numbers
from segue.ports.span import Span
from segue.ports.store import Loaded

FAMILIES: Final = {
    "segue_monitor_leading": ("gauge", "1 while a monitor holds the lease, 0 while none does: then nobody decides."),
    "segue_monitor_fence": ("gauge", "Grows each time that another monitor takes the lead."),
    "segue_published_share": ("gauge", "Share of each variant in the allocation that gateways are to serve by."),
    **OF_ROLLOUTS,
}
_NEWEST: Final = 100
"""Of so many rollouts, the newest of each route is told of though it is over: people want to hear how it has ended."""


def told(office: Office) -> bytes:
    """The text.

    Raises:
        Unavailable: the store does not answer.
    """
    found: dict[tuple[str, Labels], float] = {}
    for name, labels, value in _samples(office):
        found[name, labels] = min(value, found.get((name, labels), value))  # conditions of one name: the one that holds
    return exposition(found, FAMILIES)


def _samples(office: Office) -> Iterator[Sample]:
    lease = office.leases.held(LEASE)
    yield "segue_monitor_leading", (), float(lease is not None)
    if lease is not None:
        yield "segue_monitor_fence", (), lease.fence
    now, rollouts = office.control.clock.now(), _rollouts(office)
    for loaded, live in rollouts:
        yield from numbers(_standing(office, loaded, live=live), now)
    for route in dict.fromkeys(loaded.state.route for loaded, _ in rollouts):
        for variant, share in shares_in_force(office.control.allocations, route).items():
            yield "segue_published_share", (("route", route), ("variant", variant)), share


def _rollouts(office: Office) -> list[tuple[Loaded, bool]]:
    """The live ones, and for routes without any the one that ended last."""
    store = office.control.rollouts
    live = store.rollouts(live=True)
    newest: dict[str, Loaded] = {}
    for loaded in store.rollouts(span=Span(most=_NEWEST)):
        newest.setdefault(loaded.state.route, loaded)
    routes = {loaded.state.route for loaded in live}
    return [*((loaded, True) for loaded in live), *((it, False) for route, it in newest.items() if route not in routes)]


def _standing(office: Office, loaded: Loaded, *, live: bool) -> Standing:
    control, state = office.control, loaded.state
    last = control.rollouts.decisions(state.rollout, after=state.decisions - 1, most=1) if state.decisions else ()
    return Standing(
        state=state,
        last=last[0] if last else None,
        measured_at=office.summaries.judged_until(state.rollout),
        asked=len(control.commands.asked(state.rollout)),
        pending=len(control.commands.pending(state.rollout)),
        live=live,
    )
