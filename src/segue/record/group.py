"""How are the answers of one turn of the event loop written down together?"""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from segue.ports.recorder import Release, Written
from segue.record.journal import Journal


class GroupCommit:
    """A recorder: what is recorded in one turn of the loop is written with one call, and only then released.

    Files are sealed in a thread: a sync of the disk may take long, and no answer waits for one.

    Args:
        journal: the worker's own.
        loop: the one that the worker runs on.
    """

    __slots__ = ("_journal", "_loop", "_releases", "_scheduled", "_sealer", "_sealing")

    def __init__(self, journal: Journal, loop: asyncio.AbstractEventLoop) -> None:
        self._journal = journal
        self._loop = loop
        self._releases: list[Release] = []
        self._scheduled = False
        self._sealer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seal")
        self._sealing: list[Future[Path]] = []

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

    def written(self) -> Written:
        """What the journal has come to."""
        journal = self._journal
        return Written(journal.records, journal.written_bytes, journal.failures, journal.lost)

    def tick(self) -> None:
        """Begin to seal the file if it is due."""
        self._note_sealed()
        if self._journal.due(time.monotonic_ns() // 1000):
            unsealed = self._journal.hand_over()
            if unsealed is not None:
                self._sealing.append(self._sealer.submit(unsealed.seal))

    def _note_sealed(self) -> None:
        under_way = []
        for sealing in self._sealing:
            if not sealing.done():
                under_way.append(sealing)
            elif (error := sealing.exception()) is not None:
                self._journal.not_sealed(error)
        self._sealing = under_way

    def close(self) -> None:
        """Write what is left and seal."""
        self._flush()
        self._sealer.shutdown()
        self._note_sealed()
        self._journal.close()
