"""Who is let in? A key where the route asks for one, and room for one more request in hand.

What is turned away reaches neither an upstream nor the record; it is counted.
"""

from typing import TYPE_CHECKING, Final

from segue.facts.allocation import Directory, Protocol
from segue.gateway.request.keys import Keys, Verdict, take_key
from segue.gateway.request.load import Load
from segue.gateway.settings import GatewaySettings
from segue.gateway.shapes import refusal
from segue.gateway.sight.counters import Counters
from segue.http.exchange import Exchange

if TYPE_CHECKING:
    from segue.gateway.live import Live

_JSON: Final = (b"content-type", b"application/json")
_LATER: Final = (b"retry-after", b"1")
_ANY: Final = ""


class Doorkeeper:
    """Lets requests in, or answers them itself.

    Args:
        settings: which routes ask for keys, and how much may be in hand.
        counters: the worker's numbers.
    """

    def __init__(self, settings: GatewaySettings, counters: Counters) -> None:
        self._settings = settings
        self._counters = counters
        self._keys = Keys()
        self._locked = bool(settings.keyed) or settings.guarded
        self._whole = Load(settings.in_flight)
        self._loads: dict[str, Load] = {}

    def follow(self, directory: Directory) -> None:
        """Let the directory's keys open its route from now on, and no others."""
        self._keys.follow(directory.allocation.route, directory.keys)

    def admits(self, exchange: Exchange, live: "Live") -> bool:
        """Whether a request for a prediction goes on; where not, it was answered."""
        route, protocol = live.allocation.route, live.allocation.protocol
        if self._locked and not self._opens(exchange, route, protocol):
            return False
        load = self._loads.get(route)
        if load is None:
            load = self._loads[route] = Load(self._settings.in_flight_per_route or self._settings.in_flight, self._whole)
        if load.enter():
            exchange.on_end = load.leave
            return True
        self._count(route, f"busy_{load.full_because}")
        exchange.respond(503, (_JSON, _LATER), refusal(protocol, 503, "too many requests are in hand"))
        return False

    def admits_to(self, exchange: Exchange, routes: set[str]) -> bool:
        """Whether what concerns these routes goes on, where it is no prediction."""
        locked = [route for route in routes if self._settings.needs_key(route)]
        if not locked:
            return True
        key = take_key(exchange.headers)
        return all(self._granted(exchange, self._keys.check(key, route), route, "v2") for route in locked)  # until the first no

    def admits_look(self, exchange: Exchange) -> bool:
        """Whether a look at the gateway itself goes on."""
        if not self._settings.guarded:
            return True
        return self._granted(exchange, self._keys.check(take_key(exchange.headers)), _ANY, "v2")

    def _opens(self, exchange: Exchange, route: str, protocol: Protocol) -> bool:
        key = take_key(exchange.headers)  # also where none is needed: it is nothing for an upstream
        return not self._settings.needs_key(route) or self._granted(exchange, self._keys.check(key, route), route, protocol)

    def _granted(self, exchange: Exchange, verdict: Verdict, route: str, protocol: Protocol) -> bool:
        if verdict is Verdict.GRANTED:
            return True
        self._count(route, f"key_{verdict.name.lower()}")
        exchange.respond(verdict.status, (_JSON, verdict.challenge), refusal(protocol, verdict.status, verdict.why))
        return False

    def _count(self, route: str, reason: str) -> None:
        self._counters.add("segue_refused_total", (("route", route), ("reason", reason)))
