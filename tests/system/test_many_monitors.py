"""Several monitors on one PostgreSQL, each a process: one acts, whatever happens to it; nothing is done twice or forgotten."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import postgres
import pytest
from receiver import Receiver, receiving, told
from sqlalchemy import text

from segue.adapters.stores.store import Stores, open_store
from segue.errors import PortError, Unavailable
from segue.facts.allocation import Endpoint
from segue.facts.decision import Phase, Trigger
from segue.monitor.begin import apply, ask
from segue.testkit.small_world import SPEC, register
from segue.wiring import control_of, home_at

pytestmark = pytest.mark.slow
LEASE_S = 1.0
PATIENCE_S = 120.0
EVENTS = {"ready": "started", "promote_full": "promoted", "pause": "paused", "abort": "aborted"}
NAMES = ("models:/churn@champion", "models:/churn/7", "models:/churn/8")

MONITOR = """
import os, signal, sys
from datetime import datetime, timedelta
from pathlib import Path

folder, point, skew_s = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

from segue.adapters.notifiers import by_scheme
from segue.adapters.stores import allocations, commands, leases, rollouts
from segue.adapters.registries import embedded
from segue.adapters.stores.database import connect
from segue.monitor.acting import served

connect._SETTINGS["idle_in_transaction_session_timeout"] = 1.0


class Skewed(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=skew_s)


for module in (connect, leases):
    module.datetime = Skewed


def freeze():
    try:
        (folder / "armed").rename(folder / "frozen")
    except FileNotFoundError:
        return
    (folder / "frozen").write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)


def freezing(function):
    def frozen(*arguments, **named):
        freeze()
        return function(*arguments, **named)

    return frozen


BEFORE = {
    "before save": (rollouts.SqlRollouts, "save"),
    "before publish": (allocations.SqlAllocations, "publish"),
    "before move": (embedded.EmbeddedRegistry, "move"),
    "before done": (commands.SqlCommands, "done"),
    "before send": (by_scheme.NotifierByScheme, "send"),
    "inside save": (rollouts, "_keep"),
    "inside publish": (allocations, "renew_revision"),
    "inside move": (embedded, "_require"),
}
if point:
    where, name = BEFORE[point]
    setattr(where, name, freezing(getattr(where, name)))

from segue.cli.main import main

