"""Gateway and recorder are killed under load, again and again: nothing that a caller saw is missing or doubled in the lake."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from segue.assign.ownership import rebalance
from segue.facts.allocation import Allocation, Shadow, Split, Target
from segue.http.call import Answer
from segue.http.client import UpstreamPool
from segue.http.message import block, first, request
from segue.wiring import home_at, stores_of

KILLS = 20
CALLERS = 16
UPSTREAM = """
import asyncio, json, sys
from segue.http.server import Server

version = sys.argv[1]

def handler(exchange):
    asked = json.loads(exchange.body)
    data = [{"name": "label", "shape": [1], "datatype": "INT64", "data": [asked["n"] % 2]}]
    body = {"model_name": "churn", "model_version": version, "n": asked["n"], "outputs": data}
    exchange.respond(200, [(b"content-type", b"application/json")], json.dumps(body).encode())

async def main():
    print(await (server := Server(handler)).listen(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def process(*arguments: str, home: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, killed at the end."""
    environment = {**os.environ, "SEGUE_HOME": str(home), "SEGUE_SEAL_S": "0.3"}
    with log.open("ab") as out, subprocess.Popen(arguments, env=environment, stdout=out, stderr=out) as started:
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                started.kill()


@contextmanager
def upstream(version: str) -> Iterator[int]:
    """A model server in a process of its own; its port."""
    with subprocess.Popen([sys.executable, "-c", UPSTREAM, version], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        try:
            yield int(started.stdout.readline())
        finally:
            started.kill()


def publish(home: Path, ports: dict[str, int]) -> None:
    """Half of the units to each of two versions, the candidate shadowing the rest."""
    allocation = Allocation(
        number=0,
        route="churn",
        rollout="churn-1",
        stage="ab",
        spec_digest="d",
        published_at=datetime.now(UTC),
        protocol="v2",
        unit=("header:x-user-id", "request"),
        context={},
        champion="champion",
        variants={
            name: Target(version=f"models:/churn/{version}", url=f"http://127.0.0.1:{ports[version]}")
            for name, version in (("champion", "7"), ("v8", "8"))
        },
        split=Split(salt="s", kind="variant", ranges=rebalance(None, {"champion": 0.5, "v8": 0.5})),
        shadows=(Shadow(variant="v8", share=1.0),),
    )
    with stores_of(home_at(home)) as stores:
        stores.allocations.publish(allocation, command_id="first")


class Load:
    """Callers that ask without pause, and keep what they were answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered: dict[str, tuple[str, bytes]] = {}
        self.failed = 0
        self.stopped = False
        self._asked = 0
        self._more = asyncio.Event()

    async def answers(self, number: int) -> None:
        """Wait until so many further requests have been answered."""
        enough = len(self.answered) + number
        while len(self.answered) < enough:
            self._more.clear()
            await self._more.wait()

    async def run(self) -> None:
        """Ask until stopped."""
        self._pool = UpstreamPool("127.0.0.1", self.port)
        await asyncio.gather(*(self._caller() for _ in range(CALLERS)))
        await self._pool.close()

    async def _caller(self) -> None:
        while not self.stopped:
            self._asked += 1
            name = f"r-{self._asked}"
            body = json.dumps({"id": name, "n": self._asked}).encode()
            fields = block([(b"host", b"h"), (b"x-user-id", b"u-%d" % (self._asked % 997))])
            # Not replayed: a request that was asked twice would be two requests.
            result = await self._pool.request(request(b"POST", b"/v2/models/churn/infer", fields, body), 5.0, replayable=False)
            if isinstance(result, Answer) and result.status == 200:
                self.answered[name] = ((first(result.headers, b"x-segue-variant") or b"").decode(), result.body)
                self._more.set()
            else:
                self.failed += 1
                await asyncio.sleep(0.02)


def children_of(pid: int) -> list[int]:
    """Processes whose parent is this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == pid:
            found.append(int(entry.parent.name))
    return found


async def chaos(load: Load, supervisors: list[subprocess.Popen[bytes]], seed: int) -> int:
    """Kill the gateway's worker or the recorder at random moments while callers are being answered."""
    dice = random.Random(seed)
    running = asyncio.create_task(load.run())
    kills = 0
    gateway, recorder = supervisors
    while kills < KILLS:
        await load.answers(50)
        await asyncio.sleep(dice.uniform(0.0, 0.4))
        victims = children_of(gateway.pid) if dice.random() < 0.6 else children_of(recorder.pid)
        if victims:
            os.kill(dice.choice(victims), signal.SIGKILL)
            kills += 1
    load.stopped = True
    await running
    return kills


KEEPER = """
import subprocess, sys, signal
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
while not asked:
    child = subprocess.Popen([sys.executable, "-m", "segue", "record"])
    while child.poll() is None and not asked:
        try:
            child.wait(0.05)
        except subprocess.TimeoutExpired:
            pass
child.terminate()
child.wait()
"""


@pytest.mark.parametrize("seed", [1])
def test_nothing_missing_nothing_doubled(tmp_path: Path, seed: int) -> None:
    """Every id that a caller got an answer for is in the lake once, with the very answer of the variant that served it."""
    home = tmp_path / "home"
    with upstream("7") as seven, upstream("8") as eight:
        publish(home, {"7": seven, "8": eight})
        port = _free_port()
        gateway = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port)]
        with (
            process(*gateway, home=home, log=tmp_path / "gateway.log") as served,
            process(sys.executable, "-c", KEEPER, home=home, log=tmp_path / "record.log") as recorded,
        ):
            load = Load(port)
            assert asyncio.run(chaos(load, [served, recorded], seed)) == KILLS
            served.terminate()
            served.wait(20)
            _until_shipped(home)
    assert len(load.answered) > KILLS * 50
    _check(home, load)


def _check(home: Path, load: Load) -> None:
    with duckdb.connect() as lake:
        files = f"{home}/lake/predictions/**/*.parquet"
        rows = lake.execute("SELECT request_id, role, variant, response_body FROM read_parquet(?)", [files]).fetchall()
    served = {row[0]: (row[2], row[3]) for row in rows if row[1] in {"served", "fallback"}}
    times = Counter(row[0] for row in rows if row[1] in {"served", "fallback"})
    assert not load.answered.keys() - served.keys(), "answered, and not in the lake"
    assert max(times.values()) == 1, "in the lake more than once"
    assert not {name for name, answer in load.answered.items() if served[name] != answer}, "another answer than the caller's"
    shadows = Counter(row[0] for row in rows if row[1] == "shadow")
    assert shadows
    assert max(shadows.values()) == 1


def _until_shipped(home: Path) -> None:
    ends_s = time.monotonic() + 30
    while list((home / "journal").iterdir()):
        assert time.monotonic() < ends_s, sorted(path.name for path in (home / "journal").iterdir())
        time.sleep(0.1)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
