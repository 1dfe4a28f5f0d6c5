"""ONNX graphs, made here, out of a folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from segue.errors import DomainError, Refused
from segue.host.runtimes.onnx import OnnxModel, load

FEATURES = np.hstack([np.arange(20, 60).reshape(-1, 1), np.zeros((40, 1))]).astype(np.float32)
OLD = (FEATURES[:, 0] > 40).astype(int)
PAIRED = {"inputs": ["age", "nothing"], "outputs": {"label": "label", "score": {"of": "probabilities", "column": 1}}}


def _kept(folder: Path, graph: Any, description: dict[str, Any] | None = None) -> OnnxModel:
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    if description is not None:
        (folder / "model.json").write_text(json.dumps(description))
    return load(folder)


def _graph(*, zipmap: bool = False) -> Any:
    return to_onnx(LogisticRegression().fit(FEATURES, OLD), FEATURES[:1], options={"zipmap": zipmap})


def test_a_graph_without_description(tmp_path: Path) -> None:
    """The graph's own inputs and outputs, with its types."""
    model = _kept(tmp_path, _graph())
    assert [(spec.name, spec.datatype, spec.shape) for spec in model.inputs] == [("X", "FP32", (-1, 2))]
    answer = model.predict({"X": [[25.0, 0.0], [55.0, 0.0]]})
    assert answer["label"] == [0, 1]
    assert [len(row) for row in answer["probabilities"]] == [2, 2]
    with pytest.raises(DomainError, match="type or shape"):
        model.predict({"X": [[25.0, 0.0, 1.0]]})


@pytest.mark.parametrize("zipmap", [False, True])
def test_columns_are_joined_for_a_graph_with_one_input(tmp_path: Path, *, zipmap: bool) -> None:
    """Named columns become the graph's one table, and one column of its probabilities the score."""
    paired = PAIRED
    if zipmap:
        paired = {**PAIRED, "outputs": {"label": "output_label", "score": {"of": "output_probability", "column": 1}}}
    model = _kept(tmp_path, _graph(zipmap=zipmap), paired)
    answer = model.predict({"nothing": [0, 0], "age": [25, 55]})
    expected = LogisticRegression().fit(FEATURES, OLD).predict_proba(np.array([[25, 0], [55, 0]], dtype=np.float32))[:, 1]
    assert answer["label"] == [0, 1]
    assert answer["score"] == pytest.approx(expected, abs=1e-5)
    with pytest.raises(DomainError, match="input 'nothing' is missing"):
        model.predict({"age": [25]})


def test_a_graph_with_one_input_a_column(tmp_path: Path) -> None:
    """Numbers and texts go to inputs of their own; their rows are plain values."""
    table = np.array([[age, "DE" if age > 40 else "FR"] for age in range(20, 60)], dtype=object)
    encoder = ColumnTransformer([("c", OneHotEncoder(handle_unknown="ignore"), [1])], remainder="drop")
    pipeline = make_pipeline(encoder, LogisticRegression()).fit(table, OLD)
    types = [("age", FloatTensorType([None, 1])), ("country", StringTensorType([None, 1]))]
    model = _kept(tmp_path, convert_sklearn(pipeline, initial_types=types, options={"zipmap": False}))
    assert model.predict({"age": [1.0, 2.0], "country": ["FR", "DE"]})["label"] == [0, 1]
    with pytest.raises(DomainError, match="type or shape"):
        model.predict({"age": ["x", "y"], "country": ["FR", "DE"]})


def test_a_threshold_makes_the_label(tmp_path: Path) -> None:
    """With a threshold the label follows the score, and `classes` names it."""
    answer = _kept(tmp_path, _graph(), {**PAIRED, "threshold": 0.99, "classes": ["no", "yes"]}).predict(
        {"age": [41, 59], "nothing": [0, 0]}
    )
    assert answer["label"] == ["no", "yes"]
    assert [score >= 0.99 for score in answer["score"]] == [False, True]


@pytest.mark.parametrize(
    ("description", "text"),
    [
        ({"outputs": {"label": "lable"}}, "the graph has no outputs \\['lable'\\], only"),
        ({"threshold": 0.5}, "there is no output `score`"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path: Path, description: dict[str, Any], text: str) -> None:
    """What model.json cannot mean is refused when the graph is loaded."""
    with pytest.raises(Refused, match=text):
        _kept(tmp_path, _graph(), description)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A folder without a graph says which file was looked for."""
    with pytest.raises(Refused, match=r"holds no model\.onnx"):
        load(tmp_path)
