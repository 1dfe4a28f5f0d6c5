"""`segue up` on the quickstart: a new version walks from shadow to champion, and no caller notices."""

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import exp
from pathlib import Path

import duckdb
import pytest

from segue.http.call import Answer
from segue.http.client import UpstreamPool
from segue.http.message import block, first, request
from segue.wiring import home_at, stores_of

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
SPEED = 8
PATIENCE_S = 300


class Installation:
    """A quickstart of its own, with a clock that runs faster."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "quickstart"
        shutil.copytree(QUICKSTART, self.place)
        self.home = folder / "home"
        self.port = _free_port()
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        clock = f"{now}@{time.time():.3f}*{SPEED}"
        self.environment = {**os.environ, "SEGUE_HOME": str(self.home), "SEGUE_CLOCK": clock, "SEGUE_SEAL_S": "0.2"}
        for version in ("1", "2"):
            words = ["--factory", "churn_model:load", "--path", ".", "--artifact", f"v{version}", "--warmup", "request.json"]
            self.segue("model", "register", "churn", version, *words)
        self.segue("model", "alias", "churn", "champion", "1", "--reason", "the first one")

    def segue(self, *words: str) -> str:
        """A command's output; it has to succeed."""
        command = [sys.executable, "-m", "segue", *words]
        done = subprocess.run(command, cwd=self.place, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[bytes]]:
        """`segue up`, ended at the end."""
        command = [sys.executable, "-m", "segue", "up", "-f", "rollout.yaml", "--port", str(self.port), "--tick", "0.3"]
        with subprocess.Popen(command, cwd=self.place, env=self.environment, stderr=subprocess.DEVNULL) as started:
            try:
                yield started
            finally:
                started.terminate()
                started.wait(60)

    def phase(self) -> str:
        """Where the rollout stands."""
        with stores_of(home_at(self.home)) as stores:
            return next((loaded.state.phase for loaded in stores.rollouts.rollouts("churn")), "")


class Customers:
    """Customers who come steadily, and of whom it is known a moment later whether they left."""

    def __init__(self, port: int) -> None:
        self.answered: dict[str, str] = {}
        self.failed: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.last = ""
        self._port = port
        self._world = random.Random(7)
        self._known: deque[tuple[float, str, int]] = deque()
        self._asked = 0

    async def come(self, stop: asyncio.Event) -> None:
        """Ask about a hundred times a second, and tell outcomes."""
        pool = UpstreamPool("127.0.0.1", self._port)
        under_way: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            task = asyncio.create_task(self._ask(pool))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            if self._asked % 20 == 0:
                await self._tell(pool)
            await asyncio.sleep(0.01)
        await asyncio.gather(*under_way)
        await pool.close()

    async def _ask(self, pool: UpstreamPool) -> None:
        self._asked += 1
        name = f"c-{self._asked}"
        tickets, years = float(self._world.randint(0, 8)), round(self._world.uniform(0, 6), 1)
        leaves = int(self._world.random() < 1 / (1 + exp(-(1.2 + 0.6 * tickets - 1.1 * years) * 2)))
        values = (("tickets", tickets), ("tenure_years", years))
        inputs = [{"name": key, "shape": [1], "datatype": "FP64", "data": [value]} for key, value in values]
        body = json.dumps({"id": name, "inputs": inputs}).encode()
        fields = block([(b"host", b"h"), (b"x-user-id", name.encode())])
        payload = request(b"POST", b"/v2/models/churn/infer", fields, body)
        result = await pool.request(payload, 5.0, replayable=False)
        if isinstance(result, Answer) and result.status == 200:
            self.last = (first(result.headers, b"x-segue-version") or b"").decode()
            self.versions[self.last] += 1
            self.answered[name] = result.body.decode()
            self._known.append((time.monotonic() + 0.2, name, leaves))
        else:
            self.failed[str(result.status) if isinstance(result, Answer) else result.reason.value] += 1

    async def _tell(self, pool: UpstreamPool) -> None:
        ripe = []
        while self._known and self._known[0][0] < time.monotonic():
            _, name, left = self._known.popleft()
            ripe.append({"request_id": name, "label": left})
        if ripe:
            payload = request(b"POST", b"/segue/v1/outcomes", block([(b"host", b"h")]), json.dumps(ripe).encode())
            await pool.request(payload, 5.0)


def in_the_lake(home: Path) -> Counter[str]:
    """How often each answered id is there, as the answer that left."""
    with duckdb.connect() as lake:
        files = f"{home}/lake/predictions/**/*.parquet"
        rows = lake.execute("SELECT request_id FROM read_parquet(?) WHERE role IN ('served', 'fallback')", [files]).fetchall()
    return Counter(row[0] for row in rows)


