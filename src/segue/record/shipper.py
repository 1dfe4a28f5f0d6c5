"""How does what the journal holds come into the lake, each row exactly once?

A sealed journal file becomes one segment for each kind, route and hour in it, named after the file; the file is removed only
when all its segments are in the lake. A crash anywhere leaves the file, and shipping it again gives the same names with the
same content, which changes nothing.

What can't be read is kept: a row whose bodies say nothing is shipped raw with the reason, and a file with damage in it is
set aside as `.damaged` once all that could be read has been shipped.
"""

import logging
from pathlib import Path
from threading import Event
from typing import Final

import msgspec

from segue.errors import PortError
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.ports.lake import Lake, Segment
from segue.record.content import Content
from segue.record.frames import Reason, sealed_files
from segue.record.recovery import recover
from segue.record.segment import SEALED

DAMAGED: Final = ".damaged"

log: Final = logging.getLogger("segue.record")


class Shipped(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: counts, which add up over passes.

    Args:
        files: journal files that are in the lake and removed.
        unread: predictions of which something could not be read.
        damaged: files that were set aside; `damaged_bytes` of them were not read.
        recovered: files that dead workers had left open; `cut_bytes` of torn tails were cut off them.
        failures: what could not be done now and is tried again.
    """

    files: int = 0
    segments: int = 0
    predictions: int = 0
    outcomes: int = 0
    unread: int = 0
    damaged: int = 0
    damaged_bytes: int = 0
    recovered: int = 0
    cut_bytes: int = 0
    failures: int = 0

    def __add__(self, other: "Shipped") -> "Shipped":
        mine, theirs = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return Shipped(**{name: mine[name] + theirs[name] for name in mine})


def ship(folder: Path, lake: Lake) -> Shipped:
    """One pass over the journal folder: recover what the dead left, ship what is sealed, oldest first."""
    try:
        recovered = recover(folder)
    except OSError as error:
        log.warning("what dead workers left could not be recovered; it is tried again: %s", error)
        return Shipped(failures=1)
    total = Shipped(recovered=len(recovered), cut_bytes=sum(it.cut_bytes for it in recovered))
    for path in sealed_files(folder):
        total += _ship_file(path, lake)
    return total


class Shipper:
    """Ships again and again; `total` counts since the start."""

    def __init__(self, folder: Path, lake: Lake) -> None:
        self._folder = folder
        self._lake = lake
        self.total = Shipped()

    def run(self, stop: Event, poll_s: float = 0.5) -> None:
        """Ship until told to stop, and once more then."""
        while True:
            last = stop.is_set()
            self.once()
            if last:
                return
            stop.wait(poll_s)

    def once(self) -> Shipped:
        """One pass."""
        shipped = ship(self._folder, self._lake)
        self.total += shipped
        return shipped


def _ship_file(path: Path, lake: Lake) -> Shipped:
    name = path.name.removesuffix(SEALED)
    try:
        content = Content(path)
        if content.tail and content.tail.reason is Reason.VERSION:
            log.warning("%s was written by a later version of Segue, and is left to that", path.name)
            return Shipped(failures=1)
        count = {"segments": 0, "predictions": 0, "outcomes": 0}
        for segment, rows in content.segments(name):
            _put(lake, segment, rows)
            count["segments"] += 1
            count[segment.kind] += len(rows)
        if content.damaged:
            path.rename(path.with_suffix(DAMAGED))
            log.error("%s is damaged and was set aside; %d bytes were not read", path.name, content.damaged_bytes)
        else:
            path.unlink()
    except PortError as error:
        log.warning("the lake did not take %s; it is tried again: %s", path.name, error.message)
        return Shipped(failures=1)
    except FileNotFoundError:
        return Shipped()  # another shipper was faster
    except OSError as error:
        log.warning("%s could not be read or removed; it is tried again: %s", path.name, error)
        return Shipped(failures=1)
    return Shipped(
        files=1,
        unread=content.unread,
        damaged=int(content.damaged),
        damaged_bytes=content.damaged_bytes,
        **count,
    )


def _put(lake: Lake, segment: Segment, rows: list[Prediction] | list[Outcome]) -> None:
    if segment.kind == "predictions":
        lake.put_predictions(segment, [row for row in rows if isinstance(row, Prediction)])
    else:
        lake.put_outcomes(segment, [row for row in rows if isinstance(row, Outcome)])
