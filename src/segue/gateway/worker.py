"""What does one gateway worker do with everything that comes to its port?"""

import json
import logging
import re
import time
from collections.abc import Callable
from typing import Final

import msgspec

from segue.errors import DomainError, SegueError
from segue.facts.allocation import Directory
from segue.facts.codec import to_pack
from segue.facts.frames import ALLOCATION, OUTCOME
from segue.facts.outcome_wire import parse
from segue.gateway.counters import Counters, Sample, exposition, merged
from segue.gateway.live import Live
from segue.gateway.proxied import Proxied
from segue.gateway.settings import GatewaySettings
from segue.gateway.shadows import ShadowQueue
from segue.http.client import UpstreamPool
from segue.http.exchange import Exchange
from segue.ids import RequestIds
from segue.ports.clock import Clock
from segue.ports.recorder import Recorder

log: Final = logging.getLogger("segue.gateway")
_JSON: Final = ((b"content-type", b"application/json"),)
_INFER: Final = re.compile(rb"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer").fullmatch
_ABOUT: Final = re.compile(rb"/v2/models/([^/]+)(?:/versions/([^/]+))?(/ready)?").fullmatch
_CALLERS_ID: Final = re.compile(r"[A-Za-z0-9._:+/=@-]{1,128}").fullmatch


class _HasId(msgspec.Struct):
    id: str | int | None = None


