"""One model version behind a real socket."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import Any

import pytest

from segue.errors import DomainError
from segue.host.model import Model, Predict
from segue.host.service import Service
from segue.host.tensor import TensorSpec
from segue.http.server import Server
from segue.ids import RequestIds
from segue.ports.registry import ModelVersion

BODY = json.dumps({"id": "r-1", "inputs": [{"name": "age", "shape": [2], "datatype": "FP64", "data": [20, 40]}]})
Ask = Callable[..., tuple[int, dict[str, Any], dict[str, str]]]


def _label(inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {"label": [int(age > 30) for age in inputs["age"]]}


@contextmanager
def serving(predict: Predict = _label, *, model: str = "churn", threads: int = 1) -> Iterator[tuple[Ask, Service]]:
    """A service on a port of its own, and a way to ask it."""
    version = ModelVersion(
        model=model, version="8", factory="a:b", artifact="/", digest="", registered_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    loaded = Model(predict=predict, inputs=(TensorSpec(name="age", datatype="FP64"),), platform="test")
    service = Service(loaded, version, ids=RequestIds(start_us=0, entropy=0), threads=threads)
    started, port, box = threading.Event(), [0], list[Callable[[], object]]()

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        server = Server(service.handle)
        port[0] = await server.listen()
        box.append(lambda: loop.call_soon_threadsafe(stop.set))
        started.set()
        await stop.wait()
        await server.drain(5)
        service.close()

    def ask(
        method: str, path: str, body: str | bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        connection = HTTPConnection("127.0.0.1", port[0], timeout=10)
        try:
            connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}"), {k.lower(): v for k, v in response.getheaders()}
        finally:
            connection.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    started.wait(10)
    try:
        yield ask, service
    finally:
        box[0]()
        thread.join()


@pytest.mark.parametrize(
    "path", ["/v2/models/churn/infer", "/v2/models/churn/versions/8/infer", "/v2/models/%63hurn/infer?x=1"]
)
def test_an_inference(path: str) -> None:
    """Both paths answer with the request's id, and with the version that answered."""
    with serving() as (ask, _):
        status, answer, headers = ask("POST", path, BODY)
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert answer == {
        "model_name": "churn",
        "model_version": "8",
        "id": "r-1",
        "outputs": [{"name": "label", "shape": [2], "datatype": "INT64", "data": [0, 1]}],
    }


def test_an_id_is_made_where_none_came() -> None:
    """A request without id gets one, another each time."""
    body = BODY.replace('"id": "r-1", ', "")
    with serving() as (ask, _):
        ids = {ask("POST", "/v2/models/churn/infer", body)[1]["id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(ids)


def test_what_the_server_says_of_itself() -> None:
    """Metadata, liveness and readiness have the protocol's shapes."""
    with serving() as (ask, service):
        assert ask("GET", "/v2")[1]["extensions"] == []
        assert ask("GET", "/v2/health/live")[:2] == (200, {"live": True})
        about: dict[str, Any] = {"name": "churn", "versions": ["8"], "platform": "test", "outputs": []}
        about["inputs"] = [{"name": "age", "datatype": "FP64", "shape": [-1]}]
        for base in ("/v2/models/churn", "/v2/models/churn/versions/8"):
            assert ask("GET", base)[:2] == (200, about)
            assert ask("GET", f"{base}/ready")[:2] == (200, {"name": "churn", "ready": True})
        service.ready = False
        assert ask("GET", "/v2/health/ready")[0] == 503
        assert ask("GET", "/v2/models/churn/ready")[:2] == (503, {"name": "churn", "ready": False})


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/v2/models/churn/infer", 405, "inference takes POST"),
        ("POST", "/v2/models/churn", 405, "this path takes GET"),
        ("POST", "/v2/models/churn/versions/7/infer", 404, "here is model churn version 8"),
        ("POST", "/v2/models/other/infer", 404, "here is model churn version 8"),
        ("GET", "/", 404, "nothing at"),
    ],
)
def test_what_is_not_here(method: str, path: str, status: int, text: str) -> None:
    """Another path, version or method is told so in the protocol's error shape."""
    with serving() as (ask, _):
        found, answer, _ = ask(method, path, BODY if method == "POST" else None)
    assert found == status
    assert text in answer["error"]


