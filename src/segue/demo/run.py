"""What does `segue demo` do, from an empty folder to a report?

Nothing is staged: real model processes behind a real gateway, a caller that plays last decade's flights at their moments,
outcomes when the aircraft land, and the monitor's own decisions. This file only starts things, plays, and says what it sees.
"""

import asyncio
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from segue.children.child import Child
from segue.decide.machine import TERMINAL
from segue.demo.driver import Driver, Played
from segue.demo.flights import Flight, load
from segue.demo.models import TrainedVersion, train
from segue.errors import PortError, Unavailable
from segue.facts.decision import Decision, State
from segue.http.call import Answer
from segue.http.client import UpstreamPool
from segue.http.message import block, request
from segue.monitor.begin import apply
from segue.ports.clock import Clock
from segue.ports.registry import AliasMove, ModelVersion
from segue.wiring import Home, clock_of, control_of, home_at, stores_of

if TYPE_CHECKING:
    from segue.adapters.stores.store import Stores

ROUTE: Final = "flight-delay"
MODEL: Final = "flight-delay"
FIRST_DAY: Final = date(2013, 3, 1)
END_DAY: Final = date(2013, 8, 1)
_READY_S: Final = 60.0
_LEAD_S: Final = 8.0
_TICK_S: Final = 0.4
_LOOK_S: Final = 0.25
_SAY_EACH_S: Final = 10.0
_SHIPPED_S: Final = 20.0
_AFTERWARDS: Final = timedelta(days=2)
Say = Callable[[str], None]


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the demo runs.

    Args:
        folder: everything goes there; its home is made anew each time.
        seed: of the assignment's salts.
        swap: True makes the better model the champion and the weaker one the candidate.
        day_s: real seconds for one streamed day.
    """

    folder: Path
    seed: int = 1
    swap: bool = False
    day_s: float = 2.5


class Walked(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, for the report.

    Args:
        rollouts: ids in the order that they began.
        wall_s: real seconds from the first request to the last.
    """

    home: Home
    rollouts: tuple[str, ...]
    played: Played
    wall_s: float
    began_at: datetime
    ended_at: datetime