_id_of = msgspec.json.Decoder(_HasId).decode


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
        self.live: dict[str, Live] = {}
        self.running: dict[str, int] = {}
        self.frames: dict[tuple[str, int], bytes] = {}
        self.draining = False
        self._ids = ids
        self._pools: dict[tuple[str, int], UpstreamPool] = {}
        self._shadows: dict[tuple[str, str], ShadowQueue] = {}
        self._by_target: dict[bytes, Live] = {}
        self.siblings: Callable[[], list[list[Sample]]] = list

    # -- what is in force -----------------------------------------------------------------------------------------------

    def swap(self, directory: Directory) -> None:
        """Serve by this directory from the next request on; those under way end under theirs."""
        route = directory.allocation.route
        try:
            live = Live(directory, self._pool)
        except SegueError as error:
            log.error("directory of %s refused, serving by the last one: %s", route, error)
            return
        number = live.allocation.number
        if number < self.running.get(route, 0):
            return  # the disk is older than the store
        self._enter_frame(route, number, live.frame)
        self.live[route] = live
        self._by_target[f"/v2/models/{route}/infer".encode()] = live
        self.running[route] = number
        for shadow in live.allocation.shadows:
            queue = self._shadows.get((route, shadow.variant))
            if queue is None:
                self._shadows[route, shadow.variant] = ShadowQueue(self, shadow)
            else:
                queue.settings = shadow
        self._note_levels(live)

    def _enter_frame(self, route: str, number: int, frame: bytes) -> None:
        """Write the allocation into the journal before the first row that names it."""
        if (route, number) in self.frames:
            return
        self.frames[route, number] = frame
        for old in sorted(key for key in self.frames if key[0] == route)[:-16]:
            del self.frames[old]  # no request is under way for so long
        self.recorder.record(ALLOCATION, frame)

    def preamble(self) -> list[tuple[int, bytes]]:
        """What every new journal file begins with, so that it can be read alone."""
        return [(ALLOCATION, frame) for frame in self.frames.values()]

    def _pool(self, host: str, port: int) -> UpstreamPool:
        pool = self._pools.get((host, port))
        if pool is None:
            pool = self._pools[host, port] = UpstreamPool(host, port, self.settings.pool)
        return pool

    async def close(self) -> None:
        """Let the shadows under way end, within the time for draining, then close all connections."""
        ends_s = time.monotonic() + self.settings.drain_s
        for queue in self._shadows.values():
            await queue.drained(ends_s - time.monotonic())
        for pool in self._pools.values():
            await pool.close()

    # -- requests -------------------------------------------------------------------------------------------------------

    def handle(self, exchange: Exchange) -> None:
        """Answer one request, now or later."""
        live = self._by_target.get(exchange.target)
        if live is not None and exchange.method == b"POST":
            Proxied(self, exchange, live).begin()
        else:
            self._handle_other(exchange)

    def _handle_other(self, exchange: Exchange) -> None:
        """What is not simply `POST /v2/models/{route}/infer`."""
        target = exchange.target.partition(b"?")[0]
        infer = _INFER(target) if exchange.method == b"POST" else None
        if infer is not None:
            self._infer(exchange, infer[1].decode("utf-8", "replace"), infer[2])
        elif target == b"/segue/v1/outcomes":
            self._outcomes(exchange)
        else:
            self._about(exchange, target)

    def _infer(self, exchange: Exchange, route: str, version: bytes | None) -> None:
        live = self.live.get(route)
        if live is None:
            self._not_live(exchange, route)
        else:
            Proxied(self, exchange, live).begin(version)

    def _not_live(self, exchange: Exchange, route: str) -> None:
        """A route of ours whose first allocation has not come yet is a matter of time; any other does not exist."""
        if route in self.settings.routes:
            body = json.dumps({"error": f"nothing is published for {route!r} yet"}).encode()
            exchange.respond(503, (*_JSON, (b"retry-after", b"1")), body)
        else:
            self.refuse(exchange, 404, f"there is no route {route!r} here")

    def request_id(self, live: Live, body: bytes, header: bytes | None) -> str:
        """The caller's own id where it gave a usable one (the body's first, then X-Request-Id), else a new one.

        A body's id is looked for as far as bodies are kept. (`in` would first try the needle as a number, which costs more
        than all the rest.)
        """
        if body.find(b'"id"', 0, live.body_limit_bytes) >= 0:
            try:
                own = _id_of(body).id
            except (msgspec.DecodeError, UnicodeDecodeError):
                own = None
            if own is not None and _CALLERS_ID(str(own)):
                return str(own)
        if header is not None:
            text = header.decode("ascii", "replace")
            if _CALLERS_ID(text):
                return text
        return self._ids.next()

    def asked_beside(self, proxied: Proxied, live: Live) -> None:
        """The answer has left: ask the shadows."""
        for shadow in live.assigner.shadows(proxied.request_id, proxied.served):
            self._shadows[live.allocation.route, shadow.variant].offer(proxied, live)

    def _outcomes(self, exchange: Exchange) -> None:
        if exchange.method != b"POST":
            self.refuse(exchange, 405, "outcomes are posted")
            return
        route = self.settings.routes[0] if self.settings.routes else ""
        try:
            outcomes = parse(exchange.body, received_at=self.clock.now(), route=route)
        except DomainError as error:
            self.refuse(exchange, 400, error.message)
            return
        unknown = {outcome.route for outcome in outcomes} - set(self.settings.routes)
        if unknown:
            self.refuse(exchange, 404, f"there is no route {min(unknown)!r} here")
            return
        for outcome in outcomes[:-1]:
            self.recorder.record(OUTCOME, to_pack(outcome))
        answer = b'{"accepted":%d}' % len(outcomes)

        def release(written: bool) -> None:
            exchange.respond(202 if written else 503, _JSON, answer if written else b'{"error":"the record cannot be written"}')

        if outcomes:
            self.recorder.record(OUTCOME, to_pack(outcomes[-1]), release)
        else:
            release(True)  # noqa: FBT003 - the recorder's signature

    # -- about ----------------------------------------------------------------------------------------------------------

    def _about(self, exchange: Exchange, target: bytes) -> None:
        if target in {b"/livez", b"/v2/health/live"}:
            self._say(exchange, 200, {"live": True})
        elif target in {b"/readyz", b"/v2/health/ready"}:
            missing = self.missing()
            self._say(exchange, 503 if missing else 200, {"ready": not missing, "live": True, "missing": missing})
        elif target == b"/metrics":
            headers = ((b"content-type", b"text/plain; version=0.0.4"),)
            exchange.respond(200, headers, self.exposition())
        elif target == b"/v2":
            self._say(exchange, 200, {"name": "segue", "version": "2", "extensions": []})
        else:
            about = _ABOUT(target)
            if about is None:
                self.refuse(exchange, 404, "no such path")
            else:
                self._about_route(exchange, about)

    def _about_route(self, exchange: Exchange, about: re.Match[bytes]) -> None:
        route = about[1].decode("utf-8", "replace")
        live = self.live.get(route)
        if live is None:
            self._not_live(exchange, route)
            return
        versions = sorted({place.version for upstream in live.upstreams.values() for place in upstream.places})
        if about[2] is not None and about[2].decode("utf-8", "replace") not in versions:
            self.refuse(exchange, 404, f"no such version of {route!r} is served here")
        elif about[3]:
            self._say(exchange, 200 if live.ready else 503, {"name": route, "ready": live.ready})
        else:
            self._say(exchange, 200, {"name": route, "versions": versions, "platform": "segue", "inputs": [], "outputs": []})

    def missing(self) -> list[str]:
        """What keeps this worker from serving; empty when it is ready."""
        if self.draining:
            return ["the worker is draining"]
        problems = [f"no allocation for {route}" for route in self.settings.routes if route not in self.live]
        return problems + [f"nobody serves {route}'s champion" for route, live in self.live.items() if not live.ready]

    def _say(self, exchange: Exchange, status: int, answer: dict[str, object]) -> None:
        exchange.respond(status, _JSON, json.dumps(answer).encode())

    def refuse(self, exchange: Exchange, status: int, why: str) -> None:
        """Say no in the protocol's shape."""
        self._say(exchange, status, {"error": why})

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
        for variant, buckets in shares.items():
            self.counters.set("segue_variant_share", (("route", route), ("variant", variant)), buckets / 1_000_000)

    def exposition(self) -> bytes:
        """The numbers of all workers of this machine in Prometheus' text format; see `gateway.serve`."""
        for (route, variant), queue in self._shadows.items():
            self.counters.set("segue_capture_queue_depth", (("route", route), ("variant", variant)), queue.depth)
        return exposition(merged([self.counters.snapshot(), *self.siblings()]))
