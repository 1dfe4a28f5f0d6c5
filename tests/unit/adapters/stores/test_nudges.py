"""A change is heard of at once where the store can tell, and found by the poll in any case."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import postgres
import pytest

from segue.adapters.stores.database.connect import Database
from segue.adapters.stores.nudges import Nudged
from segue.adapters.stores.patient import PatientAllocations
from segue.adapters.stores.store import Stores, open_store
from segue.facts.allocation import Directory
from segue.gateway.follow import Follower, Runs
from segue.gateway.settings import GatewaySettings
from segue.testkit import samples

WITHIN_S = 30.0
NEVER_S = 3600.0


@pytest.fixture
def database(postgres_server: postgres.Server) -> Iterator[str]:
    """The name of a store's database."""
    with postgres_server.database() as name:
        yield name


@pytest.fixture
def stores(postgres_server: postgres.Server, database: str) -> Iterator[Stores]:
    """An opening of it."""
    with open_store(postgres_server.url(database)) as opened:
        yield opened


def test_a_revision_and_an_act_are_told_each_to_its_listeners(stores: Stores) -> None:
    """Whoever follows directories is woken by publications, whoever does what people ask for by acts and nudges."""
    stores.rollouts.create(samples.state(), spec_source="", salt="")
    changed, asked = threading.Event(), threading.Event()
    ends = [stores.allocations.listen(changed.set), stores.commands.listen(asked.set)]
    for event in (changed, asked):  # each hears once that it is being told from now on
        assert event.wait(WITHIN_S)
        event.clear()
    stores.allocations.publish(samples.allocation(), command_id="c1")
    assert changed.wait(WITHIN_S)
    assert not asked.is_set()
    stores.commands.ask(samples.act())
    assert asked.wait(WITHIN_S)
    asked.clear()
    stores.commands.nudge()
    assert asked.wait(WITHIN_S)
    for end in ends:
        end()


def test_a_listener_that_lost_its_connection_listens_again(
    stores: Stores, postgres_server: postgres.Server, database: str
) -> None:
    """It is woken for what it may have missed, and then by the next change."""
    woken = threading.Event()
    end = stores.allocations.listen(woken.set)
    assert woken.wait(WITHIN_S)
    woken.clear()
    assert postgres_server.cut(database) >= 1
    assert woken.wait(WITHIN_S)
    woken.clear()
    stores.allocations.publish(samples.allocation(), command_id="c1")
    assert woken.wait(WITHIN_S)
    end()


def test_sqlite_wakes_whoever_does_what_people_ask_for(tmp_path: Path) -> None:
    """An act, and a nudge, of another process: the listener is woken each time."""
    address = f"sqlite:///{tmp_path}/store.db"
    with open_store(address) as stores:
        stores.rollouts.create(samples.state(), spec_source="", salt="")
        asked = threading.Event()
        end = stores.commands.listen(asked.set)
        for doing in ("stores.commands.ask(samples.act())", "stores.commands.nudge()", "stores.commands.nudge()"):
            said = f"with open_store({address!r}) as stores: {doing}"
            names = "from segue.adapters.stores.store import open_store; from segue.testkit import samples\n"
            subprocess.run([sys.executable, "-c", names + said], check=True)
            assert asked.wait(WITHIN_S), doing
            asked.clear()
        end()


def test_only_a_nudge_is_one(tmp_path: Path) -> None:
    """What the monitor itself writes at each tick wakes it no more than what nobody wrote; the number goes round."""
    address = f"sqlite:///{tmp_path}/store.db"
    with open_store(address) as stores, closing(Database(address)) as database:
        begun = stores.rollouts.create(samples.state(), spec_source="", salt="")
        nudged = Nudged(database)
        assert not nudged.since()
        stores.rollouts.save(samples.decision(1), begun.state, begun.token)
        assert not nudged.since()
        stores.commands.ask(samples.act())
        assert nudged.since()
        assert not nudged.since()
        with closing(sqlite3.connect(tmp_path / "store.db")) as other:
            other.execute(f"PRAGMA user_version = {2**31 - 1}")
        assert nudged.since()
        stores.commands.nudge()
        assert (nudged.since(), database.nudges()) == (True, 0)


def test_a_store_that_cannot_tell_wakes_nobody() -> None:
    """One in memory is nobody else's; listening to it costs no thread."""
    with open_store("sqlite:///:memory:") as store:
        threads = threading.active_count()
        end = store.allocations.listen(pytest.fail)
        store.allocations.publish(samples.allocation(), command_id="c1")
        store.commands.listen(pytest.fail)
        store.commands.nudge()
        assert threading.active_count() == threads
        end()


def test_a_gateway_does_not_wait_for_its_poll(
    tmp_path: Path, stores: Stores, postgres_server: postgres.Server, database: str
) -> None:
    """A worker that looks once an hour has a new allocation at once."""

    async def followed() -> list[int]:
        given: asyncio.Queue[Directory] = asyncio.Queue()
        store = PatientAllocations(postgres_server.url(database))
        settings = GatewaySettings(routes=("churn",), worker="w-0", last_good=str(tmp_path), poll_s=NEVER_S)
        follower = Follower(settings, store, given.put_nowait, lambda _route: Runs(0))
        follower.start(asyncio.get_running_loop())
        numbers = []
        for share in (0.1, 0.2, 0.3):
            await asyncio.to_thread(stores.allocations.publish, samples.allocation(share=share), command_id=f"c{share}")
            numbers.append((await asyncio.wait_for(given.get(), WITHIN_S)).allocation.number)
        await asyncio.to_thread(follower.stop)
        store.close()
        return numbers

    assert asyncio.run(followed()) == [1, 2, 3]
