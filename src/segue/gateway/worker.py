"""What does one gateway worker do with everything that comes to its port?"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from segue.errors import DomainError, SegueError
from segue.facts.allocation import Directory
from segue.facts.wire.frames import ALLOCATION
from segue.gateway.doors import Doors
from segue.gateway.follow import ALLOCATIONS_COUNTED, Runs
from segue.gateway.live import Around, Live
from segue.gateway.override import Overrides
from segue.gateway.posting import Posting
from segue.gateway.request.doorkeeper import Doorkeeper
from segue.gateway.request.ejection import Ejections
from segue.gateway.request.naming import callers_id, own_id
from segue.gateway.request.pace import Pace
from segue.gateway.request.proxied import Proxied
from segue.gateway.request.shadows import ShadowQueue
from segue.gateway.settings import GatewaySettings
from segue.gateway.shapes import refusal
from segue.gateway.sight.about import About
from segue.gateway.sight.counters import Counters
from segue.gateway.sight.slow import SlowLog
from segue.gateway.sight.tracing import Tracing
from segue.http.client import UpstreamPool
from segue.http.exchange import Exchange
from segue.http.tls import ClientTls, TlsContext
from segue.ids import RequestIds
from segue.ports.clock import Clock
from segue.ports.recorder import Recorder
from segue.ports.store import Captured

log: Final = logging.getLogger("segue.gateway")
_JSON: Final = ((b"content-type", b"application/json"),)
_OUTCOMES: Final = b"/segue/v1/outcomes"


def _nothing() -> None:
    """Nobody has to be told."""


class Worker:
    """Routes requests of all its routes to their versions, and keeps the record; one per process.

    Args:
        recorder: its journal.
        clock: stream time.
        ids: names for requests whose caller gave none.
    """

    def __init__(self, settings: GatewaySettings, recorder: Recorder, clock: Clock, ids: RequestIds) -> None:
        self.settings = settings
        self.recorder = recorder
        self.clock = clock
        self.counters = Counters()
        self.doorkeeper = Doorkeeper(settings, self.counters)
        self.live: dict[str, Live] = {}
        self.running: dict[str, int] = {}
        self.on_change: Callable[[], None] = _nothing  # called when what `runs` says has changed
        self.ejections = Ejections(settings.ejection, self.counters, lambda: self.on_change())  # noqa: PLW0108 - it is set later
        self.frames: dict[tuple[str, int], bytes] = {}
        self._captured: dict[tuple[str, int], defaultdict[str, int]] = {}  # route and allocation -> variant -> rows
        self.about = About(settings, self.live, self.counters, self._note_depths)
        self._ids = ids
        self._doors = Doors()
        self._posting = Posting(settings, recorder, clock, self.doorkeeper)
        self.slow = SlowLog(settings.slow)
        self.tracing = None if settings.tracing is None else Tracing(settings.tracing, settings.worker)
        self._around = Around(self._pool, self.ejections.health_of, self.counters.overhead)
        self._directories: dict[str, Directory] = {}
        self._overrides: Overrides = {}
        self._pools: dict[tuple[bool, str, int], UpstreamPool] = {}
        self._trust: TlsContext[ClientTls] | None = None
        self.pace = Pace()
        self._shadows: dict[tuple[str, str], ShadowQueue] = {}

    # -- what is in force -----------------------------------------------------------------------------------------------

    def swap(self, directory: Directory) -> None:
        """Serve by this directory from the next request on; those under way end under theirs."""
        route = directory.allocation.route
        self.doorkeeper.follow(directory)  # first of all: a key that was revoked opens nothing, whatever becomes of the rest
        try:
            live = Live(directory, self._around, self._overrides.get(route))
        except SegueError as error:
            log.error("directory of %s refused, serving by the last one: %s", route, error)
            return
        number = live.allocation.number
        if number < self.running.get(route, 0):
            return  # the disk is older than the store
        self._directories[route] = directory
        self._enter_frame(route, number, live.frame)
        live.captured = self._captured.setdefault((route, number), live.captured)
        self.live[route] = live
        self._doors.open(live)
        self.running[route] = number
        for shadow in live.allocation.shadows:
            queue = self._shadows.get((route, shadow.variant))
            if queue is None:
                self._shadows[route, shadow.variant] = ShadowQueue(self, shadow)
            else:
                queue.settings = shadow
        self._dismiss_shadows(live)
        self._forget_pools()
        self.ejections.follow(live)
        self._note_levels(live)
        self.on_change()

    def _forget_pools(self) -> None:
        """Keep no pool, nor its numbers, of an address that nobody is served at any more, once its connections have ended."""
        upstreams = [upstream for live in self.live.values() for upstream in live.upstreams.values()]
        used = {place.pool for upstream in upstreams for place in upstream.places}
        for address, pool in list(self._pools.items()):
            if pool not in used and not pool.open and not pool.waiting:
                del self._pools[address]

    def _dismiss_shadows(self, live: Live) -> None:
        """Ask no shadow that is killed, or is none any more, for those who still wait for it: it may do harm."""
        asked = {shadow.variant for shadow in live.allocation.shadows} - live.killed
        for (route, variant), queue in self._shadows.items():
            if route == live.allocation.route and variant not in asked:
                queue.dismiss()

    def overrule(self, overrides: Overrides) -> None:
        """Obey these rules of a person from the next request on, in place of those before."""
        self._overrides = overrides
        for directory in list(self._directories.values()):
            self.swap(directory)

    def runs(self, route: str) -> Runs:
        """What is done with a route now; may be called by another thread."""
        live = self.live.get(route)
        killed = tuple(sorted(live.killed)) if live is not None else ()
        written = [(at, dict(rows)) for (of, at), rows in list(self._captured.items()) if of == route]
        captured = tuple(Captured(allocation=at, variant=it, rows=n) for at, rows in written for it, n in rows.items())
        return Runs(self.running.get(route, 0), self.ejections.reported(route, time.monotonic()), killed, captured)

    def _enter_frame(self, route: str, number: int, frame: bytes) -> None:
        """Write the allocation into the journal before the first row that names it."""
        if (route, number) in self.frames:
            return
        self.frames[route, number] = frame
        for old in sorted(key for key in self.frames if key[0] == route)[:-16]:
            del self.frames[old]  # no request is under way for so long
        for old in sorted(key for key in self._captured if key[0] == route)[:-ALLOCATIONS_COUNTED]:
            del self._captured[old]
        self.recorder.record(ALLOCATION, frame)

    def preamble(self) -> list[tuple[int, bytes]]:
        """What every new journal file begins with, so that it can be read alone."""
        return [(ALLOCATION, frame) for frame in self.frames.values()]

    @property
    def pools(self) -> list[UpstreamPool]:
        """The connections to every upstream that is served, and to those before while they last."""
        return list(self._pools.values())

    def _pool(self, secure: bool, host: str, port: int) -> UpstreamPool:
        pool = self._pools.get((secure, host, port))
        if pool is None:
            tls = self._upstream_tls() if secure else None
            pool = self._pools[secure, host, port] = UpstreamPool(host, port, self.settings.pool, tls)
        return pool

    def _upstream_tls(self) -> TlsContext[ClientTls]:
        """Made for the first upstream that needs it: it reads the system's authorities."""
        if self._trust is None:
            self._trust = (self.settings.upstream_tls or ClientTls()).context()
        return self._trust

    async def close(self, within_s: float = 0.0) -> None:
        """Let the shadows under way end, within some seconds, then close all connections."""
        ends_s = time.monotonic() + within_s
        for queue in self._shadows.values():
            await queue.drained(ends_s - time.monotonic())
        for pool in self._pools.values():
            await pool.close()

    # -- requests -------------------------------------------------------------------------------------------------------

    def handle(self, exchange: Exchange) -> None:
        """Answer one request, now or later."""
        live = self._doors.exact.get(exchange.target)
        if live is not None and exchange.method == b"POST":
            if self.doorkeeper.admits(exchange, live):
                Proxied(self, exchange, live).begin()
        else:
            self._handle_other(exchange)

    def streams(self, method: bytes, target: bytes) -> bool:
        """Whether a long body of such a request may be passed on as it comes."""
        return self._doors.streams(method, target)

    def _handle_other(self, exchange: Exchange) -> None:
        """What is not simply posted to a route's own path."""
        path = exchange.target.partition(b"?")[0]
        if path == _OUTCOMES:
            self._posting.take(exchange)
            return
        door = self._doors.find(exchange)
        if door is not None and door.live is not None:
            if door.tail and not self._doors.sound(door.tail):
                exchange.respond(400, _JSON, refusal(door.live.allocation.protocol, 400, "a path that leads elsewhere"))
            elif self.doorkeeper.admits(exchange, door.live):
                self._proxy(exchange, door.live, door.tail, door.version)
        elif not self.doorkeeper.admits_look(exchange):
            pass  # it was answered
        elif door is None:
            self.about.answer(exchange, path)
        else:
            self.about.not_live(exchange, door.route)

    def _proxy(self, exchange: Exchange, live: Live, tail: bytes, version: str) -> None:
        try:
            proxied = Proxied(self, exchange, live, tail)
            proxied.begin(version)
        except DomainError as error:  # a path that cannot be asked for
            exchange.respond(400, _JSON, refusal(live.allocation.protocol, 400, error.message))

    def request_id(self, live: Live, body: bytes, header: bytes | None, json_length: bytes | None) -> str:
        """The caller's own id where it gave a usable one (the body's first, then X-Request-Id), else a new one.

        A body's id is looked for where the protocol has one, as far as bodies are kept. (`in` would first try the needle as
        a number, which costs more than all the rest.)
        """
        if live.named_bodies and body.find(b'"id"', 0, live.body_limit_bytes) >= 0:
            own = own_id(body, json_length)
            if own is not None:
                return own
        if header is not None:
            text = header.decode("ascii", "replace")
            if callers_id(text):
                return text
        return self._ids.next()

    def asked_beside(self, proxied: Proxied, live: Live) -> None:
        """The answer has left: ask the shadows."""
        for shadow in live.assigner.shadows(proxied.request_id, proxied.served):
            self._shadows[live.allocation.route, shadow.variant].offer(proxied, live)

    # -- numbers --------------------------------------------------------------------------------------------------------

    def dropped_shadow(self, live: Live, variant: str) -> None:
        """Count a shadow that was not asked, because too many wait."""
        labels = (("route", live.allocation.route), ("variant", variant), ("state", "dropped"))
        self.counters.add("segue_capture_total", labels)

    def _note_levels(self, live: Live) -> None:
        route = live.allocation.route
        self.counters.set("segue_allocation", (("route", route),), live.allocation.number)
        shares: dict[str, int] = dict.fromkeys(live.allocation.variants, 0)
        for piece in live.allocation.split.ranges:
            shares[piece.variant] = shares.get(piece.variant, 0) + piece.end - piece.start
        for variant in live.allocation.variants:
            killed = int(variant in live.killed)
            self.counters.set("segue_killed", (("route", route), ("variant", variant)), killed)
        for variant, buckets in shares.items():
            self.counters.set("segue_variant_share", (("route", route), ("variant", variant)), buckets / 1_000_000)

    def _note_depths(self) -> None:
        """Note how many requests wait for their shadows."""
        for (route, variant), queue in self._shadows.items():
            self.counters.set("segue_capture_queue_depth", (("route", route), ("variant", variant)), queue.depth)
