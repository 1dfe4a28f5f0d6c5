"""Bodies as each protocol's servers and clients really write them, and what is read out of them."""

import gzip
import json
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from segue.facts.allocation import Allocation, Reading
from segue.record.extract import Read, extract
from segue.testkit import samples

Body = bytes | dict[str, Any] | list[Any]


def read(protocol: str, answer: Body = b"", asked: Body = b"", content_type: str = "", **paths: Any) -> Read:
    """What is read out of one answer and its request."""
    allocation: Allocation = msgspec.structs.replace(samples.allocation(), protocol=protocol, reading=Reading(**paths))
    request, response = (it if isinstance(it, bytes) else json.dumps(it).encode() for it in (asked, answer))
    capture = samples.capture(request_body=request, response_body=response, content_type=content_type)
    return extract(capture, allocation)


# -- v2 and its binary extension -------------------------------------------------------------------------------------------


def mixed(key: str, *tensors: tuple[str, str, list[int], bytes], pad: bytes = b"") -> bytes:
    """A body of the binary extension, as tritonclient and Triton write it."""
    named = [
        {"name": name, "datatype": kind, "shape": shape, "parameters": {"binary_data_size": len(piece)}}
        for name, kind, shape, piece in tensors
    ]
    head = json.dumps({"id": "é1", "model_name": "churn", key: named}, ensure_ascii=False).encode()
    return head + pad + b"".join(piece for *_, piece in tensors)


@pytest.mark.parametrize(
    ("kind", "piece", "label"),
    [
        ("INT64", struct.pack("<q", -3), "-3"),
        ("UINT8", b"\x07", "7"),
        ("BOOL", b"\x01", "1"),
        ("FP16", struct.pack("<e", 0.5), "0.5"),
        ("BF16", b"\x80\x3f", "1"),
        ("FP64", struct.pack("<d", 2.5), "2.5"),
        ("BYTES", struct.pack("<I", 4) + b"late", "late"),
    ],
)
def test_v2_binary_of_every_kind(kind: str, piece: bytes, label: str) -> None:
    """Raw tensors say what the same tensors say in JSON."""
    body = mixed("outputs", ("noise", "FP32", [1, 2], b"{}{}{}{}"), ("label", kind, [1, 1], piece))
    assert read("v2", body, label="outputs.label") == Read(label=label)


def test_v2_binary_request_and_places() -> None:
    """Features are named by their tensors; a place in a row is named as in JSON; padding before the tensors is no harm."""
    asked = mixed("inputs", ("age", "INT32", [1], struct.pack("<i", 41)), ("p", "FP32", [1, 2], struct.pack("<2f", 1, 2)))
    answer = mixed("outputs", ("p", "FP32", [1, 2], struct.pack("<2f", 0.25, 0.75)), pad=b"   ")
    got = read("v2", answer, asked, score="outputs.p.1", features="inputs")
    assert got == Read(score=0.75, features='{"age":41,"p":[1.0,2.0]}')


def test_v2_some_tensors_in_json_and_some_raw() -> None:
    """A body may mix both."""
    named = [
        {"name": "label", "datatype": "INT64", "shape": [1], "data": [1]},
        {"name": "score", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 4}},
    ]
    body = json.dumps({"outputs": named}).encode() + struct.pack("<f", 0.5)
    assert read("v2", body, label="outputs.label", score="outputs.score") == Read(label="1", score=0.5)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            mixed("outputs", ("label", "INT64", [1], b"\x01" * 8)) + b"x",
            "the answer has raw tensors of another size than it says",
        ),
        (
            mixed("outputs", ("label", "INT64", [1], b"\x01" * 8))[:-1],
            "the answer has raw tensors of another size than it says",
        ),
        (mixed("outputs", ("label", "INT64", [1], b"\x01" * 4)), "a tensor's size does not fit its shape"),
        (mixed("outputs", ("label", "INT128", [1], b"\x01" * 16)), "a tensor is of an unknown type"),
        (mixed("outputs", ("label", "BYTES", [1], b"\xff\xff\xff\xff")), "a tensor's size does not fit its shape"),
        (mixed("outputs", ("label", "BYTES", [1], b"\x01\0\0\0\xff")), "a tensor's bytes are no text"),
        (mixed("outputs", ("label", "FP32", [-1], b"")), "batch of -1 rows"),
        (b'{"outputs":[{"name":"label","shape":[1]}]}', "the tensor label came without data"),
        (b'{"outputs":[{"name":"label","shape":[1],"piece":"AQ=="}]}', "the tensor label came without data"),
        (b"\xff\xfe", "the answer is no JSON of the protocol"),
    ],
)
def test_v2_binary_that_does_not_add_up(body: bytes, reason: str) -> None:
    """Sizes are checked against the rest of the body and against shape and type; nothing is guessed."""
    assert read("v2", body, label="outputs.label") == Read(unread=reason)


