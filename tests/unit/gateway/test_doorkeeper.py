"""Who is let in: with a key where one is asked for, and as long as there is room; a key goes nowhere else."""

import asyncio
import socket
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from gateway_stage import Stage, answers, hangs, stage

from segue.errors import DomainError
from segue.facts.allocation import Key, Protocol
from segue.gateway.request.keys import new_key
from segue.gateway.settings import GatewaySettings

NOW = datetime.now(UTC)
CHAMPION = {"champion": 1.0}
V2 = b"/v2/models/churn/infer"
TWO: dict[str, object] = {"routes": ("churn", "delay"), "keyed": ("churn",)}


def made(route: str = "churn", **more: object) -> tuple[Key, str]:
    """A key of a route, and itself."""
    key, token = new_key(route, "team-a", NOW)
    return msgspec.structs.replace(key, **more), token


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    """As RFC 6750 has it."""
    return [(b"Authorization", b"Bearer " + token.encode())]


def refused(world: Stage) -> dict[str, float]:
    """How many were turned away, by reason."""
    counted = [sample for sample in world.worker.counters.snapshot() if sample[0] == "segue_refused_total"]
    return {dict(labels)["reason"]: value for _, labels, value in counted}


async def asked(world: Stage, number: int) -> None:
    """Wait until the upstream has been asked so often."""
    for _ in range(300):
        if len(world.seen["7"]) >= number:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("waited in vain")


def holding(folder: Path, secret: str) -> list[Path]:
    """The files in which it stands."""
    return [file for file in folder.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()]


@pytest.mark.parametrize("field", [b"Authorization", b"X-API-Key"])
def test_a_key_opens_its_route_and_goes_no_further(tmp_path: Path, field: bytes) -> None:
    """The upstream and the record see nothing of it."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), None, **TWO) as world:
            key, token = made()
            world.keys.append(key)
            world.publish(CHAMPION)
            value = token.encode() if field == b"X-API-Key" else b"bearer  " + token.encode()
            assert (await world.ask(headers=[(field, value), (b"X-User-Id", b"u")])).status == 200
            (passed,) = world.seen["7"]
            assert not [name for name, _ in passed.headers if name.lower() == field.lower()]
            world.journal.close()
            assert not holding(tmp_path, token)

    asyncio.run(run())


@pytest.mark.parametrize("protocol", ["v2", "v1", "mlflow", "openai", "raw"])
def test_without_a_key(tmp_path: Path, protocol: Protocol) -> None:
    """401 with a challenge, in the protocol's own shape; nobody is asked, nothing is recorded, it is counted."""
    paths = {
        "v2": V2,
        "v1": b"/v1/models/churn:predict",
        "mlflow": b"/invocations",
        "openai": b"/v1/chat/completions",
        "raw": b"/routes/churn/x",
    }
    shapes = {"mlflow": {"error_code", "message"}}

    async def run() -> None:
        async with stage(tmp_path, answers("7"), None, **TWO) as world:
            world.publish(CHAMPION, protocol=protocol)
            reply = await world.ask(paths[protocol])
            assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer realm="segue"')
            said = msgspec.json.decode(reply.body)
            assert set(said) == shapes.get(protocol, {"error"})
            assert not world.seen["7"]
            assert not world.rows()
            assert refused(world) == {"key_missing": 1}

    asyncio.run(run())


def test_a_long_body_is_refused_before_it_comes(tmp_path: Path) -> None:
    """Whoever shows no key is told so by the head alone, and is not invited to send the rest."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), None, **TWO) as world:
            world.publish(CHAMPION)
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            head = b"POST %b HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 8000000\r\n\r\n" % V2
            writer.write(head)
            said = await asyncio.wait_for(reader.read(), 5)
            assert said.startswith(b"HTTP/1.1 401 ")
            assert b"connection: close" in said
            writer.close()
            assert not world.seen["7"]

    asyncio.run(run())


def test_keys_that_do_not_open(tmp_path: Path) -> None:
    """Spoilt, unknown, expired, revoked: 401; another route's: 403; each says why, and none says more."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), None, **TWO) as world:
            good, token = made()
            expired, old = made(expires_at=NOW - timedelta(seconds=1))
            revoked, taken = made(revoked_at=NOW)
            foreign, other = made("delay")
            world.keys += [good, expired, revoked, foreign]
            world.publish(CHAMPION)
            world.publish(CHAMPION, route="delay")
            for wrong in (token[:-1], token + "x", token[:-1] + "!", "sgk_", "sgk_x_y", old, taken):
                reply = await world.ask(headers=bearer(wrong))
                assert (reply.status, "invalid_token" in reply.headers["www-authenticate"]) == (401, True), wrong
                assert wrong.encode() not in reply.body
            reply = await world.ask(headers=bearer(other))
            assert (reply.status, "insufficient_scope" in reply.headers["www-authenticate"]) == (403, True)
            assert (await world.ask(headers=bearer(token))).status == 200

    asyncio.run(run())


