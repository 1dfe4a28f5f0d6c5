"""How does a gateway write down an answer before it leaves?"""

from collections.abc import Callable
from typing import Protocol

Release = Callable[[bool], None]
"""Called once the frame is in the journal (True), or when it could not be written (False)."""


class Recorder(Protocol):
    """A worker's journal. Duties: frames are written in the order given; a release is called after its frame is in the file."""

    def record(self, kind: int, payload: bytes, release: Release | None = None) -> None:
        """Write a frame with the others of this turn of the event loop, then release."""
        ...
