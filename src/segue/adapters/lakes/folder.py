"""Where do predictions and outcomes rest on one machine? In a folder of Parquet files."""

import os
from collections.abc import Sequence
from pathlib import Path

from segue.adapters.lakes import layout
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

    def put_predictions(self, segment: Segment, rows: Sequence[Prediction]) -> None:
        """Write a segment once; rows lie in the segment's hour."""
        self._put(segment, "predictions", rows)

    def put_outcomes(self, segment: Segment, rows: Sequence[Outcome]) -> None:
        """Write a segment once."""
        self._put(segment, "outcomes", rows)

    def segments(self, kind: RowKind, route: str) -> Sequence[Segment]:
        """All segments of a route, ordered."""
        top = f"{self._folder}/{layout.top(kind, route)}"
        found: list[Segment] = []
        for date in self._listing.names(top):
            for hour in self._listing.names(f"{top}/{date}"):
                found += self._in_hour(f"{top}/{date}/{hour}", kind, route)
        return found

    def locations(self, segments: Sequence[Segment]) -> Sequence[str]:
        """Paths of the segments' files."""
        return [self._path(segment) for segment in segments]

    def _in_hour(self, directory: str, kind: RowKind, route: str) -> list[Segment]:
        names = self._listing.names(directory)
        known = self._known.get(directory)
        if known is None or known[0] is not names:
            hour = layout.hour(*directory.rsplit("/", 2)[1:])
            stems = sorted(name.removesuffix(layout.ENDING) for name in names if name.endswith(layout.ENDING))
            known = self._known[directory] = (
                names,
                [Segment(kind=kind, route=route, hour=hour, name=stem) for stem in stems],
            )
        return known[1]

    def _path(self, segment: Segment) -> str:
        return f"{self._folder}/{layout.path(segment)}"

    def _put(self, segment: Segment, kind: RowKind, rows: Sequence[Prediction] | Sequence[Outcome]) -> None:
        layout.check(segment, kind, rows)
        path = Path(self._path(segment))
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_once(path, parquet(kind, rows))
        except PermissionError as error:
            raise Refused(f"the lake may not be written: {error}", segment=segment.key) from error
        except OSError as error:
            raise Unavailable(f"the lake can't be written: {error}", segment=segment.key) from error


def _write_once(path: Path, body: bytes) -> None:
    hidden = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with hidden.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(hidden)
        except FileExistsError:
            return
    finally:
        hidden.unlink(missing_ok=True)
    for directory in path.parents[:4]:  # the new name, and those of new partitions
        _flush(directory)


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
