"""One caller's connection on real sockets: answers in order, bad requests refused, slow callers borne."""

import asyncio
import socket
from functools import partial
from typing import Any

import h11
import pytest
from http_handlers import GET, LAST, Held, echo

from segue.errors import DomainError, InvariantError
from segue.http.exchange import Exchange
from segue.http.limits import ServerLimits


def test_connection_is_kept_and_answers_come_in_order(run: Any, serving: Any, calling: Any) -> None:
    """Many requests on one connection, sent at once, are answered one by one in their order."""

    async def main() -> None:
        async with serving(echo) as (server, port), calling(port) as caller:
            caller.send(b"".join(GET % n for n in range(500)) + LAST)
            answers = (await caller.rest()).split(b"HTTP/1.1 200 OK\r\n")[1:]
            targets = [answer.split(b"\r\n")[0] for answer in answers]
            assert targets == [b"x-target: /%d" % n for n in range(500)] + [b"x-target: /last"]
            assert b"connection: close" in answers[-1]
            assert b"connection:" not in answers[0]
            assert server.requests == 501

    run(main())


def test_pipelined_requests_wait_for_the_one_in_hand(run: Any, until: Any, serving: Any, calling: Any) -> None:
    """The next request is handed over only when the one before it is answered, and reading pauses meanwhile."""

    async def main() -> None:
        held = Held()
        async with serving(held, ServerLimits(pipelined=2)) as (_, port), calling(port) as caller:
            for n in range(6):
                caller.send(GET % n)
            await held.arrived.wait()
            for n in range(6):
                await until(partial(lambda count: len(held.exchanges) > count, n))
                assert len(held.exchanges) == n + 1
                held.exchanges[n].respond(200, (), b"%d" % n)
            assert [(await caller.answer())[1] for _ in range(6)] == [b"%d" % n for n in range(6)]

    run(main())


@pytest.mark.parametrize("loops", [1, 7])
def test_h11_reads_our_answers(run: Any, serving: Any, calling: Any, loops: int) -> None:
    """Another implementation reads our answers as we meant them, whole and in pieces."""

    def handler(exchange: Exchange) -> None:
        if exchange.target == b"/whole":
            exchange.respond(201, [(b"x", b"1"), (b"Content-Length", b"99"), (b"Connection", b"x")], b"body")
        else:
            exchange.start(200, [(b"x", b"1")])
            for piece in (b"bo", b"", b"dy"):
                exchange.write(piece)
            exchange.finish()

    async def main() -> None:
        async with serving(handler) as (_, port), calling(port) as caller:
            client = h11.Connection(h11.CLIENT)
            for turn in range(loops):
                target, status = ((b"/whole", 201), (b"/pieces", 200))[turn % 2]
                caller.send(client.send(h11.Request(method=b"GET", target=target, headers=[(b"Host", b"a")])) or b"")
                client.send(h11.EndOfMessage())
                body = b""
                head: h11.Response | None = None
                while not isinstance(event := client.next_event(), h11.EndOfMessage):
                    if event is h11.NEED_DATA:
                        client.receive_data(await caller.reader.read(7))
                    elif isinstance(event, h11.Response):
                        head = event
                    elif isinstance(event, h11.Data):
                        body += bytes(event.data)
                assert head is not None
                assert (head.status_code, body) == (status, b"body")
                assert [name for name, _ in head.headers].count(b"content-length") == (turn + 1) % 2
                client.start_next_cycle()

    run(main())


