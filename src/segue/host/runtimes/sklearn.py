"""How does a scikit-learn model, kept with joblib or pickle, answer?

The folder holds `model.joblib` (or `model.pkl`), and a `model.json` where the defaults do not fit: by default the inputs
are the columns that the model was trained on (or one input whose rows are lists), and the outputs `label` from `predict`
and `score` from `predict_proba` (of the second class where there are two). A regressor's one output is `score`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import joblib
import numpy as np
from sklearn.base import is_regressor

from segue.errors import DomainError, Refused
from segue.host.runtimes.description import Column, Description, Source, describe

_FILES: Final = ("model.joblib", "model.pkl")
Table = Any
"""What scikit-learn takes: an array of two dimensions or a DataFrame."""


class SklearnModel:
    """A fitted estimator or pipeline behind named inputs and outputs."""

    platform = "sklearn"

    def __init__(self, estimator: Any, description: Description) -> None:  # noqa: ANN401 - any estimator, they share no type
        known = getattr(estimator, "feature_names_in_", None)
        self._columns = description.columns or tuple(Column(name=str(name)) for name in (() if known is None else known))
        self._frame = known is not None if description.frame is None else description.frame
        self._width = int(getattr(estimator, "n_features_in_", 0))
        self._description = description
        self._classes = description.classes or tuple(_plain(getattr(estimator, "classes_", ())))
        self._estimator = estimator
        self._outputs = self._bound(description.sources or _usual(estimator))
        if description.threshold is not None and len(self._classes) != 2:
            raise Refused(f"a threshold needs two classes, this model has {len(self._classes)}")
        if description.threshold is not None and "score" not in self._outputs:
            raise Refused("a threshold makes `label` from `score`, and there is no output `score`")
        self.inputs = tuple(column.spec for column in self._columns) if description.inputs else ()
        self._example = description.warmup

    def _bound(self, sources: dict[str, Source]) -> dict[str, Callable[[Table], Any]]:
        return {name: self._output(source) for name, source in sources.items()}

    def _output(self, source: Source) -> Callable[[Table], Any]:
        method = getattr(self._estimator, source.of, None)
        if method is None:
            raise Refused(f"a {type(self._estimator).__name__} has no {source.of}, which an output is taken from")
        column = source.column
        if column is None and source.of == "predict_proba" and len(self._classes) == 2:
            column = 1
        if column is None:
            return cast("Callable[[Table], Any]", method)
        at = self._classes.index(column) if isinstance(column, str) else column
        return lambda table: method(table)[:, at]

    def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Labels and scores, one a row."""
        table = self._table(inputs)
        description = self._description
        by_threshold = description.threshold is not None
        answers = {
            name: _plain(output(table)) for name, output in self._outputs.items() if not (by_threshold and name == "label")
        }
        if by_threshold:
            answers["label"] = description.label(answers["score"], self._classes)
        return answers

    def _table(self, inputs: dict[str, list[Any]]) -> Table:
        if self._frame:
            import pandas as pd  # noqa: PLC0415 - only a model that was trained on a DataFrame needs it

            return pd.DataFrame({column.name: self._rows(inputs, column) for column in self._columns})
        if len(inputs) == 1 and (not self._columns or self._columns[0].name not in inputs):
            (rows,) = inputs.values()
            table = _array(rows)
            table = table.reshape(len(rows), -1)
        elif self._columns:
            table = np.column_stack([_array(self._rows(inputs, column)) for column in self._columns])
        else:
            table = np.column_stack([_array(rows) for rows in inputs.values()])
        if self._width and table.shape[1] != self._width:
            raise DomainError(f"the model takes {self._width} features, the request has {table.shape[1]}")
        return table

    @staticmethod
    def _rows(inputs: dict[str, list[Any]], column: Column) -> list[Any]:
        try:
            return inputs[column.name]
        except KeyError:
            raise DomainError(f"input {column.name!r} is missing") from None

    def warmup_request(self) -> dict[str, Any] | bytes:
        """The example of model.json."""
        return self._example or b""


def _array(rows: list[Any]) -> Any:  # noqa: ANN401 - numpy's array of whatever the rows hold
    kind = object if rows and isinstance(rows[0], str) else np.float64
    try:
        return np.asarray(rows, dtype=kind)
    except (TypeError, ValueError):
        raise DomainError("the inputs are not numbers, and the model takes an array of numbers") from None


def _plain(values: Any) -> list[Any]:  # noqa: ANN401 - an array or a sequence
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _usual(estimator: Any) -> dict[str, Source]:  # noqa: ANN401 - any estimator
    if is_regressor(estimator):
        return {"score": Source(of="predict")}
    usual = {"label": Source(of="predict")}
    if hasattr(estimator, "predict_proba"):
        usual["score"] = Source(of="predict_proba")
    return usual


def load(folder: Path) -> SklearnModel:
    """The model of an artifact folder.

    Args:
        folder: with `model.joblib` or `model.pkl`, and perhaps `model.json`. Loading runs code that the file holds: serve
            only what you have made or trust.

    Raises:
        Refused: there is no such file, or it and model.json do not fit together.
    """
    for name in _FILES:
        if (folder / name).exists():
            return SklearnModel(joblib.load(folder / name), describe(folder))
    raise Refused(f"{folder} holds neither {' nor '.join(_FILES)}")