sys.argv = ["segue", "monitor", "--tick", "0.1", "--lease", sys.argv[4]]
sys.exit(main())
"""


class World:
    """A store with a rollout in it, and monitors that look after it.

    Args:
        server: PostgreSQL.
        name: of the database.
        folder: of the home.
        receiver: hears of everything.
    """

    def __init__(self, server: postgres.Server, name: str, folder: Path, receiver: Receiver) -> None:
        self.server, self.name, self.folder, self.receiver = server, name, folder, receiver
        self.environment = {**os.environ, "SEGUE_HOME": str(folder / "home"), "SEGUE_STORE": server.url(name)}
        self.environment |= {"SEGUE_LOG": "INFO"}
        self.stores = open_store(server.url(name))
        register(self.stores.registry)
        home = home_at(folder / "home")
        self.control = control_of(home, self.stores)
        self.monitors: list[subprocess.Popen[bytes]] = []

    @contextmanager
    def monitor(self, point: str = "", *, skew_s: float = 0.0, lease_s: float = LEASE_S) -> Iterator[subprocess.Popen[bytes]]:
        """One more monitor."""
        command = [sys.executable, "-c", MONITOR, str(self.folder), point, str(skew_s), str(lease_s)]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, env=self.environment, stderr=log, stdout=log)
        self.monitors.append(process)
        try:
            yield process
        finally:
            self.monitors.remove(process)
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(PATIENCE_S)

    def serve(self) -> None:
        """What a host does."""
        for name in NAMES:
            alias = self.stores.registry.alias("churn", "champion") or ""
            version = alias if "@" in name else name.rpartition("/")[2]
            endpoint = Endpoint(name=name, version=version, url="http://127.0.0.1:1", host="h1", seen_at=datetime.now(UTC))
            self.stores.endpoints.announce(endpoint)

    def begin(self) -> str:
        """A rollout, running."""
        notify = f'notify: [{{on: [{", ".join(EVENTS.values())}], url: "{self.receiver.url}"}}]\n'
        rollout = self.sure(lambda: apply(self.control, SPEC + notify).rollout)
        self.until(lambda: self.phase(rollout) == "running")
        return rollout

    def ask(self, rollout: str, trigger: Trigger, then: Phase) -> None:
        """Ask for something, and wait until it is so and nothing is left to be done."""
        self.sure(lambda: ask(self.control, rollout, trigger, who="ana", why="because"))
        self.until(lambda: self.phase(rollout) == then and not self.stores.commands.pending(rollout))

    def phase(self, rollout: str) -> Phase:
        """Where it stands."""
        return self.stores.rollouts.load(rollout).state.phase

    def until(self, so: Callable[[], bool]) -> None:
        """Wait until something is so, whatever becomes of our own connection meanwhile."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-5000:]
            try:
                self.serve()
                if so():
                    return
            except Unavailable:
                pass
            time.sleep(0.05)

    def sure(self, act: Callable[[], object]) -> str:
        """Do something that is done once however often it is tried, until the store has answered."""
        while True:
            try:
                return str(act())
            except Unavailable:
                time.sleep(0.05)

    def fence(self) -> int:
        """How often the lead has changed hands."""
        with self.stores.database.glance() as connection:
            return int(connection.execute(text("SELECT fence FROM leases WHERE name = 'monitor'")).scalar() or 0)

    def listening(self) -> int:
        """How many monitors run: each listens before it asks for the lead."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND query LIKE 'LISTEN%'"
        return int(str(self.server.ask(query.format(self.name))[0][0]))

    def check(self, rollout: str, triggers: list[Trigger]) -> None:
        """Every decision and command once, in order; each decision told, once to who knows ids; nothing open."""
        stores = self.stores
        decisions = stores.rollouts.decisions(rollout)
        assert [it.number for it in decisions] == list(range(1, len(decisions) + 1))
        assert [it.trigger for it in decisions if it.trigger != "hold"] == triggers
        applied = Counter(act.id for it in decisions for act in it.acts)
        assert set(applied.values()) <= {1}
        assert not stores.commands.pending(rollout)
        assert not stores.commands.asked(rollout)
        heard = [it for it in self.receiver.received if json.loads(it.body)["subject"] == rollout]
        assert told(heard) == [EVENTS[trigger] for trigger in triggers]
        published = stores.allocations.allocations("churn")
        assert [it.number for it in published] == list(range(1, len(published) + 1))


@pytest.fixture
def world(postgres_server: postgres.Server, tmp_path: Path) -> Iterator[World]:
    """A store, and nobody who looks after it."""
    with postgres_server.database() as name, receiving() as receiver:
        made = World(postgres_server, name, tmp_path, receiver)
        with made.stores:
            yield made


def moves(stores: Stores) -> list[tuple[str, str]]:
    """The moves of the champion's alias, after the first."""
    return [(it.before, it.after) for it in stores.registry.moves("churn") if it.alias == "champion"][1:]