def test_v2_parameters() -> None:
    """An answer's own parameters can be read, too."""
    answer = {"model_name": "m", "parameters": {"cost_usd": 0.01}, "outputs": []}
    assert read("v2", answer, cost="parameters.cost_usd") == Read(cost=0.01)


def test_v2_odd_numbers_are_no_score() -> None:
    """What is not finite is no label and no score."""
    body = mixed("outputs", ("s", "FP32", [1], struct.pack("<f", float("nan"))))
    assert (
        read("v2", body, label="outputs.s", score="outputs.s").unread
        == "the label is no finite number; the score is no finite number"
    )


# -- v1 --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "paths", "expected"),
    [
        ({"predictions": [1]}, {"label": "predictions"}, Read(label="1")),
        ({"predictions": [[0.7]]}, {"score": "predictions"}, Read(score=0.7)),
        ({"predictions": [[0.3, 0.7]]}, {"score": "predictions.1"}, Read(score=0.7)),
        ({"predictions": [[0.3, 0.7]]}, {"score": "predictions[1]"}, Read(score=0.7)),
        ({"predictions": [{"label": "late", "p": {"late": 0.7}}]},
         {"label": "predictions.label", "score": "predictions.p.late"}, Read(label="late", score=0.7)),
        ({"outputs": {"score": [[0.7]]}}, {"score": "outputs.score"}, Read(score=0.7)),
        ({"predictions": [1], "cost": 0.5}, {"cost": "cost"}, Read(cost=0.5)),
        ({"predictions": [[0.3, 0.7]]}, {"score": "predictions"},
         Read(unread="predictions has 2 numbers a row; name one as predictions.0")),
        ({"predictions": [1, 0]}, {"label": "predictions", "score": "predictions"}, Read(unread="batch of 2 rows")),
        ({"predictions": []}, {"label": "predictions"}, Read(unread="batch of 0 rows")),
        ({"predictions": [{"a": 1}]}, {"label": "predictions.b"}, Read(unread="the answer has no predictions.b")),
        ({"error": "no"}, {"label": "predictions"}, Read(unread="the answer has no predictions")),
        ([1], {"label": "predictions"}, Read(unread="the answer is no JSON of the protocol")),
    ],
)  # fmt: skip
def test_v1_answers(answer: Body, paths: dict[str, Any], expected: Read) -> None:
    """The one prediction, a part of it, or why not."""
    assert read("v1", answer, **paths) == expected


@pytest.mark.parametrize(
    ("asked", "path", "features"),
    [
        ({"instances": [[1.5, "DE"]]}, "instances", '{"0":1.5,"1":"DE"}'),
        ({"instances": [{"age": 41, "country": "DE"}]}, "instances", '{"age":41,"country":"DE"}'),
        ({"instances": [{"age": 41, "at": {"x": 2}}]}, "instances.at.x", '{"at.x":2}'),
        ({"instances": [{"age": 41}, {"age": 42}]}, "instances", '{"age":[41,42]}'),
        ({"instances": [3]}, "inputs", '{"0":3}'),
        ({"inputs": {"age": [41]}}, "instances", '{"age":41}'),
        ({"inputs": {"age": 41}}, "inputs.age", '{"age":41}'),
    ],
)
def test_v1_features(asked: Body, path: str, features: str) -> None:
    """Columns by their name, or by their place where they have none; a batch keeps them as columns."""
    assert read("v1", asked=asked, features=path) == Read(features=features)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"instances": [1], "inputs": [1]}, "the request has instances and inputs"),
        ({"rows": [1]}, "the request has no instances, no inputs"),
        ({"instances": 3}, "the request's instances are no rows"),
        ({"instances": [{"a": 1}]}, "the request has no instances.age"),
        ({"inputs": {"age": [1], "b": [1, 2]}}, "the request's inputs are of different lengths"),
    ],
)
def test_v1_requests_that_say_nothing(asked: Body, reason: str) -> None:
    """Why there are no features."""
    assert read("v1", asked=asked, features="instances.age").unread == reason


