"""What does a journal file look like, and which whole frames does one hold?

```
file    = header frame, frame, frame, ...
frame   = length u32, crc32 u32, kind u8, payload    little-endian; length: of the payload; crc32: of kind and payload
header  = a frame of kind 0: magic, schema version u16, then the file's `Origin` as JSON
name    = {worker}-{boot}-{sequence:08d}.open        while its worker writes it, locked with flock
                                        .sealed      complete, synced, never written again
```

Reading never raises on what a file holds: it stops at the first frame that is not whole and true, and says where and why. It
does not look for a later frame that is: what follows a damaged frame counts as cut.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from segue.errors import DomainError
from segue.record.segment import SEALED, Origin

SCHEMA_VERSION: Final = 1
HEADER_KIND: Final = 0
PAYLOAD_BYTES_AT_MOST: Final = 256 * 1024 * 1024

_MAGIC: Final = b"SEGUEJNL"
_prefix = struct.Struct("<IIB")
_version = struct.Struct("<H")
PREFIX_BYTES: Final = _prefix.size
_KIND_CRCS: Final = tuple(zlib.crc32(bytes([kind])) for kind in range(256))
_BUFFER_BYTES: Final = 1024 * 1024


class Reason(StrEnum):
    """Why reading stopped before the end of a file."""

    TORN = "torn"  # the last frame is not all there: its writer was killed
    CHECKSUM = "checksum"  # a frame is not what was written
    LENGTH = "length"  # a frame claims to be longer than any frame
    HEADER = "header"  # the file does not begin as a journal does
    VERSION = "version"  # a later version of Segue wrote it


class Tail(NamedTuple):
    """What is left of a file after its last whole frame.

    Args:
        good_offset: bytes of the file up to the end of its last whole frame.
        cut_bytes: what follows.
        reason: why it is not read.
    """

    good_offset: int
    cut_bytes: int
    reason: Reason


def frame(kind: int, payload: bytes) -> tuple[bytes, bytes]:
    """A frame, as the two pieces to write: what goes before the payload, and the payload."""
    return _prefix.pack(len(payload), zlib.crc32(payload, _KIND_CRCS[kind]), kind), payload


def header_frame(origin: Origin) -> tuple[bytes, bytes]:
    """The first frame of a file."""
    return frame(HEADER_KIND, _MAGIC + _version.pack(SCHEMA_VERSION) + msgspec.json.encode(origin))


class Frames:
    """The whole frames of a journal file, one after the other, as (kind, payload).

    Args:
        source: the file's content, or its path, to be read as it is needed.

    After the last frame `tail` says what was left (None: the file ends there), and `origin` who wrote the file (None: no whole
    header).

    >>> file = b"".join(header_frame(Origin(worker="w", boot="b", sequence=0)) + frame(2, b"abc") + frame(2, b"torn"))
    >>> frames = Frames(file[:-1])
    >>> list(frames), frames.tail
    ([(2, b'abc')], Tail(good_offset=69, cut_bytes=12, reason=<Reason.TORN: 'torn'>))
    """

    def __init__(self, source: bytes | Path) -> None:
        self._source = source
        self.origin: Origin | None = None
        self.tail: Tail | None = None

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        self.origin, self.tail = None, None
        source = self._source
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb", buffering=_BUFFER_BYTES) as file:
            offset = 0
            while True:
                prefix = file.read(PREFIX_BYTES)
                if not prefix and offset:
                    return
                kind, payload, problem = self._read(prefix, file)
                if problem is not None:
                    rest = file.seek(0, io.SEEK_END) - offset
                    self.tail = Tail(offset, rest, problem)
                    return
                offset += PREFIX_BYTES + len(payload)
                if kind != HEADER_KIND:
                    yield kind, payload

    def _read(self, prefix: bytes, file: BinaryIO) -> tuple[int, bytes, Reason | None]:
        if len(prefix) < PREFIX_BYTES:
            return 0, b"", Reason.TORN
        length, crc, kind = _prefix.unpack(prefix)
        if length > PAYLOAD_BYTES_AT_MOST:
            return kind, b"", Reason.LENGTH
        payload = file.read(length)
        if len(payload) < length:
            return kind, payload, Reason.TORN
        if zlib.crc32(payload, _KIND_CRCS[kind]) != crc:
            return kind, payload, Reason.CHECKSUM
        return kind, payload, self._check_place(kind, payload)

    def _check_place(self, kind: int, payload: bytes) -> Reason | None:
        """A header stands at the beginning, and only there."""
        if (kind == HEADER_KIND) != (self.origin is None):
            return Reason.HEADER
        return self._check_header(payload) if kind == HEADER_KIND else None

    def _check_header(self, payload: bytes) -> Reason | None:
        start = len(_MAGIC) + _version.size
        if payload[: len(_MAGIC)] != _MAGIC or len(payload) < start:
            return Reason.HEADER
        if _version.unpack_from(payload, len(_MAGIC))[0] > SCHEMA_VERSION:
            return Reason.VERSION
        try:
            self.origin = msgspec.json.decode(payload[start:], type=Origin)
        except (msgspec.DecodeError, DomainError):
            return Reason.HEADER
        return None


def read_frames(path: Path) -> Frames:
    """The frames of a journal file, streamed, up to the first that is not whole and true.

    Args:
        path: a journal file, sealed or still being written.

    Returns:
        An iterable; its `tail` tells afterwards whether the end of the file was reached.

    Raises:
        OSError: (while reading) the file cannot be read. What it holds never raises.
    """
    return Frames(path)


def sealed_files(folder: Path) -> list[Path]:
    """The sealed files of a folder, oldest first within each worker's life."""
    return sorted(path for path in folder.glob(f"*{SEALED}") if Origin.of(path.name) is not None)
