"""scikit-learn models, fitted here, out of a folder."""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from segue.errors import DomainError, Refused
from segue.host.runtimes.sklearn import SklearnModel, load

AGES = np.arange(20, 60, dtype=np.float64).reshape(-1, 1)
OLD = AGES[:, 0] > 40


def _kept(folder: Path, estimator: Any, description: dict[str, Any] | None = None) -> SklearnModel:
    joblib.dump(estimator, folder / "model.joblib")
    if description is not None:
        (folder / "model.json").write_text(json.dumps(description))
    return load(folder)


def test_a_classifier_without_description(tmp_path: Path) -> None:
    """Label and probability of the second class, the same as the estimator's own, for named and unnamed columns."""
    estimator = LogisticRegression().fit(AGES, OLD)
    model = _kept(tmp_path, estimator)
    answer = model.predict({"anything": [25.0, 55.0]})
    assert answer["label"] == [False, True]
    assert answer["score"] == estimator.predict_proba([[25.0], [55.0]])[:, 1].tolist()
    assert model.inputs == ()


def test_named_columns_in_the_models_order(tmp_path: Path) -> None:
    """Columns are taken by name, in the order of model.json, whatever the order of the request."""
    features = np.hstack([AGES, np.zeros_like(AGES)])
    model = _kept(tmp_path, LogisticRegression().fit(features, OLD), {"inputs": ["age", "nothing"]})
    assert [spec.name for spec in model.inputs] == ["age", "nothing"]
    assert model.predict({"nothing": [0, 0], "age": [25, 55]})["label"] == [False, True]
    with pytest.raises(DomainError, match="input 'nothing' is missing"):
        model.predict({"age": [25], "more": [1]})


def test_rows_as_one_matrix(tmp_path: Path) -> None:
    """One input whose rows are lists is the table itself; another width is the caller's error."""
    features = np.hstack([AGES, np.zeros_like(AGES)])
    model = _kept(tmp_path, LogisticRegression().fit(features, OLD), {"inputs": ["age", "nothing"]})
    assert model.predict({"matrix": [[25.0, 0.0], [55.0, 0.0]]})["label"] == [False, True]
    with pytest.raises(DomainError, match="takes 2 features, the request has 3"):
        model.predict({"matrix": [[1.0, 2.0, 3.0]]})


def test_a_threshold_makes_the_label(tmp_path: Path) -> None:
    """With a threshold the label follows the score, not the estimator's one half."""
    estimator = LogisticRegression().fit(AGES, OLD.astype(int))
    answer = _kept(tmp_path, estimator, {"inputs": ["age"], "threshold": 0.99}).predict({"age": [41.0, 59.0]})
    assert answer["label"] == [int(score >= 0.99) for score in answer["score"]] == [0, 1]
    assert estimator.predict([[41.0]]).tolist() == [1]


def test_a_pipeline_on_a_data_frame(tmp_path: Path) -> None:
    """A pipeline that picks columns by name is given a DataFrame, with texts among its inputs."""
    table = pd.DataFrame({"age": AGES[:, 0], "country": ["DE", "FR"] * 20})
    encoder = ColumnTransformer([("c", OneHotEncoder(handle_unknown="ignore"), ["country"])], remainder="passthrough")
    pipeline = make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(table, OLD)
    inputs = [{"name": "age"}, {"name": "country", "datatype": "BYTES"}]
    model = _kept(tmp_path, pipeline, {"inputs": inputs, "outputs": {"label": "predict"}})
    assert model.predict({"country": ["DE", "??"], "age": [25.0, 55.0]}) == {"label": [False, True]}


def test_outputs_as_described(tmp_path: Path) -> None:
    """Outputs may be any method, whole or one column; a regressor's is `score`."""
    three = np.digitize(AGES[:, 0], [33, 46])
    outputs = {"all": "predict_proba", "top": {"of": "predict_proba", "column": 2}}
    answer = _kept(tmp_path, LogisticRegression().fit(AGES, three), {"outputs": outputs}).predict({"age": [25.0]})
    assert len(answer["all"][0]) == 3
    assert answer["top"] == [answer["all"][0][2]]
    (tmp_path / "model.json").unlink()
    assert _kept(tmp_path, LinearRegression().fit(AGES, AGES[:, 0])).predict({"age": [7.0]})["score"] == pytest.approx([7.0])
    assert set(_kept(tmp_path, LinearSVC().fit(AGES, OLD)).predict({"age": [7.0]})) == {"label"}


def test_texts_for_numbers_are_the_callers_error(tmp_path: Path) -> None:
    """A value that is no number, where the model takes numbers, is a DomainError."""
    model = _kept(tmp_path, LogisticRegression().fit(AGES, OLD), {"inputs": ["age"]})
    with pytest.raises(DomainError, match="not numbers"):
        model.predict({"age": [1.0, "x"]})


@pytest.mark.parametrize(
    ("description", "text"),
    [
        ({"inputs": ["age", "age"]}, "names an input twice"),
        ({"input": ["age"]}, "unknown field `input`"),
        ({"outputs": {"score": "predict_probability"}}, "has no predict_probability"),
        ({"outputs": {"label": "predict"}, "threshold": 0.5}, "there is no output `score`"),
        ({"threshold": 0.5, "classes": [1, 2, 3]}, "a threshold is between two"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path: Path, description: dict[str, Any], text: str) -> None:
    """What model.json cannot mean is refused when the model is loaded."""
    with pytest.raises(Refused, match=text):
        _kept(tmp_path, LogisticRegression().fit(AGES, OLD), description)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A folder without a model says which files were looked for."""
    with pytest.raises(Refused, match=r"holds neither model\.joblib nor model\.pkl"):
        load(tmp_path)