# -- mlflow ----------------------------------------------------------------------------------------------------------------

SPLIT = {"dataframe_split": {"index": [0], "columns": ["age", "country"], "data": [[41, "DE"]]}, "params": {"t": 1}}


@pytest.mark.parametrize(
    "asked",
    [
        SPLIT,
        {"dataframe_records": [{"age": 41, "country": "DE"}]},
        {"inputs": {"age": [41], "country": ["DE"]}},
        {"instances": [{"age": 41, "country": "DE"}]},
        b"age,country\r\n41,DE\r\n",
    ],
    ids=["split", "records", "inputs", "instances", "csv"],
)
def test_mlflow_forms_of_one_request(asked: Body) -> None:
    """The same row in each form that the scoring server takes gives the same features."""
    kind = "text/csv; charset=utf-8" if isinstance(asked, bytes) else "application/json"
    assert read("mlflow", asked=asked, content_type=kind, features="inputs").features == '{"age":41,"country":"DE"}'
    assert read("mlflow", asked=asked, content_type=kind, features="inputs.age").features == '{"age":41}'


def test_mlflow_answers() -> None:
    """A plain list, rows of a frame, or columns."""
    assert read("mlflow", {"predictions": [1]}, label="predictions") == Read(label="1")
    assert read("mlflow", {"predictions": [{"0": 0.7}]}, score="predictions.0") == Read(score=0.7)
    assert read("mlflow", {"predictions": {"p": [0.7], "n": 3}}, score="predictions.p", cost="predictions.n") == Read(
        score=0.7, cost=3
    )


def test_mlflow_models_of_texts() -> None:
    """Their bodies are not wrapped; any place in them can be named."""
    asked = {"messages": [{"role": "user", "content": "hi"}]}
    got = read("mlflow", {"choices": [{"text": "ho"}]}, asked, label="choices[0].text", features="messages[0].content")
    assert got == Read(label="ho", features='{"messages[0].content":"hi"}')


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (b"a,b\n1\n", "the request's CSV has rows of different lengths"),
        (b'a,b\n"1', "the request is no CSV with names"),
        (b"\xff", "the request is no CSV with names"),
        (b"", "the request is no CSV with names"),
    ],
)
def test_mlflow_csv_that_is_none(asked: bytes, reason: str) -> None:
    """Why there are no features."""
    assert read("mlflow", asked=asked, content_type="text/csv", features="inputs").unread == reason


@pytest.mark.parametrize("split_frame", [3, {"data": 3}, {"columns": ["a"], "data": [[1, 2]]}, {"columns": 3, "data": [[1]]}])
def test_mlflow_split_that_is_no_table(split_frame: object) -> None:
    """Why there are no features."""
    got = read("mlflow", asked={"dataframe_split": split_frame}, features="inputs")
    assert got.unread == "the request's dataframe_split is no table"


# -- openai ----------------------------------------------------------------------------------------------------------------

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello, world"}, "finish_reason": "stop"}],
    "usage": USAGE,
}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk as servers send it."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}


CHUNKS = [
    chunk({"role": "assistant", "content": ""}, usage=None),
    chunk({"content": "Hello"}, usage=None),
    chunk({"content": ", world"}, usage=None),
    chunk({}, "stop", usage=None),
    chunk(usage=USAGE),
]


def stream(*chunks: dict[str, Any], end: bytes = b"\n\n", done: bool = True) -> bytes:
    """Server-sent events."""
    lines = [b"data: " + json.dumps(it).encode() for it in chunks] + ([b"data: [DONE]"] if done else [])
    return b"".join(line + end for line in lines)


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(WHOLE).encode(),
        stream(*CHUNKS),
        stream(*CHUNKS, end=b"\r\n\r\n"),
        b": ping\n\nevent: x\n" + stream(*CHUNKS),
        stream(*CHUNKS, done=False),
        gzip.compress(json.dumps(WHOLE).encode(), mtime=0),
        gzip.compress(stream(*CHUNKS), mtime=0),
    ],
    ids=["whole", "stream", "crlf", "comments", "without-done", "gzip", "gzip-stream"],
)
def test_openai_streamed_or_not(answer: bytes) -> None:
    """The same paths read a streamed answer and a whole one, compressed or not: text, usage, finish reason."""
    paths: dict[str, Any] = {
        "label": "choices[0].message.content",
        "score": "usage.completion_tokens",
        "cost": "usage.total_tokens",
    }
    assert read("openai", answer, **paths) == Read(label="Hello, world", score=2, cost=11)
    assert read("openai", answer, label="choices.0.finish_reason").label == "stop"


