"""What does a gateway worker need to be told, beside the allocations that it follows?"""

import msgspec

from segue.http.limits import PoolLimits, ServerLimits


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
    """

    routes: tuple[str, ...]
    address: str = "127.0.0.1"
    port: int = 8080
    worker: str
    last_good: str
    poll_s: float = 0.15
    report_s: float = 1.0
    drain_s: float = 20.0
    server: ServerLimits = ServerLimits()
    pool: PoolLimits = PoolLimits()
