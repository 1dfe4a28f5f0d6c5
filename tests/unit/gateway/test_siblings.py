"""The numbers of a machine's workers add up, and a sum of counts never falls while the gateway runs."""

import asyncio
import fcntl
import os
import threading
import time
from pathlib import Path

from segue.facts.wire.exposition import Sample
from segue.gateway.sight.siblings import Siblings, begin_anew

REQUESTS, CONNECTIONS = "segue_requests_total", "segue_connections"


class One:
    """A worker's life, that has counted so much."""

    def __init__(self, folder: Path, name: str, requests: int, connections: int = 0) -> None:
        self.requests = requests
        self.connections = connections
        self.siblings = Siblings(str(folder), name, self.snapshot)

    def snapshot(self) -> list[Sample]:
        """Its own numbers."""
        return [(REQUESTS, (("route", "churn"),), self.requests), (CONNECTIONS, (), self.connections)]

    def show(self) -> bool:
        """Show them, as it does once a second."""
        return self.siblings._show(self.snapshot())

    def told(self) -> tuple[float, float]:
        """Requests and connections of all, as it says when it is asked."""
        found = asyncio.run(self.siblings.together())
        return found[REQUESTS, (("route", "churn"),)], found[CONNECTIONS, ()]


def test_a_successor_goes_on_counting(tmp_path: Path) -> None:
    """Whoever it succeeds writes nothing more under the name, not even at its end, and tells what the others tell."""
    old, other = One(tmp_path, "a-1", 100, 3), One(tmp_path, "a-2", 10, 4)
    assert (old.show(), other.show()) == (True, True)
    assert old.told() == other.told() == (110, 7)
    new = One(tmp_path, "a-1", 5, 1)
    assert new.told() == other.told() == old.told() == (115, 5)
    new.requests = 6
    assert (new.show(), old.show()) == (True, False)
    old.siblings.leave()
    assert new.told() == other.told() == (116, 5)
    third = One(tmp_path, "a-1", 1, 1)
    assert third.told() == other.told() == (117, 5)


def test_who_has_left_shows_nothing_more(tmp_path: Path) -> None:
    """Numbers that a thread was about to show when the worker ended would bring its levels back."""
    gone, other = One(tmp_path, "a-1", 100, 3), One(tmp_path, "a-2", 10, 4)
    assert gone.show()
    gone.siblings.leave()
    assert not gone.show()
    assert other.told() == (110, 4)


def test_what_was_told_is_not_taken_back(tmp_path: Path) -> None:
    """Of a worker that has counted on, was asked, and was killed before it showed its numbers by itself."""
    asked, other = One(tmp_path, "a-1", 100), One(tmp_path, "a-2", 10)
    assert asked.show()
    asked.requests = 150
    assert asked.told() == (150, 0)
    assert other.told() == (160, 0)


def test_a_worker_that_ends_leaves_its_counts_and_no_level(tmp_path: Path) -> None:
    """At once where it says so; a little later where it was killed."""
    other = One(tmp_path, "a-2", 10, 4)
    ended, killed = One(tmp_path, "a-1", 100, 3), One(tmp_path, "a-3", 1000, 5)
    for each in (ended, killed, other):
        assert each.show()
    ended.siblings.leave()
    assert other.told() == (1110, 9)
    long_ago = time.time() - 60
    os.utime(tmp_path / "numbers-a-3.json", (long_ago, long_ago))
    assert other.told() == (1110, 4)


def test_a_gateway_that_begins_counts_from_nothing(tmp_path: Path) -> None:
    """Its own workers do; another gateway of the home is left alone, and so is what is no file of numbers."""
    (tmp_path / "churn.json").write_text("{}")
    for name in ("a-8080-0", "a-8081-0"):
        assert One(tmp_path, name, 10).show()
    begin_anew(str(tmp_path), "a-8080-")
    assert sorted(file.name for file in tmp_path.glob("*.json")) == ["churn.json", "numbers-a-8081-0.json"]


def test_a_file_that_is_no_file_of_numbers_is_left_out(tmp_path: Path) -> None:
    """Torn, or of nobody."""
    (tmp_path / "numbers-a-9.json").write_text('[["segue_requests_total"')
    assert One(tmp_path, "a-1", 2).told() == (2, 0)


def test_the_loop_goes_on_while_a_sibling_is_in_the_way(tmp_path: Path) -> None:
    """Whoever asks for the numbers waits for the file, and nobody else does."""
    asked = One(tmp_path, "a-1", 100)

    async def run() -> float:
        with (tmp_path / "numbers-a-1.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            release = threading.Timer(0.5, lambda: fcntl.flock(lock, fcntl.LOCK_UN))
            release.start()
            telling = asyncio.create_task(asked.siblings.together())
            await asyncio.sleep(0)
            assert not telling.done()
            found = await telling
            release.join()
        return found[REQUESTS, (("route", "churn"),)]

    assert asyncio.run(run()) == 100
