"""What did dead workers leave in the journal folder?

A file that is still open and that nobody holds the lock of is sealed; where its last frame is torn, it is cut before that.
May be called at any time, by any number of processes: a live worker's file and a file that another recovery is at are left
alone. A file that is spoilt in another way is sealed as it is: whoever reads it says what could not be read, and keeps it.

On file systems without working locks (some network mounts) pass `alive`, or keep the journal on a local disk.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from segue.record.frames import Reason, read_frames
from segue.record.journal import is_at, sync_folder
from segue.record.segment import OPEN, SEALED, Origin


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one dead worker's file.

    Args:
        segment: its name, without a suffix.
        records: whole ones in it, all kept.
        cut_bytes: of a torn last frame, cut off.
        reason: what was wrong with its end; None where nothing was.
        path: the sealed file; None where it held no record and is gone.
    """

    segment: str
    records: int
    cut_bytes: int
    reason: Reason | None
    path: Path | None


def recover(folder: Path, alive: Callable[[Path], bool] | None = None) -> list[Recovered]:
    """Seal what dead workers left open.

    Args:
        folder: of a host's journals.
        alive: a further opinion on whether a file's owner lives; True leaves the file alone.

    Returns:
        One entry a file that this call has dealt with.

    Raises:
        OSError: the disk refuses; what was not dealt with is as it was.
    """
    found = (path for path in sorted(folder.glob(f"*{OPEN}")) if Origin.of(path.name) is not None)
    results = (_recover(path) for path in found if alive is None or not alive(path))
    return [result for result in results if result is not None]


def _recover(path: Path) -> Recovered | None:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None  # another recovery was faster
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None  # its owner lives, or another recovery is at it
        return _seal(fd, path) if is_at(fd, path) else None
    finally:
        os.close(fd)


def _seal(fd: int, path: Path) -> Recovered:
    frames = read_frames(path)
    records = sum(1 for _ in frames)
    tail = frames.tail
    reason = None if tail is None else tail.reason
    cut_bytes = 0
    if tail is not None and tail.reason is Reason.TORN:
        cut_bytes = tail.cut_bytes
        os.ftruncate(fd, tail.good_offset)
    os.fsync(fd)
    sealed: Path | None = None
    if records or reason not in {None, Reason.TORN}:
        sealed = path.rename(path.with_suffix(SEALED))
    else:
        path.unlink()
    sync_folder(path.parent)
    return Recovered(segment=path.stem, records=records, cut_bytes=cut_bytes, reason=reason, path=sealed)
