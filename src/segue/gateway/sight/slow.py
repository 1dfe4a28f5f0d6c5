"""Which requests were slow, a few of them, without a word of what they said?

One line of JSON each, in the log `segue.slow`: ids, who answered and how long it took; no body, no path, no unit. So many
lines a second at most; the next line says how many were left out.
"""

import json
import logging
import time
from collections.abc import Mapping
from typing import Final

from segue.gateway.settings import SlowSettings

log: Final = logging.getLogger("segue.slow")
_NEVER_US: Final = 1 << 62


class SlowLog:
    """The slow requests of one worker.

    Args:
        settings: what is slow, and how many are told.

    To read: `from_us`, from which on a request is slow; the request path compares with it.
    """

    def __init__(self, settings: SlowSettings) -> None:
        self.from_us = int(settings.slow_s * 1e6) or _NEVER_US
        self._per_s = settings.per_s
        self._second = 0
        self._told = 0
        self._left_out = 0

    def note(self, told: Mapping[str, object]) -> None:
        """A slow request, by the row of the answer that left."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._told = second, 0
        if self._told >= self._per_s:
            self._left_out += 1
            return
        self._told += 1
        log.warning(json.dumps({**told, "left_out": self._left_out}))
        self._left_out = 0
