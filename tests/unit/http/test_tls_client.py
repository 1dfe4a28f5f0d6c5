"""A pool over TLS: whom it trusts, what it shows, and what becomes of a handshake that fails."""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from http_certificates import Authority, Pair
from http_upstreams import GET, OK, Pools

from segue.errors import DomainError
from segue.http.call import Answer, Failure, Reason
from segue.http.exchange import Exchange
from segue.http.limits import ServerLimits
from segue.http.simple import fetch
from segue.http.tls import ClientTls, ServerTls


@asynccontextmanager
async def foreign(context: ssl.SSLContext, seen: list[ssl.SSLObject]) -> AsyncIterator[int]:
    """Python's own server, which answers each head the same and notes what it knows of the connection; gives its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("ssl_object"))
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(OK)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def test_calls_on_one_connection(run: Any, tmp_path: Path) -> None:
    """Calls one after the other use one connection, in HTTP/1.1 over TLS 1.3, to an upstream that is trusted."""

    async def main() -> None:
        authority, seen = Authority(tmp_path), list[ssl.SSLObject]()
        shown = authority.showing(authority.issue("own"))
        shown.set_alpn_protocols(["h2", "http/1.1"])
        async with foreign(shown, seen) as port, Pools() as pools:
            tls = ClientTls(ca=authority.file).context()
            pool = pools(port, tls=tls)
            for _ in range(3):
                answer = await pool.request(GET, 5)
                assert isinstance(answer, Answer)
                assert answer.body == b"ok"
            assert [(one.version(), one.selected_alpn_protocol()) for one in seen] == [("TLSv1.3", "http/1.1")]
            assert (tls.begun, tls.made, tls.failed) == (1, 1, {})

    run(main())


def test_large_bodies_both_ways(run: Any, serving: Any, tmp_path: Path) -> None:
    """Megabytes go there and come back whole, on several connections at once."""

    def echo(exchange: Exchange) -> None:
        exchange.respond(200, (), exchange.body)

    async def main() -> None:
        authority = Authority(tmp_path)
        pair = authority.issue("own")
        bodies = [bytes([n]) * 4_000_000 for n in range(4)]
        async with serving(echo, ServerLimits()) as (server, _), Pools() as pools:
            port = await server.listen(tls=ServerTls(certificate=pair.certificate, key=pair.key).context())
            pool = pools(port, tls=ClientTls(ca=authority.file).context(), connections=2)
            heads = [b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body) for body in bodies]
            asked = [pool.request(head + body, 20) for head, body in zip(heads, bodies, strict=True)]
            answers = await asyncio.gather(*asked)
            assert [answer.body for answer in answers if isinstance(answer, Answer)] == bodies
            assert len(server.connections) == 2

    run(main())


@pytest.mark.parametrize(
    ("wrong", "settings", "says"),
    [
        ("expired", {}, "certificate has expired"),
        ("elsewhere", {}, "not valid for '127.0.0.1'"),
        ("stranger", {}, "unable to get local issuer"),
        ("own", {"server_name": "elsewhere.example"}, "not valid for 'elsewhere.example'"),
        ("own", {"ca": ""}, "unable to get local issuer|self-signed"),
    ],
)
def test_who_is_not_trusted(run: Any, tmp_path: Path, wrong: str, settings: dict[str, Any], says: str) -> None:
    """An expired certificate, another host's or one of an unknown authority is a failure that says so; nothing was sent."""

    async def main() -> None:
        authority, stranger, seen = Authority(tmp_path), Authority(tmp_path, "unknown"), list[ssl.SSLObject]()
        pairs = {
            "own": authority.issue("own"),
            "expired": authority.issue("expired", days=-1),
            "elsewhere": authority.issue("elsewhere", hosts=("elsewhere.example",)),
            "stranger": stranger.issue("stranger"),
        }
        async with foreign(authority.showing(pairs[wrong]), seen) as port, Pools() as pools:
            tls = ClientTls(**{"ca": authority.file} | settings).context()
            results = await asyncio.gather(*(pools(port, tls=tls).request(GET, 5) for _ in range(3)))
            for result in results:
                assert isinstance(result, Failure)
                assert (result.reason, result.sent) == (Reason.TLS, False)
                assert re.search(says, result.detail)
            assert (tls.made, tls.failed, seen) == (0, {"certificate_verify_failed": 3}, [])

    run(main())


