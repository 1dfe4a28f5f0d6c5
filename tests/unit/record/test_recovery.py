"""What dead workers leave is sealed, once, and the living are left alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from segue.record.frames import Reason, frame, header_frame, read_frames, sealed_files
from segue.record.journal import Journal
from segue.record.recovery import recover
from segue.record.segment import JournalSettings, Origin

HEADER = b"".join(header_frame(Origin(worker="w0", boot="b0", sequence=0)))
RECORD = b"".join(frame(1, b"abc"))
NAME = "w0-b0-00000000"


@pytest.mark.parametrize(
    ("content", "records", "cut_bytes", "reason"),
    [
        (HEADER + RECORD + RECORD, 2, 0, None),
        (HEADER + RECORD + RECORD[:-1], 1, len(RECORD) - 1, Reason.TORN),
        (HEADER + RECORD + RECORD[:1], 1, 1, Reason.TORN),
    ],
)
def test_a_torn_tail_is_cut(tmp_path: Path, content: bytes, records: int, cut_bytes: int, reason: Reason | None) -> None:
    """A dead worker's file is cut at its last whole frame, sealed, and the cut is counted."""
    (tmp_path / f"{NAME}.open").write_bytes(content)
    (recovered,) = recover(tmp_path)
    sealed = tmp_path / f"{NAME}.sealed"
    assert (recovered.segment, recovered.path) == (NAME, sealed)
    assert (recovered.records, recovered.cut_bytes, recovered.reason) == (records, cut_bytes, reason)
    assert sealed.read_bytes() == HEADER + RECORD * records
    assert recover(tmp_path) == []


@pytest.mark.parametrize("content", [b"", HEADER[:5], HEADER, HEADER + RECORD[:3]])
def test_a_file_without_records_is_removed(tmp_path: Path, content: bytes) -> None:
    """A file in which no record is whole leaves nothing to ship."""
    (tmp_path / f"{NAME}.open").write_bytes(content)
    (recovered,) = recover(tmp_path)
    assert (recovered.path, recovered.records) == (None, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "records", "reason"),
    [
        (HEADER + RECORD + b"\0" * 50 + RECORD, 1, Reason.CHECKSUM),
        (b"\0" * 50 + RECORD, 0, Reason.CHECKSUM),
        (b"".join(frame(0, b"SEGUEJNL\x63\0later")) + RECORD, 0, Reason.VERSION),
    ],
)
def test_spoilt_files_lose_nothing(tmp_path: Path, content: bytes, records: int, reason: Reason) -> None:
    """A file that is not torn but spoilt, or of a later version, is sealed with every byte it has."""
    (tmp_path / f"{NAME}.open").write_bytes(content)
    (recovered,) = recover(tmp_path)
    assert (recovered.records, recovered.cut_bytes, recovered.reason) == (records, 0, reason)
    assert recovered.path is not None
    assert recovered.path.read_bytes() == content


def test_the_living_and_the_foreign_are_left_alone(tmp_path: Path) -> None:
    """A file that its writer holds is not touched, nor one that is vouched for, nor one with another's name."""
    journal = Journal(JournalSettings(folder=str(tmp_path), worker="alive", boot="b0"))
    journal.append(1, b"a")
    assert journal.commit()
    (tmp_path / f"{NAME}.open").write_bytes(HEADER + RECORD)
    (tmp_path / "notes.open").write_bytes(b"mine")
    assert recover(tmp_path, alive=lambda path: path.name.startswith("w0")) == []
    assert [recovered.segment for recovered in recover(tmp_path)] == [NAME]
    assert (tmp_path / "notes.open").read_bytes() == b"mine"
    journal.append(1, b"b")
    assert journal.close()
    assert [payload for _, payload in read_frames(tmp_path / "alive-b0-00000000.sealed")] == [b"a", b"b"]


RECOVERER = """
import sys
from pathlib import Path
from segue.record.recovery import recover
sys.stdin.readline()
print(*[f"{it.segment}:{it.records}:{it.cut_bytes}" for it in recover(Path(sys.argv[1]))])
"""


def test_recoveries_that_race(tmp_path: Path) -> None:
    """Of several recoveries at once each file is dealt with by exactly one, and comes out as from a single one."""
    count = 200
    for number in range(count):
        (tmp_path / f"w0-b0-{number:08d}.open").write_bytes(HEADER + RECORD * 3 + RECORD[: number % 5 + 1])
    command = [sys.executable, "-c", RECOVERER, str(tmp_path)]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = sorted(line for racer in racers for line in racer.communicate()[0].split())
    assert [racer.returncode for racer in racers] == [0] * 4
    assert said == [f"w0-b0-{number:08d}:3:{number % 5 + 1}" for number in range(count)]
    assert not list(tmp_path.glob("*.open"))
    assert [path.read_bytes() for path in sealed_files(tmp_path)] == [HEADER + RECORD * 3] * count
