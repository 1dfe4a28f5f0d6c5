"""Each protocol's paths lead to its routes, and each says no in its own shape."""

import asyncio
import json
from pathlib import Path

import pytest
from gateway_stage import answers, hangs, stage

from segue.facts.allocation import Protocol, asked_at
from segue.http.exchange import Exchange

ALL_TO_CANDIDATE = {"champion": 0.0, "v8": 1.0}
CHAMPION = {"champion": 1.0}


def says_what_it_was_asked(exchange: Exchange) -> None:
    """An upstream that answers with method and target."""
    exchange.respond(200, [(b"content-type", b"text/plain")], exchange.method + b" " + exchange.target)


ONE_ROUTE: list[tuple[Protocol, bytes, bytes]] = [
    ("v2", b"/v2/models/churn/infer", b"/v2/models/churn/infer"),
    ("v2", b"/v2/models/churn/infer?x=1", b"/v2/models/churn/infer"),
    ("v1", b"/v1/models/churn:predict", b"/v1/models/churn:predict"),
    ("mlflow", b"/invocations", b"/invocations"),
    ("mlflow", b"/routes/churn/invocations", b"/invocations"),
    ("openai", b"/v1/chat/completions", b"/v1/chat/completions"),
    ("openai", b"/v1/embeddings?x=1", b"/v1/embeddings?x=1"),
    ("openai", b"/routes/churn/v1/completions", b"/v1/completions"),
    ("raw", b"/routes/churn/score/me?deep=1", b"/score/me?deep=1"),
    ("raw", b"/routes/churn", b"/"),
]


@pytest.mark.parametrize(("protocol", "asked", "upstream"), ONE_ROUTE)
def test_paths(protocol: Protocol, asked: bytes, upstream: bytes, tmp_path: Path) -> None:
    """What callers post to a protocol's path reaches the upstream's own path."""

    async def run() -> None:
        async with stage(tmp_path, says_what_it_was_asked) as world:
            world.publish(CHAMPION, protocol=protocol)
            reply = await world.ask(asked, headers=[(b"content-type", b"application/x-test")])
            assert (reply.status, reply.body) == (200, b"POST " + upstream)
            (row,) = world.rows()
            assert (row.path, row.content_type, row.route) == (asked.decode(), "application/x-test", "churn")

    asyncio.run(run())


NOBODYS: list[tuple[Protocol, bytes]] = [
    ("v2", b"/v1/models/churn:predict"),
    ("v1", b"/v2/models/churn/infer"),
    ("v1", b"/v1/models/other:predict"),
    ("openai", b"/invocations"),
    ("openai", b"/routes/churn/v2/models/churn/infer"),
    ("mlflow", b"/routes/churn/ping"),
    ("raw", b"/routes/other/x"),
    ("raw", b"/v1/chat/completions"),
]


@pytest.mark.parametrize(("protocol", "asked"), NOBODYS)
def test_other_paths_lead_nowhere(protocol: Protocol, asked: bytes, tmp_path: Path) -> None:
    """A path of another protocol, or of no route, is a 404, and nobody is asked; one that names the route is told its own."""

    async def run() -> None:
        async with stage(tmp_path, says_what_it_was_asked) as world:
            world.publish(CHAMPION, protocol=protocol)
            reply = await world.ask(asked)
            assert reply.status == 404
            if b"models/churn" in asked and b"/routes" not in asked:
                assert json.loads(reply.body) == {"error": f"churn is asked at {asked_at('churn', protocol)}"}
            assert world.seen["7"] == []

    asyncio.run(run())


def test_two_routes_share_a_path(tmp_path: Path) -> None:
    """Chat routes are told apart by the body's model; MLflow's by their own path only."""

    async def run() -> None:
        async with stage(tmp_path, says_what_it_was_asked) as world:
            world.publish(CHAMPION, protocol="openai", route="small")
            world.publish(CHAMPION, protocol="openai", route="large")
            assert (await world.ask(b"/v1/chat/completions", b'{"model":"large","messages":[]}')).status == 200
            assert (await world.ask(b"/v1/chat/completions", b'{"model":"none"}')).status == 404
            assert (await world.ask(b"/v1/chat/completions", b"{}")).status == 404
            world.publish(CHAMPION, protocol="mlflow", route="one")
            assert (await world.ask(b"/invocations")).status == 200
            world.publish(CHAMPION, protocol="mlflow", route="two")
            assert (await world.ask(b"/invocations")).status == 404
            assert (await world.ask(b"/routes/two/invocations")).status == 200
            assert [row.route for row in world.rows()] == ["large", "one", "two"]

    asyncio.run(run())


@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"PATCH", b"HEAD", b"PROPFIND"])
def test_raw_takes_any_method(method: bytes, tmp_path: Path) -> None:
    """A raw route passes on the method; HEAD gets the length and no body."""

    async def run() -> None:
        async with stage(tmp_path, says_what_it_was_asked) as world:
            world.publish(CHAMPION, protocol="raw")
            reply = await world.ask(b"/routes/churn/x", b"", method=method)
            said = method + b" /x"
            assert reply.headers["content-length"] == str(len(said))
            assert (reply.status, reply.body) == (200, b"" if method == b"HEAD" else said)

    asyncio.run(run())


def test_binary_tensors_go_through_untouched(tmp_path: Path) -> None:
    """Raw tensors after the JSON, and the field that says where they begin, pass; the id is read from the JSON alone."""
    header = b'{"id":"mine","inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}'
    body = header + b'\x00"id"'[:4]

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(CHAMPION)
            fields = [
                (b"Inference-Header-Content-Length", b"%d" % len(header)),
                (b"content-type", b"application/octet-stream"),
            ]

            def octets(exchange: Exchange) -> None:
                exchange.respond(200, [(b"content-type", b"application/octet-stream"), *fields[:1]], exchange.body)

            await world.upstream("7", octets)
            world.publish(CHAMPION)
            reply = await world.ask(body=body, headers=fields)
            assert (reply.status, reply.body, reply.headers["x-segue-request-id"]) == (200, body, "mine")
            assert reply.headers["inference-header-content-length"] == str(len(header))
            (row,) = world.rows()
            assert (row.request_body, row.response_body, row.content_type) == (body, body, "application/octet-stream")

    asyncio.run(run())


REFUSALS: list[tuple[Protocol, bytes, list[str]]] = [
    ("v2", b"/v2/models/churn/infer", ["error"]),
    ("v1", b"/v1/models/churn:predict", ["error"]),
    ("mlflow", b"/invocations", ["error_code", "message"]),
    ("openai", b"/v1/chat/completions", ["error"]),
    ("raw", b"/routes/churn/", ["error"]),
]


@pytest.mark.parametrize(("protocol", "path", "keys"), REFUSALS)
def test_no_answer_in_the_protocols_shape(protocol: Protocol, path: bytes, keys: list[str], tmp_path: Path) -> None:
    """Where no version answers, the caller reads why in the shape that its client understands."""

    async def run() -> None:
        async with stage(tmp_path, hangs) as world:
            world.publish(CHAMPION, protocol=protocol, timeout_s=0.05)
            reply = await world.ask(path)
            said = json.loads(reply.body)
            assert (reply.status, sorted(said)) == (504, keys)
            if protocol == "openai":
                assert said["error"]["type"] == "server_error"

    asyncio.run(run())