def test_another_name(run: Any, tmp_path: Path) -> None:
    """A server's certificate may hold a stated name instead of the host connected to."""

    async def main() -> None:
        authority, seen = Authority(tmp_path), list[ssl.SSLObject]()
        pair = authority.issue("model", hosts=("model.internal",))
        async with foreign(authority.showing(pair), seen) as port, Pools() as pools:
            tls = ClientTls(ca=authority.file, server_name="model.internal").context()
            assert isinstance(await pools(port, tls=tls).request(GET, 5), Answer)

    run(main())


def test_insecure(run: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Anybody is trusted only where that is asked for, and the log says so."""

    async def main() -> None:
        authority, seen = Authority(tmp_path), list[ssl.SSLObject]()
        pair = authority.issue("anybody", hosts=("elsewhere.example",), days=-1)
        async with foreign(authority.showing(pair), seen) as port, Pools() as pools:
            assert isinstance(await pools(port, tls=ClientTls(insecure=True).context()).request(GET, 5), Answer)

    run(main())
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_who_asks_for_our_certificate(run: Any, tmp_path: Path) -> None:
    """An upstream that asks for a certificate gets ours, and after a renewal the new one; without one there is no answer."""

    async def main() -> None:
        authority, seen = Authority(tmp_path), list[ssl.SSLObject]()
        shown = authority.showing(authority.issue("own"), ask=True)

        def shows(pair: Pair) -> ClientTls:
            return ClientTls(ca=authority.file, certificate=pair.certificate, key=pair.key)

        async with foreign(shown, seen) as port, Pools() as pools:
            pool = pools(port, tls=shows(authority.issue("gateway")).context(), idle_s=1e-9)
            for _ in range(2):
                assert isinstance(await pool.request(GET, 5), Answer)
                authority.issue("gateway")
            certificates = [one.getpeercert() for one in seen]
            assert len({certificate["serialNumber"] for certificate in certificates if certificate}) == 2
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                shown.maximum_version = version
                assert isinstance(await pools(port, tls=ClientTls(ca=authority.file).context()).request(GET, 5), Failure)
            assert len(seen) == 2

    run(main())


def test_an_upstream_without_tls(run: Any, upstream: Any) -> None:
    """Plain HTTP where TLS was expected is a failure of trust, silence one of time, and leaving one of the connection."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await reader.read(-1)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        await reader.read(-1)

    async def leaving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async def main() -> None:
        tls = ClientTls().context()
        cases = ((plain, Reason.TLS), (silent, Reason.CONNECT_TIMEOUT), (leaving, Reason.CONNECT_REFUSED))
        for script, reason in cases:
            async with upstream(script) as port, Pools() as pools:
                result = await pools(port, tls=tls, connect_s=0.1).request(GET, 5)
                assert isinstance(result, Failure)
                assert (result.reason, result.sent) == (reason, False)
        assert (tls.begun, tls.made, tls.failed) == (3, 0, {"wrong_version_number": 1})

    run(main())


def test_a_pool_that_is_closed_meanwhile(run: Any, until: Any, upstream: Any) -> None:
    """Closing a pool ends its handshakes at once, and tells who waited."""
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
        await reader.read(-1)
        left.set()

    async def main() -> None:
        async with upstream(silent) as port, Pools() as pools:
            tls = ClientTls().context()
            pool = pools(port, tls=tls, connect_s=30)
            asked = asyncio.create_task(pool.request(GET, 30))
            await until(lambda: tls.begun)
            await pool.close()
            result = await asked
            assert isinstance(result, Failure)
            assert result.reason == Reason.CLOSED
            await left.wait()

    run(main())


def test_fetch(run: Any, tmp_path: Path) -> None:
    """A one-off request goes over TLS where its address says so, and nowhere else."""

    async def main() -> None:
        authority, seen = Authority(tmp_path), list[ssl.SSLObject]()
        async with foreign(authority.showing(authority.issue("own")), seen) as port:
            tls = ClientTls(ca=authority.file).context()
            assert isinstance(await fetch(f"https://localhost:{port}/", tls=tls), Answer)
            untrusted = await fetch(f"https://localhost:{port}/")
            assert isinstance(untrusted, Failure)
            assert untrusted.reason == Reason.TLS
            with pytest.raises(DomainError, match="without TLS"):
                await fetch(f"http://localhost:{port}/", tls=tls)

    run(main())
