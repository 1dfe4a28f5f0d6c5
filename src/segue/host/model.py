"""What does a `module:factory` give us, and how do we ask it?

The contract with whoever writes a model: `factory(folder)` is given the artifact folder (a `pathlib.Path`) and returns an
object with `predict(inputs)`, or a plain callable that does the same: from `{input name: one value a row}` to
`{output name: one value a row}`. Optional on the object: `inputs` and `outputs` (lists of {name, datatype, shape}), a
`platform` text, and `warmup_request()` (an example body). A model that finds its input wrong raises `DomainError` or
`segue.host.v2.BadRequest`: the caller gets a 400. Anything else that it raises is a 500.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from segue.errors import DomainError, Refused
from segue.host.tensor import TensorSpec, specs_of
from segue.host.v2 import Asked, BadRequest
from segue.ports.registry import ModelVersion

Predict = Callable[[dict[str, list[Any]]], Any]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is loaded.

    Args:
        inputs: what it declares; empty where it does not say, then nothing is checked.
        outputs: what it declares, by name.
        platform: what runs it, for the metadata.
        warmup: an example request body, or b"".
    """

    predict: Predict
    inputs: tuple[TensorSpec, ...] = ()
    outputs: dict[str, TensorSpec] = {}
    platform: str = "python"
    warmup: bytes = b""

    def check(self, asked: Asked) -> None:
        """Refuse a request that lacks an input which the model declares, before the model sees it.

        Raises:
            BadRequest: an input is missing.
        """
        missing = [spec.name for spec in self.inputs if spec.name not in asked.columns]
        if missing:
            raise BadRequest(f"the model needs {missing}, the request has {sorted(asked.columns)}")


def load(version: ModelVersion) -> Model:
    """Import the factory, hand it the artifact folder, and see what it returned.

    Raises:
        Refused: the factory cannot be found, raised, or returned something that cannot predict.
    """
    if not version.factory:
        raise Refused(
            f"{version.model}/{version.version} was registered as served elsewhere",
            hint="give its variant a `url`, or register a version with --factory and --artifact",
        )
    if version.path and version.path not in sys.path:
        sys.path.insert(0, version.path)
    factory = factory_of(version.factory)
    try:
        made = factory(Path(version.artifact))
    except Exception as error:
        raise Refused(f"the factory {version.factory} raised {type(error).__name__}: {error}") from error
    return model_of(made, version)


def factory_of(name: str) -> Callable[[Path], object]:
    """The function that a `module:function` names.

    Raises:
        Refused: it cannot be imported, or is no function.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise Refused(f"a factory is named `module:function`, not {name!r}")
    try:
        factory: object = importlib.import_module(module_name)
        for part in attribute.split("."):
            factory = getattr(factory, part)
    except Exception as error:
        raise Refused(
            f"cannot import the factory {name}: {type(error).__name__}: {error}",
            hint="register the version with --path, the folder that the factory's module lies in",
        ) from error
    if not callable(factory):
        raise Refused(f"the factory {name} is a {type(factory).__name__}, and must be a function of the artifact folder")
    return factory


def model_of(made: object, version: ModelVersion) -> Model:
    """A loaded model from what a factory returned.

    Raises:
        Refused: it has no `predict`, or one that is a coroutine, or declares its tensors in another form.
    """
    predict = getattr(made, "predict", made)
    if not callable(predict):
        raise Refused(f"the factory {version.factory} returned a {type(made).__name__}, which has no predict(inputs)")
    if inspect.iscoroutinefunction(predict):
        raise Refused(f"predict of {version.factory} is a coroutine, and must be a plain function")
    try:
        outputs = specs_of(getattr(made, "outputs", None))
        inputs = specs_of(getattr(made, "inputs", None))
    except DomainError as error:
        raise Refused(f"{version.factory}: {error.message}") from None
    return Model(
        predict=predict,
        inputs=inputs,
        outputs={spec.name: spec for spec in outputs},
        platform=str(getattr(made, "platform", "python")),
        warmup=version.warmup.encode() or _example(made, version),
    )


def _example(made: object, version: ModelVersion) -> bytes:
    """What the model itself gives as an example."""
    give = getattr(made, "warmup_request", None)
    if give is None:
        return b""
    try:
        body = give()
    except Exception as error:
        raise Refused(f"warmup_request of {version.factory} raised {type(error).__name__}: {error}") from error
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)
