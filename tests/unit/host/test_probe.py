"""Whether a worker can be trusted, asked over real HTTP."""

import asyncio

import pytest

from segue.host.plan import Key
from segue.host.probe import Place, answers, probe
from segue.http.exchange import Exchange
from segue.http.server import Server

GOOD = (
    b'{"model_name":"churn","model_version":"8","id":"1","outputs":[{"name":"a","shape":[1],"datatype":"FP64","data":[0.5]}]}'
)


def _probe(ready: int, status: int, body: bytes, example: bytes = b"{}") -> str:
    async def run() -> str:
        def handle(exchange: Exchange) -> None:
            if exchange.method == b"GET":
                exchange.respond(ready)
            else:
                exchange.respond(status, (), body)

        server = Server(handle)
        port = await server.listen()
        try:
            return await probe(Place(key=Key("churn", "8"), address="127.0.0.1", port=port), example, 5.0)
        finally:
            await server.drain(1)

    return asyncio.run(run())


def test_a_good_answer_passes() -> None:
    """Ready and an answer of the protocol by the right version: nothing to say."""
    assert _probe(200, 200, GOOD) == ""


def test_without_an_example_readiness_is_asked() -> None:
    """Where there is no example, readiness is all that can be asked."""
    assert _probe(200, 500, b"", example=b"") == ""
    assert "ready: status 503" in _probe(503, 500, b"", example=b"")


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (500, b'{"error":"boom"}', 'status 500: {"error":"boom"}'),
        (200, b"hello", "not an inference answer"),
        (200, GOOD.replace(b'"8"', b'"7"'), "the answer is of churn version 7"),
        (200, GOOD.replace(b'"1"', b'""'), "the answer has no id"),
        (200, GOOD.replace(b"[0.5]", b"[]"), "shape [1] takes 1 values"),
        (200, GOOD.replace(b"0.5", b"null"), "output 'a' is NaN"),
    ],
)
def test_a_bad_answer_fails(status: int, body: bytes, text: str) -> None:
    """Each way in which an answer can be wrong is the probe's reason."""
    assert text in _probe(200, status, body)


def test_nobody_there_fails() -> None:
    """A port where nobody listens is a reason, not an exception."""
    reason = asyncio.run(answers(Place(key=Key("churn", "8"), address="127.0.0.1", port=1), "/v2", 5.0))
    assert "connect_refused" in reason
