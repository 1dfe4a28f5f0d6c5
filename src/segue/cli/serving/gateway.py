"""`segue gateway`: which workers serve, and how are they renewed?"""

import time
from collections.abc import Sequence
from typing import Annotated, Final

from cyclopts import Parameter

from segue.children.child import Child, to_stderr
from segue.children.fleet import Fleet
from segue.children.parent import Readiness, inherited, succeeds
from segue.children.sockets import Sockets
from segue.children.supervision import Wishes, supervise
from segue.cli.options import HomeFolder
from segue.cli.serving.logs import log_to_stderr
from segue.errors import DomainError, Unavailable
from segue.wiring import Home, home_at, machine, stores_of

_READY_WITHIN_S: Final = 60.0
_DRAIN_S: Final = 25.0  # longer than a worker takes by itself

Address = Annotated[str, Parameter(help="Where it listens.")]
Port = Annotated[int, Parameter(help="Where it listens.")]
Workers = Annotated[int, Parameter(help="Gateway processes that share the port.")]
Routes = Annotated[
    list[str] | None, Parameter(name="--route", help="A route to serve, may be repeated; all known ones if left out.")
]


def gateway(
    *,
    route: Routes = None,
    address: Address = "127.0.0.1",
    port: Port = 8080,
    workers: Workers = 1,
    worker: Annotated[int | None, Parameter(show=False, help="Be this worker.")] = None,
    home: HomeFolder = None,
) -> int:
    """Serve routes: assign, forward, record, answer.

    SIGTERM lets the answers in hand leave; SIGHUP renews the workers one after the other. Started once more on the same port
    and home, it takes over from the one that runs. Neither loses a request.
    """
    log_to_stderr()
    place = home_at(home)
    routes = tuple(route or _known_routes(place))
    if not routes:
        raise DomainError("there is no route to serve", hint="name one with --route, or apply a rollout first")
    if worker is not None:
        _serve(place, routes, (address, port), worker)
        return 0
    _supervise(place, routes, (address, port), workers)
    return 0


def _supervise(place: Home, routes: Sequence[str], listen: tuple[str, int], workers: int) -> None:
    wishes = Wishes()
    sockets = Sockets(*listen, workers, place.run)
    arguments = ["gateway", "--address", listen[0], "--port", str(sockets.port)]
    for name in routes:
        arguments += ["--route", name]

    def worker(slot: int) -> Child:
        words = [*arguments, "--worker", str(slot)]
        return Child(f"gateway worker {slot}", words, place.environment(), None, sockets=sockets.of(slot))

    fleet = Fleet(worker, workers, drain_s=_DRAIN_S, succeeds=sockets.taken_over)
    taking = _TakeOver(sockets, fleet)

    def turn() -> None:
        taking.look()
        if sockets.succeeded:
            to_stderr("another gateway has taken over")
        wishes.end = wishes.end or sockets.succeeded or taking.failed
        if wishes.renew():
            fleet.renew()

    supervise([sockets, fleet], wishes, turn, drain_s=_DRAIN_S)
    if taking.failed:
        raise Unavailable("the workers did not get ready: the gateway that runs stays", hint="see their log above")


class _TakeOver:
    """The time between the start of our workers and the end of those that they succeed."""

    def __init__(self, sockets: Sockets, fleet: Fleet) -> None:
        self._sockets = sockets
        self._fleet = fleet
        self.failed = False
        self._under_way = sockets.taken_over
        self._until_s = time.monotonic() + _READY_WITHIN_S

    def look(self) -> None:
        """Let the others end when ours serve; end ours if they do not get ready."""
        if not self._under_way:
            return
        if self._fleet.ready:
            to_stderr("taking over from the gateway that runs")
            self._under_way = False
            self._sockets.relieve()
        elif time.monotonic() > self._until_s:
            self.failed = True


def _known_routes(place: Home) -> list[str]:
    with stores_of(place) as stores:
        return sorted({loaded.state.route for loaded in stores.rollouts.rollouts()})


def _serve(place: Home, routes: tuple[str, ...], listen: tuple[str, int], number: int) -> None:
    from segue.gateway.serve import Start, run
    from segue.gateway.settings import GatewaySettings
    from segue.wiring import GatewayParts

    start = Start(sockets=inherited(), succeeds=succeeds(), on_ready=Readiness().tell)
    settings = GatewaySettings(
        routes=routes,
        address=listen[0],
        port=listen[1],
        worker=f"{machine()}-{listen[1]}-{number}",
        last_good=str(place.run / "gateway"),
        override=str(place.override),
    )
    run(settings, GatewayParts(place, settings), start)