class Demo:
    """One run.

    Args:
        say: where progress goes, a line each.
        passing: where it goes what is done until the next line.
    """

    def __init__(self, settings: DemoSettings, say: Say, passing: Say) -> None:
        self._settings = settings
        self._say = say
        self._passing = passing
        self._said_s = 0.0
        self._rollouts: list[str] = []
        self._over = False
        self._children: list[Child] = []
        self._seen: dict[str, int] = {}
        self._last: Decision | None = None
        self._ended_at: datetime | None = None
        names = ("swapped",) if settings.swap else ("broken", "improved")
        self._specs = [(Path(__file__).parent / "specs" / f"{name}.yaml").read_text() for name in names]

    def run(self) -> Walked:
        """Everything; returns when the last rollout is over, or the flights have run out."""
        versions = self._trained()
        flights = self._flights()
        self.home = self._home()
        port = _free_port()
        with stores_of(self.home) as stores:
            self._register(stores, versions)
            self._begin(stores, self._specs.pop(0))
            self._start(port)
            try:
                return asyncio.run(self._walk(stores, flights, port))
            finally:
                self._stop()

    # -- before ---------------------------------------------------------------------------------------------------------

    def _trained(self) -> dict[str, TrainedVersion]:
        self._say("training three versions on January and February ...")
        versions = train(self._settings.folder, lambda fit: self._passing(f"  {fit}"))
        for name, version in versions.items():
            self._say(f"  {name}: {version.card.model}, {version.card.rows:,} flights")
        return versions

    def _flights(self) -> list[Flight]:
        self._passing("reading the flights to play")
        flights = load(FIRST_DAY, END_DAY, folder=self._settings.folder)
        self._say(f"{len(flights):,} flights from {FIRST_DAY} to {END_DAY}, a day in {self._settings.day_s:g} s")
        return flights

    def _home(self) -> Home:
        """A new home, with a clock that will begin with the first flight."""
        folder = (self._settings.folder / "home").absolute()
        shutil.rmtree(folder, ignore_errors=True)
        home = home_at(folder)
        clock = f"{FIRST_DAY.isoformat()}T05:00:00Z@{time.time() + _LEAD_S:.3f}*{86_400 / self._settings.day_s:.3f}"
        return msgspec.structs.replace(home, clock=clock, seal_age_s=0.25, store=f"sqlite:///{folder / 'store.db'}")

    def _register(self, stores: "Stores", versions: dict[str, TrainedVersion]) -> None:
        now = clock_of(self.home).now()
        for trained in versions.values():
            entry = ModelVersion(
                model=MODEL,
                version=trained.version,
                factory=trained.factory,
                artifact=str(trained.folder.resolve()),
                digest=trained.digest,
                registered_at=now,
                tags={"about": trained.card.model},
            )
            stores.registry.register(entry, who="demo")
        champion = "8" if self._settings.swap else "7"
        why = "where the demo begins"
        stores.registry.move(AliasMove(model=MODEL, alias="champion", before="", after=champion, who="demo", why=why, at=now))

    def _start(self, port: int) -> None:
        """The parts of `segue up`, each a process."""
        logs = self.home.run / "logs"
        logs.mkdir(exist_ok=True)
        commands = {
            "gateway": ["gateway", "--route", ROUTE, "--port", str(port)],
            "record": ["record"],
            "monitor": ["monitor", "--tick", f"{_TICK_S:g}"],
            "host": ["host"],
        }
        environment = self.home.environment()
        self._passing(f"starting {', '.join(commands)}")
        self._children = [Child(name, words, environment, logs / f"{name}.log") for name, words in commands.items()]
        self._look_after()

    def _look_after(self) -> None:
        for child in self._children:
            child.look()

    # -- the walk -------------------------------------------------------------------------------------------------------

    async def _walk(self, stores: "Stores", flights: Sequence[Flight], port: int) -> Walked:
        clock = clock_of(self.home)
        await self._until_ready(port, stores)
        first_at = clock.now()
        coming = [flight for flight in flights if flight.requested_at >= first_at]
        driver = Driver(("127.0.0.1", port), ROUTE, coming, clock)
        began_s = time.monotonic()
        playing = asyncio.create_task(driver.play(lambda: self._over))
        while not playing.done():
            self._look_after()
            await asyncio.to_thread(self._follow, stores, clock, driver.played)
            await asyncio.sleep(_LOOK_S)
        played = await playing
        return Walked(
            home=self.home,
            rollouts=tuple(self._rollouts),
            played=played,
            wall_s=time.monotonic() - began_s,
            began_at=first_at,
            ended_at=clock.now(),
        )

    async def _until_ready(self, port: int, stores: "Stores") -> None:
        """Wait until the champion answers through the gateway and the first candidate is there."""
        ends_s = time.monotonic() + _READY_S
        wanted = {f"models:/{MODEL}/{version}" for version in ("7", "8" if self._settings.swap else "9")}
        while time.monotonic() < ends_s:
            self._look_after()
            served = {endpoint.name for endpoint in stores.endpoints.endpoints()}
            if wanted <= served and await _ready(port):
                return
            await asyncio.sleep(0.1)
        raise Unavailable(f"the parts were not ready within {_READY_S:g} s", hint=f"see {self.home.run / 'logs'}")

    def _follow(self, stores: "Stores", clock: Clock, played: Played) -> None:
        """Say what was decided since the last look; begin the next rollout when the last is over; know when to end."""
        try:
            state = stores.rollouts.load(self._rollouts[-1]).state
            self._tell(stores, state, played)
        except PortError as error:
            self._say(f"  (the store did not answer: {error.message})")
            return
        now = clock.now()
        if state.phase not in TERMINAL:
            self._ended_at = None
            return
        self._ended_at = self._ended_at or now
        if now - self._ended_at < _AFTERWARDS:
            return
        if self._specs:
            self._begin(stores, self._specs.pop(0))
            self._ended_at = None
        else:
            self._over = True

    def _begin(self, stores: "Stores", source: str) -> None:
        applied = apply(control_of(self.home, stores), source, seed=str(self._settings.seed), who="demo")
        self._rollouts.append(applied.rollout)
        candidate = applied.spec.variants[applied.spec.candidates[0]].version
        stages = " -> ".join(stage.name for stage in applied.spec.stages)
        self._say(f"rollout {applied.rollout}: {candidate.removeprefix('models:/')} against the champion, {stages}")

    def _tell(self, stores: "Stores", state: State, played: Played) -> None:
        for decision in stores.rollouts.decisions(state.rollout, after=self._seen.get(state.rollout, 0)):
            self._seen[state.rollout] = decision.number
            self._last = decision
            if decision.kind != "hold":
                self._say(f"  {decision.at:%d %b %H:%M}  {decision.kind.replace('_', ' ').upper()}: {decision.reasons[0]}")
                self._said_s = time.monotonic()
        if time.monotonic() - self._said_s >= _SAY_EACH_S and self._last is not None and state.phase not in TERMINAL:
            self._said_s = time.monotonic()
            why = self._last.reasons[0].partition("; it takes")[0]
            self._say(f"  {self._last.at:%d %b %H:%M}  {self._last.to_stage}: {played.requests:,} flights asked about; {why}")

    # -- after ----------------------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        """The gateway first, then the recorder when it has shipped everything, then the others."""
        self._passing("stopping, when the recorder has shipped what is left")
        for child in self._children:
            if child.name == "record":
                self._until_shipped()
            child.stop(15.0)

    def _until_shipped(self) -> None:
        ends_s = time.monotonic() + _SHIPPED_S
        while time.monotonic() < ends_s and list(self.home.journal.glob("*.sealed")):
            time.sleep(0.1)


async def _ready(port: int) -> bool:
    pool = UpstreamPool("127.0.0.1", port)
    try:
        payload = request(b"GET", b"/readyz", block([(b"host", b"127.0.0.1")]))
        result = await pool.request(payload, 2.0)
        return isinstance(result, Answer) and result.status == 200
    finally:
        await pool.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
