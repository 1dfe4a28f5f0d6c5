"""Journal to lake, each row exactly once, with real files."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

import msgspec
import pyarrow.parquet as pq
import pytest

from segue.adapters.lakes.folder import FolderLake
from segue.errors import Unavailable
from segue.facts.outcome import Outcome
from segue.facts.prediction import Capture, Prediction
from segue.facts.wire.codec import to_json, to_pack
from segue.facts.wire.frames import ALLOCATION, CAPTURE, OUTCOME
from segue.ports.lake import Lake, RowKind, Segment
from segue.record.journal import Journal
from segue.record.segment import JournalSettings
from segue.record.shipper import DAMAGED, Shipper, ship
from segue.testkit import samples

HOUR_US = 3_600_000_000
ALLOCATED = msgspec.structs.replace(samples.allocation(), number=7)


def capture(request_id: str, hour: int = 0, **changes: object) -> Capture:
    """A capture some hours after the epoch."""
    return samples.capture(request_id, at_us=hour * HOUR_US, **{"allocation": 7, **changes})


def journal(folder: Path, boot: str = "b1") -> Journal:
    """A worker's journal."""
    return Journal(JournalSettings(folder=str(folder), worker="w0", boot=boot))


def written(folder: Path, *rows: Capture | Outcome, boot: str = "b1", allocated: bool = True) -> Path:
    """A sealed journal file with these rows."""
    writing = journal(folder, boot)
    if allocated:
        writing.append(ALLOCATION, [to_json(ALLOCATED)])
    for row in rows:
        writing.append(CAPTURE if isinstance(row, Capture) else OUTCOME, [to_pack(row)])
    assert writing.commit()
    sealed = writing.seal()
    assert sealed is not None
    return sealed


def rows_in(lake: Lake, kind: RowKind = "predictions", route: str = "churn") -> Counter[str]:
    """How often each request id is in the lake."""
    found: Counter[str] = Counter()
    for location in lake.locations(lake.segments(kind, route)):
        found.update(pq.read_table(location)["request_id"].to_pylist())
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class FailingLake:
    """A lake that does not take more than so many segments."""

    def __init__(self, lake: Lake, takes: int) -> None:
        self._lake = lake
        self._takes = takes

    def put_predictions(self, segment: Segment, rows: Sequence[Prediction]) -> None:
        self._count()
        self._lake.put_predictions(segment, rows)

    def put_outcomes(self, segment: Segment, rows: Sequence[Outcome]) -> None:
        self._count()
        self._lake.put_outcomes(segment, rows)

    def segments(self, kind: RowKind, route: str) -> Sequence[Segment]:
        return self._lake.segments(kind, route)

    def locations(self, segments: Sequence[Segment]) -> Sequence[str]:
        return self._lake.locations(segments)

    def routes(self, kind: RowKind) -> Sequence[str]:
        return self._lake.routes(kind)

    def pack(self, segments: Sequence[Segment]) -> int:
        return self._lake.pack(segments)

    def parts(self, pack: Segment, *, left: bool = False) -> Sequence[Segment]:
        return self._lake.parts(pack, left=left)

    def sweep(self, kind: RowKind, route: str, keep_s: float) -> int:
        return self._lake.sweep(kind, route, keep_s)

    def _count(self) -> None:
        self._takes -= 1
        if self._takes < 0:
            raise Unavailable("full")


def test_a_file_becomes_segments_by_kind_route_and_hour(tmp_path: Path) -> None:
    """They are named after the file, and the file is gone."""
    lake = FolderLake(tmp_path / "lake")
    done = samples.outcome("a")
    path = written(tmp_path / "j", capture("a"), capture("b", 1), capture("c", 1), done)
    shipped = ship(tmp_path / "j", lake)
    assert (shipped.files, shipped.segments, shipped.predictions, shipped.outcomes) == (1, 3, 3, 1)
    name = path.name.removesuffix(".sealed")
    assert [(it.hour, it.name) for it in lake.segments("predictions", "churn")] == [(0, name), (1, name)]
    assert rows_in(lake) == Counter("abc")
    assert rows_in(lake, "outcomes", done.route) == Counter("a")
    assert not list((tmp_path / "j").iterdir())