async def walked(world: Installation, customers: Customers, after: str = "promoted") -> None:
    """Let customers come until the rollout is there, and a moment longer."""
    stop = asyncio.Event()
    coming = asyncio.create_task(customers.come(stop))
    await asyncio.to_thread(_until, lambda: world.phase() == after)
    await asyncio.sleep(1.0)
    stop.set()
    await coming


@pytest.mark.slow
def test_walk(tmp_path: Path) -> None:
    """Version 2 is promoted, the alias moves, serving follows it, and not one request fails or goes missing."""
    world = Installation(tmp_path)
    customers = Customers(world.port)
    with world.up():
        _until_ready(world.port)
        asyncio.run(walked(world, customers))
        assert world.phase() == "promoted"
    with world.up():
        _until_ready(world.port)
        assert world.segue("get", "-o", "name") == "churn-1\n"  # what is over is not begun anew
    assert not customers.failed
    assert customers.last == "2"
    aliases = {row["version"]: row["aliases"] for row in json.loads(world.segue("model", "list", "-o", "json"))}
    assert aliases == {"1": ["previous"], "2": ["champion"]}
    history = [row["kind"] for row in json.loads(world.segue("history", "churn", "-o", "json"))]
    assert history == ["start", "advance", "promote", "finish"]
    times = in_the_lake(world.home)
    assert not customers.answered.keys() - times.keys()
    assert max(times.values()) == 1
    assert not list((world.home / "journal").iterdir())


@pytest.mark.slow
def test_everything_may_die(tmp_path: Path) -> None:
    """With any part killed at any time, the supervisor too, the walk ends where it would, and no answered request is lost."""
    world = Installation(tmp_path)
    customers = Customers(world.port)
    dice = random.Random(3)

    async def run() -> None:
        walking = asyncio.create_task(walked(world, customers))
        for _ in range(4):
            with world.up() as supervisor:
                for _ in range(4):
                    await asyncio.sleep(dice.uniform(1.0, 3.0))
                    _kill_one(supervisor.pid, dice)
                await asyncio.sleep(1.0)
                supervisor.kill()
                await asyncio.to_thread(supervisor.wait, 30)
            await asyncio.sleep(0.5)
        with world.up():
            await walking

    asyncio.run(run())
    assert world.phase() == "promoted"
    assert len(customers.answered) > 1000
    times = in_the_lake(world.home)
    assert not customers.answered.keys() - times.keys()
    assert max(times.values()) == 1
    moves = world.segue("model", "history", "churn", "-o", "json")
    assert [(move["alias"], move["to"]) for move in json.loads(moves)].count(("champion", "2")) == 1


@pytest.mark.slow
def test_the_api_is_started_too(tmp_path: Path) -> None:
    """Ten above the gateway's port: it tells what the store holds, comes again when it is killed, and ends with the rest."""
    world = Installation(tmp_path)
    port = world.port + 10
    server = ("--server", f"http://127.0.0.1:{port}")
    with world.up():
        _until_ready(port)
        for look in (("get", "-o", "name"), ("model", "list", "-o", "json"), ("model", "history", "churn", "-o", "json")):
            assert world.segue(*look, *server) == world.segue(*look)
        _kill(f"segue api --port {port}")
        _until_ready(port)
        assert world.segue("get", "-o", "name", *server) == "churn-1\n"
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port)):
        pass


def _kill(command: str) -> None:
    """SIGKILL to the process with this command."""
    killed = 0
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_text().split("\0")
        except OSError:
            continue
        if command in " ".join(words):
            os.kill(int(entry.parent.name), signal.SIGKILL)
            killed += 1
    assert killed == 1


def _kill_one(root: int, dice: random.Random) -> None:
    """SIGKILL to any process below this one."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    below, found = {root}, set[int]()
    while fresh := {pid for pid, parent in parents.items() if parent in below} - found:
        found |= fresh
        below = fresh
    if found:
        os.kill(dice.choice(sorted(found)), signal.SIGKILL)


def _until(reached: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends_s and not reached():
        time.sleep(0.3)


def _until_ready(port: int) -> None:
    async def ready() -> bool:
        pool = UpstreamPool("127.0.0.1", port)
        try:
            result = await pool.request(request(b"GET", b"/readyz", block([(b"host", b"h")])), 2.0)
        finally:
            await pool.close()
        return isinstance(result, Answer) and result.status == 200

    ends_s = time.monotonic() + 60
    while not asyncio.run(ready()):
        assert time.monotonic() < ends_s, "not ready in time"
        time.sleep(0.1)


def _free_port() -> int:
    """A port that nobody uses now, nor that ten above it, which is the API's."""
    while True:
        with socket.socket() as probe, socket.socket() as above:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            try:
                above.bind(("127.0.0.1", port + 10))
            except (OSError, OverflowError):
                continue
            return port
