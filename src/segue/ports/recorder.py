"""How does a gateway write down an answer before it leaves?"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

Release = Callable[[bool], None]
"""Called once the frame is in the journal (True), or when it could not be written (False)."""


class Recorder(Protocol):
    """A worker's journal. Duties: frames are written in the order given; a release is called after its frame is in the file."""

    def record(self, kind: int, payload: bytes, release: Release | None = None) -> None:
        """Write a frame with the others of this turn of the event loop, then release."""
        ...


class Written(NamedTuple):
    """What a worker's journal has come to since the worker began.

    Args:
        rows: frames that are in it.
        size_bytes: their bytes.
        failures: writes that failed, and files that could not be sealed.
        lost: frames of writes that failed.
    """

    rows: int
    size_bytes: int
    failures: int
    lost: int
