"""Models from `module:factory`."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from segue.errors import Refused
from segue.host.model import Model, load, model_of
from segue.host.tensor import TensorSpec
from segue.host.v2 import Asked, BadRequest
from segue.ports.registry import ModelVersion

MODULE = "models_of_this_test"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for modules whose import leaves no trace."""
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    sys.modules.pop(MODULE, None)


def _version(folder: Path, factory: str = f"{MODULE}:factory", warmup: str = "") -> ModelVersion:
    return ModelVersion(
        model="churn",
        version="8",
        factory=factory,
        artifact=str(folder),
        digest="",
        registered_at=datetime(2026, 1, 1, tzinfo=UTC),
        path=str(folder),
        warmup=warmup,
    )


def _load(folder: Path, source: str, **more: str) -> Model:
    (folder / f"{MODULE}.py").write_text(source)
    return load(_version(folder, **more))


def test_a_plain_callable_is_a_model(folder: Path) -> None:
    """A factory may return a function; it is given the artifact folder as a path."""
    model = _load(folder, "def factory(folder):\n    return lambda inputs: {'name': [folder.name]}\n")
    assert model.predict({}) == {"name": [folder.name]}
    assert (model.inputs, model.outputs, model.warmup, model.platform) == ((), {}, b"", "python")


def test_an_object_tells_about_itself(folder: Path) -> None:
    """Declared tensors, platform and example are taken over; the registry's example comes first."""
    source = """
class M:
    inputs = [{"name": "age", "datatype": "FP64"}]
    outputs = [{"name": "label", "datatype": "INT64", "shape": [-1]}]
    platform = "mine"
    def predict(self, inputs): return {"label": [1]}
    def warmup_request(self): return {"inputs": []}
class Box:
    factory = staticmethod(lambda folder: M())
"""
    model = _load(folder, source, factory=f"{MODULE}:Box.factory")
    assert model.inputs == (TensorSpec(name="age", datatype="FP64"),)
    assert list(model.outputs) == ["label"]
    assert (model.platform, model.warmup) == ("mine", b'{"inputs":[]}')
    sys.modules.pop(MODULE)
    assert _load(folder, source, factory=f"{MODULE}:Box.factory", warmup="{}").warmup == b"{}"


@pytest.mark.parametrize(
    ("source", "factory", "text"),
    [
        ("", f"{MODULE}:factory", "cannot import the factory .*AttributeError"),
        ("raise ValueError('torn')", f"{MODULE}:factory", "cannot import the factory .*ValueError: torn"),
        ("", "no_such_module_at_all:factory", "cannot import the factory .*ModuleNotFoundError"),
        ("", MODULE, "a factory is named `module:function`"),
        ("factory = 3", f"{MODULE}:factory", "is a int, and must be a function"),
        ("def factory(folder): raise OSError('gone')", f"{MODULE}:factory", "raised OSError: gone"),
        ("def factory(folder): return 3", f"{MODULE}:factory", "returned a int, which has no predict"),
        ("async def p(i): ...\ndef factory(folder): return p", f"{MODULE}:factory", "is a coroutine"),
        (
            "class M:\n    inputs = 'age'\n    def predict(self, i): ...\ndef factory(folder): return M()",
            f"{MODULE}:factory",
            "inputs and outputs are declared as a list",
        ),
        (
            "class M:\n    predict = dict\n    def warmup_request(self): raise KeyError('x')\ndef factory(folder): return M()",
            f"{MODULE}:factory",
            "warmup_request of .* raised KeyError",
        ),
    ],
)
def test_what_gives_no_model_is_refused(folder: Path, source: str, factory: str, text: str) -> None:
    """Every way in which a factory can fail is a refusal that names the factory and the reason."""
    with pytest.raises(Refused, match=text):
        _load(folder, source, factory=factory)


def test_what_somebody_else_serves_is_not_loaded(folder: Path) -> None:
    """A version without a factory is refused, with what to do about it."""
    with pytest.raises(Refused, match=r"served elsewhere\n.*`url`"):
        load(_version(folder, factory=""))


def test_a_missing_input_is_the_callers_error() -> None:
    """Where a model declares its inputs, a request without one never reaches it."""
    model = Model(predict=dict, inputs=(TensorSpec(name="age", datatype="FP64"),))
    model.check(Asked(id="", columns={"age": [1]}, rows=1))
    with pytest.raises(BadRequest, match="the model needs \\['age'\\], the request has \\['size'\\]"):
        model.check(Asked(id="", columns={"size": [1]}, rows=1))


def test_an_example_may_be_bytes_or_text() -> None:
    """A model may give its example as bytes, text or data."""

    class Given:
        def __init__(self, example: Any) -> None:
            self.example = example

        def predict(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
            return inputs

        def warmup_request(self) -> Any:
            return self.example

    examples: tuple[object, ...] = (b"{}", "{}", {})
    for example in examples:
        assert model_of(Given(example), _version(Path("/"))).warmup == b"{}"
