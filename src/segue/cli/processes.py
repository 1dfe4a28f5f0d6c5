"""`segue up` and its parts: which processes make an installation?"""

import errno
import logging
import os
import socket
import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segue.children import Child, Stopping, supervise
from segue.cli.options import HomeFolder, SpecFile
from segue.cli.output import say
from segue.errors import DomainError, PortError, Refused
from segue.wiring import Home, home_at, machine, stores_of

if TYPE_CHECKING:
    from segue.adapters.stores.store import Stores

_EACH_S = 0.5
_FREE_WITHIN_S = 10.0

Address = Annotated[str, Parameter(help="Where it listens.")]
Port = Annotated[int, Parameter(help="Where it listens.")]
Workers = Annotated[int, Parameter(help="Gateway processes that share the port.")]
Routes = Annotated[
    list[str] | None, Parameter(name="--route", help="A route to serve, may be repeated; all known ones if left out.")
]


def up(
    *,
    file: SpecFile,
    address: Address = "127.0.0.1",
    port: Port = 8080,
    workers: Workers = 1,
    tick: Annotated[float, Parameter(help="Real seconds between two looks of the monitor.")] = 1.0,
    logs: Annotated[bool, Parameter(help="Keep the parts' logs in files below the home instead of showing them.")] = True,
    home: HomeFolder = None,
) -> int:
    """Everything on this machine: hosts, gateway, recorder and monitor for one rollout, until Ctrl-C."""
    from segue.cli.specs import begin, loaded

    place = home_at(home)
    spec = loaded(file)
    _require_free(address, port)
    with stores_of(place) as stores:
        rollout = begin(stores, place, file)
    folder = place.run / "logs"
    folder.mkdir(exist_ok=True)

    def child(name: str, *arguments: str) -> Child:
        return Child(name, arguments, place.environment(), folder / f"{name}.log" if logs else None)

    serving = ["--route", spec.route, "--address", address, "--port", str(port), "--workers", str(workers)]
    children = [
        child("gateway", "gateway", *serving),
        child("record", "record"),
        child("monitor", "monitor", "--tick", str(tick)),
        child("host", "host"),
    ]
    stopping = Stopping()
    say(f"route {spec.route} at http://{address}:{port}/v2/models/{spec.route}/infer, home {place.folder}")
    with stores_of(place) as stores:
        supervise(children, stopping, _Sight(stores, rollout).look)
    return 0


def _require_free(address: str, port: int) -> None:
    """Wait a moment for a gateway of an earlier life to end; two would share the port, and each get a part of the callers."""
    ends_s = time.monotonic() + _FREE_WITHIN_S
    while True:
        try:
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
                return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > ends_s:
                raise Refused(f"nobody can listen at {address}:{port}: {error.strerror}", hint="another --port") from error
        time.sleep(0.2)


def gateway(
    *,
    route: Routes = None,
    address: Address = "127.0.0.1",
    port: Port = 8080,
    workers: Workers = 1,
    worker: Annotated[int | None, Parameter(show=False, help="Be this worker.")] = None,
    home: HomeFolder = None,
) -> int:
    """Serve routes: assign, forward, record, answer."""
    log_to_stderr()
    place = home_at(home)
    routes = tuple(route or _known_routes(place))
    if not routes:
        raise DomainError("there is no route to serve", hint="name one with --route, or apply a rollout first")
    if worker is not None:
        _gateway_worker(place, routes, (address, port), worker)
        return 0
    arguments = ["gateway", "--address", address, "--port", str(port)]
    for name in routes:
        arguments += ["--route", name]
    children = [
        Child(f"gateway worker {number}", [*arguments, "--worker", str(number)], place.environment(), None)
        for number in range(workers)
    ]
    supervise(children, Stopping(), lambda: None)
    return 0


def log_to_stderr() -> None:
    """A line for each thing that a person who looks after this part would want to know."""
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=os.environ.get("SEGUE_LOG", "INFO").upper(), format=form)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _known_routes(place: Home) -> list[str]:
    with stores_of(place) as stores:
        return sorted({loaded.state.route for loaded in stores.rollouts.rollouts()})


def _gateway_worker(place: Home, routes: tuple[str, ...], listen: tuple[str, int], number: int) -> None:
    from segue.gateway.serve import run
    from segue.gateway.settings import GatewaySettings
    from segue.wiring import GatewayParts

    settings = GatewaySettings(
        routes=routes,
        address=listen[0],
        port=listen[1],
        worker=f"{machine()}-{listen[1]}-{number}",
        last_good=str(place.run / "gateway"),
    )
    run(settings, GatewayParts(place, settings))


def host(*, home: HomeFolder = None) -> int:
    """Serve the model versions that rollouts name, and follow their aliases."""
    from segue.wiring import run_host

    log_to_stderr()
    run_host(home_at(home))
    return 0


def record(*, home: HomeFolder = None) -> int:
    """Ship what the gateways of this machine have recorded to the lake."""
    from segue.wiring import run_recorder

    log_to_stderr()
    run_recorder(home_at(home))
    return 0


def monitor(
    *,
    tick: Annotated[float, Parameter(help="Real seconds between two looks.")] = 1.0,
    home: HomeFolder = None,
) -> int:
    """Measure, weigh, decide, and carry out what was decided; of several monitors one leads."""
    from segue.wiring import run_monitor

    log_to_stderr()
    run_monitor(home_at(home), tick_s=tick)
    return 0


class _Sight:
    """Follows one rollout's decisions, and says each that moved something."""

    def __init__(self, stores: "Stores", rollout: str) -> None:
        self._stores = stores
        self._rollout = rollout
        self._seen = 0
        self._looked_s = 0.0

    def look(self) -> None:
        """Say what is new; called often, looks now and then."""
        if time.monotonic() - self._looked_s < _EACH_S:
            return
        self._looked_s = time.monotonic()
        try:
            decisions = self._stores.rollouts.decisions(self._rollout, after=self._seen)
        except PortError:
            return  # the store is busy or away; the parts say so in their logs
        for decision in decisions:
            self._seen = decision.number
            at = decision.at.isoformat(timespec="minutes")
            if decision.kind != "hold":
                say(f"{at}  {decision.kind}: {decision.to_phase} in {decision.to_stage}; {decision.reasons[0]}")
            elif decision.to_phase == "pending":
                say(f"{at}  waiting: {'; '.join(decision.reasons)}")
