"""`segue gateway`: which workers serve, and how are they renewed?"""

import os
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter, validators

from segue.children.child import Child, to_stderr
from segue.children.fleet import Fleet
from segue.children.parent import Readiness, inherited, succeeds
from segue.children.sockets import Sockets
from segue.children.supervision import Wishes, supervise
from segue.cli.options import A_PORT, HomeFolder
from segue.cli.serving.logs import log_to_stderr
from segue.errors import DomainError, Unavailable
from segue.gateway.configuration import configuration
from segue.gateway.settings import GatewaySettings
from segue.gateway.sight.tracing import require
from segue.wiring import Home, home_at, machine, stores_of

_READY_WITHIN_S: Final = 60.0
_SPARE_S: Final = 5.0  # that a worker gets beyond its own time to drain

Address = Annotated[str, Parameter(help="The address that it listens at; 0.0.0.0 for every one of the machine.")]
Port = Annotated[int, Parameter(help="The port that it listens at.", validator=A_PORT)]
Workers = Annotated[int, Parameter(help="Gateway processes that share the port.", validator=validators.Number(gte=1))]
Routes = Annotated[
    list[str] | None,
    Parameter(name="--route", negative="", help="A route to serve, may be repeated; all known ones if left out."),
]
Settings = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", help="section.key=value, may be repeated; wins over the file and SEGUE_GATEWAY_*."),
]


def gateway(
    *,
    route: Routes = None,
    address: Annotated[str | None, Parameter(help="The address that it listens at (127.0.0.1).", show_default=False)] = None,
    port: Annotated[
        int | None, Parameter(help="The port that it listens at (8080).", show_default=False, validator=A_PORT)
    ] = None,
    workers: Annotated[
        int | None,
        Parameter(help="Processes that share the port (1).", show_default=False, validator=validators.Number(gte=1)),
    ] = None,
    config: Annotated[Path | None, Parameter(help="TOML or YAML file with any of the settings.")] = None,
    set_: Settings = None,
    worker: Annotated[int | None, Parameter(show=False, help="Be this worker.")] = None,
    home: HomeFolder = None,
) -> int:
    """Serve routes: assign, forward, record, answer.

    SIGTERM lets the answers in hand leave; SIGHUP renews the workers one after the other, and has them read the file again.
    Started once more on the same port and home, it takes over from the one that runs. None of these loses a request.
    """
    log_to_stderr()
    place = home_at(home)
    said = {"address": address, "port": port, "workers": workers, "routes": ",".join(route or []) or None}
    flags = [f"{key}={value}" for key, value in said.items() if value is not None] + (set_ or [])
    found = configuration(config, os.environ, flags)
    routes = () if "routes" in found.said else tuple(_known_routes(place))
    settings = found.settings(routes=routes, worker="", last_good=str(place.run / "gateway"), override=str(place.override))
    if not settings.routes:
        raise DomainError("there is no route to serve", hint="name one with --route, or apply a rollout first")
    if worker is not None:
        _serve(place, msgspec.structs.replace(settings, worker=f"{machine()}-{settings.port}-{worker}"))
        return 0
    for tls in (settings.tls, settings.upstream_tls):
        if tls is not None:
            tls.load()  # refused here and now, not by each worker
    if settings.tracing is not None:
        require()
    arguments = [word for each in set_ or [] for word in ("--set", each)]
    _supervise(place, settings, found.workers, [*(["--config", str(config.absolute())] if config else []), *arguments])
    return 0


def _supervise(place: Home, settings: GatewaySettings, workers: int, arguments: list[str]) -> None:
    from segue.gateway.sight.siblings import begin_anew

    wishes = Wishes()
    sockets = Sockets(settings.address, settings.port, workers, place.run)
    if not sockets.taken_over:
        begin_anew(settings.last_good, f"{machine()}-{sockets.port}-")
    arguments = ["gateway", *arguments, "--set", f"address={settings.address}", "--set", f"port={sockets.port}"]
    arguments += ["--set", f"routes={','.join(settings.routes)}"]

    def worker(slot: int) -> Child:
        words = [*arguments, "--worker", str(slot)]
        return Child(f"gateway worker {slot}", words, place.environment(), None, sockets=sockets.of(slot))

    fleet = Fleet(worker, workers, drain_s=settings.drain_s + _SPARE_S, succeeds=sockets.taken_over)
    taking = _TakeOver(sockets, fleet)

    def turn() -> None:
        taking.look()
        if sockets.succeeded:
            to_stderr("another gateway has taken over")
        wishes.end = wishes.end or sockets.succeeded or taking.failed
        if wishes.renew():
            fleet.renew()

    supervise([sockets, fleet], wishes, turn, drain_s=settings.drain_s + _SPARE_S)
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
        return sorted({loaded.state.route for loaded in stores.rollouts.rollouts(standing=True)})


def _serve(place: Home, settings: GatewaySettings) -> None:
    from segue.gateway.serve import Start, run
    from segue.wiring import GatewayParts

    run(settings, GatewayParts(place, settings), Start(sockets=inherited(), succeeds=succeeds(), on_ready=Readiness().tell))
