"""What do signals ask of a process that looks after others, and how does it end with them?

SIGTERM and SIGINT end it: its children get the time to answer what they have in hand. A second one, a second or more later,
ends them at once. What comes sooner is the same wish by another way: terminals and service managers signal every process
of a group, and the parent passes it on as well. SIGHUP renews, unless it says that the terminal was closed.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final, Protocol

_TURN_S: Final = 0.05
_SAME_WISH_S: Final = 1.0
_SPACED_S: Final = 1.2  # between the two wishes that we pass on, so that they are told apart
_AT_ONCE_S: Final = 5.0


class Part(Protocol):
    """One child, or several that end together."""

    @property
    def runs(self) -> bool:
        """Whether anything of it lives."""
        ...

    def look(self) -> None:
        """Start what should run and does not."""
        ...

    def end(self) -> None:
        """Ask it to end; a second time, to end at once."""
        ...

    def kill(self) -> None:
        """End what is left of it."""
        ...


class Wishes:
    """What signals have asked for; made in the main thread."""

    def __init__(self) -> None:
        self.end = False
        self.at_once = False
        self._renew = False
        self._asked_s = 0.0
        # `nohup` has us outlive the terminal: then SIGHUP only renews.
        self._terminal = _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._note_end)
        signal.signal(signal.SIGHUP, self._note_hangup)

    def renew(self) -> bool:
        """Whether a renewal was asked for since the last time."""
        asked, self._renew = self._renew, False
        return asked

    def _note_end(self, _number: int, _frame: FrameType | None) -> None:
        now_s = time.monotonic()
        if not self.end:
            self.end, self._asked_s = True, now_s
        elif now_s - self._asked_s >= _SAME_WISH_S:
            self.at_once = True

    def _note_hangup(self, number: int, frame: FrameType | None) -> None:
        if self._terminal and not _has_terminal():
            self._note_end(number, frame)
        else:
            self._renew = True


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def supervise(parts: Sequence[Part], wishes: Wishes, each_turn: Callable[[], None], *, drain_s: float = 30.0) -> None:
    """Keep the parts running until asked to end, then end them in their order, each when the one before is gone."""
    while not wishes.end:
        for part in parts:
            part.look()
        each_turn()
        time.sleep(_TURN_S)
    for part in parts:
        _end(part, wishes, each_turn, drain_s)


def _end(part: Part, wishes: Wishes, each_turn: Callable[[], None], drain_s: float) -> None:
    part.end()
    asked_s = time.monotonic()
    until_s, hurried = asked_s + drain_s, False
    while part.runs and time.monotonic() < until_s:
        if wishes.at_once and not hurried and time.monotonic() - asked_s >= _SPACED_S:
            part.end()
            until_s, hurried = min(until_s, time.monotonic() + _AT_ONCE_S), True
        each_turn()
        time.sleep(_TURN_S)
    part.kill()
