"""Which files lie in a folder that only ever gains files, without reading every directory each time?"""

import os
import time
from collections.abc import Sequence
from typing import Final

SETTLED_NS: Final = 2_000_000_000
"""A directory that changed less than this before it was read may change again within the same tick of the file system's
clock; only what had settled is remembered."""


class Listing:
    """Directories remembered by their time of change."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, tuple[str, ...]]] = {}

    def names(self, directory: str) -> Sequence[str]:
        """Names in a directory, sorted; hidden ones (files still being written) left out; none where it is missing."""
        try:
            changed_ns = os.stat(directory).st_mtime_ns  # noqa: PTH116 - called for thousands of directories at each tick
        except FileNotFoundError:
            return ()
        known = self._known.get(directory)
        if known is not None and known[0] == changed_ns:
            return known[1]
        read_ns = time.time_ns()
        names = tuple(sorted(name for name in os.listdir(directory) if not name.startswith(".")))  # noqa: PTH208 - the same
        if changed_ns < read_ns - SETTLED_NS:
            self._known[directory] = (changed_ns, names)
        else:
            self._known.pop(directory, None)
        return names
