"""What does a body of the Open Inference Protocol v2 say, and how is an answer written?

JSON only: the binary tensor extension is refused by name. https://github.com/kserve/open-inference-protocol,
specification/protocol/inference_rest.md.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from segue.errors import DomainError
from segue.facts.wire.codec import UNREADABLE
from segue.host.tensor import Datatype, Tensor, TensorSpec, read_rows, tensor_of

_BINARY: Final = "the binary tensor data extension is not served here: send JSON data, and ask for no binary output"


class BadRequest(DomainError):  # noqa: N818 - named by what the caller is told
    """A request that the protocol or the model has no answer to; `http_status` is 4xx."""

    def __init__(self, message: str, http_status: int = 400) -> None:
        super().__init__(message)
        self.http_status = http_status


class _Input(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]
    datatype: Datatype
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: dict[str, Any] | None = None


class _Wish(msgspec.Struct, frozen=True):
    name: str
    parameters: dict[str, Any] | None = None


class _Request(msgspec.Struct, frozen=True):
    inputs: list[_Input]
    id: str = ""
    parameters: dict[str, Any] | None = None
    outputs: list[_Wish] | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks of a model.

    Args:
        id: the caller's, or "".
        columns: input name -> one value (or list) a row; all of one length.
        rows: that length, at least 1.
        outputs: names that the caller wants; empty for all.
    """

    id: str
    columns: dict[str, list[Any]]
    rows: int
    outputs: tuple[str, ...] = ()


class Answered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer's body."""

    model_name: str
    model_version: str
    id: str
    outputs: list[Tensor]


_request = msgspec.json.Decoder(_Request)
_encode = msgspec.json.Encoder().encode


def read_request(body: bytes) -> Asked:
    """What a body asks for.

    Raises:
        BadRequest: it is no request of the protocol; the text says where, and quotes no value.
    """
    try:
        request = _request.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadRequest(f"not an inference request: {error}") from None
    except UnicodeDecodeError:
        raise BadRequest("not an inference request: the body is not UTF-8") from None
    if not request.inputs:
        raise BadRequest("not an inference request: `inputs` is empty")
    if request.parameters and request.parameters.get("binary_data_output"):
        raise BadRequest(_BINARY)
    columns: dict[str, list[Any]] = {}
    for tensor in request.inputs:
        if tensor.name in columns:
            raise BadRequest(f"input {tensor.name!r} is given twice")
        columns[tensor.name] = _column(tensor)
    sizes = {name: len(rows) for name, rows in columns.items()}
    rows = next(iter(sizes.values()))
    if len(set(sizes.values())) > 1:
        raise BadRequest(f"the first dimension is rows, and must be the same for all inputs: {sizes}")
    if not rows:
        raise BadRequest("the inputs have no rows")
    return Asked(id=request.id, columns=columns, rows=rows, outputs=_wishes(request.outputs))


def _column(tensor: _Input) -> list[Any]:
    if not len(tensor.data):
        if tensor.parameters and "binary_data_size" in tensor.parameters:
            raise BadRequest(_BINARY)
        raise BadRequest(f"input {tensor.name!r} has no `data`")
    if min(tensor.shape, default=0) < 0:
        raise BadRequest(f"input {tensor.name!r} has a negative dimension: {tensor.shape}")
    try:
        return read_rows(bytes(tensor.data), tensor.datatype, tensor.shape)
    except DomainError as error:
        raise BadRequest(f"input {tensor.name!r}: {error.message}") from None


def _wishes(outputs: Sequence[_Wish] | None) -> tuple[str, ...]:
    if not outputs:
        return ()
    if any(wish.parameters and wish.parameters.get("binary_data") for wish in outputs):
        raise BadRequest(_BINARY)
    return tuple(wish.name for wish in outputs)


def refuse_binary(content_type: bytes | None, json_length: bytes | None) -> None:
    """Refuse a body that is not JSON by its headers, before it is parsed.

    Args:
        content_type: the Content-Type field.
        json_length: the Inference-Header-Content-Length field, which only the binary extension sends.
    """
    if json_length is not None or (content_type is not None and content_type.startswith(b"application/octet-stream")):
        raise BadRequest(_BINARY, 415)


def outputs_of(asked: Asked, returned: object, specs: Mapping[str, TensorSpec]) -> list[Tensor]:
    """A model's outputs as tensors, those that were asked for.

    Raises:
        DomainError: the model broke its contract: not a mapping, not one value a row, values of no datatype.
        BadRequest: the caller asked for an output that the model does not have.
    """
    if not isinstance(returned, Mapping) or not returned:
        raise DomainError(f"predict returned a {type(returned).__name__}, and must return {{output name: one value a row}}")
    tensors = [tensor_of(str(name), values, specs.get(name)) for name, values in returned.items()]
    for tensor in tensors:
        if tensor.shape[0] != asked.rows:
            raise DomainError(f"output {tensor.name!r} has {tensor.shape[0]} rows for {asked.rows} asked")
    if not asked.outputs:
        return tensors
    by_name = {tensor.name: tensor for tensor in tensors}
    for name in asked.outputs:
        if name not in by_name:
            raise BadRequest(f"there is no output {name!r}, only {sorted(by_name)}")
    return [by_name[name] for name in asked.outputs]


def write_answer(answered: Answered) -> bytes:
    """An answer's body."""
    return _encode(answered)


def write_error(text: str) -> bytes:
    """The protocol's error shape.

    >>> write_error("no such model")
    b'{"error":"no such model"}'
    """
    return _encode({"error": text})


class _Output(msgspec.Struct, frozen=True):
    name: str
    shape: list[int]
    datatype: Datatype
    data: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True):
    model_name: str
    outputs: list[_Output]
    model_version: str = ""
    id: str = ""


_answer = msgspec.json.Decoder(_Answer)


def read_answer(body: bytes) -> tuple[str, str, str, dict[str, list[Any]]]:
    """An answer's model name, model version, id, and outputs by name; what a caller of ours may rely on.

    Raises:
        DomainError: it is no answer of the protocol.
    """
    try:
        answer = _answer.decode(body)
    except UNREADABLE as error:
        raise DomainError(f"not an inference answer: {error}") from None
    if not answer.outputs:
        raise DomainError("not an inference answer: `outputs` is empty")
    outputs = {tensor.name: read_rows(bytes(tensor.data), tensor.datatype, tensor.shape) for tensor in answer.outputs}
    return answer.model_name, answer.model_version, answer.id, outputs
