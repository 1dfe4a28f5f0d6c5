"""How does a model answer that MLflow logged, whatever its flavor?

The folder is MLflow's own, with `MLmodel` in it; `mlflow.pyfunc` loads it and is given a DataFrame with a column for each
input. What comes back is one output a column or a key; an unnamed one is `score` where it holds fractions, else `label`. What
the flavor needs (scikit-learn, for one) has to be on the host. The example that was logged with the model is its warm-up.
"""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from segue.errors import Refused

_MARK: Final = "MLmodel"


class LoggedModel:
    """A model of any flavor behind named inputs and outputs."""

    platform = "mlflow"

    def __init__(self, folder: Path) -> None:
        from mlflow import pyfunc  # noqa: PLC0415 - it takes a second, and only here it is needed

        self._model = pyfunc.load_model(str(folder))

    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Outputs by name, one value a row."""
        import pandas as pd  # noqa: PLC0415 - the same

        return _named(self._model.predict(pd.DataFrame(inputs)))

    def warmup_request(self) -> bytes:
        """The logged example, as a v2 request."""
        import pandas as pd  # noqa: PLC0415 - the same

        example = self._model.input_example
        if not isinstance(example, pd.DataFrame):
            return b""
        tensors = [_tensor(str(name), example[name].tolist()) for name in example.columns]
        return json.dumps({"inputs": tensors}).encode()


def _named(answer: Any) -> dict[str, list[Any]]:  # noqa: ANN401 - whatever the flavor answers
    if hasattr(answer, "columns"):
        return {str(name): answer[name].tolist() for name in answer.columns}
    if isinstance(answer, dict):
        return {str(name): np.asarray(values).tolist() for name, values in answer.items()}
    values = np.asarray(answer)
    return {"score" if values.dtype.kind == "f" else "label": values.tolist()}


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    kinds = {float: "FP64", int: "INT64", bool: "BOOL", str: "BYTES"}
    return {"name": name, "shape": [len(values)], "datatype": kinds.get(type(values[0]), "BYTES"), "data": values}


def load(folder: Path) -> LoggedModel:
    """The model of an artifact folder. Loading runs code that the folder holds: serve only what you have made or trust.

    Raises:
        Refused: the folder is not one that MLflow has written.
    """
    if not (folder / _MARK).exists():
        raise Refused(f"{folder} holds no {_MARK}, so that MLflow cannot load it")
    return LoggedModel(folder)
