"""A server over TLS with foreign clients: Python's ssl, curl, and those that do not know what they are doing."""

import asyncio
import logging
import shutil
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from http_certificates import Authority, Pair
from http_handlers import GET, echo

from segue.http.exchange import Exchange
from segue.http.limits import ServerLimits
from segue.http.tls import ServerTls


def settings(pair: Pair, **more: Any) -> ServerTls:
    """A server's."""
    return ServerTls(certificate=pair.certificate, key=pair.key, **more)


async def answered(port: int, context: ssl.SSLContext, *requests: bytes) -> tuple[list[bytes], ssl.SSLObject]:
    """The bodies that a foreign client gets on one connection, and what that connection knows."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    bodies = []
    try:
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            bodies.append(head.partition(b"x-target: ")[2].partition(b"\r\n")[0] + await reader.readexactly(size))
        return bodies, writer.get_extra_info("ssl_object")
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def serial(seen: ssl.SSLObject) -> str:
    """Which certificate it was."""
    certificate = seen.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])


class Shaking:
    """A foreign client that shakes hands step by step."""

    def __init__(self, context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")

    async def step(self) -> None:
        """Say what is to be said; hear what comes back until the handshake can go on."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self.writer.write(self._out.read())
            self._in.write(await self.reader.read(65536))
        else:
            self.writer.write(self._out.read())

    async def said(self) -> bytes:
        """Everything that comes until the server says goodbye."""
        said = b""
        while True:
            try:
                if not (piece := self.tls.read()):
                    return said
                said += piece
            except ssl.SSLZeroReturnError:
                return said
            except ssl.SSLWantReadError:
                self._in.write(await self.reader.read(65536))


def test_requests_on_one_connection(run: Any, serving: Any, tmp_path: Path) -> None:
    """A connection is kept, and speaks HTTP/1.1 over TLS 1.3 whatever else its caller could."""

    async def main() -> None:
        authority = Authority(tmp_path)
        tls = settings(authority.issue("own")).context()
        async with serving(echo) as (server, _):
            port = await server.listen(tls=tls)
            context = authority.trusting()
            context.set_alpn_protocols(["h2", "http/1.1"])
            bodies, seen = await answered(port, context, *[GET % n for n in range(3)])
            assert bodies == [b"/0", b"/1", b"/2"]
            assert (seen.selected_alpn_protocol(), seen.version()) == ("http/1.1", "TLSv1.3")
            assert (server.requests, tls.begun, tls.made, tls.failed) == (3, 1, 1, {})

    run(main())


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_curl_and_large_bodies(run: Any, serving: Any, tmp_path: Path) -> None:
    """Curl sends megabytes and gets them back, twice on one connection."""

    async def main() -> None:
        authority = Authority(tmp_path)
        tls = settings(authority.issue("own")).context()
        body = bytes(range(256)) * 20_000
        (tmp_path / "body").write_bytes(body)
        async with serving(echo) as (server, _):
            url = f"https://localhost:{await server.listen(tls=tls)}/"
            once = [
                "--data-binary",
                f"@{tmp_path}/body",
                "--header",
                "Expect:",
                "--cacert",
                authority.file,
                "--fail",
                "--silent",
            ]
            command = [*once, "-o", f"{tmp_path}/first", url, "--next", *once, "-o", f"{tmp_path}/second", url]
            curl = await asyncio.create_subprocess_exec("curl", "--http1.1", "--noproxy", "*", *command)
            assert await curl.wait() == 0
            assert (tmp_path / "first").read_bytes() == body
            assert (tmp_path / "second").read_bytes() == body
            assert (server.requests, tls.made) == (2, 1)

    run(main())


def test_plain_http_to_a_tls_port(run: Any, serving: Any, calling: Any, tmp_path: Path) -> None:
    """Who speaks plainly, or nonsense, or leaves, is ended and counted, and does not disturb the next."""

    async def main() -> None:
        authority = Authority(tmp_path)
        tls = settings(authority.issue("own")).context()
        async with serving(echo) as (server, _):
            port = await server.listen(tls=tls)
            for sent in (GET % 1, b"\x00" * 100, b""):
                async with calling(port) as caller:
                    caller.send(sent)
                    if not sent:
                        caller.writer.write_eof()
                    with suppress(ConnectionError):
                        assert not (await caller.rest()).startswith(b"HTTP/")
            assert await answered(port, authority.trusting(), GET % 2)
            assert (tls.begun, tls.made, server.requests) == (4, 1, 1)
            assert tls.failed["http_request"] == 1
            assert sum(tls.failed.values()) == 2

    run(main())


