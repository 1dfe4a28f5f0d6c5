"""Which route does a request's path lead to, and what is asked of the upstream?

| protocol | path |
| --- | --- |
| v2 | `/v2/models/{route}[/versions/{v}]/infer` |
| v1 | `/v1/models/{route}[/versions/{v}]:predict` |
| mlflow | `/invocations`, where it is the only route that speaks it; `/routes/{route}/invocations` always |
| openai | `/v1/...`, posted: the route that the body's `model` names, or the only one; `/routes/{route}/v1/...` always |
| raw | `/routes/{route}/...`, any method, the query included |
"""

import re
from typing import Final, NamedTuple

from segue.gateway.live import Live
from segue.gateway.request.naming import model_of
from segue.http.exchange import Exchange

_v2 = re.compile(rb"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer").fullmatch
_v1 = re.compile(rb"/v1/models/([^/:]+)(?:/versions/([^/:]+))?:predict").fullmatch
_below = re.compile(rb"/routes/([^/?]+)(/[^?]*)?(\?.*)?").fullmatch
_leads_out = re.compile(rb"(?i)(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:[/\\;]|%2f|%5c|%3b|$)").search
_MODELS: Final = b"/v1/models"
_SOUND_AT_MOST: Final = 256


class Door(NamedTuple):
    """Where a path leads.

    Args:
        route: its name, as the path says it.
        live: None where the route is not live, or not reached by this path.
        version: the one that the path pins, or "".
        tail: path and query for the upstream, below its own address; empty where it has a fixed one.
    """

    route: str
    live: Live | None
    version: str = ""
    tail: bytes = b""


class Doors:
    """The paths of all routes that are live. `exact`: target -> route, for what is posted to a path that says it all."""

    def __init__(self) -> None:
        self.exact: dict[bytes, Live] = {}
        self._live: dict[str, Live] = {}
        self._sound: set[bytes] = set()

    def sound(self, tail: bytes) -> bool:
        """Whether a tail stays below its upstream's own path, in whatever way the upstream reads it; some decode first.

        >>> doors = Doors()
        >>> [doors.sound(tail) for tail in (b"/a/..b?x=/../y", b"/a/../b", b"/%2E./b", b"/a#b")]
        [True, False, False, False]
        """
        if tail in self._sound:
            return True
        if tail.find(b"#") >= 0 or _leads_out(tail.partition(b"?")[0]) is not None:
            return False
        if len(self._sound) < _SOUND_AT_MOST:
            self._sound.add(tail)
        return True

    def open(self, live: Live) -> None:
        """Let a route be reached, or let its paths lead to what is in force now."""
        route = live.allocation.route
        self._live[route] = live
        self.exact = {target: each for each in self._live.values() for target in self._exact_of(each)}

    def _exact_of(self, live: Live) -> list[bytes]:
        name = live.allocation.route.encode()
        match live.allocation.protocol:
            case "v2":
                return [b"/v2/models/%b/infer" % name]
            case "v1":
                return [b"/v1/models/%b:predict" % name]
            case "mlflow":
                alone = len(self.speaking("mlflow")) == 1
                return [b"/routes/%b/invocations" % name, *([b"/invocations"] if alone else [])]
            case _:
                return []

    def speaking(self, protocol: str) -> list[Live]:
        """The live routes of a protocol."""
        return [live for live in self._live.values() if live.allocation.protocol == protocol]

    def streams(self, method: bytes, target: bytes) -> bool:
        """Whether a long body may be passed on as it comes: its path alone says where it leads."""
        if method == b"POST" and target in self.exact:
            return True
        door = self.find(Exchange(method, target, [], b""))
        return door is not None and door.live is not None

    def find(self, exchange: Exchange) -> Door | None:
        """Where a request leads; None where its path is nobody's."""
        target = exchange.target
        below = _below(target)
        if below is not None:
            return self._below(below, exchange)
        if exchange.method != b"POST":
            return None
        path = target.partition(b"?")[0]
        named = _v2(path) or _v1(path)
        if named is not None:
            door = self._named(named[1], "v2" if path.startswith(b"/v2/") else "v1")
            return door._replace(version=(named[2] or b"").decode("utf-8", "replace"))
        if path == b"/invocations":
            return _chosen(self.speaking("mlflow"), "", b"")
        if path.startswith(b"/v1/") and not path.startswith(_MODELS):
            return self._by_model(exchange.body, target)
        return None

    def _named(self, name: bytes, protocol: str) -> Door:
        route = name.decode("utf-8", "replace")
        live = self._live.get(route)
        return Door(route, live if live is not None and live.allocation.protocol == protocol else None)

    def _below(self, found: re.Match[bytes], exchange: Exchange) -> Door | None:
        route = found[1].decode("utf-8", "replace")
        path, query = found[2] or b"/", found[3] or b""
        live = self._live.get(route)
        protocol = live.allocation.protocol if live is not None else ""
        if protocol == "raw":
            return Door(route, live, tail=path + query)
        if exchange.method != b"POST":
            return None
        if protocol == "openai" and path.startswith(b"/v1/") and not path.startswith(_MODELS):
            return Door(route, live, tail=path + query)
        return Door(route, live if protocol == "mlflow" and path == b"/invocations" else None)

    def _by_model(self, body: bytes, target: bytes) -> Door | None:
        speaking = self.speaking("openai")
        if len(speaking) == 1:
            return _chosen(speaking, "", target)
        model = model_of(body)
        return _chosen([live for live in speaking if live.allocation.route == model], model, target)


def _chosen(found: list[Live], named: str, tail: bytes) -> Door | None:
    if len(found) == 1:
        return Door(found[0].allocation.route, found[0], tail=tail)
    return Door(named, None) if named else None
