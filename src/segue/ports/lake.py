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
    """

    kind: RowKind
    route: str
    hour: int
    name: str

    @property
    def key(self) -> str:
        """The name as one text, for remembering."""
        return f"{self.kind}/{self.route}/{self.hour}/{self.name}"


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
