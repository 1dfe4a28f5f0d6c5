"""Clients that others wrote talk to a model through the gateway as they would without it; the lake holds what they heard."""

import json
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, TypeAlias

import duckdb
import numpy as np
import openai
import pandas as pd
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]
from openai.types.chat import ChatCompletionMessageParam

with warnings.catch_warnings():  # MLflow's own, as it is imported
    warnings.simplefilter("ignore")
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

sys.path.insert(0, str(Path(__file__).parent))

from siege import free_port, process, until_shipped

from segue.facts.allocation import Protocol, Reading
from segue.testkit import samples
from segue.wiring import home_at, stores_of

pytestmark = pytest.mark.slow

Answer: TypeAlias = Callable[[BaseHTTPRequestHandler, bytes], None]
READINGS: dict[Protocol, Reading] = {
    "v2": Reading(label="outputs.label", score="outputs.score"),
    "mlflow": Reading(label="predictions", features="inputs.a"),
    "openai": Reading(label="choices[0].message.content", cost="usage.total_tokens"),
}
WORDS = ("It", " is", " 42", ".")


def whole(handler: BaseHTTPRequestHandler, body: bytes, **headers: str) -> None:
    """Answer with one body."""
    handler.send_response(200)
    for name, value in ({"content-length": str(len(body)), "content-type": "application/json"} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def v2(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """A v2 model with the binary extension both ways: whether the sum of its input is above 1, and the sum."""
    size = int(handler.headers["Inference-Header-Content-Length"])
    asked = json.loads(body[:size])
    assert asked["inputs"][0]["parameters"]["binary_data_size"] == len(body) - size
    total = np.frombuffer(body[size:], np.float32).sum(keepdims=True)
    raw = (total > 1).astype(np.int64).tobytes() + total.tobytes()
    outputs = [
        {"name": "label", "datatype": "INT64", "shape": [1], "parameters": {"binary_data_size": 8}},
        {"name": "score", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 4}},
    ]
    head = json.dumps({"model_name": "m", "model_version": "7", "outputs": outputs}).encode()
    whole(handler, head + raw, content_type="application/octet-stream", Inference_Header_Content_Length=str(len(head)))


def mlflow(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """An MLflow scoring server: twice the first column."""
    frame = json.loads(body)["dataframe_split"]
    whole(handler, json.dumps({"predictions": [2 * row[0] for row in frame["data"]]}).encode())


def chat(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """An OpenAI-compatible chat: the same words always, as one answer or as a stream with its usage at the end."""
    frame = {"id": "c-1", "created": 1, "model": "gpt"}
    usage = {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
    if not json.loads(body).get("stream"):
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "".join(WORDS)}}
        whole(handler, json.dumps({**frame, "object": "chat.completion", "choices": [choice], "usage": usage}).encode())
        return
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    events: list[dict[str, object]] = [
        {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]} for word in WORDS
    ]
    events.append({"choices": [], "usage": usage})
    for event in events:
        line = b"data: " + json.dumps({**frame, "object": "chat.completion.chunk", **event}).encode() + b"\n\n"
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))
        Model.went.set()
        if event is events[0]:  # the next words come only when the caller has read the first
            assert Model.read_on.wait(20), "the caller did not get the first word before the rest was there"
    handler.wfile.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


class Model(BaseHTTPRequestHandler):
    """The model's server."""

    protocol_version = "HTTP/1.1"
    answer: ClassVar[dict[str, Answer]] = {"v2": v2, "mlflow": mlflow, "openai": chat}
    protocol: ClassVar[str] = ""
    went: ClassVar[threading.Event] = threading.Event()
    read_on: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        """Read it all, and answer."""
        Model.answer[Model.protocol](self, self.rfile.read(int(self.headers["content-length"])))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(protocol: Protocol, folder: Path) -> Iterator[tuple[int, Path]]:
    """The model behind a gateway, both processes or threads of their own; the gateway's port, and its home."""
    Model.protocol = protocol
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home, port = folder / "home", free_port()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    allocation = samples.all_to_champion(url, protocol=protocol, reading=READINGS[protocol])
    with stores_of(home_at(home)) as stores:
        stores.allocations.publish(allocation, command_id="first")
    command = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port)]
    with process(*command, home=home, log=folder / "gateway.log"):
        until_ready(port)
        yield port, home
    server.shutdown()
    server.server_close()


def until_ready(port: int) -> None:
    """Ask with a client of another's until the gateway is ready."""
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    ends_s = time.monotonic() + 60
    while time.monotonic() < ends_s:
        try:
            if client.is_server_ready():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError("the gateway is not ready")


def shipped(home: Path, folder: Path) -> list[tuple[object, ...]]:
    """Label, score, cost, features and unread of every row in the lake, oldest first."""
    with process(sys.executable, "-m", "segue", "record", home=home, log=folder / "record.log"):
        until_shipped(home)
    found = f"{home}/lake/predictions/**/*.parquet"
    query = f"select label, score, cost, features, unread from read_parquet('{found}') order by \"at\""
    return duckdb.connect().execute(query).fetchall()


def test_triton_with_binary_tensors(tmp_path: Path) -> None:
    """`tritonclient` sends and gets raw tensors as it does without a gateway, and label and score are read out of them."""
    with serving("v2", tmp_path) as (port, home):
        client = triton.InferenceServerClient(f"127.0.0.1:{port}")
        for values in ([0.25, 0.5], [0.75, 1.5]):
            tensor = triton.InferInput("x", [2], "FP32")
            tensor.set_data_from_numpy(np.array(values, np.float32), binary_data=True)
            wanted = [triton.InferRequestedOutput(name, binary_data=True) for name in ("label", "score")]
            told = client.infer("churn", [tensor], outputs=wanted)
            assert told.as_numpy("score").tolist() == [sum(values)]
            assert told.as_numpy("label").tolist() == [int(sum(values) > 1)]
    rows = shipped(home, tmp_path)
    assert rows == [("0", 0.75, None, None, ""), ("1", 2.25, None, None, "")]


def test_mlflow(tmp_path: Path) -> None:
    """MLflow's scoring client gets its predictions, and the lake holds the one of each request."""
    with serving("mlflow", tmp_path) as (port, home):
        client = ScoringServerClient("127.0.0.1", port)  # type: ignore[no-untyped-call]
        for value in (1, 21):
            told = client.invoke(pd.DataFrame({"a": [value], "b": [0]}))
            assert told.get_predictions()[0].tolist() == [2 * value]
    assert [(row[0], *row[3:]) for row in shipped(home, tmp_path)] == [("2", '{"a":1}', ""), ("42", '{"a":21}', "")]


def test_openai_with_and_without_a_stream(tmp_path: Path) -> None:
    """The `openai` client gets each word as it comes, before the next is said; the whole answer and its usage are recorded."""
    Model.read_on.clear()
    with serving("openai", tmp_path) as (port, home):
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
        asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "what is it?"}]
        told = client.chat.completions.create(model="churn", messages=asked)
        assert told.choices[0].message.content == "".join(WORDS)
        words = []
        for event in client.chat.completions.create(model="churn", messages=asked, stream=True):
            words += [choice.delta.content for choice in event.choices]
            Model.read_on.set()
        assert tuple(words) == WORDS
    once, streamed = shipped(home, tmp_path)
    assert once[0] == streamed[0] == "".join(WORDS)
    assert once[2] == streamed[2] == 11
    assert once[4] == streamed[4] == ""