def test_head_and_bodiless_answers(run: Any, serving: Any, calling: Any) -> None:
    """HEAD gets the length but not the body; 204 has neither; 304 has the length it stands for; the connection goes on."""

    def handler(exchange: Exchange) -> None:
        match exchange.target:
            case b"/204":
                exchange.respond(204, (), b"ignored")
            case b"/304":
                exchange.respond(304, (), length=7)
            case b"/proxied":
                exchange.respond(200, (), length=1234)
            case b"/pieces":
                exchange.start(200)
                exchange.write(b"abc")
                exchange.finish()
            case _:
                exchange.respond(200, (), b"abc")

    async def main() -> None:
        async with serving(handler) as (_, port), calling(port) as caller:
            for method, target, length in [
                (b"HEAD", b"/", b"content-length: 3"),
                (b"HEAD", b"/proxied", b"content-length: 1234"),
                (b"GET", b"/204", None),
                (b"GET", b"/304", b"content-length: 7"),
                (b"HEAD", b"/pieces", b"transfer-encoding: chunked"),
            ]:
                caller.send(method + b" " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
                head = await caller.head()
                if length is None:
                    assert b"content-length" not in head
                else:
                    assert b"\r\n" + length + b"\r\n" in head
            caller.send(LAST)
            assert (await caller.answer())[1] == b"abc"

    run(main())


def test_expectation_is_met_once(run: Any, serving: Any, calling: Any) -> None:
    """A caller that waits for a 100 gets one; one that does not wait gets none."""

    async def main() -> None:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        async with serving(echo) as (_, port), calling(port) as caller:
            caller.send(head)
            assert await caller.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
            caller.send(b"abc")
            assert (await caller.answer())[1] == b"abc"
            caller.send(head + b"def")
            first, body = await caller.answer()
            assert first.startswith(b"HTTP/1.1 200")
            assert body == b"def"

    run(main())


def test_old_callers(run: Any, serving: Any, calling: Any) -> None:
    """HTTP/1.0 is told that its connection is kept, and gets a streamed answer until the end."""

    def handler(exchange: Exchange) -> None:
        if exchange.target == b"/pieces":
            exchange.start(200)
            exchange.write(b"abc")
            exchange.finish()
        else:
            echo(exchange)

    async def main() -> None:
        async with serving(handler) as (_, port), calling(port) as caller:
            caller.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert b"connection: keep-alive" in (await caller.answer())[0]
            caller.send(b"GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = await caller.rest()
            assert answer.endswith(b"\r\n\r\nabc")
            assert b"chunked" not in answer

    run(main())


@pytest.mark.parametrize(
    ("wire", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
    ],
)
def test_a_refusal_comes_after_the_answers_before_it(run: Any, serving: Any, calling: Any, wire: bytes, status: int) -> None:
    """A bad request behind a good one: the good one is answered, the bad one refused, then the end."""

    async def main() -> None:
        held = Held()
        async with serving(held, ServerLimits(head_bytes=1000, body_bytes=1000)) as (server, port), calling(port) as caller:
            caller.send(GET % 1 + wire)
            await held.arrived.wait()
            held.exchanges[0].respond(200, (), b"good")
            answers = (await caller.rest()).split(b"HTTP/1.1 ")[1:3]
            assert [answer[:3] for answer in answers] == [b"200", b"%d" % status]
            assert b"\r\nconnection: close\r\n" in answers[1]
            assert server.refused == {status: 1}
            assert len(held.exchanges) == 1

    run(main())


def test_a_refused_sender_gets_to_read_why(run: Any, serving: Any, calling: Any) -> None:
    """A caller in the middle of a body that is too long reads its 413, and no reset."""

    async def main() -> None:
        async with serving(echo, ServerLimits(body_bytes=1000)) as (_, port), calling(port) as caller:
            caller.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
            await caller.writer.drain()
            assert (await caller.rest()).startswith(b"HTTP/1.1 413 ")

    run(main())


def test_a_dribbler_gains_no_time(run: Any, serving: Any, calling: Any) -> None:
    """A head that comes byte by byte has to be whole in the same time as any other."""

    async def main() -> None:
        async with serving(echo, ServerLimits(head_s=0.1, sweep_s=0.01)) as (_, port), calling(port) as caller:
            caller.send(b"GET / HTTP/1.1\r\nHost: a\r\n")

            async def dribble() -> None:
                for _ in range(2000):
                    caller.send(b"x")
                    await asyncio.sleep(0.005)

            dribbling = asyncio.create_task(dribble())
            assert (await caller.rest()).startswith(b"HTTP/1.1 408 ")
            dribbling.cancel()

    run(main())


def test_a_caller_that_leaves(run: Any, serving: Any, calling: Any) -> None:
    """An answer for a caller that has reset its connection goes nowhere, harmlessly."""

    async def main() -> None:
        held = Held()
        left = asyncio.Event()
        async with serving(held) as (_, port):
            async with calling(port) as caller:
                caller.send(GET % 1)
                await held.arrived.wait()
                held.exchanges[0].on_gone = left.set
                linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
                caller.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                caller.writer.transport.abort()
                await left.wait()
            assert not held.exchanges[0].respond(200, (), b"too late")

    run(main())


def test_a_caller_that_only_stops_sending(run: Any, until: Any, serving: Any, calling: Any) -> None:
    """A caller that has closed its sending side still gets the answers it asked for, then the end."""

    async def main() -> None:
        held = Held()
        async with serving(held) as (_, port), calling(port) as caller:
            caller.send(GET % 1 + GET % 2)
            caller.writer.write_eof()
            await held.arrived.wait()
            await asyncio.sleep(0.02)
            held.exchanges[0].respond(200, (), b"one")
            await until(lambda: len(held.exchanges) >= 2)
            held.exchanges[1].respond(200, (), b"two")
            assert (await caller.answer())[1] == b"one"
            assert (await caller.answer())[1] == b"two"
            assert await caller.rest() == b""

    run(main())


def test_a_slow_reader_holds_nothing_up_but_itself(run: Any, serving: Any, calling: Any) -> None:
    """A caller that does not read is not answered further until it does, and then gets everything."""
    big = b"x" * 4_000_000

    async def main() -> None:
        async with (
            serving(lambda exchange: exchange.respond(200, (), big)) as (server, port),
            calling(port) as slow,
            calling(port) as quick,
        ):
            slow.send(b"".join(GET % n for n in range(5)))
            await asyncio.sleep(0.05)
            assert server.requests < 5
            quick.send(GET % 1)
            assert len((await quick.answer())[1]) == len(big)
            for _ in range(5):
                assert len((await slow.answer())[1]) == len(big)

    run(main())


def test_who_never_reads_is_cut(run: Any, until: Any, serving: Any, calling: Any) -> None:
    """A caller that leaves its answer unread for too long loses its connection."""

    async def main() -> None:
        limits = ServerLimits(write_s=0.05, sweep_s=0.01)
        async with (
            serving(lambda exchange: exchange.respond(200, (), b"x" * 50_000_000), limits) as (server, port),
            calling(port) as caller,
        ):
            caller.send(GET % 1)
            await until(lambda: server.requests and not server.connections)

    run(main())


def test_streaming_tells_when_to_wait(run: Any, serving: Any, calling: Any) -> None:
    """A handler that streams to a slow reader is told to wait and when to go on; nothing is lost."""
    piece = b"y" * 1_000_000

    async def main() -> None:
        waited = 0

        def handler(exchange: Exchange) -> None:
            left = 20
            exchange.start(200)

            def more() -> None:
                nonlocal left, waited
                while left and not exchange.choked:
                    left -= 1
                    exchange.write(piece)
                if left:
                    waited += 1
                elif not exchange.answered:
                    exchange.finish()

            exchange.on_writable = more
            more()

        async with serving(handler) as (_, port), calling(port) as caller:
            caller.send(LAST)
            await asyncio.sleep(0.02)
            answer = await caller.rest()
            assert answer.count(b"y") == 20 * len(piece)
            assert answer.endswith(b"0\r\n\r\n")
            assert waited

    run(main())


def test_answers_that_cannot_be_sent(run: Any, serving: Any, calling: Any) -> None:
    """An injected line or an impossible status is refused before a byte has left; a second answer is a bug."""

    def handler(exchange: Exchange) -> None:
        with pytest.raises(DomainError):
            exchange.respond(200, [(b"x", b"1\r\nset-cookie: evil")])
        with pytest.raises(DomainError):
            exchange.respond(199)
        with pytest.raises(DomainError):
            exchange.start(204)
        with pytest.raises(InvariantError):
            exchange.write(b"before its start")
        exchange.respond(200, (), b"clean")
        for again in (exchange.respond, exchange.start):
            with pytest.raises(InvariantError):
                again(200)
        exchange.abort()  # whole already: nothing to cut

    async def main() -> None:
        async with serving(handler) as (_, port), calling(port) as caller:
            for _ in range(2):
                caller.send(GET % 1)
                head, body = await caller.answer()
                assert body == b"clean"
                assert b"evil" not in head

    run(main())
