"""How does one worker give out the numbers of all workers of its machine?

Each worker shows its numbers in a file beside the others', once a second and before it tells them to anybody; whoever is asked
adds them up. A sum of counts must never fall: who reads it would take that for a restart, and count all of it anew. So what a
worker has shown outlives it, and a worker of the same name goes on from there; a gateway that is started anew begins with
nothing. Levels end with their worker.
"""

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from segue.facts.wire.exposition import Labels, Sample
from segue.gateway.sight.counters import is_level, merged

log: Final = logging.getLogger("segue.gateway")
_SHOW_S: Final = 1.0
_GONE_S: Final = 10.0  # after so long without a word a worker has ended, and its levels with it


class Siblings:
    """The numbers of this machine's other workers, and ours for them.

    Args:
        folder: that the workers share.
        worker: our name.
        snapshot: gives our numbers.
    """

    def __init__(self, folder: str, worker: str, snapshot: Callable[[], list[Sample]]) -> None:
        self._file = Path(folder) / f"numbers-{worker}.json"
        self._snapshot = snapshot
        self._before: list[Sample] = []  # counts of earlier lives of our name
        self._shown = (0, 0)  # what marks the file as we left it
        self._left = False
        self._turn = asyncio.Lock()  # numbers are taken and shown in one order

    async def show(self) -> None:
        """Show ours until a successor of our name shows its own."""
        while True:
            await asyncio.sleep(_SHOW_S)
            try:
                # In a thread: a file system that is busy with what others have to have on disk lets a rename wait for it.
                async with self._turn:
                    ours_still = await asyncio.to_thread(self._show, self._snapshot())
            except OSError as error:
                log.warning("numbers not shown to the siblings: %s", error)
            else:
                if not ours_still:
                    return

    async def together(self) -> dict[tuple[str, Labels], float]:
        """The numbers of all workers; of us, where a successor has taken over, what it has taken over."""
        async with self._turn:
            return await asyncio.to_thread(self._together, self._snapshot())

    def _together(self, ours: list[Sample]) -> dict[tuple[str, Labels], float]:
        succeeded = False
        try:
            succeeded = not self._show(ours)
        except OSError as error:
            log.warning("numbers not shown to the siblings: %s", error)
        files = self._file.parent.glob("numbers-*.json")
        others = [_read(file) for file in files if succeeded or file != self._file]
        return merged(others if succeeded else [self._before, ours, *others])

    def leave(self) -> None:
        """Leave our counts to a successor."""
        if not any(self._shown):
            self._left = True
            return  # it has hardly lived, and may have a successor already
        try:
            self._show(_counts(self._snapshot()), last=True)
        except OSError as error:
            log.warning("numbers not left to a successor: %s", error)

    def _show(self, samples: list[Sample], *, last: bool = False) -> bool:
        """Write these and what earlier lives have counted; False where a successor has written since, or we have left."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if self._left:
                return False
            self._left = last
            if not any(self._shown):
                self._before = _counts(_read(self._file))
            elif _mark(self._file) != self._shown:
                return False
            together = [(name, labels, value) for (name, labels), value in merged([self._before, samples]).items()]
            draft = self._file.with_suffix(f".{os.getpid()}.draft")
            draft.write_bytes(msgspec.json.encode(together))
            shown = _mark(draft)
            draft.replace(self._file)
            self._shown = shown
            return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Neither an earlier life nor a successor writes meanwhile."""
        with self._file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def begin_anew(folder: str, name: str) -> None:
    """Forget what workers whose names begin so have shown: a gateway that begins counts from nothing."""
    for file in Path(folder).glob(f"numbers-{name}*.json"):
        file.unlink(missing_ok=True)


def _counts(samples: Iterable[Sample]) -> list[Sample]:
    return [sample for sample in samples if not is_level(sample[0])]


def _read(file: Path) -> list[Sample]:
    """What a file shows: of a worker that has ended, its counts alone."""
    try:
        shown, ended = msgspec.json.decode(file.read_bytes()), time.time() - file.stat().st_mtime > _GONE_S
    except (OSError, msgspec.DecodeError):
        return []
    samples = [(name, tuple((key, text) for key, text in labels), value) for name, labels, value in shown]
    return _counts(samples) if ended else samples


def _mark(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)
