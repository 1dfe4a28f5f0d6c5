"""The journal's writer on real files: all of a commit or nothing of it, whatever the disk does."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_disk import disk_of

from segue.errors import DomainError, Refused
from segue.record.frames import PAYLOAD_BYTES_AT_MOST, frame, header_frame, read_frames, sealed_files
from segue.record.journal import Journal
from segue.record.segment import JournalSettings


def journal_in(folder: Path, **more: Any) -> Journal:
    """A worker's journal."""
    return Journal(JournalSettings(folder=str(folder), worker="w0", boot="b0", **more))


def open_file(folder: Path) -> Path:
    """The one file that is being written."""
    (path,) = folder.glob("*.open")
    return path


def test_records_come_back_in_order(tmp_path: Path) -> None:
    """What is appended and committed is in the file at once, and in the sealed file after closing."""
    journal = journal_in(tmp_path)
    journal.append(1, b"one")
    journal.append(2, [b"t", b"w", b"o"])
    assert not list(tmp_path.iterdir())
    assert journal.commit()
    assert list(read_frames(open_file(tmp_path))) == [(1, b"one"), (2, b"two")]
    journal.append(3, b"")
    assert journal.close()
    (sealed,) = sealed_files(tmp_path)
    assert list(read_frames(sealed)) == [(1, b"one"), (2, b"two"), (3, b"")]
    assert (journal.records, journal.failures, journal.lost) == (3, 0, 0)
    assert journal.written_bytes == sum(len(b"".join(frame(1, payload))) for payload in (b"one", b"two", b""))


def test_nothing_recorded_leaves_no_file(tmp_path: Path) -> None:
    """A journal without records has no file, however often it is committed, sealed and closed."""
    journal = journal_in(tmp_path)
    assert journal.commit()
    assert journal.seal() is None
    assert journal.seal_due(0) is None
    journal.tick()
    assert journal.close()
    assert not list(tmp_path.iterdir())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data())
def test_short_writes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, data: st.DataObject) -> None:
    """Whatever part of each write the kernel takes, the file ends up whole."""
    real = os.writev

    def short(fd: int, pieces: list[bytes]) -> int:
        whole = b"".join(pieces)
        return os.write(fd, whole[: data.draw(st.integers(1, len(whole)))])

    records = data.draw(st.lists(st.binary(max_size=30), min_size=1, max_size=5))
    journal = journal_in(tmp_path_factory.mktemp("journal"))
    monkeypatch.setattr(os, "writev", short)
    for record in records:
        journal.append(1, record)
    assert journal.commit()
    monkeypatch.setattr(os, "writev", real)
    sealed = journal.seal()
    assert sealed is not None
    frames = read_frames(sealed)
    assert [payload for _, payload in frames] == records
    assert frames.tail is None


def test_more_records_than_one_write_takes(tmp_path: Path) -> None:
    """A commit of more pieces than one `writev` takes is written whole."""
    journal = journal_in(tmp_path)
    records = [b"%d" % n for n in range(3 * os.sysconf("SC_IOV_MAX"))]
    for record in records:
        journal.append(1, record)
    assert journal.commit()
    assert [payload for _, payload in read_frames(open_file(tmp_path))] == records
    journal.close()


def test_each_file_begins_with_the_preamble(tmp_path: Path) -> None:
    """Every file begins with the frames that hold when it is opened, and can be read alone."""
    preambles = iter([[(9, b"first")], [(9, b"second"), (8, b"more")]])
    settings_ = JournalSettings(folder=str(tmp_path), worker="w0", boot="b0")
    journal = Journal(settings_, lambda: next(preambles))
    for record in (b"a", b"b"):
        journal.append(1, record)
        journal.commit()
        journal.seal()
    first, second = sealed_files(tmp_path)
    assert list(read_frames(first)) == [(9, b"first"), (1, b"a")]
    assert list(read_frames(second)) == [(9, b"second"), (8, b"more"), (1, b"b")]


def test_sealed_by_age_and_by_size(tmp_path: Path) -> None:
    """A file is sealed when it is old enough, or large enough, and not before; the next begins with the next record."""
    journal = journal_in(tmp_path, seal_age_s=10.0, seal_bytes=1000)
    journal.append(1, b"a")
    journal.commit()
    assert journal.seal_due(5_000_000) is None
    assert journal.seal_due(14_999_999) is None
    first = journal.seal_due(15_000_000)
    assert first is not None
    assert journal.seal_due(99_000_000) is None
    journal.append(1, b"x" * 1000)
    journal.commit()
    second = journal.seal_due(99_000_001)
    assert second is not None
    assert [path.name for path in sealed_files(tmp_path)] == [first.name, second.name]
    assert first.name < second.name
    assert not list(tmp_path.glob("*.open"))


def test_no_file_is_written_over(tmp_path: Path) -> None:
    """A name that another life has used, open or sealed, is passed over."""
    for name in ("w0-b0-00000000.sealed", "w0-b0-00000001.open"):
        (tmp_path / name).write_bytes(b"of another")
    journal = journal_in(tmp_path)
    journal.append(1, b"mine")
    assert journal.close()
    assert (tmp_path / "w0-b0-00000000.sealed").read_bytes() == b"of another"
    assert (tmp_path / "w0-b0-00000001.open").read_bytes() == b"of another"
    assert list(read_frames(tmp_path / "w0-b0-00000002.sealed")) == [(1, b"mine")]


