"""What does `model.json`, beside a model file, say about its inputs and outputs?"""

from pathlib import Path
from typing import Any, Final

import msgspec

from segue.errors import Refused
from segue.host.tensor import Datatype, TensorSpec

FILE: Final = "model.json"


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input: a column of the model's table."""

    name: str
    datatype: Datatype = "FP64"

    @property
    def spec(self) -> TensorSpec:
        """What the metadata says of it."""
        return TensorSpec(name=self.name, datatype=self.datatype)


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an output comes from.

    Args:
        of: a method of a scikit-learn model, or an output of an ONNX graph.
        column: of its second dimension (or the class, where a row is a mapping); None for all.
    """

    of: str
    column: int | str | None = None


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model.json.

    Args:
        inputs: columns in the model's order, as names (then FP64) or {"name", "datatype"}; empty: what the model knows.
        outputs: output name -> source, or -> {"of", "column"}; empty: the runtime's default.
        threshold: "label" is then taken from "score": the second class at or above it, else the first.
        classes: the two labels, where the model does not know them.
        frame: True to give the model a pandas DataFrame; None where it was trained on one.
        warmup: an example request body.
    """

    inputs: tuple[str | Column, ...] = ()
    outputs: dict[str, str | Source] = {}
    threshold: float | None = None
    classes: tuple[int | str, ...] = ()
    frame: bool | None = None
    warmup: dict[str, Any] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The inputs, in order."""
        return tuple(Column(name=item) if isinstance(item, str) else item for item in self.inputs)

    @property
    def sources(self) -> dict[str, Source]:
        """The outputs by name."""
        return {name: Source(of=item) if isinstance(item, str) else item for name, item in self.outputs.items()}

    def label(self, scores: list[float], classes: tuple[Any, ...]) -> list[Any]:
        """Labels from scores, by the threshold."""
        threshold = 0.5 if self.threshold is None else self.threshold
        return [classes[score >= threshold] for score in scores]


def describe(folder: Path) -> Description:
    """The folder's model.json; an empty one where there is none.

    Raises:
        Refused: it does not say what it should, with the place.
    """
    file = folder / FILE
    if not file.exists():
        return Description()
    try:
        description = msgspec.json.decode(file.read_bytes(), type=Description)
    except msgspec.MsgspecError as error:
        raise Refused(f"{file} is not a model description: {error}") from None
    names = [column.name for column in description.columns]
    if len(set(names)) != len(names):
        raise Refused(f"{file} names an input twice: {names}")
    if description.threshold is not None and description.classes and len(description.classes) != 2:
        raise Refused(f"{file} has a threshold and {len(description.classes)} classes; a threshold is between two")
    return description
