"""The size budget: files, functions, arguments and folders stay small enough to be read in one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "segue"
FILES = sorted(path for path in SOURCE.rglob("*.py") if "migrations/versions" not in path.as_posix())
FILE_LINES, FUNCTION_LINES, ARGUMENTS = 500, 60, 4
FEWEST, MOST = 3, 12
ADAPTERS = SOURCE / "adapters"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, methods and inner ones included."""
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Lines of a function, its docstring left out."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def name_of(path: Path) -> str:
    """A file as people name it."""
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_file(path: Path) -> None:
    """No file is longer than five hundred lines, no function than sixty; nothing takes more than four unnamed arguments."""
    assert len(path.read_text().splitlines()) <= FILE_LINES
    for function in functions(path):
        assert body_lines(function) <= FUNCTION_LINES, function.name
        positional = [a.arg for a in function.args.posonlyargs + function.args.args if a.arg not in {"self", "cls"}]
        assert len(positional) <= ARGUMENTS, function.name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_first_line(path: Path) -> None:
    """Every file says first what it is about."""
    assert ast.get_docstring(ast.parse(path.read_text())), "no module docstring"


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES} - {SOURCE}), ids=lambda path: path.name)
def test_folder(folder: Path) -> None:
    """A room holds a handful of files; past that, it is two rooms."""
    files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    rooms = [sub for sub in folder.iterdir() if sub.is_dir() and sub.name != "__pycache__"]
    fewest = 1 if ADAPTERS in folder.parents else FEWEST  # one file a vendor, and some kinds have one vendor yet
    assert fewest <= len(files) + len(rooms) <= MOST


def test_no_junk_drawers() -> None:
    """No file or folder is named for not having found a name."""
    junk = {"utils", "helpers", "common", "manager", "misc", "tests"}
    assert not [name_of(path) for path in FILES if junk & {path.stem, *path.relative_to(SOURCE).parts[:-1]}]
