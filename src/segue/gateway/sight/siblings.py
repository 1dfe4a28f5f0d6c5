"""How does one worker give out the numbers of all workers of its machine?

Each worker shows its numbers once a second in a file beside the others'; whoever is asked adds them up.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from segue.gateway.sight.counters import Sample

log: Final = logging.getLogger("segue.gateway")
_SHOW_S: Final = 1.0


class Siblings:
    """The numbers of this machine's other workers, and ours for them.

    Args:
        folder: that the workers share.
        worker: our name.
    """

    def __init__(self, folder: str, worker: str) -> None:
        self._file = Path(folder) / f"numbers-{worker}.json"
        self._shown = 0  # the file's inode, as we left it: a successor of our name may have shown its own since

    async def show(self, snapshot: Callable[[], list[Sample]]) -> None:
        """Show ours for ever."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(f".{os.getpid()}.draft")
        while True:
            await asyncio.sleep(_SHOW_S)
            try:
                draft.write_text(json.dumps(snapshot()))
                self._shown = draft.stat().st_ino
                draft.replace(self._file)
            except OSError as error:
                log.warning("numbers not shown to the siblings: %s", error)

    def seen(self) -> list[list[Sample]]:
        """What the others have shown; one that is being written is left out."""
        found = []
        for file in self._file.parent.glob("numbers-*.json"):
            if file != self._file:
                try:
                    shown = json.loads(file.read_text())
                except (OSError, ValueError):
                    continue
                found.append([(name, tuple((key, text) for key, text in labels), value) for name, labels, value in shown])
        return found

    def leave(self) -> None:
        """Show nothing any more."""
        try:
            if self._file.stat().st_ino == self._shown:
                self._file.unlink()
        except FileNotFoundError:
            pass  # nothing was shown yet
