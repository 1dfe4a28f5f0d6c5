"""What does one journal file hold, as rows of the lake?"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from segue.errors import DomainError
from segue.facts.allocation import Allocation
from segue.facts.outcome import Outcome
from segue.facts.prediction import Capture, Prediction
from segue.facts.wire.codec import from_json, from_pack
from segue.facts.wire.frames import ALLOCATION, CAPTURE, OUTCOME
from segue.ports.lake import Segment
from segue.record.extract import NO_ROUTE, prediction
from segue.record.frames import Tail, read_frames

log: Final = logging.getLogger("segue.record")
_HOUR_US: Final = 3_600_000_000


class Content:
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
            capture = from_pack(Capture, payload)
            row = prediction(capture, self._allocation(capture))
            self.unread += bool(row.unread)
            self.predictions[row.route, capture.at_us // _HOUR_US].append(row)
        elif kind == OUTCOME:
            outcome = from_pack(Outcome, payload)
            self.outcomes[outcome.route or NO_ROUTE, int(outcome.at.timestamp() // 3600)].append(outcome)
        else:
            raise DomainError(f"no frame of ours is of kind {kind}")

    def _allocation(self, capture: Capture) -> Allocation | None:
        if capture.route:
            return self._allocations.get((capture.route, capture.allocation))
        named = [it for (_, number), it in self._allocations.items() if number == capture.allocation]
        return named[0] if len(named) == 1 else None
