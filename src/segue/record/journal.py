"""How does every answer get into the journal before it leaves, at the price of one write for many?

Rules kept here:

1. a record that `commit` said True to survives SIGKILL of this process, and power loss as well with `fsync`;
2. a failed write leaves no part of itself behind: the file is cut back to its last whole frame, or given up for a new one;
3. a file is sealed by its size or its age: synced, then renamed, so a sealed file is never written again;
4. a worker holds a lock on the file that it writes, which the kernel takes from a dead one: `recovery` looks at that.

Left out: reading (`frames`), groups of answers (`group`), a dead worker's files (`recovery`), the way to the lake (`shipper`).
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from segue.errors import DomainError, Refused
from segue.record.frames import PAYLOAD_BYTES_AT_MOST, frame, header_frame
from segue.record.segment import OPEN, SEALED, JournalSettings, Origin

_PIECES_AT_MOST: Final = os.sysconf("SC_IOV_MAX") if os.sysconf("SC_IOV_MAX") > 0 else 16  # of one writev

Preamble = Callable[[], list[tuple[int, bytes]]]
"""Frames that each file begins with, so that it can be read alone."""


class Unsealed:
    """A file that nobody writes to any more; to be synced and renamed, in whatever thread."""

    def __init__(self, fd: int, path: Path) -> None:
        self._fd = fd
        self._path = path

    def seal(self) -> Path:
        """Sync it, then rename it; its lock is given up whatever happens.

        Raises:
            OSError: the file stays as it is, and is left to recovery.
        """
        sealed = self._path.with_suffix(SEALED)
        try:
            os.fsync(self._fd)
            self._path.rename(sealed)
            sync_folder(self._path.parent)
        finally:
            os.close(self._fd)
        return sealed


class Journal:
    """One worker's journal: `append` queues records, `commit` writes all that are queued.

    A file is opened by the first commit that needs one. Used from one thread.

    Args:
        settings: where and how.
        preamble: gives the frames that each file begins with; asked when one is opened.

    Counters to read: `records` and `written_bytes` committed, `failures` of commits or seals, `lost` records of failed
    commits; `last_error` is the last failure's, for a person.

    Raises:
        Refused: the folder cannot be made.
    """

    def __init__(self, settings: JournalSettings, preamble: Preamble = list) -> None:
        self.settings = settings
        self.records = 0
        self.written_bytes = 0
        self.failures = 0
        self.lost = 0
        self.last_error = ""
        self._preamble = preamble
        self._folder = Path(settings.folder)
        self._fd = -1
        self._path = self._folder  # of the file being written, while there is one
        self._sequence = 0
        self._good_offset = 0
        self._opened_us: int | None = None
        self._queue: list[bytes] = []
        self._queued = 0
        self._queued_bytes = 0
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(f"no journal can be kept in {self._folder}: {error}") from error

    def append(self, kind: int, payload: bytes | Iterable[bytes]) -> None:
        """Queue a record for the next commit.

        Args:
            kind: of record, 1 to 255.
            payload: whole, or in pieces that are joined here.

        Raises:
            DomainError: no such kind, or longer than a frame can be.
        """
        if not isinstance(payload, bytes):
            payload = b"".join(payload)
        if not 0 < kind < 256:
            raise DomainError(f"{kind} is no kind of record", hint="1 to 255")
        if len(payload) > PAYLOAD_BYTES_AT_MOST:
            raise DomainError(f"a record of {len(payload)} bytes", hint=f"at most {PAYLOAD_BYTES_AT_MOST}")
        self._queue += frame(kind, payload)
        self._queued += 1

    def commit(self) -> bool:
        """Write what is queued, with one `writev` as a rule.

        Returns:
            True when the answers may leave: all of it is written, or none of it and `on_failure` is "answer". False when
            they must not. A failure is counted, and the queue is empty again.
        """
        if not self._queued:
            return True
        pieces, queued = self._queue, self._queued
        self._queue, self._queued = [], 0
        try:
            if self._fd < 0:
                self._open()
            size = self._write(pieces)
            if self.settings.fsync:
                os.fdatasync(self._fd)
        except OSError as error:
            self._failed(error)
            self.lost += queued
            return self.settings.on_failure == "answer"
        self._good_offset += size
        self.records += queued
        self.written_bytes += size
        return True

    def tick(self) -> None:
        """Seal the file if it is due in real time; to be called about ten times a second."""
        self.seal_due(time.monotonic_ns() // 1000)

    def seal_due(self, now_us: int) -> Path | None:
        """Seal the file if it is large or old enough.

        Args:
            now_us: microseconds of any clock, always the same one; a file's age counts from the first call that finds it.

        Returns:
            The sealed file's path, or None when there was nothing due.
        """
        return self.seal() if self.due(now_us) else None

    def due(self, now_us: int) -> bool:
        """Whether the file is large or old enough to be sealed; `now_us` as in `seal_due`."""
        if self._fd < 0:
            return False
        if self._opened_us is None:
            self._opened_us = now_us
        old = now_us - self._opened_us >= self.settings.seal_age_s * 1e6
        return old or self._good_offset >= self.settings.seal_bytes

    def seal(self) -> Path | None:
        """Seal the file now: sync it, then rename it. What is queued goes into the next one.

        Returns:
            The sealed file's path; None when there is no file, or when sealing failed: it is counted, and the file left to
            recovery.
        """
        unsealed = self.hand_over()
        try:
            return unsealed.seal() if unsealed is not None else None
        except OSError as error:
            self.not_sealed(error)
            return None

    def hand_over(self) -> Unsealed | None:
        """Write no more to the file, and leave it to be sealed by whoever asks; None when there is none."""
        if self._fd < 0:
            return None
        fd, self._fd = self._fd, -1
        return Unsealed(fd, self._path)

    def not_sealed(self, error: BaseException) -> None:
        """Count that a file could not be sealed."""
        self.failures += 1
        self.last_error = str(error)

    def close(self) -> bool:
        """Commit what is queued and seal; False when that failed."""
        before = self.failures
        self.commit()
        self.seal()
        return self.failures == before

    def _open(self) -> None:
        """Begin a new file, locked, with its header."""
        origin = self._create()
        while not is_at(self._fd, self._path):  # a recovery came between, and took the empty file away
            self._give_up()
            origin = self._create()
        first = list(header_frame(origin))
        for kind, payload in self._preamble():
            first += frame(kind, payload)
        self._good_offset = self._write(first)

    def _create(self) -> Origin:
        """Make and lock the next file whose name is free."""
        while True:
            origin = Origin(worker=self.settings.worker, boot=self.settings.boot, sequence=self._sequence)
            self._sequence += 1
            path = self._folder / (origin.segment + OPEN)
            taken = path.with_suffix(SEALED).exists()  # by another life of the same name: never write over it
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                fd = -1 if taken else os.open(path, flags, 0o640)
            except FileExistsError:
                continue
            if fd >= 0:
                self._fd, self._path, self._good_offset, self._opened_us = fd, path, 0, None
                fcntl.flock(fd, fcntl.LOCK_EX)
                return origin

    def _write(self, pieces: list[bytes]) -> int:
        """Write all pieces, whatever the kernel takes at once; returns their size."""
        size = sum(map(len, pieces))
        written = os.writev(self._fd, pieces[:_PIECES_AT_MOST])
        if written < size:
            self._write_rest(pieces, written)
        return size

    def _write_rest(self, pieces: list[bytes], written: int) -> None:
        """Go on after a write that took less than all: there were too many pieces, or it was cut short."""
        rest: list[bytes | memoryview] = list(pieces)
        first = 0
        while True:
            while first < len(rest) and written >= len(rest[first]):
                written -= len(rest[first])
                first += 1
            if first == len(rest):
                return
            rest[first] = memoryview(rest[first])[written:]
            written = os.writev(self._fd, rest[first : first + _PIECES_AT_MOST])
            if not written:
                raise OSError(errno.EIO, "the disk takes no more bytes")

    def _failed(self, error: OSError) -> None:
        """Leave nothing behind of a write that failed."""
        self.failures += 1
        self.last_error = str(error)
        if self._fd < 0:
            return
        try:
            os.ftruncate(self._fd, self._good_offset)
            if not self._good_offset:  # not even the header was written
                self._path.unlink()
                self._give_up()
            elif self.settings.fsync:  # after a failed sync nobody knows what is on the disk: begin a new file
                self._give_up()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """Close the file, and its lock with it; the next commit begins a new one."""
        fd, self._fd = self._fd, -1
        os.close(fd)


def is_at(fd: int, path: Path) -> bool:
    """True when the open file is still the one that its name leads to."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive power loss."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