def test_an_old_version(run: Any, serving: Any, tmp_path: Path) -> None:
    """A caller below the minimum is refused, and counted."""

    async def main() -> None:
        authority = Authority(tmp_path)
        tls = settings(authority.issue("own"), minimum="1.3").context()
        async with serving(echo) as (server, _):
            port = await server.listen(tls=tls)
            context = authority.trusting()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises(ssl.SSLError, match=r"(?i)alert protocol version"):
                await answered(port, context, GET % 1)
            assert (tls.made, tls.failed) == (0, {"unsupported_protocol": 1})

    run(main())


def test_a_slow_handshake(run: Any, serving: Any, calling: Any, tmp_path: Path) -> None:
    """A caller that does not shake hands is cut, whether it says nothing or stops on the way."""

    async def main() -> None:
        tls = settings(Authority(tmp_path).issue("own")).context()
        async with serving(echo, ServerLimits(handshake_s=0.05)) as (server, _):
            port = await server.listen(tls=tls)
            for sent in (b"", b"\x16\x03\x01\x02\x00\x01"):
                async with calling(port) as caller:
                    caller.send(sent)
                    with suppress(ConnectionError):
                        assert await caller.rest() == b""
            assert (tls.begun, tls.made, tls.failed, server.connections) == (2, 0, {}, set())

    run(main())


@pytest.mark.parametrize(
    ("clients", "shown", "let_in"),
    [
        ("none", None, True),
        ("none", "ours", True),
        ("request", None, True),
        ("request", "ours", True),
        ("request", "theirs", False),
        ("require", None, False),
        ("require", "ours", True),
        ("require", "theirs", False),
        ("require", "expired", False),
    ],
)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_callers_that_prove_who_they_are(  # noqa: PLR0917 - two fixtures more than cases
    run: Any, serving: Any, tmp_path: Path, clients: Any, shown: str | None, let_in: bool, version: ssl.TLSVersion
) -> None:
    """Only who shows a certificate of the named authority gets in where it is required; a bad one never helps."""

    async def main() -> None:
        authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
        pairs = {
            "ours": authority.issue("ours"),
            "theirs": stranger.issue("theirs"),
            "expired": authority.issue("old", days=-1),
        }
        ca = "" if clients == "none" else authority.file
        tls = settings(authority.issue("own"), client_ca=ca, clients=clients).context()
        async with serving(echo) as (server, _):
            port = await server.listen(tls=tls)
            context = authority.trusting(pairs[shown] if shown else None)
            context.maximum_version = version
            if let_in:
                assert (await answered(port, context, GET % 1))[0] == [b"/1"]
                assert (tls.made, tls.failed, server.requests) == (1, {}, 1)
            else:
                with pytest.raises(
                    ssl.SSLError, match=r"(?i)alert (unknown ca|handshake failure|certificate (required|expired))"
                ):
                    await answered(port, context, GET % 1)
                assert (tls.made, sum(tls.failed.values()), server.requests) == (0, 1, 0)

    run(main())


def test_renewed_under_load(run: Any, serving: Any, until: Any, tmp_path: Path) -> None:
    """A renewed certificate is shown to who comes next, no connection drops, and no request is lost meanwhile."""

    async def main() -> None:
        authority = Authority(tmp_path)
        tls = settings(authority.issue("own")).context()
        context = authority.trusting()
        seen: list[str] = []
        renewed = asyncio.Event()

        async def comers(port: int) -> None:
            for _ in range(15):
                bodies, connection = await answered(port, context, GET % 1)
                assert bodies == [b"/1"]
                seen.append(serial(connection))

        async with serving(echo) as (server, _):
            port = await server.listen(tls=tls)
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)

            async def one_that_stays() -> None:
                while True:
                    last = renewed.is_set()
                    writer.write(GET % 2)
                    assert b"x-target: /2\r\n" in await reader.readuntil(b"\r\n\r\n")
                    if last:
                        return

            async def renewal() -> None:
                for _ in range(2):
                    enough = len(seen) + 5
                    await until(lambda: len(seen) >= enough)  # noqa: B023 - waited for at once
                    authority.issue("own")
                    assert tls.problem == ""

            staying = asyncio.create_task(one_that_stays())
            await asyncio.gather(renewal(), *[comers(port) for _ in range(2)])
            renewed.set()
            await staying
            writer.close()
            await writer.wait_closed()
            assert len(set(seen)) == 3
            assert (tls.made, tls.failed) == (31, {})

    run(main())


