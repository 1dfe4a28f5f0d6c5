"""What does a gateway say about itself, its routes and its numbers?"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from segue.facts.allocation import asked_at
from segue.facts.wire.exposition import MEDIA, Labels, Sample, exposition
from segue.gateway.live import Live
from segue.gateway.settings import GatewaySettings
from segue.gateway.sight.counters import HELP, Counters, merged
from segue.http.exchange import Exchange

JSON: Final = ((b"content-type", b"application/json"),)
_TEXT: Final = ((b"content-type", MEDIA.encode()),)
_PLAIN: Final = ((b"content-type", b"text/plain"),)
_about_v2 = re.compile(rb"/v2/models/([^/]+)(?:/versions/([^/]+))?(/ready)?").fullmatch
_about_v1 = re.compile(rb"/v1/models/([^/:]+)").fullmatch
_READY: Final = frozenset({b"/readyz", b"/v2/health/ready"})
_ALIVE: Final = frozenset({b"/livez", b"/v2/health/live"})
_MLFLOW: Final = frozenset({b"/ping", b"/health"})


class About:
    """Answers what is no prediction.

    Args:
        settings: which routes there should be.
        live: which there are.
        counters: this worker's numbers.
        note_levels: brings levels that nobody counts up to date.

    `sources` give further numbers of this worker when somebody asks, `together` adds those of the machine's other workers.
    """

    def __init__(
        self, settings: GatewaySettings, live: Mapping[str, Live], counters: Counters, note_levels: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._note_levels = note_levels
        self._live = live
        self._counters = counters
        self.draining = False
        self.sources: list[Callable[[], list[Sample]]] = []
        self.together: Callable[[], Awaitable[dict[tuple[str, Labels], float]]] = self._alone
        self._telling: set[asyncio.Task[None]] = set()  # a loop does not keep its tasks

    def answer(self, exchange: Exchange, target: bytes) -> None:
        """Answer a path without its query; 404 where there is nothing."""
        if target in _ALIVE:
            say(exchange, 200, {"live": True})
        elif target in _READY:
            missing = self.missing()
            say(exchange, 503 if missing else 200, {"ready": not missing, "live": True, "missing": missing})
        elif target == b"/metrics":
            task = asyncio.get_running_loop().create_task(self._tell(exchange))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        elif target == b"/v2":
            say(exchange, 200, {"name": "segue", "version": "2", "extensions": ["binary_tensor_data"]})
        elif target in _MLFLOW:
            exchange.respond(404 if self.missing() else 200, _PLAIN, b"\n")
        elif target == b"/v1/models":
            self._models(exchange)
        elif (v2 := _about_v2(target)) is not None:
            self._route_v2(exchange, v2)
        elif (v1 := _about_v1(target)) is not None:
            self._route_v1(exchange, v1[1].decode("utf-8", "replace"))
        else:
            refuse(exchange, 404, "no such path")

    def snapshot(self) -> list[Sample]:
        """This worker's numbers as they are now."""
        self._note_levels()
        return [*self._counters.snapshot(), *(sample for source in self.sources for sample in source())]

    async def _tell(self, exchange: Exchange) -> None:
        """Answer with the numbers of all, which takes a look at the disk."""
        try:
            exchange.respond(200, _TEXT, exposition(await self.together(), HELP))
        finally:
            exchange.abort()  # where there is no answer, nobody shall wait for one

    async def _alone(self) -> dict[tuple[str, Labels], float]:
        return merged([self.snapshot()])

    def _models(self, exchange: Exchange) -> None:
        """KServe v1 and OpenAI ask the same path; each finds its own key."""
        names = sorted(self._live)
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "segue"} for name in names]
        say(exchange, 200, {"models": names, "object": "list", "data": data})

    def _route_v2(self, exchange: Exchange, about: re.Match[bytes]) -> None:
        route = about[1].decode("utf-8", "replace")
        live = self._live.get(route)
        if live is None:
            self.not_live(exchange, route)
        elif about[2] is not None and about[2].decode("utf-8", "replace") not in live.versions:
            refuse(exchange, 404, f"no such version of {route!r} is served here")
        elif about[3]:
            say(exchange, 200 if live.ready else 503, {"name": route, "ready": live.ready})
        else:
            said = {"name": route, "versions": sorted(live.versions), "platform": "segue", "inputs": [], "outputs": []}
            say(exchange, 200, said)

    def _route_v1(self, exchange: Exchange, route: str) -> None:
        live = self._live.get(route)
        if live is None:
            self.not_live(exchange, route)
        else:
            model = {"id": route, "object": "model", "created": 0, "owned_by": "segue"}
            say(exchange, 200 if live.ready else 503, {"name": route, "ready": live.ready, **model})

    def not_live(self, exchange: Exchange, route: str) -> None:
        """A route of ours whose first allocation has not come yet is a matter of time; any other does not exist."""
        if route in self._settings.routes and route not in self._live:
            body = json.dumps({"error": f"nothing is published for {route!r} yet"}).encode()
            exchange.respond(503, (*JSON, (b"retry-after", b"1")), body)
        elif route in self._live:
            refuse(exchange, 404, f"{route} is asked at {asked_at(route, self._live[route].allocation.protocol)}")
        else:
            refuse(exchange, 404, f"there is no route {route!r} here")

    def missing(self) -> list[str]:
        """What keeps this worker from serving; empty when it is ready."""
        if self.draining:
            return ["the worker is draining"]
        problems = [f"no allocation for {route}" for route in self._settings.routes if route not in self._live]
        return problems + [f"nobody serves {route}'s champion" for route, live in self._live.items() if not live.ready]


def say(exchange: Exchange, status: int, answer: dict[str, object]) -> None:
    """Answer in JSON."""
    exchange.respond(status, JSON, json.dumps(answer).encode())


def refuse(exchange: Exchange, status: int, why: str) -> None:
    """Say no where no route's protocol is known."""
    say(exchange, status, {"error": why})
