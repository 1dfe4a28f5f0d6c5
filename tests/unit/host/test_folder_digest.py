"""An artifact's digest follows its names and contents, and nothing else."""

import os
from pathlib import Path

import pytest

from segue.errors import NotFound
from segue.host.artifact import folder_digest


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A folder with two files, one of them deeper."""
    folder = tmp_path / "churn"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    (folder / "deep" / "names.txt").write_text("a b")
    return folder


def test_the_digest_is_the_same_again(artifact: Path, tmp_path: Path) -> None:
    """A copy elsewhere, written in another order and at another time, has the same digest."""
    before = folder_digest(artifact)
    copy = tmp_path / "elsewhere"
    (copy / "deep").mkdir(parents=True)
    (copy / "deep" / "names.txt").write_text("a b")
    (copy / "model.bin").write_bytes(b"weights")
    os.utime(copy / "model.bin", (1, 1))
    assert folder_digest(copy) == before
    assert len(before) == 64


def test_another_content_or_name_is_another_digest(artifact: Path) -> None:
    """One byte, one name, one file more, and bytes that wander from a name into a content are all seen."""
    digests = {folder_digest(artifact)}
    (artifact / "model.bin").write_bytes(b"weightz")
    digests.add(folder_digest(artifact))
    (artifact / "model.bin").rename(artifact / "modem.bin")
    digests.add(folder_digest(artifact))
    (artifact / "empty").write_bytes(b"")
    digests.add(folder_digest(artifact))
    (artifact / "empty").rename(artifact / "emptymo")
    (artifact / "modem.bin").rename(artifact / "dem.bin")
    digests.add(folder_digest(artifact))
    assert len(digests) == 5


def test_running_a_model_does_not_change_its_digest(artifact: Path) -> None:
    """Python's cached bytecode is no part of the artifact."""
    before = folder_digest(artifact)
    (artifact / "deep" / "__pycache__").mkdir()
    (artifact / "deep" / "__pycache__" / "code.pyc").write_bytes(b"x")
    assert folder_digest(artifact) == before


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    """No artifact has no digest."""
    with pytest.raises(NotFound):
        folder_digest(tmp_path / "nowhere")
