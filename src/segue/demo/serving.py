"""How does a host of the demo answer: from an artifact folder to a label and a score for each row?

Two factories in the form that `segue host` takes (`module:factory`). An artifact folder holds the model, a card with its
threshold and the digests of the files, and for the boosted trees the preprocessing that was bundled with them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from math import exp
from pathlib import Path
from typing import Any, Final

import joblib
import msgspec
import numpy as np
import onnxruntime

from segue.demo.flights import CATEGORIES, FEATURES, WEATHER, datatype
from segue.errors import DomainError, Refused

Columns = Mapping[str, Sequence[Any]]
"""Input name -> one value a row."""

CARD: Final = "card.json"
PIPELINE: Final = "model.joblib"
TREES: Final = "model.onnx"
PREPROCESSING: Final = "preprocessing.json"
ONE_OF: Final = (*CATEGORIES, "hour", "weekday")
"""What the logistic regression has a weight for each value of; besides, it has one for the distance."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact says about itself.

    Args:
        threshold: a score above it is the label 1.
        trained: first and last day of the training data.
        metrics: of the training data, each flight scored by a model that had not seen its days.
        files: sha256 of each file beside the card.
    """

    version: str
    model: str
    threshold: float
    trained: tuple[str, str]
    rows: int
    metrics: dict[str, float]
    files: dict[str, str] = {}


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """How a number of the feed becomes the number that the trees were grown on: `scale * x + offset`."""

    feed: str
    model: str
    scale: float = 1.0
    offset: float = 0.0


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """From the named inputs of a request to the row of numbers that the trees take; the same in training and in serving.

    Args:
        rates: of each category, the shrunken share of late flights in training; `otherwise` for one that was not there.
        units: of each weather feature.
    """

    rates: dict[str, dict[str, float]]
    otherwise: float
    units: dict[str, Unit]

    def rows(self, inputs: Columns) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
        """One row of numbers a flight: shape (n, 14)."""
        columns = [[self.rates[name].get(value, self.otherwise) for value in inputs[name]] for name in CATEGORIES]
        columns.append([60 * hour + minute for hour, minute in zip(inputs["hour"], inputs["minute"], strict=True)])
        columns.append(list(inputs["weekday"]))
        columns.append(list(inputs["distance"]))
        for name in WEATHER:
            unit = self.units[name]
            columns.append([unit.scale * value + unit.offset for value in inputs[name]])
        return np.ascontiguousarray(np.array(columns, dtype=np.float32).T)


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted logistic regression: what each value of each feature adds to the log odds, and what each mile does."""

    values: dict[str, dict[Any, float]]
    per_mile: float
    bias: float


class Champion:
    """A logistic regression, asked without the table that scikit-learn wants around a single row.

    The weights are read out of the fitted pipeline; a test holds both ways of asking equal.
    """

    platform: Final = "scikit-learn"

    def __init__(self, weights: Weights, threshold: float) -> None:
        self._weights = weights
        self._threshold = threshold
        self.inputs = _declared((*ONE_OF, "distance"))
        self.outputs = _OUTPUTS

    def predict(self, inputs: Columns) -> dict[str, list[Any]]:
        """The probability of a late arrival, and whether it is above the threshold. An unknown value weighs nothing."""
        _check(inputs, (*ONE_OF, "distance"))
        weights, scores = self._weights, []
        for row, miles in enumerate(inputs["distance"]):
            log_odds = weights.bias + weights.per_mile * miles
            for name, adds in weights.values.items():
                log_odds += adds.get(inputs[name][row], 0.0)
            scores.append(1 / (1 + exp(-log_odds)))
        return _answer(scores, self._threshold)


class Boosted:
    """Gradient-boosted trees in ONNX, behind the preprocessing that was bundled with them."""

    platform: Final = "onnxruntime"

    def __init__(self, trees: onnxruntime.InferenceSession, preprocessing: Preprocessing, threshold: float) -> None:
        self._trees = trees
        self._preprocessing = preprocessing
        self._threshold = threshold
        self._takes = trees.get_inputs()[0].name
        self.inputs = _declared(FEATURES)
        self.outputs = _OUTPUTS

    def predict(self, inputs: Columns) -> dict[str, list[Any]]:
        """The probability of a late arrival, and whether it is above the threshold."""
        _check(inputs, FEATURES)
        (probabilities,) = self._trees.run(["probabilities"], {self._takes: self._preprocessing.rows(inputs)})
        return _answer(probabilities[:, 1].tolist(), self._threshold)


def champion(folder: Path) -> Champion:
    """Serve a logistic regression out of its artifact folder.

    Raises:
        Refused: a file is not the one that the card was written for.
    """
    card = read_card(folder)
    return Champion(_weights(folder / PIPELINE), card.threshold)


def _weights(path: Path) -> Weights:
    pipeline = joblib.load(path)
    encode, regression = pipeline.named_steps["encode"], pipeline.named_steps["weigh"]
    coefficients = iter(regression.coef_[0].tolist())
    categories = [column.tolist() for column in encode.named_transformers_["values"].categories_]
    values = {name: {value: next(coefficients) for value in seen} for name, seen in zip(ONE_OF, categories, strict=True)}
    scaler = encode.named_transformers_["miles"]
    per_mile = next(coefficients) / float(scaler.scale_[0])
    return Weights(values=values, per_mile=per_mile, bias=float(regression.intercept_[0]) - per_mile * float(scaler.mean_[0]))


def boosted(folder: Path) -> Boosted:
    """Serve boosted trees out of their artifact folder.

    Raises:
        Refused: a file is not the one that the card was written for.
    """
    card = read_card(folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a single row gains nothing from a second thread
    trees = onnxruntime.InferenceSession(folder / TREES, options, providers=["CPUExecutionProvider"])
    preprocessing = msgspec.json.decode((folder / PREPROCESSING).read_bytes(), type=Preprocessing)
    return Boosted(trees, preprocessing, card.threshold)


def read_card(folder: Path) -> Card:
    """The card of an artifact folder, after its files were checked against it.

    Raises:
        Refused: a file is not the one that the card was written for.
    """
    card = msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
    for name, digest in card.files.items():
        if file_digest(folder / name) != digest:
            raise Refused(f"{name} of version {card.version} is not the file that was trained", hint="train again")
    return card


def file_digest(path: Path) -> str:
    """sha256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check(inputs: Columns, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in inputs]
    if missing:
        raise DomainError(f"the request lacks {missing}")


def _answer(scores: list[float], threshold: float) -> dict[str, list[Any]]:
    return {"label": [int(score > threshold) for score in scores], "score": scores}


def _declared(names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"name": name, "datatype": datatype(name), "shape": [-1]} for name in names]


_OUTPUTS: Final = [
    {"name": "label", "datatype": "INT64", "shape": [-1]},
    {"name": "score", "datatype": "FP64", "shape": [-1]},
]
