"""Which adapters does each shell get? The only place that joins the two.

Everything of one installation hangs on its home: a folder with the journal, the lake, the store (unless that is elsewhere)
and what the processes of this machine write down for one another. Heavy imports happen inside the functions, so that a
gateway worker does not carry an engine.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from segue.errors import DomainError
from segue.extras import installing

if TYPE_CHECKING:
    from segue.adapters.engines.duckdb import DuckdbEngine
    from segue.adapters.engines.spark import SparkEngine
    from segue.adapters.lakes.s3 import S3Settings
    from segue.adapters.stores.store import MakeRegistry, Stores
    from segue.gateway.serve import Preamble, WorkerJournal
    from segue.gateway.settings import GatewaySettings
    from segue.monitor.outside import Control, Outside
    from segue.ports.clock import Clock
    from segue.ports.engine import Engine
    from segue.ports.lake import Lake
    from segue.ports.notifier import Notifier
    from segue.ports.provider import Provider
    from segue.ports.store import AllocationStore

HOME: Final = "SEGUE_HOME"
STORE: Final = "SEGUE_STORE"
SIGNED_WITH: Final = "SEGUE_NOTIFY_SECRET"
HOOKS_SIGNED_WITH: Final = "SEGUE_HOOK_SECRET"
KUBE: Final = {"token": "SEGUE_KUBE_TOKEN", "ca.crt": "SEGUE_KUBE_CA"}
SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
EMBEDDED: Final = "embedded"
LAKE: Final = "SEGUE_LAKE"
ENGINE: Final = "SEGUE_ENGINE"
CLOCK: Final = "SEGUE_CLOCK"
REGISTRY: Final = "SEGUE_REGISTRY"
SEAL: Final = "SEGUE_SEAL_S"


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """Where one installation keeps its things.

    Args:
        folder: absolute.
        store: url of the store.
        registry: `embedded` (in the store), or the address of another (`mlflow+http://host:5000`).
        lake_at: where the lake is, `s3://bucket/prefix` or a folder; "" for one in the home.
        engine: who measures, `duckdb` or a Spark cluster (`spark://host:7077`); "" is `duckdb`.
        clock: setting of the clock ("" is the machine's own).
        seal_age_s: real time after which a journal file goes to the shipper; what makes the lake fresh.
    """

    folder: Path
    store: str
    registry: str = EMBEDDED
    lake_at: str = ""
    engine: str = ""
    clock: str = ""
    seal_age_s: float = 2.0

    @property
    def journal(self) -> Path:
        """Journals of this machine's workers."""
        return self.folder / "journal"

    @property
    def lake(self) -> str:
        """Predictions and outcomes: an address or a folder."""
        return self.lake_at or str(self.folder / "lake")

    @property
    def artifacts(self) -> Path:
        """What was downloaded from a registry."""
        return self.folder / "artifacts"

    @property
    def run(self) -> Path:
        """What processes of this machine leave for one another, and their logs."""
        return self.folder / "run"

    @property
    def override(self) -> Path:
        """What a person has ruled for the gateways of this machine alone."""
        return self.run / "override.json"

    def environment(self) -> dict[str, str]:
        """The variables from which a child process finds the same home."""
        return {
            HOME: str(self.folder),
            STORE: self.store,
            LAKE: self.lake_at,
            ENGINE: self.engine,
            REGISTRY: self.registry,
            CLOCK: self.clock,
            SEAL: str(self.seal_age_s),
        }


def _seconds(name: str, said: str) -> float:
    try:
        found = float(said)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise DomainError(f"{name} is {said!r}, which is no time", hint="real seconds, such as 2.0")
    return found


def home_at(folder: str | Path | None = None) -> Home:
    """The home that is named, or that of the environment, or `.segue` here; made if need be.

    Raises:
        DomainError: the folder cannot be made.
    """
    place = Path(folder or os.environ.get(HOME) or ".segue").absolute()
    try:
        for part in ("journal", "lake", "run"):
            (place / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DomainError(
            f"the home {place} cannot be made: {error.strerror}", hint="name another with --home or SEGUE_HOME"
        ) from error
    store = os.environ.get(STORE) or f"sqlite:///{place / 'store.db'}"
    seal = os.environ.get(SEAL) or "2.0"
    registry = os.environ.get(REGISTRY) or EMBEDDED
    return Home(
        folder=place,
        store=store,
        registry=registry,
        lake_at=os.environ.get(LAKE, ""),
        engine=os.environ.get(ENGINE, ""),
        clock=os.environ.get(CLOCK, ""),
        seal_age_s=_seconds(SEAL, seal),
    )


def clock_of(home: Home) -> "Clock":
    """Stream time of this installation."""
    from segue.adapters.clocks import from_setting

    return from_setting(home.clock)


def clock_here() -> "Clock":
    """Stream time as the environment says, for who has no installation at hand."""
    from segue.adapters.clocks import from_setting

    return from_setting(os.environ.get(CLOCK, ""))


@contextmanager
def stores_of(home: Home) -> "Iterator[Stores]":
    """The store, open for the time of the block."""
    from segue.adapters.stores.store import open_store

    with open_store(home.store, _registry_of(home)) as stores:
        yield stores


def _registry_of(home: Home) -> "MakeRegistry":
    if home.registry == EMBEDDED:
        from segue.adapters.registries.embedded import EmbeddedRegistry

        return EmbeddedRegistry
    from segue.adapters.registries.mlflow.registry import MlflowRegistry

    return partial(MlflowRegistry, home.registry, cache=home.artifacts)


def lake_of(home: Home) -> "Lake":
    """The lake of this installation.

    Raises:
        DomainError: an address that names no lake, or that needs an extra which is not installed.
    """
    settings = _bucket(home)
    if settings is not None:
        from segue.adapters.lakes.s3 import S3Lake

        return S3Lake(settings)
    from segue.adapters.lakes.folder import FolderLake

    return FolderLake(Path(home.lake).absolute())


def measuring_engine_of(home: Home, *, once: bool = False) -> "DuckdbEngine | SparkEngine":
    """Who runs the SQL of what can be too much for one machine: of the monitor, and of looks back over a whole lake.

    Args:
        home: says which engine.
        once: whether it is for one question, as in `engine_of`.

    Raises:
        DomainError: an engine that nobody knows, or that needs an extra which is not installed.
    """
    if home.engine in {"", "duckdb"}:
        return engine_of(home, once=once)
    if not home.engine.startswith("spark://"):
        raise DomainError(f"no engine is called {home.engine!r}", hint="duckdb, or a Spark cluster: spark://host:7077")
    try:
        from segue.adapters.engines.spark import SparkEngine, SparkSettings
    except ModuleNotFoundError as error:
        raise DomainError(f"measuring on Spark needs {error.name}", hint=installing("spark")) from error
    return SparkEngine(SparkSettings(master=home.engine))


def engine_of(home: Home, *, once: bool = False) -> "DuckdbEngine":
    """Who runs the SQL on this machine; for one question it keeps no rows of what it reads."""
    from segue.adapters.engines.duckdb import DuckdbEngine
    from segue.adapters.engines.settings import DuckdbSettings

    settings, remote = _bucket(home), None
    if settings is not None:
        from segue.adapters.lakes.s3 import file_system

        remote = file_system(settings)
    kept = {"kept_file_bytes": 0} if once else {}
    return DuckdbEngine(DuckdbSettings(spill_folder=str(home.run / "spill"), **kept), remote)


def _bucket(home: Home) -> "S3Settings | None":
    """Where the lake is, if that is in a bucket."""
    if "://" not in home.lake:
        return None
    try:
        from segue.adapters.lakes.s3 import S3Settings
    except ModuleNotFoundError as error:
        raise DomainError(f"a lake in a bucket needs {error.name}", hint=installing("s3")) from error
    settings = S3Settings.from_environment(home.lake, os.environ)
    _ = settings.bucket  # refuses any other scheme
    return settings


def machine() -> str:
    """This machine's name, as a part of file names."""
    return "".join(char if char.isalnum() else "-" for char in socket.gethostname()) or "machine"


class GatewayParts:
    """What a gateway worker is given."""

    def __init__(self, home: Home, settings: "GatewaySettings") -> None:
        self._home = home
        self._settings = settings
        self._clock = clock_of(home)

    @property
    def clock(self) -> "Clock":
        """Stream time."""
        return self._clock

    def allocations(self) -> "AllocationStore":
        """The store; opened at its first use, so that a worker starts without it."""
        from segue.adapters.stores.patient import PatientAllocations

        return PatientAllocations(self._home.store)

    def journal(self, preamble: "Preamble") -> "WorkerJournal":
        """The worker's journal on the running loop."""
        import asyncio

        from segue.record.group import GroupCommit
        from segue.record.journal import Journal
        from segue.record.segment import JournalSettings

        settings = JournalSettings(
            folder=str(self._home.journal),
            worker=self._settings.worker,
            boot=f"{time.time_ns():x}",
            seal_age_s=self._home.seal_age_s,
        )
        return GroupCommit(Journal(settings, preamble), asyncio.get_running_loop())


def control_of(home: Home, stores: "Stores") -> "Control":
    """What it takes to begin, steer and describe rollouts."""
    from segue.monitor.outside import control_over

    return control_over(stores, clock_of(home), registry_name=home.registry)


def run_host(home: Home) -> None:
    """Serve the versions that rollouts name, until SIGTERM or SIGINT."""
    from segue.host.settings import HostSettings
    from segue.host.supervisor import run_host as run
    from segue.monitor.acting.served import Wanted

    with stores_of(home) as stores:
        run(stores.registry, stores.endpoints, Wanted(control_of(home, stores)), HostSettings(host=machine()))


@contextmanager
def outside_of(home: Home, *, engine: str = "duckdb") -> "Iterator[Outside]":
    """Everything that the monitor looks at, for somebody who only looks too.

    Args:
        home: where.
        engine: who measures for this look; what the monitor's is does not matter.
    """
    with stores_of(home) as stores, measuring_engine_of(msgspec.structs.replace(home, engine=engine)) as measuring:
        yield _outside(home, stores, measuring)


def run_monitor(home: Home, *, tick_s: float, lease_s: float = 15.0) -> None:
    """Tick until SIGTERM or SIGINT; everything is written under the lease."""
    from segue.monitor.tick import Monitor, MonitorSettings

    with stores_of(home) as stores, measuring_engine_of(home) as engine:
        outside = replace(_outside(home, stores.led(), engine), notifier=_notifier(), provider=_provider())
        wake = threading.Event()
        Monitor(outside, MonitorSettings(period_s=tick_s, lease_s=lease_s)).run(stop_event(wake), wake)


def _outside(home: Home, stores: "Stores", engine: "Engine") -> "Outside":
    from segue.monitor.outside import outside_over

    return outside_over(stores, clock_of(home), lake_of(home), engine, registry_name=home.registry)


def _notifier() -> "Notifier":
    from segue.adapters.notifiers.by_scheme import NotifierByScheme

    return NotifierByScheme(secret=os.environ.get(SIGNED_WITH, ""))


def _provider() -> "Provider":
    from segue.adapters.providers.by_spec import ProviderBySpec
    from segue.adapters.providers.httproute import HttpRoutes, HttpRouteSettings

    token, ca = (Path(os.environ.get(name) or SERVICE_ACCOUNT / file) for file, name in KUBE.items())
    settings = HttpRouteSettings(token=token if token.is_file() else None, ca=ca if ca.is_file() else None)
    return ProviderBySpec(HttpRoutes(settings))


def stop_event(*also: threading.Event) -> threading.Event:
    """An event that SIGTERM and SIGINT set, and others with it."""
    event = threading.Event()

    def stop(*_: object) -> None:
        for each in (event, *also):
            each.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stop)
    return event


def run_recorder(home: Home) -> None:
    """Ship what this machine's gateways have recorded, until SIGTERM or SIGINT, and once more then."""
    from segue.record.shipper import Shipper

    Shipper(home.journal, lake_of(home)).run(stop_event(), poll_s=min(0.5, home.seal_age_s))
