"""How does a gateway worker live: start with what it has, serve, drain, end?"""

import asyncio
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import uvloop

from segue.gateway.follow import Follower
from segue.gateway.override import Watch
from segue.gateway.settings import GatewaySettings
from segue.gateway.sight import levels
from segue.gateway.sight.siblings import Siblings
from segue.gateway.worker import Worker
from segue.http.server import Server
from segue.ids import RequestIds
from segue.ports.clock import Clock
from segue.ports.recorder import Recorder, Written
from segue.ports.store import AllocationStore

log: Final = logging.getLogger("segue.gateway")
_TICK_S: Final = 0.1
_LOOK_S: Final = 0.02
_WAIT_S: Final = 0.0005  # that a request may wait for a thread which asks the store: Python's own is ten times as long
_REST_S: Final = 1.0  # that a connection without a request gets for one more, at the end
_NEW_OBJECTS: Final = 20_000  # between two looks of the collector; some two thousand requests in hand hold as many
_M_TRIM_THRESHOLD: Final = -1  # glibc's malloc.h
_M_MMAP_THRESHOLD: Final = -3
_BLOCK_BYTES: Final = 4 * 1024 * 1024  # a longer block is mapped, and unmapped, alone
_FREE_BYTES: Final = 32 * 1024 * 1024  # that stay with us, at most, at the end of the heap
_SAME_WISH_S: Final = 1.0  # a second signal sooner than that is the first one by another way


class WorkerJournal(Recorder, Protocol):
    """The recorder with its life."""

    def tick(self) -> None:
        """Seal the file if it is due."""
        ...

    def close(self) -> None:
        """Write what is left and seal."""
        ...

    def written(self) -> Written:
        """What has been written so far."""
        ...


Preamble = Callable[[], list[tuple[int, bytes]]]


class Parts(Protocol):
    """What a worker is given by the wiring."""

    @property
    def clock(self) -> Clock:
        """Stream time."""
        ...

    def allocations(self) -> AllocationStore:
        """The store, for one thread."""
        ...

    def journal(self, preamble: Preamble) -> WorkerJournal:
        """A journal on the running event loop; each of its files begins with the preamble."""
        ...


def _nobody() -> None:
    """Nobody waits to hear that we are ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a worker comes to life.

    Args:
        sockets: bound for it by somebody else, who keeps them open; none where it binds its own.
        succeeds: another worker serves on them until this one says that it is ready: accept nothing before.
        on_ready: called once, when it serves.
    """

    sockets: Sequence[socket.socket] = ()
    succeeds: bool = False
    on_ready: Callable[[], None] = _nobody


class _Signals:
    """SIGTERM and SIGINT: the first asks for the end, a later one for a quick end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.end = asyncio.Event()
        self.at_once = asyncio.Event()
        self._asked_s = 0.0
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._note)

    def _note(self) -> None:
        if not self.end.is_set():
            self._asked_s = time.monotonic()
            self.end.set()
        elif time.monotonic() - self._asked_s >= _SAME_WISH_S:
            self.at_once.set()


def run(settings: GatewaySettings, parts: Parts, start: Start | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; returns when the last answer has left."""
    _collect_rarely()
    _keep_blocks()
    sys.setswitchinterval(_WAIT_S)
    uvloop.run(_serve(settings, parts, start or Start()))


def _collect_rarely() -> None:
    """Requests leave no rings behind, so that hardly anything is left for the collector: let it look seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 10, 10)


def _keep_blocks() -> None:
    """A block of a body's size is soon needed again: do not let it go, since every page of it would be cleared anew."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library than glibc
    mallopt(_M_MMAP_THRESHOLD, _BLOCK_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _FREE_BYTES)


async def _serve(settings: GatewaySettings, parts: Parts, start: Start) -> None:
    loop = asyncio.get_running_loop()
    signals = _Signals(loop)
    worker, journal = _worker(settings, parts)
    siblings = Siblings(settings.last_good, settings.worker, worker.about.snapshot)
    worker.about.together = siblings.together
    follower = Follower(settings, parts.allocations(), worker.swap, worker.runs)
    worker.on_change = follower.wake
    watch = Watch(settings.override, worker.overrule)
    server = Server(worker.handle, settings.server, worker.streams)
    worker.about.sources += [
        lambda: levels.of_journal(journal.written()),
        lambda: levels.of_server(server),
        lambda: levels.of_pools(worker.pools),
    ]
    watch.start(loop)
    follower.start(loop)
    if start.succeeds:
        await _ready(worker, signals)
    if not signals.end.is_set():
        await _listen(server, settings, start)
    keeping = [
        loop.create_task(siblings.show()),
        loop.create_task(_tick(journal)),
        loop.create_task(_say_ready(worker, signals, start)),
    ]
    await signals.end.wait()
    await _drain(server, worker, signals)
    for task in keeping:
        task.cancel()
    await asyncio.gather(*keeping, return_exceptions=True)
    await asyncio.to_thread(watch.stop)
    await asyncio.to_thread(follower.stop)
    journal.close()
    siblings.leave()
    log.info("worker %s ended", settings.worker)


async def _listen(server: Server, settings: GatewaySettings, start: Start) -> None:
    tls = settings.tls.context() if settings.tls is not None else None
    for bound in start.sockets:
        await server.listen_on(bound, tls=tls)
    if not start.sockets:
        await server.listen(settings.address, settings.port, reuse_port=True, tls=tls)
    log.info("worker %s serves at %s:%d", settings.worker, settings.address, settings.port)


async def _ready(worker: Worker, signals: _Signals) -> bool:
    """Wait until the worker can serve everything, or is to end."""
    while worker.about.missing() and not signals.end.is_set():  # noqa: ASYNC110 - it depends on much
        await asyncio.sleep(_LOOK_S)
    return not signals.end.is_set()


async def _say_ready(worker: Worker, signals: _Signals, start: Start) -> None:
    if await _ready(worker, signals):
        start.on_ready()


async def _drain(server: Server, worker: Worker, signals: _Signals) -> None:
    """Let the answers in hand leave, and the shadows end; at once where that was asked for."""
    worker.about.draining = True
    drain_s = worker.settings.drain_s
    ends_s = time.monotonic() + drain_s
    draining = asyncio.ensure_future(server.drain(drain_s, rest_s=min(_REST_S, drain_s / 2)))
    hurrying = asyncio.ensure_future(signals.at_once.wait())
    await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        for connection in list(server.connections):
            connection.cut()
        await draining
    await worker.close(0.0 if signals.at_once.is_set() else ends_s - time.monotonic())
    hurrying.cancel()
    if worker.tracing is not None:
        await asyncio.to_thread(worker.tracing.close)


def _worker(settings: GatewaySettings, parts: Parts) -> tuple[Worker, WorkerJournal]:
    ids = RequestIds(start_us=parts.clock.now_us(), entropy=int.from_bytes(os.urandom(5), "big"))
    made: list[Worker] = []
    journal = parts.journal(lambda: made[0].preamble() if made else [])
    made.append(Worker(settings, journal, parts.clock, ids))
    return made[0], journal


async def _tick(journal: WorkerJournal) -> None:
    """Seal the journal's file when it is due, also while nothing is recorded."""
    while True:
        await asyncio.sleep(_TICK_S)
        journal.tick()
