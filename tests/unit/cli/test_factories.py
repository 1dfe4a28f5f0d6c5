"""A factory that no host could import is noticed as its version is registered; none of it runs in the command's process."""

import os
import sys
from pathlib import Path

import pytest
from command_line import Said, run

from segue.wiring import home_at, stores_of

GOOD = "def load(folder):\n    return lambda inputs: inputs\nclass Box:\n    load = staticmethod(load)\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to give commands in, with an artifact, and an empty home."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    work = tmp_path / "work"
    (work / "v8").mkdir(parents=True)
    (work / "v8" / "weights").write_text("8")
    monkeypatch.chdir(work)
    return work


def registered(factory: str, *words: str) -> Said:
    """`segue model register churn 8`."""
    return run("model", "register", "churn", "8", "--factory", factory, "--artifact", "v8", *words)


def known() -> list[str]:
    """The factories that the registry has."""
    with stores_of(home_at(None)) as stores:
        return [it.factory for it in stores.registry.versions("churn")]


@pytest.mark.parametrize("factory", ["churn_model:load", "churn_model:Box.load"])
def test_what_a_host_finds_is_registered(place: Path, factory: str) -> None:
    """From the folder that --path names, without a word; an import leaves no trace in this process."""
    (place / "models").mkdir()
    (place / "models" / "churn_model.py").write_text(GOOD)
    path = list(sys.path)
    said = registered(factory, "--path", "models")
    assert (said.status, said.err, known()) == (0, "", [factory])
    assert (sys.path, "churn_model" in sys.modules) == (path, False)


def test_what_is_found_by_chance_is_told(place: Path) -> None:
    """A module beside the command is found by hosts that are started there, and by no others."""
    (place / "churn_model.py").write_text(GOOD)
    said = registered("churn_model:load")
    assert (said.status, known()) == (0, ["churn_model:load"])
    assert "a host finds it only if it is started here" in said.err
    assert "--path ." in said.err


def test_what_python_finds_anyway_needs_no_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker does, by PYTHONPATH and among the packages."""
    (place / "models").mkdir()
    (place / "models" / "churn_model.py").write_text(GOOD)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(place / "models"), os.environ.get("PYTHONPATH", "")])))
    assert registered("churn_model:load").err == ""


@pytest.mark.parametrize(
    ("source", "factory", "said"),
    [
        (GOOD, "chrun_model:load", ("No module named 'chrun_model'", "--path names the folder")),
        (GOOD, "churn_model.deep:load", ("'churn_model' is not a package", "--path names the folder")),
        (GOOD, "churn_model:laod", ("has no attribute 'laod'", "did you mean `load`?")),
        ("import no_such_library\n", "churn_model:load", ("No module named 'no_such_library'", "its module needs")),
        ("raise ValueError('torn')", "churn_model:load", ("ValueError: torn",)),
        ("load = 3", "churn_model:load", ("must be a function of the artifact folder",)),
        ("import sys\nprint('good bye')\nsys.exit(4)", "churn_model:load", ("with status 4: good bye",)),
        ("import os\nos._exit(0)", "churn_model:load", ("ended the process with status 0",)),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["written", "dry"])
def test_what_no_host_could_import_is_refused(
    place: Path, source: str, factory: str, said: tuple[str, ...], more: tuple[str, ...]
) -> None:
    """With the reason and what a host needs, and nothing is registered; `--unchecked` is the way for who knows better."""
    (place / "churn_model.py").write_text(source)
    found = registered(factory, "--path", ".", *more)
    assert (found.status, found.out, known()) == (1, "", [])
    assert all(each in found.err for each in (*said, "--unchecked")), found.err


@pytest.mark.usefixtures("place")
def test_who_knows_better_is_believed() -> None:
    """A machine without the model's libraries, or without its folder, registers it for hosts that have them."""
    assert "nowhere is no folder" in registered("churn_model:load", "--path", "nowhere").err
    assert registered("churn_model:load", "--path", "nowhere", "--unchecked").status == 0
    assert known() == ["churn_model:load"]


@pytest.mark.parametrize(
    "factory", ["churn_model", "churn_model.load", ":load", "churn:", "1churn:load", "a b:load", "a:b:c", "a..b:c"]
)
@pytest.mark.usefixtures("place")
def test_what_names_no_function_is_refused(factory: str) -> None:
    """Whether anything is looked up or not."""
    assert "names no function" in registered(factory, "--unchecked").err
    assert known() == []
