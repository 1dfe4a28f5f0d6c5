"""A pool against upstreams that behave, and that do not."""

import asyncio
import socket
import time
from typing import Any

import pytest
from http_upstreams import GET, OK, Pools, answering

from segue.http.call import Answer, Call, Failure, Reason, Result
from segue.http.exchange import Exchange


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An upstream that reads and says nothing."""
    await reader.read(-1)
    writer.close()


def test_connections_are_used_again(run: Any, serving: Any) -> None:
    """Calls one after the other use one connection; calls at once use several, up to the limit, and all are answered."""

    async def main() -> None:
        def handler(exchange: Exchange) -> None:
            asyncio.get_running_loop().call_later(0.001, exchange.respond, 200, (), exchange.target)

        async with serving(handler) as (server, port), Pools() as pools:
            pool = pools(port, connections=4)
            for _ in range(10):
                assert isinstance(await pool.request(GET, 5), Answer)
            assert (pool.open, len(server.connections)) == (1, 1)
            payloads = [b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % n for n in range(50)]
            answers = await asyncio.gather(*(pool.request(payload, 5) for payload in payloads))
            assert [answer.body for answer in answers if isinstance(answer, Answer)] == [b"/%d" % n for n in range(50)]
            assert pool.open == 4
            assert (pool.in_flight, pool.waiting) == (0, 0)

    run(main())


def test_a_stale_connection_is_replaced_once(run: Any, upstream: Any) -> None:
    """A kept connection that turns out dead is replaced for a call that may be sent twice, and for no other."""
    connections = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")  # leaves without an answer when it is used again

    async def main() -> None:
        nonlocal connections
        for replayable in (True, False):
            connections = 0
            async with upstream(script) as port, Pools() as pools:
                pool = pools(port)
                assert isinstance(await pool.request(GET, 5), Answer)
                result = await pool.request(GET, 5, replayable=replayable)
                if replayable:
                    assert isinstance(result, Answer)
                    assert connections == 2
                else:
                    assert isinstance(result, Failure)
                    assert (result.reason, connections) == (Reason.RESET, 1)

    run(main())


def test_a_call_is_replayed_only_once(run: Any, upstream: Any) -> None:
    """An upstream that always leaves is asked twice, not for ever."""
    heads = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heads
        while True:
            await reader.readuntil(b"\r\n\r\n")
            heads += 1
            if heads > 1:
                return
            writer.write(OK)

    async def main() -> None:
        async with upstream(script) as port, Pools() as pools:
            pool = pools(port)
            assert isinstance(await pool.request(GET, 5), Answer)
            result = await pool.request(GET, 5)
            assert isinstance(result, Failure)
            assert (result.reason, heads) == (Reason.RESET, 3)

    run(main())


def test_bytes_that_nobody_asked_for(run: Any, until: Any, upstream: Any) -> None:
    """Bytes on a connection at rest end it: they would be taken for the next call's answer."""
    spoken = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await spoken.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await reader.read(1)

    async def main() -> None:
        async with upstream(script) as port, Pools() as pools:
            pool = pools(port)
            assert isinstance(await pool.request(GET, 5), Answer)
            spoken.set()
            await until(lambda: not pool.open)
            again = await pool.request(GET, 5)
            assert isinstance(again, Answer)
            assert again.body == b"ok"

    run(main())


def test_a_slow_upstream(run: Any, upstream: Any) -> None:
    """A call ends at its deadline, waiting or sent, and its connection with it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:-1])
        await reader.read(-1)

    async def main() -> None:
        async with upstream(script) as port, Pools() as pools:
            pool = pools(port, connections=1)
            first, second = await asyncio.gather(pool.request(GET, 0.05), pool.request(GET, 0.03))
            for result, sent in ((first, True), (second, False)):
                assert isinstance(result, Failure)
                assert (result.reason, result.sent) == (Reason.TIMEOUT, sent)
            assert pool.waiting == 0

    run(main())


def test_each_call_ends_at_its_own_deadline(run: Any, upstream: Any) -> None:
    """Sooner or later than those before it, sent or waiting, but never before it."""

    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read(-1)

    async def main() -> None:
        async with upstream(script) as port, Pools() as pools:
            pool = pools(port, connections=4)
            begun_s = time.monotonic()

            async def ask(timeout_s: float) -> float:
                assert isinstance(await pool.request(GET, timeout_s), Failure)
                return time.monotonic() - begun_s

            wanted = [0.3, 0.1, 0.2, 0.05, 0.25, 0.07, 0.12, 0.09]
            ended = await asyncio.gather(*(ask(it) for it in wanted))
            assert all(at >= due for at, due in zip(ended, wanted, strict=True))
            assert pool.waiting == 0

    run(main())


def test_who_hears_of_a_deadline_may_ask_again(run: Any, upstream: Any) -> None:
    """A call that is sent while others fail has its own deadline."""

    async def script(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read(-1)

    async def main() -> None:
        async with upstream(script) as port, Pools() as pools:
            pool, results, all_heard = pools(port), [], asyncio.Event()

            def hear(result: Result) -> None:
                results.append(result)
                if len(results) < 5:
                    pool.send(Call(GET, hear, time.monotonic() + 0.02))
                else:
                    all_heard.set()

            pool.send(Call(GET, hear, time.monotonic() + 0.02))
            await asyncio.wait_for(all_heard.wait(), 5)
            assert {it.reason for it in results if isinstance(it, Failure)} == {Reason.TIMEOUT}

    run(main())


def test_nobody_there(run: Any) -> None:
    """A refused connection is a failure for each call that waited for one."""

    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and not listening
            async with Pools() as pools:
                pool = pools(taken.getsockname()[1], connections=2)
                results = await asyncio.gather(*(pool.request(GET, 5) for _ in range(20)))
                reasons = {result.reason for result in results if isinstance(result, Failure) and not result.sent}
                assert (len(results), reasons) == (20, {Reason.CONNECT_REFUSED})

    run(main())


@pytest.mark.parametrize(("connect_s", "timeout_s"), [(0.05, 5.0), (5.0, 0.05)])
def test_nobody_accepts(run: Any, connect_s: float, timeout_s: float) -> None:
    """A connection that does not come about in its time, or in the call's, is a failure that says so."""

    async def main() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers: list[socket.socket] = []
            try:
                for _ in range(4):  # the queue of who waits to be accepted is full: the kernel drops further attempts
                    filler = socket.socket()
                    filler.settimeout(0)
                    filler.connect_ex(full.getsockname())
                    fillers.append(filler)
                async with Pools() as pools:
                    result = await pools(full.getsockname()[1], connect_s=connect_s).request(GET, timeout_s)
                    assert isinstance(result, Failure)
                    assert (result.reason, result.sent) == (Reason.CONNECT_TIMEOUT, False)
            finally:
                for filler in fillers:
                    filler.close()

    run(main())


