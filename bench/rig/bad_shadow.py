"""A model that fails in a way of its own, as a process: hung, slow, crashing or babbling. Arguments: the way, and the port."""

import asyncio
import sys

_SLOW_S = 1.0
_BABBLE_S = 0.05


async def _hung(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _slow(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(_SLOW_S)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


async def _crashing(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _babbling(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        await asyncio.sleep(_BABBLE_S)


WAYS = {"hung": _hung, "slow": _slow, "crashing": _crashing, "babbling": _babbling}


async def _serve(way: str, port: int) -> None:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await WAYS[way](writer)
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()  # the gateway has had enough

    async with await asyncio.start_server(take, "127.0.0.1", port, backlog=1024) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2])))
