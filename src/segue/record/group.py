"""How are the answers of one turn of the event loop written down together?"""

import asyncio

from segue.ports.recorder import Release
from segue.record.journal import Journal


class GroupCommit:
    """A recorder: what is recorded in one turn of the loop is written with one call, and only then released.

    Args:
        journal: the worker's own.
        loop: the one that the worker runs on.
    """

    __slots__ = ("_journal", "_loop", "_releases", "_scheduled")

    def __init__(self, journal: Journal, loop: asyncio.AbstractEventLoop) -> None:
        self._journal = journal
        self._loop = loop
        self._releases: list[Release] = []
        self._scheduled = False

    def record(self, kind: int, payload: bytes, release: Release | None = None) -> None:
        """Write a frame with the others of this turn, then release."""
        self._journal.append(kind, payload)
        if release is not None:
            self._releases.append(release)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        releases, self._releases = self._releases, []
        written = self._journal.commit()
        for release in releases:
            try:
                release(written)
            except Exception as error:  # noqa: BLE001 - the other answers leave all the same
                self._loop.call_exception_handler({"message": "a release failed", "exception": error})

    def tick(self) -> None:
        """Seal the file if it is due."""
        self._journal.tick()

    def close(self) -> None:
        """Write what is left and seal."""
        self._flush()
        self._journal.close()