@pytest.mark.parametrize(
    "point",
    ["before save", "inside save", "before publish", "inside publish", "inside move", "before done", "before send"],
)
def test_a_leader_that_is_frozen_and_wakes_does_nothing_more(world: World, point: str) -> None:
    """Stopped at any write, with another in its place that took its work over and then undid it, it changes nothing."""
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(world.monitor(point))
        rollout = world.begin()
        (world.folder / "armed").touch()
        world.ask(rollout, "promote_full", "watching")  # somebody stops in the middle of it, and somebody else does it
        pid = int((world.folder / "frozen").read_text())
        world.ask(rollout, "abort", "aborted")
        last = world.stores.allocations.allocations("churn")[-1]
        frozen = next(it for it in world.monitors if it.pid == pid)
        frozen.send_signal(signal.SIGCONT)
        frozen.terminate()  # it ends after the tick that it wakes up in
        frozen.wait(PATIENCE_S)
        world.check(rollout, ["ready", "promote_full", "abort"])
        assert moves(world.stores) == [("7", "8"), ("8", "7")]
        assert world.stores.allocations.allocations("churn")[-1] == last
        assert world.stores.registry.alias("churn", "champion") == "7"
        log = (world.folder / "log").read_text()
        assert "another process leads since" in log or point.startswith("inside"), "the fence was not needed"


def test_cut_connections_and_killed_monitors_lose_nothing(world: World) -> None:
    """While every connection is cut again and again and leaders die, three rollouts are promoted and taken back, once each."""
    stop = threading.Event()

    def cut() -> None:
        while not stop.wait(0.7):
            world.server.cut(world.name)

    cutter = threading.Thread(target=cut)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(world.monitor())
        cutter.start()
        try:
            done = []
            for turn in range(3):
                rollout = world.begin()
                world.ask(rollout, "promote_full", "watching")
                if turn < 2:
                    world.monitors[turn].kill()  # SIGKILL; it is the leader or it is not
                world.ask(rollout, "abort", "aborted")
                done.append(rollout)
        finally:
            stop.set()
            cutter.join()
        world.until(lambda: not world.stores.commands.waiting())
        for rollout in done:
            world.check(rollout, ["ready", "promote_full", "abort"])
        assert moves(world.stores) == 3 * [("7", "8"), ("8", "7")]


@pytest.mark.parametrize("skew_s", [3600.0, -3600.0])
def test_clocks_that_are_hours_apart_do_not_move_the_lead(world: World, skew_s: float) -> None:
    """Whoever leads goes on leading, its clock an hour ahead or behind, and is followed by another one when it is killed."""
    lease_s = 10 * LEASE_S  # a busy machine does not keep the leader from renewing it, and it is short beside the hour
    with ExitStack() as stack:
        stack.enter_context(world.monitor(skew_s=skew_s, lease_s=lease_s))
        rollout = world.begin()
        for other_s in (0.0, -skew_s):
            stack.enter_context(world.monitor(skew_s=other_s, lease_s=lease_s))
        world.until(lambda: world.listening() == 3)
        time.sleep(2.0)  # twenty ticks of each
        world.ask(rollout, "pause", "paused")
        assert world.fence() == 1
        world.monitors[0].kill()
        world.ask(rollout, "abort", "aborted")
        assert world.fence() == 2
        world.check(rollout, ["ready", "pause", "abort"])


def test_the_lead_goes_on_when_its_holder_is_killed(world: World) -> None:
    """SIGKILL of every monitor but one, in turn: the last one leads, and does what people ask for."""
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(world.monitor())
        rollout = world.begin()
        for monitor in world.monitors[:2]:
            monitor.kill()
        world.ask(rollout, "pause", "paused")
        world.ask(rollout, "abort", "aborted")
        world.check(rollout, ["ready", "pause", "abort"])


def test_a_port_error_is_all_that_a_cut_store_raises(world: World) -> None:
    """Whatever a caller does while its connection is cut, it gets one of our errors, or what it asked for."""
    stop = threading.Event()

    def cut() -> None:
        while not stop.wait(0.02):
            world.server.cut(world.name)

    cutter = threading.Thread(target=cut)
    cutter.start()
    answered = failed = 0
    try:
        while answered < 20 or failed < 20:
            try:
                world.stores.rollouts.rollouts()
                world.serve()
                answered += 1
            except PortError:
                failed += 1
    finally:
        stop.set()
        cutter.join()
