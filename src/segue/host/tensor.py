"""What is one tensor of the Open Inference Protocol: how many rows, of what datatype, nested or flat?

A row with one value is that value; a row with more is a list of them. So shapes [n] and [n, 1] are n plain values.
JSON has no NaN: a null in a tensor of floats is NaN, in both directions. Names and datatypes:
https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md.
"""

import math
import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from typing import Annotated, Any, Final, Literal

import msgspec

from segue.errors import DomainError

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]
RANK_AT_MOST: Final = 8


def _whole(least: int, most: int | None) -> Any:  # noqa: ANN401 - a type for msgspec, made from its bounds
    return Annotated[int, msgspec.Meta(ge=least, le=most)]


_ITEM: Final[dict[str, Any]] = {
    "BOOL": bool,
    "UINT8": _whole(0, 2**8 - 1),
    "UINT16": _whole(0, 2**16 - 1),
    "UINT32": _whole(0, 2**32 - 1),
    "UINT64": _whole(0, None),
    "INT8": _whole(-(2**7), 2**7 - 1),
    "INT16": _whole(-(2**15), 2**15 - 1),
    "INT32": _whole(-(2**31), 2**31 - 1),
    "INT64": _whole(-(2**63), 2**63 - 1),
    "FP16": float | None,
    "FP32": float | None,
    "FP64": float | None,
    "BYTES": str,
}
_FLOATS: Final = frozenset({"FP16", "FP32", "FP64"})
_PYTHON: Final[dict[str, frozenset[type]]] = {
    **{name: frozenset({int}) for name in _ITEM if "INT" in name},
    **{name: frozenset({int, float, type(None)}) for name in _FLOATS},
    "BOOL": frozenset({bool}),
    "BYTES": frozenset({str}),
}
_OURS: Final = frozenset({bool, int, float, str, type(None), list, tuple})
_nested = re.compile(rb"\s*\[\s*\[").match


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of one of its inputs or outputs; -1 is a dimension of any size, the first one is rows."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...] = (-1,)


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor of an answer, row-major and flat, ready to encode."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


@cache
def _decoder(datatype: str, depth: int) -> msgspec.json.Decoder[list[Any]]:
    kind: Any = _ITEM[datatype]
    for _ in range(depth):
        kind = list[kind]
    return msgspec.json.Decoder(kind)


def read_rows(data: bytes, datatype: Datatype, shape: Sequence[int]) -> list[Any]:
    """The rows of a tensor as it stands in a body.

    Args:
        datatype: the protocol's name.
        data: a JSON array, nested as deep as the shape is long, or flat in row-major order.
        shape: at least one dimension, the first being rows; no dimension below 0.

    Returns:
        One value a row, or one (nested) list a row where a row holds more than one value.

    Raises:
        DomainError: the data do not have that datatype or shape; the text names no value.

    >>> read_rows(b"[1, 2, 3, 4]", "INT64", [2, 2]), read_rows(b"[[1], [2]]", "INT64", [2, 1])
    ([[1, 2], [3, 4]], [1, 2])
    """
    if not 1 <= len(shape) <= RANK_AT_MOST:
        raise DomainError(f"a shape has 1 to {RANK_AT_MOST} dimensions, this one {len(shape)}")
    deep = len(shape) > 1 and _nested(data) is not None
    try:
        values = _decoder(datatype, len(shape) if deep else 1).decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise DomainError(f"the data are not {datatype}: {error}") from None
    flat = _flattened(values, shape) if deep else values
    if len(flat) != math.prod(shape):
        raise DomainError(f"shape {list(shape)} takes {math.prod(shape)} values, the data hold {len(flat)}")
    if datatype in _FLOATS and None in flat:
        flat = [math.nan if value is None else value for value in flat]
    elif datatype == "UINT64" and max(flat, default=0) >= 2**64:
        raise DomainError("the data are not UINT64: a value is above 2**64 - 1")
    return _rows(flat, shape)


def _flattened(values: list[Any], shape: Sequence[int]) -> list[Any]:
    """Row-major; every level is as long as the shape says."""
    for axis, size in enumerate(shape[1:], start=1):
        if not set(map(len, values)) <= {size}:
            raise DomainError(f"shape {list(shape)} has {size} in dimension {axis}, the data do not")
        values = list(chain.from_iterable(values))
    return values


def _rows(flat: list[Any], shape: Sequence[int]) -> list[Any]:
    if math.prod(shape[1:]) == 1:
        return flat
    for size in reversed(shape[1:]):
        flat = [flat[at : at + size] for at in range(0, len(flat), size)] if size else [[] for _ in range(shape[0])]
    return flat


def tensor_of(name: str, values: Iterable[Any], spec: TensorSpec | None = None) -> Tensor:
    """A tensor from what a model returned: a list of rows, or an array with `tolist`.

    Args:
        name: the output's.
        values: one value or (nested) list a row.
        spec: what the model declared; its datatype is used, else the narrowest of BOOL, INT64, FP64 and BYTES.

    Raises:
        DomainError: rows of unequal length, or values that no datatype holds.

    >>> tensor_of("score", [[0.25, 0.75], [1, None]])
    Tensor(name='score', shape=[2, 2], datatype='FP64', data=[0.25, 0.75, 1, None])
    """
    flat = _unwrapped(_listed(name, values))
    shape = [len(flat)]
    while flat and isinstance(flat[0], list | tuple):
        size = len(flat[0])
        if not all(isinstance(row, list | tuple) and len(row) == size for row in flat):
            raise DomainError(f"output {name!r} has rows of unequal length")
        shape.append(size)
        flat = _unwrapped(list(chain.from_iterable(flat)))
    return Tensor(name=name, shape=shape, datatype=_datatype(name, set(map(type, flat)), spec), data=flat)


def _unwrapped(values: list[Any]) -> list[Any]:
    """Arrays and their scalars as Python's own; known by `tolist`, so that nothing is imported for it."""
    if set(map(type, values)) <= _OURS:
        return values
    return [value.tolist() if hasattr(value, "tolist") else value for value in values]


def _listed(name: str, values: Iterable[Any]) -> list[Any]:
    if isinstance(values, list):
        return values
    if hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise DomainError(f"output {name!r} is a {type(values).__name__}, and must be a list with one value a row")
    return list(values)


def _datatype(name: str, kinds: set[type], spec: TensorSpec | None) -> str:
    if spec is not None:
        if not kinds <= _PYTHON[spec.datatype]:
            raise DomainError(f"output {name!r} was declared {spec.datatype}, and holds {_names(kinds)}")
        return spec.datatype
    for datatype in ("BOOL", "INT64", "FP64", "BYTES"):
        if kinds <= _PYTHON[datatype]:
            return datatype
    raise DomainError(f"output {name!r} holds {_names(kinds)}, which no datatype holds together")


def _names(kinds: set[type]) -> str:
    return " and ".join(sorted(kind.__name__ for kind in kinds))


def specs_of(declared: object) -> tuple[TensorSpec, ...]:
    """What a model declares of its inputs or outputs: specs, mappings with their fields, or nothing.

    Raises:
        DomainError: it is none of these.
    """
    if not declared:
        return ()
    if not isinstance(declared, Sequence) or isinstance(declared, str):
        raise DomainError("inputs and outputs are declared as a list of {name, datatype, shape}")
    try:
        return tuple(item if isinstance(item, TensorSpec) else msgspec.convert(item, TensorSpec) for item in declared)
    except msgspec.ValidationError as error:
        raise DomainError(f"a tensor is declared as {{name, datatype, shape}}: {error}") from None
