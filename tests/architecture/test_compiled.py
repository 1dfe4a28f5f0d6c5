"""What the wheel compiles can be compiled, and means the same then."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOOK = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]


@pytest.mark.parametrize("name", HOOK["include"])
def test_no_structs(name: str) -> None:
    """A compiled file declares no msgspec struct: mypyc drops `frozen`, `eq` and whatever else its class line says."""
    classes = [node for node in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(node, ast.ClassDef)]
    assert not [it.name for it in classes if it.keywords or any("Struct" in ast.unparse(base) for base in it.bases)]


def test_off_by_default() -> None:
    """An editable install compiles nothing: beside its source, what is compiled would hide every later edit."""
    assert HOOK["enable-by-default"] is False