def test_overload_is_said_at_once(run: Any, until: Any, upstream: Any) -> None:
    """A call beyond the queue's bound fails without waiting, but never before `send` has returned."""

    async def main() -> None:
        async with upstream(silent) as port, Pools() as pools:
            pool = pools(port, connections=1, waiting=2)
            results: list[Result] = []
            calls = [Call(GET, results.append, time.monotonic() + 5) for _ in range(5)]
            pool.send(calls[0])
            await until(lambda: pool.in_flight)
            for call in calls[1:]:
                pool.send(call)
            assert not results
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert [(r.reason, r.sent) for r in results if isinstance(r, Failure)] == [(Reason.OVERLOADED, False)] * 2
            assert pool.waiting == 2

    run(main())


def test_cancelled_calls_are_not_heard_of(run: Any, until: Any, upstream: Any) -> None:
    """A cancelled call tells nobody, waiting or sent, and gives its place to the next."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"slow" in await reader.readuntil(b"\r\n\r\n"):
            await reader.read(-1)
        writer.write(OK)
        await reader.read(1)

    async def main() -> None:
        async with upstream(script) as port, Pools() as pools:
            pool = pools(port, connections=1)
            results: list[Result] = []
            deadline_s = time.monotonic() + 5
            slow = Call(GET.replace(b"/ ", b"/slow "), results.append, deadline_s)
            waiting = Call(GET, results.append, deadline_s)
            pool.send(slow)
            pool.send(waiting)
            last = asyncio.create_task(pool.request(GET, 5))
            impatient = asyncio.create_task(pool.request(GET, 5))
            await until(lambda: pool.in_flight)
            impatient.cancel()
            pool.cancel(waiting)
            pool.cancel(slow)
            assert isinstance(await last, Answer)
            assert results == []
            with pytest.raises(asyncio.CancelledError):
                await impatient

    run(main())


def test_close_fails_what_is_under_way(run: Any, until: Any, upstream: Any) -> None:
    """Closing a pool tells every call, sent, waiting or new, that it is closed."""

    async def main() -> None:
        async with upstream(silent) as port, Pools() as pools:
            pool = pools(port, connections=1)
            asked = [asyncio.create_task(pool.request(GET, 5)) for _ in range(3)]
            await until(lambda: pool.in_flight)
            await pool.close()
            asked.append(asyncio.create_task(pool.request(GET, 5)))
            results = await asyncio.gather(*asked)
            assert [(r.reason, r.sent) for r in results if isinstance(r, Failure)] == [
                (Reason.CLOSED, True),
                *[(Reason.CLOSED, False)] * 3,
            ]

    run(main())


def test_old_connections_are_closed(run: Any, until: Any, upstream: Any) -> None:
    """A connection without use is closed after its time, without anybody asking."""

    async def main() -> None:
        async with upstream(answering(OK)) as port, Pools() as pools:
            pool = pools(port, idle_s=0.05)
            assert isinstance(await pool.request(GET, 5), Answer)
            assert pool.open == 1
            await until(lambda: not pool.open)

    run(main())


def test_a_bug_in_who_hears_stays_theirs(run: Any, upstream: Any, expected_error: type[Exception]) -> None:
    """An `on_done` that raises does not harm the pool."""

    def fails(_: Result) -> None:
        raise expected_error

    async def main() -> None:
        async with upstream(answering(OK, OK)) as port, Pools() as pools:
            pool = pools(port, connections=1)
            pool.send(Call(GET, fails, time.monotonic() + 5))
            assert isinstance(await pool.request(GET, 5), Answer)

    run(main())
