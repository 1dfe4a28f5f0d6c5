"""What servers of these tests do with a request, and what they are asked."""

import asyncio

from segue.http.exchange import Exchange

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def echo(exchange: Exchange) -> None:
    """Answers with what was asked."""
    exchange.respond(200, [(b"x-target", exchange.target)], exchange.body)


class Held:
    """A handler that answers only when told to."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.arrived = asyncio.Event()

    def __call__(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self.arrived.set()