@pytest.mark.parametrize("fsync", [False, True])
def test_a_full_disk_leaves_nothing_torn(tmp_path: Path, fsync: bool) -> None:
    """A commit that the disk takes only a part of leaves no part; later ones go on as if it had not been."""
    journal = journal_in(tmp_path, fsync=fsync)
    journal.append(1, b"before")
    assert journal.commit()
    size = open_file(tmp_path).stat().st_size
    with disk_of(size + 500):
        for record in (b"x" * 300, b"y" * 300):
            journal.append(1, record)
        assert not journal.commit()
        assert open_file(tmp_path).stat().st_size == size
        assert (journal.failures, journal.lost) == (1, 2)
        assert os.strerror(errno.EFBIG) in journal.last_error
    journal.append(1, b"after")
    assert journal.close()
    files = [read_frames(path) for path in sorted(tmp_path.iterdir())]
    assert [payload for frames in files for _, payload in frames] == [b"before", b"after"]
    assert {frames.tail for frames in files} == {None}


def test_a_disk_too_full_for_a_header(tmp_path: Path) -> None:
    """A file whose header cannot be written is taken away again, and begun anew when there is room."""
    journal = journal_in(tmp_path)
    with disk_of(10):
        for _ in range(3):
            journal.append(1, b"lost")
            assert not journal.commit()
        assert not list(tmp_path.iterdir())
    journal.append(1, b"kept")
    assert journal.close()
    (sealed,) = sealed_files(tmp_path)
    assert list(read_frames(sealed)) == [(1, b"kept")]
    assert (journal.failures, journal.lost) == (3, 3)


def test_the_answer_policy_lets_answers_leave(tmp_path: Path) -> None:
    """Under `answer` a failed commit lets the answers leave, and counts what the record lacks."""
    journal = journal_in(tmp_path, on_failure="answer")
    with disk_of(10):
        journal.append(1, b"lost")
        assert journal.commit()
    assert (journal.failures, journal.lost, journal.records) == (1, 1, 0)


def test_a_file_that_cannot_be_cut_back_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When not even the cutting back works, nothing more is written behind the torn frame: a new file begins."""
    journal = journal_in(tmp_path)
    journal.append(1, b"before")
    assert journal.commit()
    torn = open_file(tmp_path)

    def fails(*_: int) -> None:
        raise OSError(errno.EIO, "broken")

    with disk_of(torn.stat().st_size + 5), monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", fails)
        journal.append(1, b"torn away")
        assert not journal.commit()
    journal.append(1, b"after")
    assert journal.close()
    frames = read_frames(torn)
    assert [payload for _, payload in frames] == [b"before"]
    assert frames.tail is not None
    (sealed,) = sealed_files(tmp_path)
    assert list(read_frames(sealed)) == [(1, b"after")]


def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    """A journal whose folder is gone fails its commits and its seals, and does not raise."""
    journal = journal_in(tmp_path / "journal")
    journal.append(1, b"a")
    assert journal.commit()
    open_file(tmp_path / "journal").unlink()
    (tmp_path / "journal").rmdir()
    assert journal.seal() is None
    journal.append(1, b"b")
    assert not journal.close()
    assert journal.failures == 2


def test_what_cannot_be_recorded(tmp_path: Path) -> None:
    """An impossible kind, length, name or folder is refused at the door."""
    journal = journal_in(tmp_path)
    for kind in (0, 256, -1):
        with pytest.raises(DomainError):
            journal.append(kind, b"")
    with pytest.raises(DomainError):
        journal.append(1, bytes(PAYLOAD_BYTES_AT_MOST + 1))
    assert journal.commit()
    assert not list(tmp_path.iterdir())
    with pytest.raises(DomainError):
        JournalSettings(folder="x", worker="a/b", boot="c")
    with pytest.raises(DomainError):
        JournalSettings(folder="x", worker="a", boot="c", seal_bytes=0)
    (tmp_path / "file").touch()
    with pytest.raises(Refused):
        journal_in(tmp_path / "file" / "below")


def test_a_header_says_whose_file_it_is(tmp_path: Path) -> None:
    """A file's header and its name say the same."""
    journal = journal_in(tmp_path)
    journal.append(1, b"a")
    journal.close()
    frames = read_frames(sealed_files(tmp_path)[0])
    assert len(list(frames)) == 1
    assert frames.origin is not None
    assert frames.origin.segment == "w0-b0-00000000"
    assert sealed_files(tmp_path)[0].read_bytes().startswith(b"".join(header_frame(frames.origin)))


WRITER = """
import sys
from segue.record.journal import Journal
from segue.record.segment import JournalSettings
journal = Journal(JournalSettings(folder=sys.argv[1], worker="w1", boot="b1", seal_bytes=200_000))
number = 0
while True:
    for _ in range(7):
        journal.append(1, b"%d:" % number + b"x" * (number % 3000))
        number += 1
    assert journal.commit()
    print(number, flush=True)  # the answers leave
    journal.seal_due(number)
"""


@contextmanager
def writer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes until it is killed, and says after each commit how many records it has committed."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_sigkill_loses_no_record_that_was_committed(tmp_path: Path) -> None:
    """After SIGKILL in full flight every record whose answer could have left is there, once, in order."""
    from segue.record.recovery import recover

    for turn in range(3):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with writer(folder) as process:
            assert process.stdout is not None
            said = [int(process.stdout.readline()) for _ in range(200 + 150 * turn)]
            assert recover(folder) == []  # its writer lives
            process.kill()
            said += [int(line) for line in process.stdout.read().split()]
        recovered = recover(folder)
        assert len(recovered) <= 1
        assert not list(folder.glob("*.open"))
        numbers = []
        for path in sealed_files(folder):
            frames = read_frames(path)
            numbers += [int(payload.partition(b":")[0]) for _, payload in frames]
            assert frames.tail is None
        assert numbers == list(range(len(numbers)))
        assert said[-1] <= len(numbers) <= said[-1] + 7
