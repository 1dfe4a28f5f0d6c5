"""What does a gateway worker need to be told, beside the allocations that it follows?"""

from urllib.parse import urlsplit

import msgspec

from segue.errors import DomainError
from segue.gateway.request.ejection import EjectionSettings
from segue.http.limits import LAST_PORT, PoolLimits, ServerLimits
from segue.http.tls import ClientTls, ServerTls


class SlowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which requests are logged for having been slow.

    Args:
        slow_s: real time from which on an answer is slow; 0 logs none.
        per_s: lines a second at most; the rest is counted.

    Raises:
        DomainError: a number below 0, or no line allowed.
    """

    slow_s: float = 1.0
    per_s: int = 5

    def __post_init__(self) -> None:
        if self.slow_s < 0 or self.per_s < 1:
            raise DomainError(
                f"slow_s is {self.slow_s} and per_s {self.per_s}", hint="slow_s from 0, per_s from 1; slow_s 0 logs none"
            )


class TracingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where spans go; needs the extra `segue[otel]`.

    Args:
        endpoint: of an OTLP/HTTP collector, its path included; fields such as a collector's own key come from
            `OTEL_EXPORTER_OTLP_HEADERS`, as everywhere.
        ratio: of the requests that come without a `traceparent`, the part that is sampled, 0 to 1; the others follow
            their caller.
        service: what the spans call us.

    Raises:
        DomainError: an address without http or https, or a ratio outside [0, 1].
    """

    endpoint: str
    ratio: float = 0.01
    service: str = "segue-gateway"

    def __post_init__(self) -> None:
        if urlsplit(self.endpoint).scheme not in {"http", "https"}:
            raise DomainError("the tracing endpoint is no http address", hint="such as http://127.0.0.1:4318/v1/traces")
        if not 0 <= self.ratio <= 1:
            raise DomainError(f"a ratio of {self.ratio} of the requests", hint="from 0 to 1; 0.01 is one in a hundred")


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one worker.

    Args:
        routes: the routes that it serves; the first one is meant where a request names none (outcomes).
        address, port: where it listens; several workers share the port.
        worker: its name, unique over all machines; part of its journal's file names.
        last_good: folder for the last allocation of each route, so that it serves when the store does not answer.
        poll_s: real time between two looks at the store.
        report_s: real time between two reports of what it runs.
        drain_s: real time that answers in hand get at the end.
        keyed: the routes whose callers have to show a key of theirs; `*` for all.
        guarded: True: health, metrics and what there is to know of routes need a key too, of any route.
        override: file in which a person may kill variants on this machine, whether or not the store answers; "" for none.
        ejection: when a place that keeps failing is left out.
        in_flight: requests for predictions that a worker has in hand at once; one more is answered 503 with Retry-After.
        in_flight_per_route: the same for each route; 0 for no other cap than the worker's.
        server: what a caller is granted.
        pool: what the connections to one upstream may use.
        tls: how callers are spoken to; nothing is plain HTTP.
        upstream_tls: how `https` upstreams are spoken to; nothing trusts the system's authorities.
        slow: which requests are logged for having been slow.
        tracing: where spans go; nothing makes none.

    Raises:
        DomainError: `keyed` names a route that is not served here, or a number admits nothing.
    """

    routes: tuple[str, ...]
    address: str = "127.0.0.1"
    port: int = 8080
    worker: str
    last_good: str
    poll_s: float = 0.15
    report_s: float = 1.0
    drain_s: float = 20.0
    keyed: tuple[str, ...] = ()
    guarded: bool = False
    override: str = ""
    ejection: EjectionSettings = EjectionSettings()
    in_flight: int = 1024
    in_flight_per_route: int = 0
    server: ServerLimits = ServerLimits()
    pool: PoolLimits = PoolLimits()
    tls: ServerTls | None = None
    upstream_tls: ClientTls | None = None
    slow: SlowSettings = SlowSettings()
    tracing: TracingSettings | None = None

    def __post_init__(self) -> None:
        if foreign := set(self.keyed) - {*self.routes, "*"}:
            raise DomainError(
                f"keyed names {min(foreign)!r}, which is not served here", hint=f"routes here: {', '.join(self.routes)}"
            )

        if self.in_flight < 1 or self.in_flight_per_route < 0:
            raise DomainError("in_flight admits nothing", hint="from 1; in_flight_per_route from 0, which is no cap of its own")
        if not 0 <= self.port <= LAST_PORT:
            raise DomainError(f"there is no port {self.port}", hint=f"0 to {LAST_PORT}")
        if min(self.poll_s, self.report_s) <= 0 or self.drain_s < 0:
            raise DomainError("poll_s and report_s have to be above 0, drain_s not below")

    def needs_key(self, route: str) -> bool:
        """Whether a route's callers have to show a key."""
        return route in self.keyed or "*" in self.keyed
