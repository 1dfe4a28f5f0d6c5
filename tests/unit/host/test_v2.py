"""Bodies of the Open Inference Protocol."""

import json
from typing import Any

import pytest

from segue.errors import DomainError
from segue.host.tensor import TensorSpec
from segue.host.v2 import Answered, Asked, BadRequest, outputs_of, read_answer, read_request, refuse_binary, write_answer

AGE = {"name": "age", "shape": [2], "datatype": "FP64", "data": [1, 2]}


def _body(*inputs: dict[str, Any], **rest: Any) -> bytes:
    return json.dumps({"inputs": list(inputs), **rest}).encode()


def test_a_request_becomes_columns() -> None:
    """Inputs become columns of rows; id and wanted outputs are kept; parameters of others are let be."""
    pairs = {"name": "xy", "shape": [2, 2], "datatype": "INT32", "data": [[1, 2], [3, 4]], "parameters": {"content_type": "np"}}
    asked = read_request(_body(AGE, pairs, id="r-1", parameters={"a": 1}, outputs=[{"name": "label"}]))
    assert asked == Asked(id="r-1", columns={"age": [1.0, 2.0], "xy": [[1, 2], [3, 4]]}, rows=2, outputs=("label",))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not an inference request"),
        (b"[]", "not an inference request"),
        (b"\xff", "not an inference request"),
        (b'{"inputs": "\xff"}', "not an inference request"),
        (b'{"inputs": []}', "`inputs` is empty"),
        (_body(AGE, parameters={"a": 1}).replace(b'"a": 1', b'"a": ' + b"[" * 5000 + b"]" * 5000), "not an inference request"),
        (b"{}", "missing required field `inputs`"),
        (_body({**AGE, "datatype": "FLOAT"}), "datatype"),
        (_body({**AGE, "shape": [3]}), "input 'age': shape"),
        (_body({**AGE, "shape": [-1]}), "negative dimension"),
        (_body({**AGE, "shape": [0], "data": []}), "no rows"),
        (_body({**AGE, "data": ["a", "b"]}), "input 'age': the data are not FP64"),
        (_body({**AGE, "data": None}), "input 'age'"),
        (_body({"name": "age", "shape": [2], "datatype": "FP64"}), "has no `data`"),
        (_body(AGE, AGE), "given twice"),
        (_body(AGE, {**AGE, "name": "b", "shape": [1], "data": [1]}), "must be the same for all inputs"),
        (_body(AGE, id=7), "id"),
        (_body(AGE, parameters={"binary_data_output": True}), "binary tensor data extension"),
        (_body(AGE, outputs=[{"name": "a", "parameters": {"binary_data": True}}]), "binary tensor data extension"),
        (
            _body({"name": "age", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}}),
            "binary tensor data extension",
        ),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(body: bytes, text: str) -> None:
    """What is no request of the protocol is a 400 that says where."""
    with pytest.raises(BadRequest, match=text) as caught:
        read_request(body)
    assert caught.value.http_status == 400


def test_a_text_says_no_value() -> None:
    """A value of the caller's never stands in the text of an error."""
    with pytest.raises(BadRequest) as caught:
        read_request(_body({**AGE, "data": ["secret", 1]}))
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("content_type", "json_length"), [(b"application/octet-stream", None), (b"application/json", b"100"), (None, b"1")]
)
def test_the_binary_extension_is_refused_by_name(content_type: bytes | None, json_length: bytes | None) -> None:
    """Its two headers are a 415 that names it; plain JSON is not."""
    with pytest.raises(BadRequest, match="binary tensor data extension") as caught:
        refuse_binary(content_type, json_length)
    assert caught.value.http_status == 415
    refuse_binary(b"application/json", None)
    refuse_binary(None, None)


ASKED = Asked(id="", columns={"age": [1.0, 2.0]}, rows=2)


def test_an_answer_can_be_read_back() -> None:
    """What is written is an answer of the protocol, with the rows that the model gave."""
    outputs = outputs_of(ASKED, {"label": [1, 0], "score": [[0.5, 0.5], [1, None]]}, {})
    body = write_answer(Answered(model_name="churn", model_version="8", id="r", outputs=outputs))
    model, version, request_id, rows = read_answer(body)
    assert (model, version, request_id, rows["label"], rows["score"][0]) == ("churn", "8", "r", [1, 0], [0.5, 0.5])
    assert json.loads(body)["outputs"][1] == {"name": "score", "shape": [2, 2], "datatype": "FP64", "data": [0.5, 0.5, 1, None]}


@pytest.mark.parametrize(
    "returned", [None, {}, [1, 2], {"label": [1]}, {"label": [1, 2, 3]}, {"label": 1}, {"label": [1, "a"]}]
)
def test_a_model_that_breaks_its_contract_is_caught(returned: Any) -> None:
    """Not a mapping, not one value a row, no datatype: never sent to a caller."""
    with pytest.raises(DomainError) as caught:
        outputs_of(ASKED, returned, {})
    assert not isinstance(caught.value, BadRequest)


def test_only_what_was_asked_for_is_returned() -> None:
    """Wanted outputs come in the order asked; one that does not exist is the caller's error."""
    returned = {"label": [1, 0], "score": [0.5, 0.5]}
    asked = Asked(id="", columns={}, rows=2, outputs=("score",))
    specs = {"score": TensorSpec(name="score", datatype="FP32")}
    assert [(it.name, it.datatype) for it in outputs_of(asked, returned, specs)] == [("score", "FP32")]
    with pytest.raises(BadRequest, match="no output 'x', only"):
        outputs_of(Asked(id="", columns={}, rows=2, outputs=("x",)), returned, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"model_name":"m","outputs":[]}',
        b'{"model_name":"m","outputs":[{"name":"a","shape":[2],"datatype":"INT64","data":[1]}]}',
        b'{"model_name":"m","outputs":[{"name":"a","shape":[1],"datatype":"INT64","data":["x"]}]}',
        b'{"outputs":[{"name":"a","shape":[1],"datatype":"INT64","data":[1]}]}',
    ],
)
def test_what_is_no_answer_is_seen(body: bytes) -> None:
    """A probe is not satisfied by anything that is no answer of the protocol."""
    with pytest.raises(DomainError):
        read_answer(body)