def test_openai_tool_calls_and_several_choices() -> None:
    """Calls of tools come in pieces told apart by their index; so do choices."""
    call: Callable[..., dict[str, Any]] = lambda n, **it: {"tool_calls": [{"index": n, **it}]}  # noqa: E731 - one line each
    answer = stream(
        chunk(
            {"role": "assistant", "content": None, **call(0, id="c0", type="function", function={"name": "f", "arguments": ""})}
        ),
        chunk(call(0, function={"arguments": '{"a"'})),
        chunk(call(1, id="c1", function={"name": "g", "arguments": "{}"})),
        chunk(call(0, function={"arguments": ":1}"})),
        {"choices": [{"index": 1, "delta": {"content": "other"}, "finish_reason": "stop"}]},
        chunk({}, "tool_calls"),
    )
    label = "choices[0].message.tool_calls[{}].function.{}"
    assert read("openai", answer, label=label.format(0, "arguments")).label == '{"a":1}'
    assert read("openai", answer, label=label.format(1, "name")).label == "g"
    assert read("openai", answer, label="choices[1].message.content").label == "other"


def test_openai_completions() -> None:
    """The older completions are joined as well."""
    answer = stream(*({"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in ("ab", "cd")))
    assert read("openai", answer, label="choices[0].text").label == "abcd"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (stream(*CHUNKS[:3], done=False), "the stream was cut"),
        (stream(*CHUNKS[:3], done=False) + b"data: [DONE]", "the stream was cut"),
        (b"data: \n", "the stream was cut"),
        (stream(CHUNKS[0], {"error": {"message": "overloaded"}}), "the stream ended with an error"),
        (b"data: {]\n\n", "an event of the answer is no JSON of the protocol"),
        (b'data: {"choices": [{"index": []}]}\n\n', "an event of the answer is no JSON of the protocol"),
        (gzip.compress(b"{}" * 999, mtime=0)[:-9], "a compressed body that is cut or too long"),
        (b"\x1f\x8b rubbish", "a compressed body that is broken"),
        ({"choices": []}, "the answer has no choices[0].message.content"),
        ({"choices": [{"message": {"content": None}}]}, "the label is no number and no text"),
    ],
)
def test_openai_answers_that_say_nothing(answer: Body, reason: str) -> None:
    """A cut stream is no answer; why is said."""
    assert read("openai", answer, label="choices[0].message.content") == Read(unread=reason)


def test_openai_features() -> None:
    """A place in the request; what a message ends with is counted from the end."""
    asked = {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]}
    assert read("openai", asked=asked, features="messages.-1").features == '{"content":"hi","role":"user"}'
    assert read("openai", asked=asked, features="model").features == '{"model":"m"}'


# -- raw -------------------------------------------------------------------------------------------------------------------


def test_raw() -> None:
    """Any JSON; names with points; lists of one."""
    answer = {"result": [{"risk.score": 0.25}], "class": ["late"], "n": 10**40}
    got = read("raw", answer, {"user": {"age": 3}}, label="class", score="result.0.risk.score", cost="n", features="user")
    assert got == Read(label="late", score=0.25, cost=1e40, features='{"age":3}')
    assert read("raw", [[1]], label="0").label == "1"


def test_labels_of_several_values() -> None:
    """An object is a label as JSON; a list is one where the path says so with `[]`."""
    assert read("raw", {"scores": {"b": 0.25, "a": 1}}, label="scores").label == '{"a":1,"b":0.25}'
    assert read("raw", {"items": ["b", "a"]}, label="items[]").label == '["b","a"]'
    assert read("raw", {"items": ["b"]}, label="items[]").label == '["b"]'
    assert read("raw", {"items": [[1, 2.5], [3, 4]]}, label="items[]").label == "[[1,2.5],[3,4]]"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"plain text", "the answer is no JSON of the protocol"),
        (b"[" * 100_000, "the answer is no JSON of the protocol"),
        ({"a": []}, "the answer has no a"),
        ({"a": [1, 2]}, "a has 2 numbers a row; name one as a.0"),
        ({"a": None}, "the label is no number and no text"),
        ({"b": 1}, "the answer has no a"),
    ],
)
def test_raw_that_says_nothing(answer: Body, reason: str) -> None:
    """Why there is no label."""
    assert read("raw", answer, label="a") == Read(unread=reason)
