"""Does a lake pack its small files as the port promises: each row once, whoever looks, whenever somebody dies?"""

import multiprocessing
import random
import threading
import time
from collections import Counter

import pytest

from segue.facts.outcome import Outcome
from segue.ports.lake import Lake
from segue.record.packing import Done, Packing, pack
from segue.testkit.lakes import HOUR, LakeOpener, Reader, outcome_segment, predictions, segment
from segue.testkit.samples import NOW

_PROCESSES = multiprocessing.get_context("spawn")
_NOW_H = HOUR + 10
_AT_ONCE = Packing(least=2, keep_s=0.0)
_KEEPING = Packing(least=2)


def ids(lake: Lake, read: Reader) -> Counter[object]:
    """The ids of all rows that a reader of the route sees."""
    return Counter(
        row["request_id"] for location in lake.locations(lake.segments("predictions", "churn")) for row in read(location)
    )


def fill(lake: Lake, files: int, first: int = 0, rows: int = 5) -> Counter[object]:
    """Files of one hour, and the ids in them."""
    expected: Counter[object] = Counter()
    for place in range(first, first + files):
        made = predictions(rows, prefix=f"f{place}")
        lake.put_predictions(segment(f"j1-{place:04}"), made)
        expected.update(row.request_id for row in made)
    return expected


class PackSuite:
    """What every lake promises about packs; with the fixtures of `LakeSuite`."""

    def test_a_pack_stands_in_the_place_of_its_parts(self, opener: LakeOpener, read: Reader) -> None:
        """The same rows out of fewer files, for whoever had the lake open too; a second pass finds nothing to do."""
        lake, other = opener(), opener()
        expected = fill(lake, 6)
        other.segments("predictions", "churn")
        assert pack(lake, _NOW_H, _KEEPING) == Done(files=6, packs=1)
        for reader in (lake, other, opener()):
            (found,) = reader.segments("predictions", "churn")
            assert found.packed
            assert len(reader.parts(found)) == len(reader.parts(found, left=True)) == 6
            assert ids(reader, read) == expected
        assert pack(other, _NOW_H, _KEEPING) == Done()
        assert pack(other, _NOW_H, _AT_ONCE) == Done(swept=6)
        assert ids(opener(), read) == expected
        assert pack(lake, _NOW_H, _AT_ONCE) == Done()

    def test_stragglers_become_a_pack_of_their_own(self, lake: Lake, read: Reader) -> None:
        """What comes into a packed hour lies beside the pack, and is packed with its like; outcomes are packed too."""
        expected = fill(lake, 3)
        pack(lake, _NOW_H, _KEEPING)
        expected += fill(lake, 3, first=3)
        assert [it.packed for it in lake.segments("predictions", "churn")] == [True, False, False, False]
        assert ids(lake, read) == expected
        for name in ("a", "b"):
            lake.put_outcomes(
                outcome_segment(name), [Outcome(route="churn", request_id=name, at=NOW, received_at=NOW, label="1")]
            )
        assert pack(lake, _NOW_H, _AT_ONCE) == Done(files=5, packs=2, swept=8)
        assert [it.name for it in lake.segments("predictions", "churn")] == ["000001", "000002"]
        assert ids(lake, read) == expected
        assert len(lake.segments("outcomes", "churn")) == 1

    def test_a_part_that_comes_again_is_not_seen(self, lake: Lake, read: Reader) -> None:
        """A recorder that died between the lake and its journal ships a file that was packed and removed: it counts once."""
        expected = fill(lake, 4)
        pack(lake, _NOW_H, _AT_ONCE)
        fill(lake, 2)
        assert ids(lake, read) == expected
        assert pack(lake, _NOW_H, _AT_ONCE) == Done(swept=2)
        assert ids(lake, read) == expected

    def test_young_hours_and_few_files_are_left(self, lake: Lake) -> None:
        """An hour is packed when it is over for long enough, and has files enough."""
        fill(lake, 4)
        assert pack(lake, HOUR + 2, _KEEPING) == Done()
        assert pack(lake, _NOW_H, Packing(least=5)) == Done()
        assert pack(lake, HOUR + 3, Packing(least=4)) == Done(files=4, packs=1)

    def test_several_may_pack_at_once(self, opener: LakeOpener, read: Reader) -> None:
        """Of those who pack the same files one does; no row is there twice."""
        expected = fill(opener(), 12)
        done: list[Done] = []
        starting = threading.Barrier(4)

        def run() -> None:
            lake = opener()
            starting.wait()
            done.append(pack(lake, _NOW_H, _KEEPING))

        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(it.files for it in done) == 12
        assert ids(opener(), read) == expected

    @pytest.mark.slow
    def test_killed_at_any_moment(self, opener: LakeOpener, read: Reader) -> None:
        """Packers are killed again and again beside a recorder and a reader: every look finds each row that is in, once."""
        lake, expected, rng = opener(), Counter[object](), random.Random(1)  # noqa: S311 - seeded
        for round_ in range(12):
            packer = _PROCESSES.Process(target=pack_for_ever, args=(opener,))
            packer.start()
            end = time.monotonic() + 0.6 + rng.random()
            while time.monotonic() < end:
                expected += fill(lake, 3, first=3 * sum(1 for _ in expected) // 15)
                fill(lake, 1, first=rng.randrange(max(len(expected) // 5, 1)))  # shipped again
                assert _seen(opener() if round_ % 2 else lake, read) == expected
            packer.kill()
            packer.join()
            packer.close()
            assert _seen(lake, read) == expected
        pack(lake, _NOW_H, _AT_ONCE)
        assert ids(lake, read) == expected
        assert any(it.packed for it in lake.segments("predictions", "churn"))


def _seen(lake: Lake, read: Reader) -> Counter[object]:
    """What a reader sees; a file that was removed since it looked makes it look again, as a tick does."""
    for _ in range(100):
        try:
            return ids(lake, read)
        except FileNotFoundError:
            continue
    raise AssertionError("the files were never there for long enough")


def pack_for_ever(opener: LakeOpener) -> None:
    """In a process of its own."""
    lake = opener()
    while True:
        pack(lake, _NOW_H, _AT_ONCE)
