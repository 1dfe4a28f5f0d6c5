"""Where do predictions and outcomes rest for good?

Parquet files under `{kind}/route={route}/date={date}/hour={hour}/{segment}.parquet`, each written once under its final
name. Duties: a name appears only with its whole content; putting the same name again is harmless and changes nothing.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction

RowKind = Literal["predictions", "outcomes"]


class Segment(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One immutable file of the lake.

    Args:
        hour: hours since the epoch, stream time: of the prediction, or of when the outcome became true.
        name: the last part, without ending; made from the journal file's name, so that shipping twice gives the same.
        packed: whether it is a pack of others, whose name is its number in the hour.
    """

    kind: RowKind
    route: str
    hour: int
    name: str
    packed: bool = False

    @property
    def key(self) -> str:
        """The name as one text, for remembering."""
        return f"{'packs/' if self.packed else ''}{self.kind}/{self.route}/{self.hour}/{self.name}"


class Lake(Protocol):
    """The lake of one installation."""

    def put_predictions(self, segment: Segment, rows: Sequence[Prediction]) -> None:
        """Write a segment once; rows lie in the segment's hour."""
        ...

    def put_outcomes(self, segment: Segment, rows: Sequence[Outcome]) -> None:
        """Write a segment once."""
        ...

    def segments(self, kind: RowKind, route: str) -> Sequence[Segment]:
        """All segments of a route, ordered."""
        ...

    def locations(self, segments: Sequence[Segment]) -> Sequence[str]:
        """Where an engine reads them (paths or addresses)."""
        ...

    def routes(self, kind: RowKind) -> Sequence[str]:
        """The routes that have files of a kind, ordered."""
        ...

    def pack(self, segments: Sequence[Segment]) -> int:
        """Put the first of these segments into one file, in their place.

        Args:
            segments: of one hour, as they were listed; none of them a pack.

        Returns:
            how many of them were packed: as many as are sensibly held in memory, less where a file of a later version comes
            first; 0 where somebody else was faster, or there is nothing to gain.
        """
        ...

    def parts(self, pack: Segment, *, left: bool = False) -> Sequence[Segment]:
        """The segments whose rows a pack holds; `left`: those of them that still lie there by themselves."""
        ...

    def sweep(self, kind: RowKind, route: str, keep_s: float) -> int:
        """Remove the parts of packs that are older than so many (real) seconds; how many files that were."""
        ...
