"""A server on real sockets: limits kept, a handler's bug contained, nobody's answer broken by the end."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from http_handlers import GET, Held, echo

from segue.http.exchange import Exchange
from segue.http.limits import ServerLimits


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", None),
        (GET % 1, None),
        (b"GET / HT", 408),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", 408),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", 408),
    ],
    ids=["nothing", "one and no more", "line", "head", "body"],
)
def test_who_takes_too_long_is_ended(run: Any, serving: Any, calling: Any, sent: bytes, status: int | None) -> None:
    """An idle connection is closed without a word; an unfinished request is answered 408."""

    async def main() -> None:
        limits = ServerLimits(idle_s=0.05, head_s=0.05, request_s=0.1, sweep_s=0.01)
        async with serving(echo, limits) as (server, port), calling(port) as caller:
            caller.send(sent)
            if sent == GET % 1:
                await caller.answer()
            rest = await caller.rest()
            assert rest == b"" if status is None else rest.startswith(b"HTTP/1.1 %d " % status)
            assert server.refused == ({} if status is None else {status: 1})

    run(main())


def test_one_connection_too_many(run: Any, until: Any, serving: Any, calling: Any) -> None:
    """One connection beyond the limit gets a 503 with Retry-After; the others do not notice; a place freed is used."""

    async def main() -> None:
        async with serving(echo, ServerLimits(connections=2, retry_after_s=3)) as (server, port), calling(port) as first:
            async with calling(port) as second:
                for caller in (first, second):
                    caller.send(GET % 1)
                    await caller.answer()
                async with calling(port) as third:
                    third.send(GET % 1)
                    refused = await third.rest()
                    assert refused.startswith(b"HTTP/1.1 503 ")
                    assert b"\r\nretry-after: 3\r\n" in refused
                first.send(GET % 2)
                await first.answer()
            await until(lambda: len(server.connections) <= 1)
            async with calling(port) as fourth:
                fourth.send(GET % 3)
                assert (await fourth.answer())[0].startswith(b"HTTP/1.1 200")

    run(main())


def test_drain_lets_answers_leave(run: Any, until: Any, serving: Any, calling: Any) -> None:
    """Draining closes the idle at once, accepts nobody, and lets those in hand get their answers, marked as the last."""

    async def main() -> None:
        held = Held()
        async with serving(held) as (server, port), calling(port) as idle, calling(port) as busy:
            busy.send(GET % 1 + GET % 2)
            await held.arrived.wait()
            await until(lambda: len(server.connections) >= 2)
            drained = asyncio.create_task(server.drain(10))
            assert await idle.rest() == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
            held.exchanges[0].respond(200, (), b"one")
            head, body = await busy.answer()
            assert b"connection: close" not in head  # its caller has asked for one more already
            await until(lambda: len(held.exchanges) >= 2)
            held.exchanges[1].respond(200, (), b"two")
            head, body = await busy.answer()
            assert (b"connection: close" in head, body) == (True, b"two")
            assert await busy.rest() == b""
            assert await drained

    run(main())


def test_drain_cuts_what_does_not_end(run: Any, serving: Any, calling: Any) -> None:
    """A drain that takes too long says so, and its exchange knows that nobody is left."""

    async def main() -> None:
        held = Held()
        gone: list[bool] = []
        async with serving(held) as (server, port), calling(port) as caller:
            caller.send(GET % 1)
            await held.arrived.wait()
            held.exchanges[0].on_gone = lambda: gone.append(True)
            assert not await server.drain(0.05)
            assert gone == [True]
            assert held.exchanges[0].gone
            assert not held.exchanges[0].respond(200)

    run(main())


def test_a_handler_that_fails(run: Any, serving: Any, calling: Any, expected_error: type[Exception]) -> None:
    """A handler that raises is answered for with a 500 and the end; once part of an answer has left, the connection is cut."""

    def handler(exchange: Exchange) -> None:
        if exchange.target == b"/1":
            raise expected_error
        if exchange.target == b"/2":
            exchange.start(200)
            exchange.write(b"abc")
            raise expected_error
        exchange.respond(200, (), b"fine")
        raise expected_error

    async def main() -> None:
        async with serving(handler) as (_, port):
            async with calling(port) as caller:
                caller.send(GET % 1)
                assert (await caller.rest()).startswith(b"HTTP/1.1 500 ")
            async with calling(port) as caller:
                caller.send(GET % 2)
                with suppress(ConnectionResetError):
                    assert not (await caller.rest()).endswith(b"0\r\n\r\n")
            async with calling(port) as caller:
                for _ in range(2):
                    caller.send(GET % 3)
                    assert (await caller.answer())[1] == b"fine"

    run(main())


def test_dates(run: Any, serving: Any, calling: Any) -> None:
    """An answer has one Date: its own where it brings one."""

    def handler(exchange: Exchange) -> None:
        exchange.respond(200, [] if exchange.target == b"/1" else [(b"Date", b"then")])

    async def main() -> None:
        async with serving(handler) as (_, port), calling(port) as caller:
            for n in (1, 2):
                caller.send(GET % n)
                head = (await caller.answer())[0].lower()
                assert head.count(b"\r\ndate: ") == 1
                assert (b"date: then" in head) == (n == 2)

    run(main())


def test_sharing_a_port(run: Any, serving: Any, calling: Any) -> None:
    """Two servers can accept on one port, as workers do."""

    async def main() -> None:
        async with serving(echo) as (first, _), serving(echo) as (second, _):
            port = await first.listen("127.0.0.1", 0, reuse_port=True)
            assert await second.listen("127.0.0.1", port, reuse_port=True) == port
            for n in range(40):
                async with calling(port) as caller:
                    caller.send(GET % n)
                    await caller.answer()
            assert first.requests + second.requests == 40

    run(main())
