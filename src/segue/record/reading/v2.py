"""What do bodies of the Open Inference Protocol v2 say, as JSON or with raw tensors after it?

Paths: `outputs.score` is the tensor `score` of the answer's only row, `outputs.score.1` a place in that row;
`parameters.cost` is one of the answer's parameters. Features: `inputs`, or one of them (`inputs.age`).

In the binary extension the JSON is followed by the tensors' bytes. Where it ends needs no header: it is one object, and the
`binary_data_size` of its tensors must add up to exactly the rest.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from segue.facts.wire.codec import UNREADABLE
from segue.record.reading import binary
from segue.record.reading.values import Asked, Tongue, Unread, alone, flat, found, plain, split

_end_of_json = json.JSONDecoder().raw_decode


class Tensor(msgspec.Struct, frozen=True, gc=False):
    """A named tensor whose data is in the JSON."""

    name: str
    shape: list[int]
    data: list[object]

    def values(self) -> list[object]:
        """What it holds, flat."""
        return flat(self.data)


class _Parameters(msgspec.Struct, frozen=True):
    binary_data_size: int | None = None


class _Head(msgspec.Struct, frozen=True):
    """A tensor as the JSON of the binary extension has it."""

    name: str
    shape: list[int]
    datatype: str = ""
    data: list[object] | None = None
    parameters: _Parameters = _Parameters()


class Raw(NamedTuple):
    """A named tensor whose data came as bytes behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    piece: bytes | None

    def values(self) -> list[object]:
        """What it holds, flat.

        Raises:
            Unread: there are none, or bytes, type and shape do not fit.
        """
        if self.piece is None:
            raise Unread(f"the tensor {self.name} came without data")
        return binary.values(self.piece, self.datatype, self.shape)


class _Request(msgspec.Struct, frozen=True):
    inputs: list[Tensor]


class _Response(msgspec.Struct, frozen=True):
    outputs: list[Tensor]
    parameters: dict[str, object] | None = None


class _Heads(msgspec.Struct, frozen=True):
    inputs: list[_Head] = []
    outputs: list[_Head] = []
    parameters: dict[str, object] | None = None


_request = msgspec.json.Decoder(_Request)
_response = msgspec.json.Decoder(_Response)
_heads = msgspec.json.Decoder(_Heads)


def _features(asked: Asked, path: str) -> dict[str, object]:
    body = plain(asked.body)
    inputs: Sequence[Tensor | Raw]
    try:
        inputs = _request.decode(body).inputs
    except UNREADABLE:
        heads, end = _before_tensors(body, "the request")
        inputs = _dealt(heads.inputs, body[end:], "the request")
    _, *rest = split(path)
    name = ".".join(rest)
    chosen = [tensor for tensor in inputs if not name or tensor.name == name]
    if not chosen:
        raise Unread(f"the request has no {path}")
    return {tensor.name: _feature(tensor) for tensor in chosen}


def _feature(tensor: Tensor | Raw) -> object:
    values = tensor.values()
    if len(values) == 1 and _rows(tensor) == 1:
        return values[0]
    return tensor.data if isinstance(tensor, Tensor) else values


def _rows(tensor: Tensor | Raw) -> int:
    return tensor.shape[0] if tensor.shape else 1


def _answer(body: bytes) -> Callable[[str], object]:
    body = plain(body)
    outputs: Sequence[Tensor | Raw]
    try:
        response = _response.decode(body)
        outputs, parameters = response.outputs, response.parameters
    except UNREADABLE:
        heads, end = _before_tensors(body, "the answer")
        outputs, parameters = _dealt(heads.outputs, body[end:], "the answer"), heads.parameters
    tensors = {tensor.name: tensor for tensor in reversed(outputs)}

    def at_path(path: str) -> object:
        first, *keys = split(path)
        if first == "parameters":
            return found({first: parameters}, path, "the answer")
        return _of_tensor(tensors, keys, path)

    return at_path


def _of_tensor(tensors: Mapping[str, Tensor | Raw], keys: list[str], path: str) -> object:
    """The value of the tensor that the keys name, the last of them perhaps a place in its row."""
    tensor, place = tensors.get(".".join(keys)), None
    if tensor is None:
        tensor, place = tensors.get(".".join(keys[:-1])), keys[-1] if keys else ""
        if tensor is None or not place.isdecimal() or len(place) > 9:
            raise Unread(f"the answer has no {path}")
    if (rows := _rows(tensor)) != 1:
        raise Unread(f"batch of {rows} rows")
    values = tensor.values()
    if place is None:
        return alone(values, path)
    if int(place) >= len(values):
        raise Unread(f"the answer has no {path}")
    return values[int(place)]


def _before_tensors(body: bytes, where: str) -> tuple[_Heads, int]:
    """The JSON before raw tensors, and where it ends."""
    try:
        _, end = _end_of_json(body.decode("latin-1"))
        return _heads.decode(body[:end]), end
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise Unread(f"{where} is no JSON of the protocol") from None


def _dealt(heads: list[_Head], rest: bytes, where: str) -> list[Tensor | Raw]:
    """Each tensor with its data, from the JSON or from the bytes behind it."""
    sizes = [head.parameters.binary_data_size for head in heads]
    offset = len(rest) - sum(size or 0 for size in sizes)
    if any(size is not None and size < 0 for size in sizes) or offset < 0 or rest[:offset].strip():
        raise Unread(f"{where} has raw tensors of another size than it says")
    dealt: list[Tensor | Raw] = []
    for head, size in zip(heads, sizes, strict=True):
        if head.data is not None:
            dealt.append(Tensor(head.name, head.shape, head.data))
        else:
            piece = None if size is None else rest[offset : offset + size]
            dealt.append(Raw(head.name, head.shape, head.datatype, piece))
        offset += size or 0
    return dealt


V2: Final = Tongue(_features, _answer)
