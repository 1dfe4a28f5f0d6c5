"""Tensors of the Open Inference Protocol."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import DomainError
from segue.host.tensor import Datatype, TensorSpec, read_rows, specs_of, tensor_of


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.data())
def test_nested_and_flat_are_the_same(shape: list[int], data: st.DataObject) -> None:
    """Nested data and their row-major flattening give the same rows, and these give back the flat data."""
    size = math.prod(shape)
    flat = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=size, max_size=size))
    nested = np.array(flat, dtype=object).reshape(shape).tolist()
    rows = read_rows(json.dumps(flat).encode(), "INT64", shape)
    assert read_rows(json.dumps(nested).encode(), "INT64", shape) == rows
    assert len(rows) == shape[0]
    written = tensor_of("x", rows)
    assert written.data == flat
    assert written.shape == (shape if size > shape[0] else shape[:1])


@pytest.mark.parametrize(
    ("datatype", "good", "bad"),
    [
        ("BOOL", [True, False], [1]),
        ("UINT8", [0, 255], [256]),
        ("UINT16", [65535], [-1]),
        ("UINT32", [2**32 - 1], [2**32]),
        ("UINT64", [2**64 - 1], [2**64]),
        ("INT8", [-128, 127], [128]),
        ("INT16", [-32768], [32768]),
        ("INT32", [-(2**31)], [2**31]),
        ("INT64", [2**63 - 1], [2**63]),
        ("FP16", [0.5, 1], ["1"]),
        ("FP32", [0.1], [True]),
        ("FP64", [1e300], ["x"]),
        ("BYTES", ["a", "ä"], [1]),
    ],
)
def test_a_datatype_takes_its_values_only(datatype: Datatype, good: list[Any], bad: list[Any]) -> None:
    """Every datatype of the protocol takes the values in its range, and refuses others without quoting them."""
    assert read_rows(json.dumps(good).encode(), datatype, [len(good)]) == good
    with pytest.raises(DomainError, match=f"the data are not {datatype}"):
        read_rows(json.dumps(bad).encode(), datatype, [len(bad)])


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (b"[1,2,3]", [2]),
        (b"[1,2,3]", [2, 2]),
        (b"[[1,2],[3]]", [2, 2]),
        (b"[[1,2],[3,4]]", [2, 3]),
        (b"[[1,2],[3,4]]", [4]),
        (b"[[[1],[2]]]", [1, 2]),
        (b"[1,[2]]", [2, 1]),
        (b"[1]", []),
        (b"[1]", [1] * 9),
        (b"{}", [1]),
        (b"7", [1]),
    ],
)
def test_wrong_shapes_are_refused(data: bytes, shape: list[int]) -> None:
    """Data that do not have the shape they claim, or no shape of the protocol, are refused."""
    with pytest.raises(DomainError):
        read_rows(data, "INT64", shape)


def test_null_is_nan() -> None:
    """JSON has no NaN: a null among floats is one, and a NaN that a model returns is a null."""
    (value,) = read_rows(b"[null]", "FP32", [1])
    assert math.isnan(value)
    assert tensor_of("x", [math.nan, 1.0]).datatype == "FP64"


@pytest.mark.parametrize(
    ("values", "datatype", "shape", "data"),
    [
        ([1, 2], "INT64", [2], [1, 2]),
        ([True], "BOOL", [1], [True]),
        ([1, 0.5], "FP64", [2], [1, 0.5]),
        (["a"], "BYTES", [1], ["a"]),
        (np.array([[1.0, 2.0]]), "FP64", [1, 2], [1.0, 2.0]),
        ([np.float32(0.5), np.float32(1)], "FP64", [2], [0.5, 1.0]),
        ([np.array([1, 2])], "INT64", [1, 2], [1, 2]),
        ((1, 2), "INT64", [2], [1, 2]),
    ],
)
def test_what_a_model_returns_becomes_a_tensor(values: Any, datatype: str, shape: list[int], data: list[Any]) -> None:
    """Lists, tuples, arrays and their scalars are written with the narrowest datatype that holds them."""
    tensor = tensor_of("x", values)
    assert (tensor.datatype, tensor.shape, tensor.data) == (datatype, shape, data)


@pytest.mark.parametrize("values", [[1, "a"], [[1], [1, 2]], [[1], 2], [object()], 5, "abc", {"a": 1}])
def test_what_is_no_tensor_is_refused(values: Any) -> None:
    """Mixed, ragged and foreign values are refused."""
    with pytest.raises(DomainError, match="output 'x'"):
        tensor_of("x", values)


def test_a_declared_datatype_is_kept() -> None:
    """What the model declared stands in the answer, and values that break it are refused."""
    spec = TensorSpec(name="x", datatype="FP32")
    assert tensor_of("x", [1, 2], spec).datatype == "FP32"
    with pytest.raises(DomainError, match="declared FP32, and holds str"):
        tensor_of("x", ["a"], spec)


def test_declarations_are_specs_or_mappings() -> None:
    """A model may declare its tensors as mappings; anything else is refused."""
    assert specs_of([{"name": "x", "datatype": "FP64"}]) == (TensorSpec(name="x", datatype="FP64"),)
    assert specs_of(None) == ()
    for wrong in ("x", [{"name": "x"}], [{"name": "x", "datatype": "FLOAT"}], 7):
        with pytest.raises(DomainError):
            specs_of(wrong)
