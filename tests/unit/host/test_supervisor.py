"""The host while the things around it fail: real store, real workers, a door that can be shut."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from itertools import count, takewhile
from pathlib import Path

import pytest

from segue.adapters.stores.store import Stores, open_store
from segue.errors import Unavailable
from segue.facts.allocation import Endpoint
from segue.host.plan import Key
from segue.host.settings import HostSettings
from segue.host.supervisor import Supervisor
from segue.ports.registry import AliasMove, ModelVersion
from segue.ports.span import WHOLE, Span

ALIAS = "models:/m@champion"
ONE, TWO = Key("m", "1"), Key("m", "2")


class Door:
    """The real registry and directory behind a door: shut, every call is `Unavailable`."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.registry_shut = False
        self.directory_shut = False
        self.refused = 0

    def _pass(self, *, shut: bool) -> None:
        if shut:
            self.refused += 1
            raise Unavailable("the door is shut")

    def versions(self, model: str = "", *, span: Span = WHOLE) -> list[ModelVersion]:
        self._pass(shut=self.registry_shut)
        return list(self.stores.registry.versions(model, span=span))

    def alias(self, model: str, alias: str) -> str | None:
        self._pass(shut=self.registry_shut)
        return self.stores.registry.alias(model, alias)

    def aliases(self, model: str = "") -> list[tuple[str, str, str]]:
        return list(self.stores.registry.aliases(model))

    def register(self, version: ModelVersion, *, who: str = "") -> None:
        self.stores.registry.register(version, who=who)

    def fetch(self, version: ModelVersion) -> ModelVersion:
        return version

    def moves(self, model: str, *, span: Span = WHOLE) -> list[AliasMove]:
        return list(self.stores.registry.moves(model, span=span))

    def move(self, move: AliasMove) -> None:
        self.stores.registry.move(move)

    def announce(self, endpoint: Endpoint) -> None:
        self._pass(shut=self.directory_shut)
        self.stores.endpoints.announce(endpoint)

    def withdraw(self, name: str, host: str) -> None:
        self._pass(shut=self.directory_shut)
        self.stores.endpoints.withdraw(name, host)

    def endpoints(self, name: str = "") -> list[Endpoint]:
        self._pass(shut=self.directory_shut)
        return list(self.stores.endpoints.endpoints(name))

    def point(self, after: str) -> None:
        before = self.stores.registry.alias("m", "champion") or ""
        move = AliasMove(model="m", alias="champion", before=before, after=after, who="t", why="", at=datetime.now(UTC))
        self.stores.registry.move(move)

    def served(self) -> str:
        return "".join(it.version for it in self.stores.endpoints.endpoints(ALIAS))


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Two versions of a model, the alias at the first."""
    (tmp_path / "models_of_hosts.py").write_text("def good(folder):\n    return lambda inputs: {'a': [1]}\n")
    with open_store(f"sqlite:///{tmp_path}/s.db") as stores:
        for version in ("1", "2"):
            stores.registry.register(
                ModelVersion(
                    model="m",
                    version=version,
                    factory="models_of_hosts:good",
                    artifact=str(tmp_path),
                    digest="",
                    registered_at=datetime.now(UTC),
                    path=str(tmp_path),
                )
            )
        door = Door(stores)
        door.point("1")
        yield door


def _run(door: Door, then: Callable[[Supervisor], Awaitable[None]], grace_s: float = 0.1) -> None:
    settings = HostSettings(host="h", poll_s=0.02, heartbeat_s=0.05, grace_s=grace_s, leave_s=0.01)

    async def run() -> None:
        supervisor = Supervisor(door, door, lambda: {ALIAS}, settings)
        stop = asyncio.Event()
        running = asyncio.create_task(supervisor.run(stop))
        try:
            await _until(lambda: door.served() == "1")
            await asyncio.wait_for(then(supervisor), 20)
        finally:
            stop.set()
            await running

    asyncio.run(run())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        for _ in takewhile(lambda _: not condition(), count()):
            await asyncio.sleep(0.01)


def test_without_the_registry_everything_stays(door: Door) -> None:
    """While the registry does not answer, what is served is served on; afterwards the alias is followed."""

    async def then(supervisor: Supervisor) -> None:
        door.registry_shut = True
        door.point("2")
        await _until(lambda: door.refused > 10)
        assert door.served() == "1"
        assert set(supervisor.slots) == {ONE}
        door.registry_shut = False
        await _until(lambda: door.served() == "2")

    _run(door, then)


def test_a_version_that_the_directory_still_names_is_not_ended(door: Door) -> None:
    """While the directory cannot be written, the version that callers are sent to runs on, however long that takes."""

    async def then(supervisor: Supervisor) -> None:
        door.directory_shut = True
        door.point("2")
        await _until(lambda: TWO in supervisor.slots and supervisor.slots[TWO].phase == "ready")
        refused = door.refused
        await _until(lambda: door.refused > refused + 15)  # turns, that together are longer than the grace
        assert door.served() == "1"
        assert supervisor.slots[ONE].phase == "ready"
        door.directory_shut = False
        await _until(lambda: door.served() == "2" and set(supervisor.slots) == {TWO})

    _run(door, then)


def test_signs_of_life_go_on(door: Door) -> None:
    """An entry is refreshed again and again while its worker is ready."""

    async def then(supervisor: Supervisor) -> None:
        assert supervisor.slots[ONE].phase == "ready"
        for _ in range(3):
            (before,) = door.stores.endpoints.endpoints(ALIAS)
            await _until(lambda before=before: door.stores.endpoints.endpoints(ALIAS)[0].seen_at > before.seen_at)  # type: ignore[misc]

    _run(door, then)


def test_a_rollback_comes_back_to_a_version_that_still_runs(door: Door) -> None:
    """An alias that moves back within the grace is followed at once, without a new process."""

    async def then(supervisor: Supervisor) -> None:
        first = supervisor.slots[ONE]
        door.point("2")
        await _until(lambda: door.served() == "2")
        door.point("1")
        await _until(lambda: door.served() == "1")
        assert supervisor.slots[ONE].starts == 1
        assert supervisor.slots[ONE] is first

    _run(door, then, grace_s=30.0)
