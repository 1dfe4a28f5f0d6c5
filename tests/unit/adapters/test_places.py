"""Which files hold which keys."""

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from segue.adapters.engines import places
from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.engines.places import Places
from segue.adapters.lakes.folder import FolderLake
from segue.testkit.lakes import predictions, segment


def test_every_file_that_holds_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them and no other, with runs merged in memory and on disk, filtered or not, and keys in many files."""
    monkeypatch.setattr(places, "ON_DISK", 50)
    monkeypatch.setattr(places, "FILTERED", 20)
    chance, index = random.Random(3), Places(tmp_path)
    truth: defaultdict[int, set[int]] = defaultdict(set)
    keys = [chance.randrange(2**64) for _ in range(800)]
    for number in range(120):
        mine = [chance.choice(keys) for _ in range(chance.randrange(1, 60))]
        for key in mine:
            truth[key].add(number)
        index.add(np.array(mine, dtype=np.uint64), np.full(len(mine), number, dtype=np.int32))
    assert index.numbers(np.array([], dtype=np.uint64)) == set()
    for size in (1, 2, 30):
        asked = [*chance.sample(keys, size), 17]
        assert index.numbers(np.array(asked, dtype=np.uint64)) == set().union(*(truth[key] for key in asked))
    assert list(tmp_path.iterdir()) == []


def test_the_engine_finds_requests_and_counts_rows(tmp_path: Path) -> None:
    """Files are named by what they hold, among those that were asked about; an empty text is no key."""
    lake, names = FolderLake(tmp_path), ("a", "b", "c")
    for name in names:
        lake.put_predictions(segment(name), predictions(len(name) + 4, name))
    locations = list(lake.locations([segment(name) for name in names]))
    keys = "SELECT unnest(['a-1', 'c-4', 'c-5', '', NULL])"
    with DuckdbEngine() as engine:
        assert list(engine.holding("predictions", "request_id", keys, locations[:2])) == locations[:1]
        assert list(engine.holding("predictions", "request_id", keys, locations)) == [locations[0], locations[2]]
        assert list(engine.holding("predictions", "request_id", keys, locations[1:2])) == []
        assert list(engine.counts(locations)) == [5, 5, 5]
        assert list(engine.counts([])) == []
