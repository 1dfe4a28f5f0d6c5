"""What does a process get from the one that started it, and what does it owe to it?

It dies with its parent, so that nobody is left behind holding a port; it says when it serves; and it may be given sockets
that are bound already. All of it is handed over in the environment, which is emptied of it at the first look.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
from typing import Final

PARENT: Final = "SEGUE_PARENT"
"""Its process id."""
READY: Final = "SEGUE_READY"
"""File descriptor of the pipe on which the child says that it serves."""
SOCKETS: Final = "SEGUE_SOCKETS"
"""File descriptors of bound sockets, joined by commas."""
SUCCEEDS: Final = "SEGUE_SUCCEEDS"
"""Not empty where somebody serves on the same sockets until the child is ready."""
_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent that started us dies; harmless for a process that has none."""
    parent = os.environ.pop(PARENT, "")
    if not parent:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit(0)  # it died before we asked
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal tells the whole group: what to do is the parent's to say


def inherited() -> list[socket.socket]:
    """The sockets that the parent has bound for us, perhaps none."""
    found = os.environ.pop(SOCKETS, "")
    return [_own(int(number)) for number in found.split(",") if number]


def _own(number: int) -> socket.socket:
    os.set_inheritable(number, False)  # noqa: FBT003 - its only argument
    return socket.socket(fileno=number)


def succeeds() -> bool:
    """Whether somebody serves until we are ready."""
    return bool(os.environ.pop(SUCCEEDS, ""))


class Readiness:
    """Tells the parent, if it listens, that we serve; the environment is read when this is made."""

    def __init__(self) -> None:
        self._pipe = int(os.environ.pop(READY, "") or -1)
        if self._pipe >= 0:
            os.set_inheritable(self._pipe, False)  # noqa: FBT003 - as above

    def tell(self) -> None:
        """Say so, once."""
        if self._pipe < 0:
            return
        with contextlib.suppress(BrokenPipeError):  # the parent has died: the kernel's SIGTERM is on its way
            os.write(self._pipe, b"1")
        os.close(self._pipe)
        self._pipe = -1