def test_captures_of_an_unknown_allocation_are_kept(tmp_path: Path) -> None:
    """They are counted, and in the lake."""
    lake = FolderLake(tmp_path / "lake")
    written(tmp_path / "j", capture("a"), allocated=False)
    assert ship(tmp_path / "j", lake).unread == 1
    assert rows_in(lake) == Counter("a")


@pytest.mark.parametrize("takes", range(5))
def test_a_pass_that_was_cut_short_is_finished_by_the_next(tmp_path: Path, takes: int) -> None:
    """Wherever it stops, the journal file stays, and the lake ends up with the same bytes as without a stop."""
    rows: list[Capture | Outcome] = [capture("a"), capture("b", 1), capture("c", 2), samples.outcome("a"), samples.outcome("b")]
    for name in ("j", "k"):
        written(tmp_path / name, *rows)
    whole, cut = FolderLake(tmp_path / "whole"), FolderLake(tmp_path / "cut")
    ship(tmp_path / "k", whole)
    first = ship(tmp_path / "j", FailingLake(cut, takes))
    assert (first.files, first.failures) == ((0, 1) if takes < 4 else (1, 0))
    ship(tmp_path / "j", cut)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert not list((tmp_path / "j").iterdir())


def test_what_a_dead_worker_left_is_shipped(tmp_path: Path) -> None:
    """Its whole frames; the torn tail is cut and counted."""
    writing = journal(tmp_path / "j")
    writing.append(ALLOCATION, [to_json(ALLOCATED)])
    for name in "abc":
        writing.append(CAPTURE, [to_pack(capture(name))])
    writing.commit()
    (live,) = (tmp_path / "j").iterdir()
    lake = FolderLake(tmp_path / "lake")
    assert ship(tmp_path / "j", lake).files == 0, "its writer lives"
    content = live.read_bytes()
    writing.close()
    for path in (tmp_path / "j").iterdir():
        path.unlink()
    live.write_bytes(content[:-3])
    shipped = ship(tmp_path / "j", lake)
    assert (shipped.recovered, shipped.files, shipped.predictions) == (1, 1, 2)
    assert shipped.cut_bytes > 0
    assert rows_in(lake) == Counter("ab")


def test_damage_is_set_aside(tmp_path: Path) -> None:
    """All before the damage is shipped, once; the file is kept for a person, and the next file is not held up."""
    path = written(tmp_path / "j", capture("a"), capture("b"), capture("c"))
    whole = bytearray(path.read_bytes())
    whole[whole.index(to_pack(capture("b"))) + 20] ^= 1
    path.write_bytes(whole)
    written(tmp_path / "j", capture("d"), boot="b2")
    lake = FolderLake(tmp_path / "lake")
    shipped = ship(tmp_path / "j", lake)
    assert (shipped.files, shipped.damaged, shipped.predictions) == (2, 1, 2)
    assert shipped.damaged_bytes > 2 * len(to_pack(capture("b")))
    assert [it.name for it in (tmp_path / "j").iterdir()] == [path.with_suffix(DAMAGED).name]
    assert ship(tmp_path / "j", lake).files == 0
    assert rows_in(lake) == Counter("ad")


def test_frames_that_nobody_knows_are_not_lost(tmp_path: Path) -> None:
    """A whole frame of an unknown kind, or with foreign content, sets the file aside after the rest was shipped."""
    writing = journal(tmp_path / "j")
    for kind, payload in [
        (ALLOCATION, to_json(ALLOCATED)),
        (99, b"?"),
        (CAPTURE, b"\xc1 no msgpack"),
        (CAPTURE, to_pack(capture("a"))),
    ]:
        writing.append(kind, [payload])
    writing.close()
    lake = FolderLake(tmp_path / "lake")
    assert ship(tmp_path / "j", lake).damaged == 1
    assert rows_in(lake) == Counter("a")
    assert [path.suffix for path in (tmp_path / "j").iterdir()] == [DAMAGED]


def test_the_loop_ships_what_was_there_when_it_was_told_to_stop(tmp_path: Path) -> None:
    """The last pass comes after the word."""
    lake = FolderLake(tmp_path / "lake")
    shipper = Shipper(tmp_path / "j", lake)
    (tmp_path / "j").mkdir()
    stop = Event()
    running = Thread(target=shipper.run, args=(stop, 60.0))
    running.start()
    try:
        written(tmp_path / "j", capture("a"))
    finally:
        stop.set()
        running.join()
    assert rows_in(lake) == Counter("a")
    assert shipper.total.predictions == 1
