"""How often are answers read that nobody waits for?

A shadow that sends its answer in many small pieces costs a read for each, and pieces of many shadows come together: callers'
requests would wait for all of these reads. Beyond a rate, a call that has brought little is read no more until its turn; what
comes meanwhile waits in the kernel and is then read at once. What such a shadow is seen to take is longer by that wait.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from segue.http.call import Call

_GAP_S: Final = 1 / 400
"""Between two small reads, where many are to be made."""
_WAIT_S: Final = 0.1
"""About the time after which all that wait have had their turn; where they are many, the gaps are smaller."""
_TOGETHER: Final = 4
"""Small reads that may come together before one has to wait, and that are allowed again in one turn of the loop."""
_PAUSE_S: Final = 0.005
"""Between two turns of the loop that allow some again: being woken costs as much as a read."""
_MUCH_BYTES: Final = 16 * 1024
"""A read that brings so much is no small one: waiting would not have saved any."""
_TICK_S: Final = 0.001
"""uvloop counts time in milliseconds; what is asked of it in less than half of one it does at once."""


def call_at(due_s: float, now_s: float, callback: Callable[[], None]) -> asyncio.Handle:
    """Call back in the next turn of the loop where that is due, and otherwise never earlier than in a tick of the loop's clock.

    A loop that is woken too early, and asks again to be woken, turns on the spot until it is time.
    """
    loop = asyncio.get_running_loop()
    return loop.call_soon(callback) if due_s <= now_s else loop.call_later(max(due_s - now_s, _TICK_S), callback)


class Pace:
    """Tells the calls of one worker that nobody waits for when they may be read."""

    __slots__ = ("_next", "_turn_s", "_waiting")

    def __init__(self) -> None:
        self._turn_s = 0.0  # of the small read that came last
        self._next: asyncio.Handle | None = None  # lets the first of those that wait be read
        self._waiting: deque[tuple[float, Call]] = deque()  # by their turns

    def read(self, call: Call, size: int) -> None:
        """A part of an answer has been read, and it is not whole; `Call.on_part`.

        Args:
            call: whose answer.
            size: bytes that this read has brought.
        """
        if size >= _MUCH_BYTES:
            return
        now_s = time.monotonic()
        gap_s = min(_GAP_S, _WAIT_S / (len(self._waiting) + 1))
        self._turn_s = max(self._turn_s, now_s - _TOGETHER * gap_s) + gap_s
        if self._turn_s <= now_s:
            return
        call.pause()
        self._waiting.append((self._turn_s, call))
        if self._next is None:
            self._next = call_at(now_s + _PAUSE_S, now_s, self._ring)

    def _ring(self) -> None:
        """Let those be read whose turn it is."""
        self._next = None
        now_s = time.monotonic()
        for _ in range(_TOGETHER):
            if not self._waiting or self._waiting[0][0] > now_s:
                break
            self._waiting.popleft()[1].resume()
        if self._waiting:
            turn_s = self._waiting[0][0]
            self._next = call_at(turn_s if turn_s <= now_s else max(turn_s, now_s + _PAUSE_S), now_s, self._ring)