def test_a_revoked_key_opens_nothing_from_the_next_directory_on(tmp_path: Path) -> None:
    """Also where the directory itself is refused."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), None, **TWO) as world:
            key, token = made()
            world.keys.append(key)
            world.publish(CHAMPION)
            assert (await world.ask(headers=bearer(token))).status == 200
            world.keys.clear()
            world.number -= 2  # older than what is in force
            world.publish(CHAMPION)
            assert (await world.ask(headers=bearer(token))).status == 401

    asyncio.run(run())


def test_an_upstreams_own_key_passes(tmp_path: Path) -> None:
    """What does not look like a key of ours is the upstream's."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), None, **TWO) as world:
            key, token = made()
            world.keys.append(key)
            world.publish(CHAMPION)
            theirs = [(b"Authorization", b"Bearer theirs"), (b"X-API-Key", token.encode())]
            assert (await world.ask(headers=theirs)).status == 200
            assert (b"Authorization", b"Bearer theirs") in world.seen["7"][0].headers

    asyncio.run(run())


def test_a_route_without_keys_is_open_and_a_key_sent_to_it_stays_here(tmp_path: Path) -> None:
    """Callers that send their key everywhere tell it to no upstream."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), None, **TWO) as world:
            world.publish(CHAMPION, route="delay")
            assert (await world.ask(b"/v2/models/delay/infer", headers=bearer("sgk_x_y"))).status == 200
            assert not [name for name, _ in world.seen["7"][0].headers if name.lower() == b"authorization"]

    asyncio.run(run())


def test_outcomes_need_the_key_of_their_route(tmp_path: Path) -> None:
    """Who may not ask a route may not judge it."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), None, **TWO) as world:
            key, token = made()
            world.keys.append(key)
            world.publish(CHAMPION)
            outcome = b'{"request_id": "r", "label": 1}'
            assert (await world.ask(b"/segue/v1/outcomes", outcome)).status == 401
            assert (await world.ask(b"/segue/v1/outcomes", outcome, bearer(token))).status == 202
            other = b'{"request_id": "r", "label": 1, "route": "delay"}'
            assert (await world.ask(b"/segue/v1/outcomes", other)).status == 202

    asyncio.run(run())


@pytest.mark.parametrize("path", [b"/metrics", b"/readyz", b"/v2/models/churn", b"/nowhere"])
def test_guarded(tmp_path: Path, path: bytes) -> None:
    """Where it is asked for, the gateway tells of itself only to who has a key, of any route."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), routes=("churn",), keyed=("*",), guarded=True) as world:
            key, token = made()
            world.keys.append(key)
            world.publish(CHAMPION)
            assert (await world.ask(path, b"")).status == 401
            assert (await world.ask(path, b"", bearer(token))).status == (404 if path == b"/nowhere" else 200)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("settings", "reason"), [({"in_flight": 2}, "busy_worker"), ({"in_flight_per_route": 2}, "busy_route")]
)
def test_no_more_than_so_many_in_hand(tmp_path: Path, settings: dict[str, object], reason: str) -> None:
    """One more is told to come later; when one is answered, or its caller has left, there is room again."""

    async def run() -> None:
        async with stage(tmp_path, hangs, None, **settings) as world:
            world.publish(CHAMPION, timeout_s=0.4)
            under_way = [asyncio.create_task(world.ask()) for _ in range(2)]
            await asked(world, 2)
            reply = await world.ask()
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert (await world.ask(b"/readyz", b"")).status == 200
            assert refused(world) == {reason: 1}
            assert [(await task).status for task in under_way] == [504, 504]
            left = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(2)]
            for _, writer in left:
                writer.write(b"POST /v2/models/churn/infer HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}")
            await asked(world, 4)
            for _, writer in left:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.close()
            await asyncio.sleep(0.05)
            assert (await world.ask()).status == 504

    asyncio.run(run())


@pytest.mark.parametrize(
    "wrong", [{"keyed": ("chrun",)}, {"in_flight": 0}, {"in_flight_per_route": -1}, {"poll_s": 0}, {"drain_s": -1}]
)
def test_settings_that_cannot_be_meant(wrong: dict[str, object]) -> None:
    """Are refused: a route that is not served would stay open, and a cap of nothing would serve nobody."""
    with pytest.raises((DomainError, msgspec.ValidationError)):
        msgspec.convert({"routes": ("churn",), "worker": "w", "last_good": "x", **wrong}, GatewaySettings)