def test_renewed_wrongly(run: Any, serving: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A pair that does not fit together leaves the old one in force, is told of once, and is repaired by the next change."""

    async def main() -> None:
        authority = Authority(tmp_path)
        pair = authority.issue("own")
        tls = settings(pair).context()
        file = tmp_path / "own.key"
        async with serving(echo) as (server, _):
            port = await server.listen(tls=tls)

            async def shown() -> str:
                return serial((await answered(port, authority.trusting(), GET % 1))[1])

            old = await shown()
            key = file.read_text()
            file.write_text("half a ke")
            assert [await shown(), await shown()] == [old, old]
            file.unlink()
            assert [await shown(), await shown()] == [old, old]
            assert "cannot be read" in tls.problem
            assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
            file.write_text(key)
            assert (await shown(), tls.problem) == (old, "")
            authority.issue("own")
            assert await shown() != old

    caplog.set_level(logging.WARNING, "segue.http")
    run(main())


def test_an_authority_that_is_replaced(run: Any, serving: Any, tmp_path: Path) -> None:
    """Callers of an authority that is trusted no more are refused, also those that would resume what they had."""

    async def main() -> None:
        authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
        ours, own = authority.issue("ours"), authority.issue("own")
        trusted = tmp_path / "trusted.pem"
        shutil.copy(authority.file, trusted)
        tls = settings(own, client_ca=str(trusted), clients="require").context()
        context = authority.trusting(ours)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # its sessions are there as soon as hands are shaken
        async with serving(echo) as (server, _):
            port = await server.listen(tls=tls)

            def resumed(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool | None]:
                with (
                    socket.create_connection(("127.0.0.1", port)) as plain,
                    context.wrap_socket(plain, server_hostname="localhost", session=session) as caller,
                ):
                    return caller.session, caller.session_reused

            session, _ = await asyncio.to_thread(resumed, None)
            assert (await asyncio.to_thread(resumed, session))[1]
            shutil.copy(stranger.file, trusted)
            with pytest.raises(ssl.SSLError, match=r"(?i)alert unknown ca"):
                await asyncio.to_thread(resumed, session)
            assert tls.failed == {"certificate_verify_failed": 1}

    run(main())


def test_draining(run: Any, serving: Any, until: Any, tmp_path: Path) -> None:
    """An answer in hand leaves whole; who has shaken hands meanwhile is told goodbye, and who has not, holds nobody up."""

    async def main() -> None:
        authority = Authority(tmp_path)
        tls = settings(authority.issue("own")).context()
        held: list[Exchange] = []
        async with serving(held.append, ServerLimits(handshake_s=0.3)) as (server, _):
            port = await server.listen(tls=tls)
            late = Shaking(authority.trusting(), *await asyncio.open_connection("127.0.0.1", port))
            await late.step()
            _, silent = await asyncio.open_connection("127.0.0.1", port)
            asking = asyncio.create_task(answered(port, authority.trusting(), GET % 1))
            await until(lambda: held and tls.begun == 3)
            drained = asyncio.create_task(server.drain(10))
            await until(lambda: server.draining)
            await late.step()
            assert await late.said() == b""
            held[0].respond(200, [(b"x-target", b"/1")], b"")
            assert (await asking)[0] == [b"/1"]
            assert await drained
            assert (server.connections, tls.made) == (set(), 2)
            silent.close()
            late.writer.close()

    run(main())


def test_the_last_answer(run: Any, serving: Any, until: Any, tmp_path: Path) -> None:
    """A long answer that ends its connection arrives whole, though its caller is slow to begin reading."""
    size = 5_000_000

    def handler(exchange: Exchange) -> None:
        exchange.keep_alive = False
        exchange.respond(200, (), bytes(size))

    async def main() -> None:
        authority = Authority(tmp_path)
        tls = settings(authority.issue("own")).context()
        async with serving(handler) as (server, _):
            port = await server.listen(tls=tls)

            def slow() -> int:
                with (
                    socket.create_connection(("127.0.0.1", port)) as plain,
                    authority.trusting().wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as caller,
                ):
                    caller.sendall(GET % 1)
                    time.sleep(0.05)
                    head = caller.recv(16384).partition(b"\r\n\r\n")
                    got = len(head[2])
                    while piece := caller.recv(1 << 20):
                        got += len(piece)
                    return got

            assert await asyncio.to_thread(slow) == size
            await until(lambda: not server.connections)

    run(main())


def test_a_body_that_is_too_large(run: Any, serving: Any, until: Any, tmp_path: Path) -> None:
    """A caller whose body is refused gets to read why, though it goes on sending."""

    async def main() -> None:
        authority = Authority(tmp_path)
        tls = settings(authority.issue("own")).context()
        async with serving(echo, ServerLimits(body_bytes=1000)) as (server, _):
            port = await server.listen(tls=tls)
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=authority.trusting())
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n")
            await until(lambda: server.refused)
            for _ in range(40):
                writer.write(bytes(100_000))
                await asyncio.sleep(0.001)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")
            writer.transport.abort()

    run(main())
