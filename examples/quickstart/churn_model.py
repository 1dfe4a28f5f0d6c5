"""Which customers are about to leave? A model in plain Python, to show the contract with the host.

`load(folder)` is what the registry calls the factory: it is given the artifact folder and returns an object that predicts.
"""

# ruff: noqa: INP001 - a module of its own, no package
import json
from collections.abc import Sequence
from math import exp
from pathlib import Path
from typing import Any

Columns = dict[str, list[Any]]
"""Name -> one value a row."""


class Churn:
    """A weighted sum of the inputs, squeezed to a probability."""

    def __init__(self, weights: dict[str, float], bias: float) -> None:
        self._weights = weights
        self._bias = bias
        self.inputs = [{"name": name, "datatype": "FP64"} for name in weights]  # optional: a request without one is a 400

    def predict(self, inputs: Columns) -> Columns:
        """A label and a score for every row."""
        columns: Sequence[Sequence[float]] = [inputs[name] for name in self._weights]
        sums = [sum(w * x for w, x in zip(self._weights.values(), row, strict=True)) for row in zip(*columns, strict=True)]
        scores = [1 / (1 + exp(-(self._bias + total))) for total in sums]
        return {"label": [int(score >= 0.5) for score in scores], "score": scores}


def load(folder: Path) -> Churn:
    """The model of an artifact folder."""
    kept = json.loads((folder / "weights.json").read_text())
    return Churn(kept["weights"], kept["bias"])
