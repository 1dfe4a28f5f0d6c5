"""`segue up` and its parts: which processes make an installation?"""

import errno
import logging
import signal
import socket
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter, validators

from segue.children.child import Child
from segue.children.supervision import Wishes, supervise
from segue.cli.options import A_PORT, HomeFolder, SpecFile
from segue.cli.output import say
from segue.cli.serving.gateway import Address, Port, Workers
from segue.cli.serving.logs import log_to_stderr
from segue.errors import PortError, Refused
from segue.extras import installing
from segue.facts.allocation import asked_at
from segue.http.limits import LAST_PORT
from segue.wiring import home_at, stores_of

if TYPE_CHECKING:
    from segue.adapters.stores.store import Stores

ApiPort = Annotated[
    int | None,
    Parameter(
        help="Where the REST API listens, on loopback; 0 for nowhere (ten above the port).",
        show_default=False,
        validator=A_PORT,
    ),
]
_SOME = validators.Number(gt=0)
_EACH_S = 0.5
_FREE_WITHIN_S = 10.0
_API_ABOVE = 10  # the gateway's port


def up(
    file: SpecFile,
    *,
    address: Address = "127.0.0.1",
    port: Port = 8080,
    workers: Workers = 1,
    tick: Annotated[float, Parameter(help="Real seconds between two looks of the monitor.", validator=_SOME)] = 1.0,
    api_port: ApiPort = None,
    logs: Annotated[bool, Parameter(help="Keep the parts' logs in files below the home instead of showing them.")] = True,
    home: HomeFolder = None,
) -> int:
    """Everything on this machine: hosts, gateway, recorder, monitor and API for one rollout, until Ctrl-C.

    Started again, it goes on with the rollout where it stood; one that is over is not begun anew, which `segue apply` does.
    """
    from segue.cli.policy.specs import begin, loaded

    place = home_at(home)
    spec = loaded(file)
    _require_free(address, port)
    rollout = begin(place, file)
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
    at = _api_port(port + _API_ABOVE if api_port is None else api_port)
    if at:
        children.append(child("api", "api", "--port", str(at)))
    wishes = Wishes()
    say(f"route {spec.route} at http://{address}:{port}{asked_at(spec.route, spec.protocol)}, home {place.folder}")
    with stores_of(place) as stores:
        sight = _Sight(stores, rollout)

        def turn() -> None:
            sight.look()
            if wishes.renew():
                children[0].send(signal.SIGHUP)

        supervise(children, wishes, turn)
    return 0


def _api_port(port: int) -> int:
    """Where the API may listen; 0 where it is not wanted, not installed, or somebody else is there."""
    if not 0 < port <= LAST_PORT:
        return 0
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        say(f"no REST API: {installing('api')}")
        return 0
    try:
        with socket.create_server(("127.0.0.1", port)):
            pass
    except OSError:
        say(f"no REST API: somebody listens at port {port} already; another --api-port")
        return 0
    say(f"REST API at http://127.0.0.1:{port}, described at /openapi.json")
    return port


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
                raise Refused(
                    f"nobody can listen at {address}:{port}: {error.strerror}", hint="another --port, or --address"
                ) from error
        time.sleep(0.2)


def host(*, home: HomeFolder = None) -> int:
    """Serve the model versions that rollouts name, and follow their aliases."""
    from segue.wiring import run_host

    log_to_stderr()
    place = home_at(home)
    logging.getLogger("segue.host").info("serves versions of the registry %s, as rollouts name them", place.registry)
    run_host(place)
    return 0


def record(*, home: HomeFolder = None) -> int:
    """Ship what the gateways of this machine have recorded to the lake."""
    from segue.wiring import run_recorder

    log_to_stderr()
    place = home_at(home)
    logging.getLogger("segue.record").info("ships %s to %s", place.journal, place.lake)
    run_recorder(place)
    return 0


def monitor(
    *,
    tick: Annotated[float, Parameter(help="Real seconds between two looks.", validator=_SOME)] = 1.0,
    lease: Annotated[
        float, Parameter(help="Real seconds after which another takes over from one that is gone.", validator=_SOME)
    ] = 15.0,
    engine: Annotated[str, Parameter(help="Who measures: `duckdb`, or a cluster, `spark://host:7077`.")] = "",
    home: HomeFolder = None,
) -> int:
    """Measure, weigh, decide, and carry out what was decided; of several monitors one leads."""
    from segue.wiring import run_monitor

    log_to_stderr()
    place = home_at(home)
    run_monitor(msgspec.structs.replace(place, engine=engine or place.engine), tick_s=tick, lease_s=lease)
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
