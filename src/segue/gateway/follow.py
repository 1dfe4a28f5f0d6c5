"""Which directory is in force? Looked up in the store by a thread, kept on disk, given to the event loop.

Serving never waits for the store: a worker starts with the last good directory on disk, and keeps what it has while the
store does not answer. It polls; a store that can tell of a change makes it look at once.
"""

import asyncio
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from segue.errors import DomainError, NotFound, PortError
from segue.facts.allocation import Directory
from segue.facts.wire.codec import from_json, to_json
from segue.gateway.settings import GatewaySettings
from segue.ports.store import AllocationStore, Captured, End, WorkerReport

log: Final = logging.getLogger("segue.gateway")
ALLOCATIONS_COUNTED: Final = 32
"""Of so many allocations it is reported how many rows were written down under them."""
OnChange = Callable[[Directory], None]


class Runs(NamedTuple):
    """What a worker does with a route, as in its report."""

    allocation: int
    ejected: tuple[str, ...] = ()
    killed: tuple[str, ...] = ()
    captured: tuple[Captured, ...] = ()

    def but_for_counts(self) -> "Runs":
        """What is worth a report of its own."""
        return self._replace(captured=())

    def since(self, before: Iterable[Captured]) -> "Runs":
        """With what the worker of this name had written down before it was started again; the last allocations only."""
        rows = Counter({(it.allocation, it.variant): it.rows for it in before})
        rows.update({(it.allocation, it.variant): it.rows for it in self.captured})
        kept = set(sorted({allocation for allocation, _ in rows})[-ALLOCATIONS_COUNTED:])
        whole = (Captured(allocation=at, variant=name, rows=n) for (at, name), n in sorted(rows.items()) if at in kept)
        return self._replace(captured=tuple(whole))


class Follower:
    """Follows the directories of the worker's routes.

    Args:
        settings: routes, folder and intervals.
        store: where directories come from; used by one thread only.
        on_change: called on the event loop with each new directory.
        runs: what the worker does with a route now; called by the thread for its reports.
    """

    def __init__(
        self, settings: GatewaySettings, store: AllocationStore, on_change: OnChange, runs: Callable[[str], Runs]
    ) -> None:
        self._settings = settings
        self._store = store
        self._on_change = on_change
        self._runs = runs
        self._revisions: dict[str, str] = {}
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._unlisten: End | None = None
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reported: dict[str, tuple[Runs, float]] = {}
        self._before: dict[str, tuple[Captured, ...]] = {}
        self._answering = True

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give what is on disk at once, then follow."""
        self._loop = loop
        for route in self._settings.routes:
            kept = self._from_disk(route)
            if kept is not None:
                self._on_change(kept)
        self._thread.start()

    def wake(self) -> None:
        """Look, and report, at once: something has changed."""
        self._wake.set()

    def stop(self) -> None:
        """Follow no more."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def _follow(self) -> None:
        while not self._stop.is_set():
            for route in self._settings.routes:
                try:
                    self._look(route)
                    self._report(route)
                except NotFound:
                    pass  # nothing was published yet
                except PortError as error:
                    self._say(answering=False, why=str(error))
                else:
                    self._say(answering=True)
            self._wake.wait(self._settings.poll_s)
            self._wake.clear()
        if self._unlisten is not None:
            self._unlisten()

    def _say(self, *, answering: bool, why: str = "") -> None:
        if answering != self._answering:
            self._answering = answering
            log.warning("the store %s", "answers again" if answering else f"does not answer: {why}")

    def _look(self, route: str) -> None:
        if self._unlisten is None:
            self._unlisten = self._store.listen(self._wake.set)
        directory = self._store.directory(route, unless=self._revisions.get(route, ""))
        if directory is None or self._loop is None:
            return
        self._revisions[route] = directory.revision
        self._to_disk(route, directory)
        self._loop.call_soon_threadsafe(self._on_change, directory)

    def _report(self, route: str) -> None:
        runs = self._runs(route)
        last, at_s = self._reported.get(route, (None, 0.0))
        if (
            last is not None
            and runs.but_for_counts() == last.but_for_counts()
            and time.monotonic() - at_s < self._settings.report_s
        ):
            return
        now, worker = datetime.now(UTC), self._settings.worker
        if route not in self._before:
            self._before[route] = next((it.captured for it in self._store.reports(route) if it.worker == worker), ())
        told = runs.since(self._before[route])
        self._store.report(WorkerReport(worker=worker, route=route, at=now, **told._asdict()))
        self._reported[route] = (runs, time.monotonic())

    # -- the last good one ----------------------------------------------------------------------------------------------

    def _file(self, route: str) -> Path:
        return Path(self._settings.last_good) / f"{route}.json"

    def _to_disk(self, route: str, directory: Directory) -> None:
        file = self._file(route)
        draft = file.with_suffix(f".{os.getpid()}.draft")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(to_json(directory))
            draft.replace(file)
        except OSError as error:
            log.warning("last good directory of %s not kept: %s", route, error)

    def _from_disk(self, route: str) -> Directory | None:
        try:
            return from_json(Directory, self._file(route).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, DomainError) as error:
            log.warning("last good directory of %s not readable: %s", route, error)
            return None
