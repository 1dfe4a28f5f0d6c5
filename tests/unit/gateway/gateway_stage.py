"""A gateway worker with real upstreams on real sockets, for the tests of this room."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from segue.adapters.clocks import SystemClock
from segue.assign.ownership import rebalance
from segue.facts.allocation import Allocation, Directory, Key, Protocol, Shadow, Split, Target
from segue.facts.prediction import Capture
from segue.facts.wire.codec import from_pack
from segue.facts.wire.frames import CAPTURE
from segue.gateway.settings import GatewaySettings
from segue.gateway.worker import Worker
from segue.http.call import Answer
from segue.http.client import UpstreamPool
from segue.http.exchange import Exchange
from segue.http.limits import ServerLimits
from segue.http.message import Headers, block, request
from segue.http.server import Server
from segue.ids import RequestIds
from segue.record.frames import Frames
from segue.record.group import GroupCommit
from segue.record.journal import Journal
from segue.record.segment import JournalSettings

BODY = b'{"inputs":[]}'
Behaviour = Callable[[Exchange], None]


def answers(version: str, status: int = 200) -> Behaviour:
    """An upstream that answers at once."""

    def handler(exchange: Exchange) -> None:
        body = json.dumps({"model_version": version, "seen": exchange.body.decode()}).encode()
        exchange.respond(status, [(b"content-type", b"application/json"), (b"x-upstream", version.encode())], body)

    return handler


def hangs(_exchange: Exchange) -> None:
    """An upstream that never answers."""


def resets(exchange: Exchange) -> None:
    """An upstream that cuts the connection in the middle of its answer."""
    exchange.start(200, [])
    exchange.write(b"half")
    exchange.abort()


class Reply(msgspec.Struct, frozen=True):
    """What the caller got."""

    status: int
    headers: dict[str, str]
    body: bytes


class Stage:
    """A worker, its upstreams and its caller."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}
        self.seen: dict[str, list[Exchange]] = {}
        self._servers: list[Server] = []
        self.journal = Journal(JournalSettings(folder=str(folder), worker="w", boot="b"), lambda: self.worker.preamble())  # noqa: PLW0108 - the worker comes later
        given = {"routes": ("churn",), "worker": "w", "last_good": str(folder / "good"), "drain_s": 1.0, **settings}
        chosen = msgspec.convert(given, GatewaySettings)
        recorder = GroupCommit(self.journal, asyncio.get_running_loop())
        self.worker = Worker(chosen, recorder, SystemClock(), RequestIds(start_us=1, entropy=1))
        self.number = 0
        self.keys: list[Key] = []

    async def upstream(self, version: str, behaviour: Behaviour) -> None:
        """Start an upstream; `seen` keeps what it was asked."""
        kept = self.seen.setdefault(version, [])

        def handler(exchange: Exchange) -> None:
            kept.append(exchange)
            behaviour(exchange)

        server = Server(handler)
        self.ports[version] = await server.listen()
        self._servers.append(server)

    def publish(
        self,
        shares: dict[str, float],
        *,
        shadows: dict[str, float] | None = None,
        timeout_s: float = 0.3,
        protocol: Protocol = "v2",
        route: str = "churn",
    ) -> None:
        """Put an allocation of champion 7 and v8 in force."""
        self.number += 1
        variants = {
            name: Target(version=f"models:/churn/{version}", url=f"http://127.0.0.1:{port}", timeout_s=timeout_s)
            for name, version in (("champion", "7"), ("v8", "8"))
            if (port := self.ports.get(version))
        }
        allocation = Allocation(
            number=self.number,
            route=route,
            rollout=f"{route}-1",
            stage="ab",
            spec_digest="d",
            published_at=datetime.now(UTC),
            protocol=protocol,
            unit=("header:x-user-id", "request"),
            context={"country": "header:x-country"},
            champion="champion",
            variants=variants,
            split=Split(salt="s", kind="variant", ranges=rebalance(None, shares)),
            shadows=tuple(Shadow(variant=v, share=s, timeout_s=0.5) for v, s in (shadows or {}).items()),
            deadline_s=2.0,
        )
        keys = tuple(key for key in self.keys if key.route == route)
        self.worker.swap(Directory(revision=str(self.number), allocation=allocation, keys=keys))

    async def listen(self, limits: ServerLimits | None = None) -> None:
        """Let the worker listen, and a caller connect."""
        server = Server(self.worker.handle, limits or ServerLimits(), self.worker.streams)
        self.port = await server.listen()
        self._servers.append(server)
        self.caller = UpstreamPool("127.0.0.1", self.port)

    async def ask(
        self, target: bytes = b"/v2/models/churn/infer", body: bytes = BODY, headers: Headers = (), *, method: bytes = b""
    ) -> Reply:
        """One call."""
        method = method or (b"POST" if body else b"GET")
        payload = request(method, target, block([(b"host", b"h"), *headers]), body)
        result = await self.caller.request(payload, 5.0, head_only=method == b"HEAD")
        assert isinstance(result, Answer), result
        names = {name.decode().lower(): value.decode() for name, value in result.headers}
        return Reply(result.status, names, result.body)

    def rows(self) -> list[Capture]:
        """Every row written so far."""
        self.journal.close()
        found = []
        for path in sorted(self.folder.glob("*.sealed")):
            found += [from_pack(Capture, payload) for kind, payload in Frames(path.read_bytes()) if kind == CAPTURE]
        return found

    async def close(self) -> None:
        """End everything."""
        await self.caller.close()
        for server in reversed(self._servers):
            await server.drain(0.05)
        await self.worker.close(1.0)
        self.journal.close()


@asynccontextmanager
async def stage(
    folder: Path, champion: Behaviour, candidate: Behaviour | None = None, **settings: object
) -> AsyncIterator[Stage]:
    """A worker in front of champion 7 and, where given, candidate 8; `settings` as in `GatewaySettings`."""
    made = Stage(folder, **settings)
    await made.upstream("7", champion)
    if candidate is not None:
        await made.upstream("8", candidate)
    await made.listen()
    try:
        yield made
    finally:
        await made.close()
