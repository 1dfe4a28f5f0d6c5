"""How does an ONNX graph answer?

The folder holds `model.onnx`, and a `model.json` where the defaults do not fit: by default the inputs and outputs are the
graph's own. Where `model.json` names several inputs and the graph has one, they are its columns, in that order. One thread.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as rt
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from segue.errors import DomainError, Refused
from segue.host.runtimes.description import Description, Source, describe
from segue.host.tensor import Datatype, TensorSpec

_FILE: Final = "model.onnx"
_MISFIT: Final = "an input is not of the type or shape that the graph takes"
_TYPES: Final[dict[str, tuple[Datatype, Any]]] = {
    "tensor(bool)": ("BOOL", np.bool_),
    "tensor(uint8)": ("UINT8", np.uint8),
    "tensor(uint16)": ("UINT16", np.uint16),
    "tensor(uint32)": ("UINT32", np.uint32),
    "tensor(uint64)": ("UINT64", np.uint64),
    "tensor(int8)": ("INT8", np.int8),
    "tensor(int16)": ("INT16", np.int16),
    "tensor(int32)": ("INT32", np.int32),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(float16)": ("FP16", np.float16),
    "tensor(float)": ("FP32", np.float32),
    "tensor(double)": ("FP64", np.float64),
    "tensor(string)": ("BYTES", np.object_),
}


class OnnxModel:
    """A graph behind named inputs and outputs."""

    platform = "onnx"

    def __init__(self, session: Any, description: Description) -> None:  # noqa: ANN401 - onnxruntime has no types
        self._session = session
        self._description = description
        self._graph_inputs = {item.name: (len(item.shape), _type(item)) for item in session.get_inputs()}
        graph_outputs = {item.name: item for item in session.get_outputs()}
        self._sources = description.sources or {name: Source(of=name) for name in graph_outputs}
        self._fetched = list(dict.fromkeys(source.of for source in self._sources.values()))
        unknown = [name for name in self._fetched if name not in graph_outputs]
        if unknown:
            raise Refused(f"the graph has no outputs {unknown}, only {sorted(graph_outputs)}")
        self._classes: tuple[Any, ...] = description.classes or (0, 1)
        if description.threshold is not None and "score" not in self._sources:
            raise Refused("a threshold makes `label` from `score`, and there is no output `score`")
        self._columns = tuple(column.name for column in description.columns)
        self._joined = len(self._graph_inputs) == 1 and bool(self._columns) and self._columns != tuple(self._graph_inputs)
        if self._columns and not self._joined and set(self._columns) != set(self._graph_inputs):
            raise Refused(f"model.json names the inputs {list(self._columns)}, the graph has {sorted(self._graph_inputs)}")
        self.inputs = self._declared(session)

    def _declared(self, session: Any) -> tuple[TensorSpec, ...]:  # noqa: ANN401 - onnxruntime has no types
        if self._joined:
            return tuple(column.spec for column in self._description.columns)
        return tuple(
            TensorSpec(
                name=item.name,
                datatype=_type(item)[0],
                shape=tuple(size if isinstance(size, int) and axis else -1 for axis, size in enumerate(item.shape)),
            )
            for item in session.get_inputs()
        )

    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """The graph's outputs, one value or list a row."""
        feeds = self._feeds(inputs)
        try:
            fetched = dict(zip(self._fetched, self._session.run(self._fetched, feeds), strict=True))
        except InvalidArgument:
            raise DomainError(_MISFIT) from None
        answers = {name: _taken(fetched[source.of], source.column) for name, source in self._sources.items()}
        if self._description.threshold is not None:
            answers["label"] = self._description.label(answers["score"], self._classes)
        return answers

    def _feeds(self, inputs: dict[str, list[Any]]) -> dict[str, Any]:
        try:
            if self._joined:
                ((name, (_, (_, kind))),) = self._graph_inputs.items()
                return {name: np.asarray(list(zip(*(inputs[column] for column in self._columns), strict=True)), dtype=kind)}
            return {name: _feed(inputs[name], rank, kind) for name, (rank, (_, kind)) in self._graph_inputs.items()}
        except KeyError as error:
            raise DomainError(f"input {error.args[0]!r} is missing") from None
        except (TypeError, ValueError, OverflowError):
            raise DomainError(_MISFIT) from None

    def warmup_request(self) -> dict[str, Any] | bytes:
        """The example of model.json."""
        return self._description.warmup or b""


def _type(item: Any) -> tuple[Datatype, Any]:  # noqa: ANN401 - onnxruntime has no types
    if item.type not in _TYPES:
        raise Refused(f"input {item.name!r} of the graph is a {item.type}, which cannot be sent")
    return _TYPES[item.type]


def _feed(rows: list[Any], rank: int, kind: Any) -> Any:  # noqa: ANN401 - numpy's array
    array = np.asarray(rows, dtype=kind)
    return array.reshape(len(rows), *(1,) * (rank - 1)) if array.ndim == 1 and rank > 1 else array


def _taken(values: Any, column: int | str | None) -> list[Any]:  # noqa: ANN401 - an array, or a list of mappings (ZipMap)
    if isinstance(values, list):
        return [dict(row) if column is None else row[column] for row in values]
    if column is not None:
        values = values[:, column]
    return list((values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values).tolist())


def load(folder: Path) -> OnnxModel:
    """The model of an artifact folder with `model.onnx`, and perhaps `model.json`.

    Raises:
        Refused: there is no such file, or it and model.json do not fit together.
    """
    file = folder / _FILE
    if not file.exists():
        raise Refused(f"{folder} holds no {_FILE}")
    options = rt.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = rt.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return OnnxModel(session, describe(folder))
