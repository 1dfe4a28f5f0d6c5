"""Where do predictions and outcomes rest on one machine? In a folder of Parquet files."""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from segue.adapters.lakes import layout, packing
from segue.adapters.lakes.listing import Listing
from segue.adapters.lakes.table import parquet
from segue.errors import Refused, Unavailable
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.ports.lake import RowKind, Segment


class FolderLake:
    """The lake as files of one folder: `{kind}/route={route}/date={date}/hour={hour}/{segment}.parquet`.

    A file is written beside its place under a hidden name, flushed to the disk and then linked, so that it appears whole or
    not at all; a name that is taken keeps its content.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listing = Listing()
        self._known: dict[str, tuple[Sequence[str], list[Segment]]] = {}
        self._parts: dict[Segment, tuple[Segment, ...]] = {}

    def put_predictions(self, segment: Segment, rows: Sequence[Prediction]) -> None:
        """Write a segment once; rows lie in the segment's hour."""
        self._put(segment, "predictions", rows)

    def put_outcomes(self, segment: Segment, rows: Sequence[Outcome]) -> None:
        """Write a segment once."""
        self._put(segment, "outcomes", rows)

    def segments(self, kind: RowKind, route: str) -> Sequence[Segment]:
        """All segments of a route, ordered; a pack in the place of its parts."""
        loose = self._listed(kind, route, packed=False)
        packs = self._listed(kind, route, packed=True)
        return packing.in_place(loose, packs, lambda some: map(self.parts, some)) if packs else loose

    def locations(self, segments: Sequence[Segment]) -> Sequence[str]:
        """Paths of the segments' files."""
        return [self._path(segment) for segment in segments]

    def routes(self, kind: RowKind) -> Sequence[str]:
        """The routes that have files of a kind, ordered."""
        return [name.removeprefix("route=") for name in self._listing.names(f"{self._folder}/{kind}")]

    def pack(self, segments: Sequence[Segment]) -> int:
        """Put the first of these segments into one file, in their place; how many they were."""
        packing.of_one_hour(segments)
        with _writing("the lake can't be packed", segments):
            first = segments[0]
            pack = packing.following(self._listed(first.kind, first.route, packed=True), segments, self.parts)
            made = packing.packed(segments, lambda it: Path(self._path(it)).read_bytes()) if pack else None
            if pack is None or made is None:
                return 0
            return made.parts if _write_once(Path(self._path(pack)), made.body) else 0

    def parts(self, pack: Segment, *, left: bool = False) -> Sequence[Segment]:
        """The segments whose rows a pack holds; `left`: those of them that still lie there by themselves."""
        if pack not in self._parts:
            try:
                self._parts[pack] = packing.parts_of(pq.read_metadata(self._path(pack)), pack)
            except (OSError, pa.ArrowException) as error:
                raise Unavailable(f"a pack can't be read: {error}", segment=pack.key) from error
        return [it for it in self._parts[pack] if not left or Path(self._path(it)).exists()]

    def sweep(self, kind: RowKind, route: str, keep_s: float) -> int:
        """Remove the parts of packs that are older than so many (real) seconds; how many files that were."""
        swept = 0
        for pack in self._listed(kind, route, packed=True):
            with _writing("the lake can't be swept", [pack]):
                old = time.time() - Path(self._path(pack)).stat().st_mtime >= keep_s
                for part in self.parts(pack, left=True) if old else ():
                    Path(self._path(part)).unlink(missing_ok=True)
                    swept += 1
        return swept

    def _listed(self, kind: RowKind, route: str, *, packed: bool) -> list[Segment]:
        top = f"{self._folder}/{layout.PACKS + '/' if packed else ''}{layout.top(kind, route)}"
        found: list[Segment] = []
        for date in self._listing.names(top):
            for hour in self._listing.names(f"{top}/{date}"):
                found += self._in_hour(f"{top}/{date}/{hour}", Segment(kind=kind, route=route, hour=0, name="", packed=packed))
        return found

    def _in_hour(self, directory: str, like: Segment) -> list[Segment]:
        names = self._listing.names(directory)
        known = self._known.get(directory)
        if known is None or known[0] is not names:
            of = msgspec.structs.replace(like, hour=layout.hour(*directory.rsplit("/", 2)[1:]))
            stems = sorted(name.removesuffix(layout.ENDING) for name in names if name.endswith(layout.ENDING))
            known = self._known[directory] = (names, [msgspec.structs.replace(of, name=stem) for stem in stems])
        return known[1]

    def _path(self, segment: Segment) -> str:
        return f"{self._folder}/{layout.path(segment)}"

    def _put(self, segment: Segment, kind: RowKind, rows: Sequence[Prediction] | Sequence[Outcome]) -> None:
        layout.check(segment, kind, rows)
        path = Path(self._path(segment))
        with _writing("the lake can't be written", [segment]):
            if not path.exists():
                _write_once(path, parquet(kind, rows))


@contextmanager
def _writing(what: str, segments: Sequence[Segment]) -> Iterator[None]:
    keys = ", ".join(segment.key for segment in segments[:1])
    try:
        yield
    except PermissionError as error:
        raise Refused(f"{what}, it is not allowed: {error}", segment=keys) from error
    except (OSError, pa.ArrowException) as error:
        raise Unavailable(f"{what}: {error}", segment=keys) from error


def _write_once(path: Path, body: bytes) -> bool:
    """Whether the name was free."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with hidden.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(hidden)
        except FileExistsError:
            return False
    finally:
        hidden.unlink(missing_ok=True)
    for directory in path.parents[:4]:  # the new name, and those of new partitions
        _flush(directory)
    return True


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
