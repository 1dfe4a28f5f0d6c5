"""How does one process run that should always run?

A child that ends unasked is started again. The pause before that grows only while it ends by itself, soon after its start: one
that has lived for a while, or that somebody killed, is back with the shortest.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from segue.children.parent import PARENT, READY, SOCKETS, SUCCEEDS

_PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LONG_ENOUGH_S: Final = 5.0
_KILLED: Final = frozenset({-signal.SIGKILL, -signal.SIGTERM})  # not its own doing; memory that runs out takes its time

Say = Callable[[str], None]


def to_stderr(text: str) -> None:
    """A word for whoever looks after these processes."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Child:
    """One process that should run.

    Args:
        name: for people, and for its log file.
        arguments: of `segue`.
        environment: beside ours.
        log: file that its output is appended to, None for ours.
        sockets: file descriptors that it inherits, bound; ours stay open.
        say: where a word about its end goes.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None,
        *,
        sockets: Sequence[int] = (),
        say: Say = to_stderr,
    ) -> None:
        self.name = name
        self._arguments = [sys.executable, "-m", "segue", *arguments]
        self._environment = environment
        self._log = log
        self._sockets = tuple(sockets)
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1  # on which it says that it serves
        self._ready = False
        self._failures = 0
        self._started_s = 0.0
        self._start_at_s = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    @property
    def runs(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has said that it serves."""
        if not self._ready and self._pipe >= 0:
            with contextlib.suppress(BlockingIOError):
                self._ready = os.read(self._pipe, 1) == b"1"
        return self._ready

    def look(self) -> None:
        """Start it if it should run and does not."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            lived_s = time.monotonic() - self._started_s
            innocent = code in _KILLED or lived_s > _LONG_ENOUGH_S
            self._failures = 0 if innocent else self._failures + 1
            pause_s = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
            self._start_at_s = time.monotonic() + pause_s
            where = f", see {self._log}" if self._log else ""
            self._say(f"{self.name} ended with {code} after {lived_s:.1f} s; again in {pause_s} s{where}")
        if self._process is None and time.monotonic() >= self._start_at_s:
            self.start()

    def start(self, *, succeeds: bool = False) -> None:
        """Start it now.

        Args:
            succeeds: True where another process serves on the same sockets until this one says that it is ready.
        """
        self._forget_pipe()
        self._pipe, told = os.pipe()
        os.set_blocking(self._pipe, False)
        given = {
            PARENT: str(os.getpid()),
            READY: str(told),
            SOCKETS: ",".join(map(str, self._sockets)),
            SUCCEEDS: "1" if succeeds else "",
        }
        environment = {**os.environ, **self._environment, **given}
        self._started_s = time.monotonic()
        log = None if self._log is None else self._log.open("ab")
        try:
            self._process = subprocess.Popen(
                self._arguments, env=environment, stdout=log, stderr=log, pass_fds=(told, *self._sockets)
            )
        finally:
            os.close(told)
            if log is not None:
                log.close()

    def _forget_pipe(self) -> None:
        self._ready = False
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def send(self, number: signal.Signals) -> None:
        """Pass a signal on, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def end(self) -> None:
        """Ask it to end; a second time, to end at once."""
        self.send(signal.SIGTERM)

    def kill(self) -> None:
        """End what is left of it; say so if that had to be done by force."""
        if self.runs and self._process is not None:
            self._say(f"{self.name} did not end in time: killed")
            self._process.kill()
        if self._process is not None:
            self._process.wait()
        self._process = None
        self._forget_pipe()

    def stop(self, within_s: float) -> None:
        """Ask it to end, wait, and kill it if that was not enough."""
        self.end()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(within_s)
        self.kill()
