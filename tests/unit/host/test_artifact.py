"""Digests of artifact folders."""

import shutil
from pathlib import Path

import pytest

from segue.errors import NotFound, Refused
from segue.host.artifact import check_artifact, folder_digest


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "artifact"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "model.bin").write_bytes(b"12" * 1_000_000)
    (folder / "a").write_text("x")
    return folder


def test_a_copy_has_the_same_digest_and_a_change_another(tmp_path: Path) -> None:
    """The digest follows names and contents, and nothing else."""
    folder = _folder(tmp_path)
    before = folder_digest(folder)
    assert folder_digest(Path(shutil.copytree(folder, tmp_path / "copy"))) == before
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert folder_digest(folder) == before
    (folder / "a").write_text("y")
    changed = folder_digest(folder)
    (folder / "a").rename(folder / "b")
    assert len({before, changed, folder_digest(folder)}) == 3


def test_names_and_contents_do_not_run_together(tmp_path: Path) -> None:
    """What moves from a file's name into its content is a change."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, name, content in ((one, "ab", "c"), (two, "a", "bc")):
        folder.mkdir()
        (folder / name).write_text(content)
    assert folder_digest(one) != folder_digest(two)


def test_a_changed_folder_is_refused(tmp_path: Path) -> None:
    """The refusal names the folder and both digests; a folder that is gone is another error; no digest, no check."""
    folder = _folder(tmp_path)
    registered = folder_digest(folder)
    check_artifact(folder, registered)
    (folder / "a").write_text("y")
    with pytest.raises(Refused, match=f"has changed since it was registered.*{registered}"):
        check_artifact(folder, registered)
    check_artifact(folder, "")
    with pytest.raises(NotFound, match="no artifact folder"):
        check_artifact(tmp_path / "gone", registered)
