"""How is one version kept running: start, probe, watch, and start again when it fails?"""

import asyncio
import contextlib
import logging
import math
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from segue.errors import PortError
from segue.host.plan import Key
from segue.host.probe import Place, answers, probe
from segue.host.settings import HostSettings
from segue.host.worker import Assignment, Refusal, Word
from segue.ports.registry import ModelVersion

log: Final = logging.getLogger("segue.host")

Phase = Literal["loading", "ready", "waiting", "stopped"]
"""loading: until the probe has passed. waiting: it failed, and will be started again after a back-off."""

_LIMITS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ONE_THREAD: Final = dict.fromkeys(_LIMITS, "1")
"""A worker's numeric libraries take one core: parallelism comes from workers, and threads that fight cost tail latency."""

_word: Final[msgspec.json.Decoder[Word]] = msgspec.json.Decoder(Word)
_WORD_BYTES: Final = 16 * 1024 * 1024  # a worker's one line holds the example body
_FORCE_AFTER_S: Final = 2.0  # beyond the time to drain


class Slot:
    """One model version and the process that serves it.

    Args:
        version: what is served.
        changed: called when `place` or `phase` has changed.
        fetch: brings the version's artifact to this machine; called in a thread before each start, may take long.

    To read: `phase`, `place` (None unless it can answer), `reason` of the last failure, `failures` since it was steady,
    `starts` in all.
    """

    def __init__(
        self,
        version: ModelVersion,
        settings: HostSettings,
        changed: Callable[[], None],
        fetch: Callable[[ModelVersion], ModelVersion] = lambda version: version,
    ) -> None:
        self._fetch = fetch
        self.key = Key(version.model, version.version)
        self.phase: Phase = "loading"
        self.place: Place | None = None
        self.reason = ""
        self.failures = 0
        self.starts = 0
        self._version = self._here = version
        self._settings = settings
        self._changed = changed
        self._ready_s = math.inf
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process, None while there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._run(), name=f"slot {self.key}")

    async def stop(self) -> None:
        """End the worker: it answers what it has in hand, within the settings' time."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._turn("stopped", None)
        await self._end()

    async def _run(self) -> None:
        while True:
            self._turn("loading", None)
            self._ready_s = math.inf
            self.reason = await self._life()
            await self._end()
            served_s = time.monotonic() - self._ready_s
            self.failures = 1 if served_s > self._settings.steady_s else self.failures + 1
            wait_s = min(self._settings.back_off_least_s * 2.0 ** (self.failures - 1), self._settings.back_off_most_s)
            what = "is refused" if self.place is None else "has stopped"
            log.error("%s %s: %s; again in %.1f s", self.key, what, self.reason, wait_s)
            self._turn("waiting", None)
            await asyncio.sleep(wait_s)

    async def _life(self) -> str:
        """One worker from start to end; why it ended."""
        settings = self._settings
        try:
            self._here = await asyncio.to_thread(self._fetch, self._version)
        except (PortError, OSError) as error:
            return f"its artifact cannot be had: {error}"
        process = self._process = await self._spawn()
        self.starts += 1
        try:
            word = await asyncio.wait_for(self._word(process), settings.start_s)
        except TimeoutError:
            return f"it was not ready within {settings.start_s:g} s"
        if isinstance(word, Refusal):
            return word.reason
        place = Place(key=self.key, address=settings.address, port=word.port)
        reason = await probe(place, word.example.encode(), settings.probe_s)
        if reason:
            return f"the probe failed: {reason}"
        if not word.example:
            log.warning("%s has no example request: it was probed for readiness only", self.key)
        log.info("%s is ready at %s, loaded in %.2f s", self.key, place.url, word.load_s)
        self._ready_s = time.monotonic()
        self._turn("ready", place)
        return await self._watch(process, place)

    async def _spawn(self) -> Process:
        settings = self._settings
        assignment = Assignment(
            version=self._here,
            address=settings.address,
            threads=_threads(self._here),
            start_s=settings.start_s,
            drain_s=settings.drain_s,
            orphan_s=settings.orphan_s,
        )
        command = (sys.executable, "-m", "segue.host.worker", "--model", self.key.model, "--version", self.key.version)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=os.environ | ONE_THREAD, limit=_WORD_BYTES, start_new_session=True
        )
        if process.stdin is not None:  # it stays open: its end tells the worker that we are gone
            process.stdin.write(msgspec.json.encode(assignment) + b"\n")
        return process

    async def _word(self, process: Process) -> Word:
        line = b"" if process.stdout is None else await process.stdout.readline()
        if line:
            return _word.decode(line)
        return Refusal(reason=f"{_ending(await process.wait())} before it was ready")

    async def _watch(self, process: Process, place: Place) -> str:
        """Wait for the worker's end; why it came."""
        while True:
            try:
                return _ending(await asyncio.wait_for(process.wait(), self._settings.live_s))
            except TimeoutError:
                reason = await answers(place, "/v2/health/live", self._settings.hung_s)
            if reason and process.returncode is None:
                process.kill()
                return f"it hangs: {reason}"

    async def _end(self) -> None:
        """End the worker's process, in good time or by force."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._settings.drain_s + _FORCE_AFTER_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(OSError):
                await process.stdin.wait_closed()

    def _turn(self, phase: Phase, place: Place | None) -> None:
        self.phase, self.place = phase, place
        self._changed()


def _ending(status: int) -> str:
    if status >= 0:
        return f"its process ended with status {status}"
    return f"its process was ended by {signal.Signals(-status).name}"


def _threads(version: ModelVersion) -> int:
    """The tag `threads`: predictions at a time, for a model that waits for something."""
    text = version.tags.get("threads", "1")
    return max(1, int(text)) if text.isdecimal() else 1
