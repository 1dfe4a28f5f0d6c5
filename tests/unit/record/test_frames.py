"""Frames of a journal file: whatever is cut off or flipped, what is read is a prefix of what was written."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue.errors import DomainError
from segue.record.frames import (
    HEADER_KIND,
    PAYLOAD_BYTES_AT_MOST,
    PREFIX_BYTES,
    Frames,
    Reason,
    frame,
    header_frame,
    read_frames,
    sealed_files,
)
from segue.record.segment import Origin

ORIGIN = Origin(worker="w0", boot="b0", sequence=3)
_RECORDS = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=40)), max_size=6)


def written(records: list[tuple[int, bytes]]) -> tuple[bytes, list[int]]:
    """A file's content, and where each of its frames ends, the header's first."""
    content, ends = b"".join(header_frame(ORIGIN)), []
    ends.append(len(content))
    for kind, payload in records:
        content += b"".join(frame(kind, payload))
        ends.append(len(content))
    return content, ends


@given(_RECORDS)
def test_whole_files(records: list[tuple[int, bytes]]) -> None:
    """A file gives back what was written, in order, and nothing is left."""
    frames = Frames(written(records)[0])
    assert list(frames) == records
    assert (frames.tail, frames.origin) == (None, ORIGIN)


@given(_RECORDS)
def test_any_cut(records: list[tuple[int, bytes]]) -> None:
    """A file cut anywhere gives its whole frames, and says how many bytes of a torn one follow."""
    content, ends = written(records)
    for cut in range(len(content) + 1):
        frames = Frames(content[:cut])
        whole = sum(end <= cut for end in ends)
        assert list(frames) == records[: max(0, whole - 1)]
        good = ends[whole - 1] if whole else 0
        if cut == good and whole:
            assert frames.tail is None
        else:
            assert frames.tail is not None
            assert (frames.tail.good_offset, frames.tail.cut_bytes, frames.tail.reason) == (good, cut - good, Reason.TORN)


@given(_RECORDS, st.data())
def test_any_flip(records: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """A file with one bit flipped gives the frames before it, and counts the rest as cut."""
    content, ends = written(records)
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    spoilt = bytearray(content)
    spoilt[bit // 8] ^= 1 << bit % 8
    frames = Frames(bytes(spoilt))
    before = sum(end <= bit // 8 for end in ends)
    assert list(frames) == records[: max(0, before - 1)]
    assert frames.tail is not None
    good = ends[before - 1] if before else 0
    assert (frames.tail.good_offset, frames.tail.cut_bytes) == (good, len(content) - good)


@given(st.binary(max_size=300))
def test_noise(content: bytes) -> None:
    """No content makes reading raise; bytes that are no journal give nothing."""
    frames = Frames(content)
    assert list(frames) == []
    assert frames.tail is not None
    assert (frames.tail.good_offset, frames.tail.cut_bytes) == (0, len(content))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)  # a busy disk is no fault
@given(_RECORDS, st.binary(max_size=20))
def test_files_read_as_bytes_do(tmp_path: Path, records: list[tuple[int, bytes]], more: bytes) -> None:
    """A file read from the disk gives what its content gives, also when it is read again."""
    path = tmp_path / "x.sealed"
    path.write_bytes(written(records)[0] + more)
    of_file, of_bytes = read_frames(path), Frames(path.read_bytes())
    assert list(of_file) == list(of_bytes) == list(of_file)
    assert of_file.tail == of_bytes.tail


WHOLE = b"".join(header_frame(ORIGIN))


@pytest.mark.parametrize(
    ("content", "good", "reason"),
    [
        (b"", 0, Reason.TORN),
        (b"\0" * 100, 0, Reason.CHECKSUM),
        (WHOLE + b"\0" * 100, len(WHOLE), Reason.CHECKSUM),
        (WHOLE + WHOLE, len(WHOLE), Reason.HEADER),
        (b"".join(frame(1, b"abc")), 0, Reason.HEADER),
        (b"".join(frame(HEADER_KIND, b"another format")), 0, Reason.HEADER),
        (b"".join(frame(HEADER_KIND, b"SEGUEJNL")), 0, Reason.HEADER),
        (b"".join(frame(HEADER_KIND, b"SEGUEJNL\x01\0{}")), 0, Reason.HEADER),
        (b"".join(frame(HEADER_KIND, b"SEGUEJNL\x02\0whatever")), 0, Reason.VERSION),
        (WHOLE + (PAYLOAD_BYTES_AT_MOST + 1).to_bytes(4, "little") + b"\0" * 5, len(WHOLE), Reason.LENGTH),
    ],
)
def test_why_reading_stops(content: bytes, good: int, reason: Reason) -> None:
    """A file that is torn, zeroed, foreign or of a later version says so."""
    frames = Frames(content)
    assert list(frames) == []
    assert frames.tail is not None
    assert (frames.tail.good_offset, frames.tail.reason) == (good, reason)


def test_a_long_claim_reads_no_further_than_the_file(tmp_path: Path) -> None:
    """A torn frame that claims hundreds of megabytes is torn, and costs what is there."""
    path = tmp_path / "x.open"
    path.write_bytes(WHOLE + PAYLOAD_BYTES_AT_MOST.to_bytes(4, "little") + b"\0" * 5 + b"abc")
    frames = read_frames(path)
    assert list(frames) == []
    assert frames.tail is not None
    assert (frames.tail.cut_bytes, frames.tail.reason) == (PREFIX_BYTES + 3, Reason.TORN)


def test_names() -> None:
    """A file's name tells whose it is, whatever dashes and dots the worker's has; other names are nobody's."""
    origin = Origin(worker="my-host.local-w0", boot="1f", sequence=123456789)
    for suffix in ("", ".open", ".sealed"):
        assert Origin.of(origin.segment + suffix) == origin
    for name in ("", "x", "w0-b0-1.open", "w0-b0-00000001.damaged", "w0-00000001.open", "-b-00000001.open"):
        assert Origin.of(name) is None
    for worker, boot in (("", "b"), ("w", "b-1"), ("a/b", "c"), ("w", "b.1"), (".w", "b")):
        with pytest.raises(DomainError):
            Origin(worker=worker, boot=boot, sequence=0)


def test_sealed_files_are_in_order(tmp_path: Path) -> None:
    """A worker's sealed files come in the order of their writing; open and foreign files do not come."""
    for name in ("w-b-00000010.sealed", "w-b-00000002.sealed", "w-b-00000011.open", "notes.sealed"):
        (tmp_path / name).touch()
    assert [path.name for path in sealed_files(tmp_path)] == ["w-b-00000002.sealed", "w-b-00000010.sealed"]
