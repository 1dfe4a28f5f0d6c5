"""Which processes belong to this one, and what if one of them dies?

A child that ends unasked is started again, after a pause that grows while it keeps failing. When the parent dies, even by
SIGKILL, the kernel sends its children SIGTERM, so that nobody is left behind holding a port.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

_PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LONG_ENOUGH_S: Final = 10.0  # a child that lived so long begins with the shortest pause again
_PARENT: Final = "SEGUE_PARENT"
_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent that started us dies; harmless for a process that has none."""
    parent = os.environ.pop(_PARENT, "")
    if not parent:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit(0)  # it died before we asked


Say = Callable[[str], None]


def _to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Child:
    """One process that should run.

    Args:
        name: for people, and for its log file.
        arguments: of `segue`.
        log: file that its output is appended to, None for ours.
        say: where a word about its end goes.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path | None, *, say: Say = _to_stderr
    ) -> None:
        self._say = say
        self.name = name
        self._arguments = [sys.executable, "-m", "segue", *arguments]
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._started_s = 0.0
        self._start_at_s = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    def look(self) -> None:
        """Start it if it should run and does not."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            lived_s = time.monotonic() - self._started_s
            self._failures = 0 if lived_s > _LONG_ENOUGH_S else self._failures + 1
            pause_s = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
            self._start_at_s = time.monotonic() + pause_s
            where = f", see {self._log}" if self._log else ""
            self._say(f"{self.name} ended with {code} after {lived_s:.1f} s; again in {pause_s} s{where}")
        if self._process is None and time.monotonic() >= self._start_at_s:
            self._start()

    def _start(self) -> None:
        environment = {**os.environ, **self._environment, _PARENT: str(os.getpid())}
        self._started_s = time.monotonic()
        if self._log is None:
            self._process = subprocess.Popen(self._arguments, env=environment)
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._arguments, env=environment, stdout=log, stderr=log)

    def stop(self, within_s: float) -> None:
        """SIGTERM, and SIGKILL if that was not enough."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._say(f"{self.name} did not end within {within_s:.0f} s: killed")
            self._process.kill()
            self._process.wait()
        self._process = None


class Stopping:
    """True once SIGTERM or SIGINT has come."""

    def __init__(self) -> None:
        self.asked = False
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def __bool__(self) -> bool:
        return self.asked


def supervise(children: Sequence[Child], stopping: Stopping, each_turn: Callable[[], None], *, drain_s: float = 30.0) -> None:
    """Keep the children running until asked to stop, then stop them in their order, the first first."""
    while not stopping:
        for child in children:
            child.look()
        each_turn()
        time.sleep(0.1)
    for child in children:
        child.stop(drain_s)
