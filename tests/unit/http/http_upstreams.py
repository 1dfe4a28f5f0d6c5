"""Upstreams that follow a script, and pools that are closed at the end, for the tests of this room."""

import asyncio
from typing import Any, Self

from segue.http.client import UpstreamPool
from segue.http.limits import PoolLimits
from segue.http.tls import ClientTls, TlsContext

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Pools:
    """Pools that are closed at the end, whatever happened."""

    def __init__(self) -> None:
        self._pools: list[UpstreamPool] = []

    def __call__(self, port: int, *, tls: TlsContext[ClientTls] | None = None, **limits: Any) -> UpstreamPool:
        pool = UpstreamPool("127.0.0.1", port, PoolLimits(**limits), tls)
        self._pools.append(pool)
        return pool

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        for pool in self._pools:
            await pool.close()
            assert pool.open == 0


def answering(*answers: bytes, close: bool = False) -> Any:
    """An upstream that gives these answers, one for each head that comes, on each connection anew."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if not close:
            await reader.read(1)

    return script