def test_a_name_with_a_slash_is_served() -> None:
    """A model's name may hold any character, percent-encoded in the path in either case."""
    with serving(model="team/churn") as (ask, _):
        assert ask("POST", "/v2/models/team%2Fchurn/infer", BODY)[0] == 200
        assert ask("POST", "/v2/models/team%2fchurn/infer", BODY)[0] == 200
        assert ask("POST", "/v2/models/team/churn/infer", BODY)[0] == 404


@pytest.mark.parametrize("threads", [1, 4])
def test_a_model_that_raises(threads: int, caplog: pytest.LogCaptureFixture) -> None:
    """The caller gets a 500 with the exception's name; its text, which may hold data, is neither sent nor logged."""

    def broken(inputs: dict[str, list[Any]]) -> Any:
        raise KeyError(inputs["age"])

    with caplog.at_level(logging.ERROR, "segue.host"), serving(broken, threads=threads) as (ask, _):
        answers = [ask("POST", "/v2/models/churn/infer", BODY.replace("40", "4711"))[:2] for _ in range(3)]
    assert answers == [(500, {"error": "model churn version 8 failed: KeyError"})] * 3
    assert len(caplog.records) == 1
    assert "in broken" in caplog.text
    assert "4711" not in caplog.text


@pytest.mark.parametrize(
    ("body", "headers", "status", "text"),
    [
        ("{", {}, 400, "not an inference request"),
        (BODY.replace("age", "size"), {}, 400, "the model needs ['age']"),
        (BODY, {"content_type": "application/octet-stream"}, 415, "binary tensor data extension"),
        (BODY, {"inference_header_content_length": "10"}, 415, "binary tensor data extension"),
        (BODY.replace('"inputs"', '"outputs": [{"name": "x"}], "inputs"'), {}, 400, "there is no output 'x'"),
    ],
)
def test_a_bad_request(body: str, headers: dict[str, str], status: int, text: str) -> None:
    """What the protocol or the model has no answer to is a 4xx that says why."""
    with serving() as (ask, _):
        found, answer, _ = ask("POST", "/v2/models/churn/infer", body, **headers)
    assert found == status
    assert text in answer["error"]


def test_a_model_may_refuse_its_input() -> None:
    """A DomainError out of a model is the caller's error, with the model's words."""

    def picky(_: dict[str, list[Any]]) -> Any:
        raise DomainError("age is above 150")

    with serving(picky) as (ask, _):
        assert ask("POST", "/v2/models/churn/infer", BODY)[:2] == (400, {"error": "age is above 150"})


def test_a_broken_answer_is_a_500() -> None:
    """A model that returns too few rows is named as the one at fault."""
    with serving(lambda _: {"label": [1]}) as (ask, _):
        status, answer, _ = ask("POST", "/v2/models/churn/infer", BODY)
    assert (status, answer["error"]) == (500, "model churn version 8 failed: output 'label' has 1 rows for 2 asked")


def test_threads_predict_side_by_side() -> None:
    """With threads, predictions wait for each other's side, and the event loop still answers."""
    meeting = threading.Barrier(2)

    def meets(inputs: dict[str, list[Any]]) -> Any:
        meeting.wait(10)
        return _label(inputs)

    with serving(meets, threads=2) as (ask, _):
        statuses: list[int] = []
        callers = [
            threading.Thread(target=lambda: statuses.append(ask("POST", "/v2/models/churn/infer", BODY)[0])) for _ in "12"
        ]
        callers[0].start()
        assert ask("GET", "/v2/health/live")[0] == 200
        callers[1].start()
        for caller in callers:
            caller.join()
    assert statuses == [200, 200]
