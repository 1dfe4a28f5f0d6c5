"""Is every version that somebody wants served, and does the directory say where?

One turn: ask which names are wanted; ask the registry where they point; start what is needed and not there; enter in the
directory who answers under each name; end what nobody has wanted for a while. An alias that has moved is served by the
old version until the new one has passed its probe. Nothing here is on a request's path: while this process is away,
workers serve on.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec
import uvloop

from segue.errors import DomainError, PortError
from segue.facts.allocation import Endpoint
from segue.host.plan import Key, needed, read_name, routes
from segue.host.probe import Place, answers
from segue.host.settings import HostSettings
from segue.host.slot import Slot
from segue.ports.registry import ModelVersion, Registry
from segue.ports.store import EndpointStore

log: Final = logging.getLogger("segue.host")


class Supervisor:
    """Keeps a host's workers and its entries in the directory.

    Args:
        registry: what names point at.
        endpoints: the directory.
        desired: the names that are wanted now, `models:/churn/8` or `models:/churn@champion`; called in a thread, often.
        settings: who we are, and how patient.

    To read: `slots` by version.
    """

    def __init__(
        self, registry: Registry, endpoints: EndpointStore, desired: Callable[[], Collection[str]], settings: HostSettings
    ) -> None:
        self.slots: dict[Key, Slot] = {}
        self._registry = registry
        self._endpoints = endpoints
        self._desired = desired
        self._settings = settings
        self._versions: dict[Key, ModelVersion] = {}
        self._targets: dict[str, Key] = {}  # wanted name -> what it points at
        self._last: dict[str, Key] = {}  # wanted name -> what answered last
        self._entered: dict[str, Endpoint] = {}  # our entries in the directory
        self._beat_s = 0.0  # when they were refreshed
        self._adopted: dict[str, Key] = {}  # served by workers of our last life
        self._unneeded_s: dict[Key, float] = {}  # since when nobody wants it
        self._ending: set[asyncio.Task[None]] = set()
        self._said: dict[str, str] = {}
        self._changed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; then leave the directory, and end the workers."""
        adopted = False
        try:
            while not stop.is_set():
                adopted = adopted or await self._try("the directory", self._adopt)
                await self._try("the registry", self._look)
                self._keep()
                await self._try("the directory", self._enter)
                await self._pause(stop)
        finally:
            await self._leave()

    async def _pause(self, stop: asyncio.Event) -> None:
        """Until the next look, or until a worker has come or gone."""
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._changed)]
        await asyncio.wait(waits, timeout=self._settings.poll_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._changed.clear()

    async def _try(self, what: str, step: Callable[[], Awaitable[None]]) -> bool:
        """Take a step; where something outside fails, say so once, and go on with what is known. True when it was taken."""
        try:
            await step()
        except PortError as error:
            self._say(what, error.message)
            return False
        self._said.pop(what, None)
        return True

    def _say(self, subject: str, text: str) -> None:
        """Log once, until it is another text."""
        if self._said.get(subject) != text:
            self._said[subject] = text
            log.warning("%s: %s", subject, text)

    # -- what is wanted -------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        names = set(await asyncio.to_thread(self._desired))
        targets = await asyncio.to_thread(self._resolved, names)
        for name in self._targets.keys() - names:
            log.info("%s is wanted no more", name)
            self._last.pop(name, None)
        for name, key in targets.items():
            if self._targets.get(name) != key:
                log.info("%s is %s", name, key)
        self._targets = targets

    def _resolved(self, names: Collection[str]) -> dict[str, Key]:
        """Name -> version, for the names that point at one that is registered; the others are said once."""
        found = {}
        for key in self._last.values():
            self._known(key)
        for text in sorted(names):
            try:
                target = self._pointed_at(text)
            except DomainError as error:
                self._say(text, error.message)
                continue
            if target is not None and self._known(target):
                found[text] = target
                self._said.pop(text, None)
                continue
            self._say(text, "there is no such alias" if target is None else f"{target} is not registered")
            if text in self._last:  # an alias that was taken away: hold
                found[text] = self._last[text]
        return found

    def _pointed_at(self, text: str) -> Key | None:
        name = read_name(text)
        version = self._registry.alias(name.model, name.alias) if name.alias else name.version
        return None if version is None else Key(name.model, version)

    def _known(self, key: Key) -> bool:
        if key not in self._versions:
            self._versions.update({Key(it.model, it.version): it for it in self._registry.versions(key.model)})
        return key in self._versions

    # -- what runs ------------------------------------------------------------------------------------------------------

    def _ready(self) -> dict[Key, Place]:
        return {key: slot.place for key, slot in self.slots.items() if slot.place is not None}

    def _keep(self) -> None:
        """Start what is needed, end what nobody has needed for a while."""
        wanted = needed(self._targets, self._last, self._ready().keys()) | self._told()
        now_s = time.monotonic()
        for key in wanted:
            self._unneeded_s.pop(key, None)
            if key not in self.slots and key in self._versions:
                log.info("starting %s", key)
                slot = self.slots[key] = Slot(self._versions[key], self._settings, self._changed.set, self._registry.fetch)
                slot.start()
        for key in self.slots.keys() - wanted:
            since_s = self._unneeded_s.setdefault(key, now_s)
            if now_s - since_s >= self._settings.grace_s:
                log.info("ending %s, which nobody wants", key)
                del self._unneeded_s[key]
                self._end(self.slots.pop(key))

    def _told(self) -> set[Key]:
        """The versions that the directory sends callers to: they run until it says otherwise, however long that takes."""
        places = [_place(endpoint) for name, endpoint in self._entered.items() if name not in self._adopted]
        return {place.key for place in places if place is not None}

    def _end(self, slot: Slot) -> None:
        task = asyncio.create_task(slot.stop())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    # -- what the directory says ----------------------------------------------------------------------------------------

    async def _adopt(self) -> None:
        """Of the entries of our last life, keep those whose workers still answer; take the others out."""
        for endpoint in await asyncio.to_thread(self._endpoints.endpoints):
            if endpoint.host != self._settings.host:
                continue
            place = _place(endpoint)
            self._entered[endpoint.name] = endpoint
            if place is not None and not await answers(place, f"{place.version_path}/ready", self._settings.probe_s):
                log.info("%s is still served by a worker of our last life", endpoint.name)
                self._adopted[endpoint.name] = self._last[endpoint.name] = place.key
        await self._withdraw(self._entered.keys() - self._adopted.keys())

    async def _enter(self) -> None:
        """Bring our entries up to what is ready now, and give signs of life."""
        ready = self._ready()
        chosen = routes(self._targets, self._last, ready.keys())
        beat = time.monotonic() - self._beat_s >= self._settings.heartbeat_s
        if beat:
            await self._check_adopted()
        stay = chosen.keys() | (self._adopted.keys() & self._targets.keys())
        await self._withdraw(self._entered.keys() - stay)
        for name, key in chosen.items():
            await self._announce(name, ready[key], beat=beat)
        if beat:
            for name in self._adopted.keys() & self._entered.keys():
                await self._refresh(self._entered[name])
            self._beat_s = time.monotonic()

    async def _announce(self, name: str, place: Place, *, beat: bool) -> None:
        self._adopted.pop(name, None)
        known = self._entered.get(name)
        if known is None or (known.version, known.url) != (place.key.version, place.url):
            log.info("%s is served by %s at %s", name, place.key, place.url)
        elif not beat:
            return
        await self._refresh(
            Endpoint(
                name=name,
                version=place.key.version,
                url=place.url,
                path=f"{place.path}/infer",
                host=self._settings.host,
                seen_at=datetime.now(UTC),
            )
        )
        self._last[name] = place.key

    async def _refresh(self, endpoint: Endpoint) -> None:
        endpoint = msgspec.structs.replace(endpoint, seen_at=datetime.now(UTC))
        await asyncio.to_thread(self._endpoints.announce, endpoint)
        self._entered[endpoint.name] = endpoint

    async def _withdraw(self, names: Collection[str]) -> None:
        for name in list(names):
            await asyncio.to_thread(self._endpoints.withdraw, name, self._settings.host)
            del self._entered[name]
            log.info("%s is not served here now", name)

    async def _check_adopted(self) -> None:
        for name in list(self._adopted):
            place = _place(self._entered[name])
            if place is None or await answers(place, f"{place.version_path}/ready", self._settings.probe_s):
                del self._adopted[name]

    async def _leave(self) -> None:
        """Take our entries out, let callers hear of it, end the workers."""
        left = bool(self._entered)
        await self._try("the directory", lambda: self._withdraw(self._entered.keys()))
        if left:
            await asyncio.sleep(self._settings.leave_s)
        for slot in self.slots.values():
            self._end(slot)
        self.slots.clear()
        await asyncio.gather(*self._ending)


def _place(endpoint: Endpoint) -> Place | None:
    """Where an entry of the directory leads, None where it is none of ours."""
    try:
        parts = urlsplit(endpoint.url)
        key = Key(read_name(endpoint.name).model, endpoint.version)
        return Place(key=key, address=parts.hostname or "", port=parts.port or 0) if parts.hostname else None
    except ValueError:  # a name or a port that cannot be read
        return None


def run_host(
    registry: Registry, endpoints: EndpointStore, desired: Callable[[], Collection[str]], settings: HostSettings
) -> None:
    """Run a host in this process until SIGTERM or SIGINT; what `segue host` does."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")  # unless it is set up

    async def run() -> None:
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        await Supervisor(registry, endpoints, desired, settings).run(stop)

    uvloop.run(run())
