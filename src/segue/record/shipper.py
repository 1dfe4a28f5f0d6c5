"""How does what the journal holds come into the lake, each row exactly once?

A sealed journal file becomes one segment for each kind, route and hour in it, named after the file; the file is removed only
when all its segments are in the lake. A crash anywhere leaves the file, and shipping it again gives the same names with the
same content, which changes nothing.

What can't be read is kept: a row whose bodies say nothing is shipped raw with the reason, and a file with damage in it is
set aside as `.damaged` once all that could be read has been shipped.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Final

import msgspec

from segue.errors import DomainError, PortError
from segue.facts.allocation import Allocation
from segue.facts.outcome import Outcome
from segue.facts.prediction import Capture, Prediction
from segue.facts.wire.codec import from_json, from_pack
from segue.facts.wire.frames import ALLOCATION, CAPTURE, OUTCOME
from segue.ports.lake import Lake, Segment
from segue.record.extract import NO_ROUTE, prediction
from segue.record.frames import Reason, Tail, read_frames, sealed_files
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


class _Content:
    """The rows of one journal file."""

    def __init__(self, path: Path) -> None:
        self.predictions: defaultdict[tuple[str, int], list[Prediction]] = defaultdict(list)
        self.outcomes: defaultdict[tuple[str, int], list[Outcome]] = defaultdict(list)
        self.unread = 0
        self.foreign = 0
        self._allocations: dict[tuple[str, int], Allocation] = {}
        frames = read_frames(path)
        for kind, payload in frames:
            try:
                self._take(kind, payload)
            except DomainError as error:
                self.foreign += 1
                log.warning("%s: a frame of kind %d can't be read: %s", path.name, kind, error.message)
        self.tail: Tail | None = frames.tail

    @property
    def damaged(self) -> bool:
        """Whether the file holds something that could not be read."""
        return bool(self.foreign or self.tail)

    @property
    def damaged_bytes(self) -> int:
        """How much follows the last whole frame."""
        return self.tail.cut_bytes if self.tail else 0

    def segments(self, name: str) -> Iterator[tuple[Segment, list[Prediction] | list[Outcome]]]:
        """The segments that the rows become."""
        for (route, hour), predictions in sorted(self.predictions.items()):
            yield Segment(kind="predictions", route=route, hour=hour, name=name), predictions
        for (route, hour), outcomes in sorted(self.outcomes.items()):
            yield Segment(kind="outcomes", route=route, hour=hour, name=name), outcomes

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == ALLOCATION:
            allocation = from_json(Allocation, payload)
            self._allocations[allocation.route, allocation.number] = allocation
        elif kind == CAPTURE:
            row = prediction(capture := from_pack(Capture, payload), self._allocation(capture))
            self.unread += bool(row.unread)
            self.predictions[row.route, _hour(row)].append(row)
        elif kind == OUTCOME:
            outcome = from_pack(Outcome, payload)
            self.outcomes[outcome.route or NO_ROUTE, _hour(outcome)].append(outcome)
        else:
            raise DomainError(f"no frame of ours is of kind {kind}")

    def _allocation(self, capture: Capture) -> Allocation | None:
        if capture.route:
            return self._allocations.get((capture.route, capture.allocation))
        named = [it for (_, number), it in self._allocations.items() if number == capture.allocation]
        return named[0] if len(named) == 1 else None


def _ship_file(path: Path, lake: Lake) -> Shipped:
    name = path.name.removesuffix(SEALED)
    try:
        content = _Content(path)
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


def _hour(row: Prediction | Outcome) -> int:
    return int(row.at.timestamp() // 3600)
