"""A gateway and a recorder as real processes, callers that keep every answer, and what must hold whatever is done to them."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from segue.assign.ownership import rebalance
from segue.facts.allocation import Allocation, Shadow, Split, Target
from segue.http.call import Answer
from segue.http.client import UpstreamPool
from segue.http.message import block, first, request
from segue.wiring import home_at, stores_of

CALLERS = 16
PATIENCE_S = 60.0

UPSTREAM = """
import asyncio, json, sys
from segue.http.server import Server

version, mood = sys.argv[1], sys.argv[2]

def handler(exchange):
    asked = json.loads(exchange.body)
    data = [{"name": "label", "shape": [1], "datatype": "INT64", "data": [asked["n"] % 2]}]
    body = json.dumps({"model_name": "churn", "model_version": version, "n": asked["n"], "outputs": data}).encode()
    fields = [(b"content-type", b"application/json")]
    if mood == "resets" and asked["n"] % 3 == 0:
        exchange.start(200, fields)
        exchange.write(body[: len(body) // 2])
        exchange.abort()
    elif mood == "resets" and asked["n"] % 3 == 1:
        exchange._connection.send(b"HTTP/1.1 200 OK\\r\\ncontent-length: 999\\r\\n\\r\\n" + body)
        exchange.abort()
    elif mood == "resets" and asked["n"] % 7 == 0:
        exchange._connection.send(b"HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\nzz\\r\\n")
        exchange.abort()
    else:
        exchange.respond(200, fields, body)

async def main():
    print(await (server := Server(handler)).listen(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

KEEPER = """
import subprocess, sys, signal
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
while not asked:
    child = subprocess.Popen([sys.executable, "-m", "segue", *sys.argv[1:]])
    while child.poll() is None and not asked:
        try:
            child.wait(0.05)
        except subprocess.TimeoutExpired:
            pass
child.terminate()
child.wait()
"""


@contextmanager
def process(*arguments: str, home: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours, ended at the end."""
    environment = {**os.environ, "SEGUE_HOME": str(home), "SEGUE_SEAL_S": "0.3"}
    with log.open("ab") as out, subprocess.Popen(arguments, env=environment, stdout=out, stderr=out) as started:
        try:
            yield started
        finally:
            end(started)


def end(started: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL if that was not enough."""
    started.terminate()
    try:
        started.wait(30)
    except subprocess.TimeoutExpired:
        started.kill()


@contextmanager
def kept(*arguments: str, home: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A part of `segue` that is started again whenever it ends, as an init would; it is the only child of what this gives."""
    with process(sys.executable, "-c", KEEPER, *arguments, home=home, log=log) as keeper:
        yield keeper


@contextmanager
def upstream(version: str, mood: str = "well") -> Iterator[int]:
    """A model server in a process of its own; its port."""
    with subprocess.Popen([sys.executable, "-c", UPSTREAM, version, mood], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        try:
            yield int(started.stdout.readline())
        finally:
            started.kill()


EVERY_REQUEST = Shadow(variant="v8", share=1.0)


def publish(
    home: Path, ports: dict[str, int], *, champion: float = 0.5, command: str = "first", shadow: Shadow = EVERY_REQUEST
) -> int:
    """A share of the units to the champion 7, the rest to the candidate 8, which also shadows; the allocation's number."""
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
        split=Split(salt="s", kind="variant", ranges=rebalance(None, {"champion": champion, "v8": 1 - champion})),
        shadows=(shadow,),
    )
    with stores_of(home_at(home)) as stores:
        return stores.allocations.publish(allocation, command_id=command).number


class Load:
    """Callers that ask without pause, and keep what they were answered."""

    def __init__(self, port: int, prefix: str = "r") -> None:
        self.port = port
        self.prefix = prefix
        self.answered: dict[str, tuple[str, bytes]] = {}
        self.refused: Counter[int] = Counter()
        self.failed = 0
        self.stopped = False
        self._asked = 0

    async def answers(self, number: int) -> None:
        """Wait until so many further requests have been answered."""
        enough = len(self.answered) + number
        await until(lambda: len(self.answered) >= enough)

    async def run(self) -> None:
        """Ask until stopped."""
        self._pool = UpstreamPool("127.0.0.1", self.port)
        await asyncio.gather(*(self._caller() for _ in range(CALLERS)))
        await self._pool.close()

    async def _caller(self) -> None:
        while not self.stopped:
            self._asked += 1
            number, name = self._asked, f"{self.prefix}-{self._asked}"
            body = json.dumps({"id": name, "n": number}).encode()
            fields = block([(b"host", b"h"), (b"x-user-id", b"u-%d" % (number % 997))])
            # Not replayed: a request that was asked twice would be two requests.
            result = await self._pool.request(request(b"POST", b"/v2/models/churn/infer", fields, body), 5.0, replayable=False)
            if isinstance(result, Answer) and result.status == 200:
                variant = (first(result.headers, b"x-segue-variant") or b"").decode()
                told = json.loads(result.body)
                assert (told["n"], told["model_version"]) == (number, {"champion": "7", "v8": "8"}[variant]), "a wrong answer"
                self.answered[name] = (variant, result.body)
                continue
            if isinstance(result, Answer):
                self.refused[result.status] += 1
            self.failed += 1
            await asyncio.sleep(0.02)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that nobody announces."""
    ends_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends_s, "waited in vain"
        await asyncio.sleep(0.01)


def children_of(pid: int) -> list[int]:
    """Processes whose parent is this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after_name[1]) == pid and after_name[0] != "Z":
            found.append(int(entry.parent.name))
    return found


def grandchildren_of(pid: int) -> list[int]:
    """Children of the children: the workers below a keeper."""
    return [worker for supervisor in children_of(pid) for worker in children_of(supervisor)]


def descriptors(pid: int) -> int:
    """How many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def until_shipped(home: Path) -> None:
    """Wait until the journal folder holds nothing but what was set aside."""
    ends_s = time.monotonic() + PATIENCE_S
    while left := sorted(path.name for path in (home / "journal").iterdir() if path.suffix != ".damaged"):
        assert time.monotonic() < ends_s, left
        time.sleep(0.1)


def rows_of(home: Path) -> list[tuple[str, str, str, bytes]]:
    """Request id, role, variant and answer of everything in the lake."""
    files = f"{home}/lake/predictions/**/*.parquet"
    with duckdb.connect() as engine:
        found: list[tuple[str, str, str, bytes]] = engine.execute(
            "SELECT request_id, role, variant, response_body FROM read_parquet(?)", [files]
        ).fetchall()
    return found


def check(home: Path, load: Load) -> list[tuple[str, str, str, bytes]]:
    """Every answered id is in the lake once, with the very answer of the variant that gave it; the rows of this load."""
    rows = [row for row in rows_of(home) if row[0].startswith(load.prefix + "-")]
    served = {row[0]: (row[2], row[3]) for row in rows if row[1] in {"served", "fallback"}}
    assert not load.answered.keys() - served.keys(), "answered, and not in the lake"
    assert max(Counter(row[:2] for row in rows).values()) == 1, "in the lake more than once"
    assert max(Counter(row[0] for row in rows if row[1] in {"served", "fallback"}).values()) == 1, "answered twice"
    assert not {name for name, answer in load.answered.items() if served[name] != answer}, "another answer than the caller's"
    return rows


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
