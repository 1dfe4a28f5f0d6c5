"""A worker starts with the last good directory, follows the store when it is there, and never waits for it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from segue.adapters.stores.store import Stores, open_store
from segue.errors import Unavailable
from segue.facts.allocation import Allocation, Directory
from segue.gateway.follow import ALLOCATIONS_COUNTED, Follower, Runs
from segue.gateway.settings import GatewaySettings
from segue.ports.store import AllocationStore, Captured
from segue.testkit import samples


def allocation(stage: str = "") -> Allocation:
    """Everybody to the champion."""
    return samples.all_to_champion("http://127.0.0.1:9", stage=stage)


class Gone:
    """A store that does not answer."""

    def __getattr__(self, _name: str) -> object:
        raise Unavailable("nobody there")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """A real store."""
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def follow(folder: Path, store: AllocationStore, running: dict[str, int] | None = None) -> tuple[Follower, list[Directory]]:
    """A follower and what it gave."""
    given: list[Directory] = []
    settings = GatewaySettings(routes=("churn",), worker="w-0", last_good=str(folder), poll_s=0.02, report_s=0.05)
    return Follower(settings, store, given.append, lambda route: Runs((running or {}).get(route, 0))), given


async def until(given: list[Directory], number: int) -> None:
    """Wait until an allocation has come."""
    for _ in range(300):
        if given and given[-1].allocation.number == number:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"allocation {number} did not come")


def test_follows_and_reports(tmp_path: Path, stores: Stores) -> None:
    """Each new allocation is given once, and the store learns what the worker runs."""

    async def run() -> None:
        running: dict[str, int] = {}
        follower, given = follow(tmp_path / "good", stores.allocations, running)
        stores.allocations.publish(allocation(), command_id="1")
        follower.start(asyncio.get_running_loop())
        await until(given, 1)
        stores.allocations.publish(allocation("shadow"), command_id="2")
        await until(given, 2)
        running["churn"] = 2
        await asyncio.sleep(0.2)
        await asyncio.to_thread(follower.stop)
        assert [directory.allocation.number for directory in given] == [1, 2]
        (report,) = stores.allocations.reports("churn")
        assert (report.worker, report.allocation) == ("w-0", 2)

    asyncio.run(run())


def test_tells_of_a_change_at_once(tmp_path: Path, stores: Stores) -> None:
    """Who is woken looks and reports at once, however long the polls are apart."""

    async def run() -> None:
        stores.allocations.publish(allocation(), command_id="1")
        given: list[Directory] = []
        runs = [Runs(1)]
        settings = GatewaySettings(routes=("churn",), worker="w-0", last_good=str(tmp_path), poll_s=60, report_s=60)
        follower = Follower(settings, stores.allocations, given.append, lambda _route: runs[-1])
        follower.start(asyncio.get_running_loop())
        await until(given, 1)
        runs.append(Runs(1, ("v8",), ("v9",)))
        follower.wake()
        for _ in range(300):
            if [report for report in stores.allocations.reports("churn") if report.ejected]:
                break
            await asyncio.sleep(0.01)
        (report,) = stores.allocations.reports("churn")
        assert (report.allocation, report.ejected, report.killed) == (1, ("v8",), ("v9",))
        await asyncio.to_thread(follower.stop)

    asyncio.run(run())


def test_starts_without_the_store(tmp_path: Path, stores: Stores) -> None:
    """What was good before is in force at once, though nobody answers; and the store is asked again and again."""

    async def run() -> None:
        stores.allocations.publish(allocation(), command_id="1")
        first, given = follow(tmp_path / "good", stores.allocations)
        first.start(asyncio.get_running_loop())
        await until(given, 1)
        await asyncio.to_thread(first.stop)
        second, later = follow(tmp_path / "good", Gone())  # type: ignore[arg-type]
        second.start(asyncio.get_running_loop())
        assert [msgspec.structs.replace(directory, endpoints=()) for directory in later] == given
        await asyncio.sleep(0.1)
        await asyncio.to_thread(second.stop)
        assert len(later) == 1

    asyncio.run(run())


@pytest.mark.parametrize("content", [b"", b"{", b'{"revision": 3}'])
def test_spoilt_file(tmp_path: Path, content: bytes) -> None:
    """A last good file that cannot be read is no reason not to start."""

    async def run() -> None:
        (tmp_path / "churn.json").write_bytes(content)
        follower, given = follow(tmp_path, Gone())  # type: ignore[arg-type]
        follower.start(asyncio.get_running_loop())
        await asyncio.to_thread(follower.stop)
        assert not given

    asyncio.run(run())


def test_counts_go_on_after_a_restart(tmp_path: Path, stores: Stores) -> None:
    """What a worker of this name had written down before it died still counts."""

    async def run() -> None:
        stores.allocations.publish(allocation(), command_id="1")
        settings = GatewaySettings(routes=("churn",), worker="w-0", last_good=str(tmp_path), poll_s=0.02, report_s=0.05)
        for written, whole in ((5, 5), (2, 7)):
            runs: dict[str, Runs] = {"churn": Runs(1, captured=of(written))}
            given: list[Directory] = []
            follower = Follower(settings, stores.allocations, given.append, runs.__getitem__)
            follower.start(asyncio.get_running_loop())
            await reported(stores, whole)
            await asyncio.to_thread(follower.stop)

    asyncio.run(run())


def of(rows: int) -> tuple[Captured, ...]:
    """So many rows of the champion."""
    return (Captured(allocation=1, variant="champion", rows=rows),)


async def reported(stores: Stores, rows: int) -> None:
    """Wait until the store knows of so many rows."""
    for _ in range(300):
        if [report for report in stores.allocations.reports("churn") if report.captured == of(rows)]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{rows} rows were not reported: {stores.allocations.reports('churn')}")


def test_only_the_last_allocations_are_counted() -> None:
    """A report stays small, however long a worker runs."""
    before = tuple(Captured(allocation=at, variant="champion", rows=at) for at in range(1, 100))
    told = Runs(100, captured=(Captured(allocation=100, variant="v8", rows=1),)).since(before).captured
    assert [it.allocation for it in told] == list(range(101 - ALLOCATIONS_COUNTED, 101))
