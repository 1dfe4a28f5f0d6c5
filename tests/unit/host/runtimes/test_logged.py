"""A model that MLflow has logged answers as it did when it was trained."""

import json
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from segue.errors import Refused
from segue.host.runtimes.mlflow import load

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the warnings are MLflow's own
ROWS = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "visits": [4.0, 1.0, 3.0, 2.0]})
CHURNED = [0, 0, 1, 1]


@pytest.mark.parametrize(("kind", "output"), [(LogisticRegression, "label"), (LinearRegression, "score")])
def test_a_logged_model_answers(tmp_path: Path, kind: type, output: str) -> None:
    """Its answers are those of the model itself, under the name that fits; the logged example is a request it can answer."""
    import mlflow.sklearn

    model = kind().fit(ROWS, CHURNED)
    mlflow.sklearn.save_model(model, str(tmp_path / "m"), input_example=ROWS, serialization_format="cloudpickle")
    loaded = load(tmp_path / "m")
    columns = {str(name): ROWS[name].tolist() for name in ROWS.columns}
    assert loaded.predict(columns) == {output: model.predict(ROWS).tolist()}
    example = json.loads(loaded.warmup_request())
    assert {it["name"]: it["data"] for it in example["inputs"]} == columns


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    """What MLflow did not write is said so."""
    with pytest.raises(Refused, match="MLmodel"):
        load(tmp_path)
