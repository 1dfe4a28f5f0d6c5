"""How does a gateway worker live: start with what it has, serve, drain, end?"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from typing import Final, Protocol

import uvloop

from segue.gateway.follow import Follower
from segue.gateway.settings import GatewaySettings
from segue.gateway.sight.siblings import Siblings
from segue.gateway.worker import Worker
from segue.http.server import Server
from segue.ids import RequestIds
from segue.ports.clock import Clock
from segue.ports.recorder import Recorder
from segue.ports.store import AllocationStore

log: Final = logging.getLogger("segue.gateway")
_TICK_S = 0.1


class WorkerJournal(Recorder, Protocol):
    """The recorder with its life."""

    def tick(self) -> None:
        """Seal the file if it is due."""
        ...

    def close(self) -> None:
        """Write what is left and seal."""
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


def run(settings: GatewaySettings, parts: Parts) -> None:
    """Serve until SIGTERM or SIGINT, then drain; returns when the last answer has left."""
    uvloop.run(_serve(settings, parts))


async def _serve(settings: GatewaySettings, parts: Parts) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    worker, journal = _worker(settings, parts)
    siblings = Siblings(settings.last_good, settings.worker)
    worker.about.siblings = siblings.seen
    follower = Follower(settings, parts.allocations(), worker.swap, worker.running)
    server = Server(worker.handle, settings.server, worker.streams)
    follower.start(loop)
    port = await server.listen(settings.address, settings.port, reuse_port=True)
    log.info("worker %s serves at %s:%d", settings.worker, settings.address, port)
    keeping = [loop.create_task(siblings.show(worker.counters.snapshot)), loop.create_task(_tick(journal))]
    await stop.wait()
    worker.about.draining = True
    await server.drain(settings.drain_s)
    await worker.close()
    for task in keeping:
        task.cancel()
    await asyncio.gather(*keeping, return_exceptions=True)
    await asyncio.to_thread(follower.stop)
    journal.close()
    siblings.leave()
    log.info("worker %s ended", settings.worker)


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
