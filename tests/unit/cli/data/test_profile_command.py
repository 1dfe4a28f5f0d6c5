"""A version's training profile, from the file to the screen."""

import json
from pathlib import Path

import pytest
from command_line import run


def ran(*words: str, status: int = 0) -> tuple[str, str]:
    """One command; standard output and error."""
    said = run(*words)
    assert said.status == status, said.err
    return said.out, said.err


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and an artifact with its training data beside it."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "v8"
    folder.mkdir()
    (folder / "weights").write_text("8")
    rows = "\n".join(
        f"{index},{age},{tier},{age / 100},{age % 2}" for index, (age, tier) in enumerate([(20, "a"), (30, "b"), (41, "a")])
    )
    (tmp_path / "training.csv").write_text(f"id,age,tier,p,late\n{rows}\n")
    return folder


def register(artifact: Path, *more: str, status: int = 0) -> tuple[str, str]:
    """`segue model register churn 8`."""
    words = ("model", "register", "churn", "8", "--factory", "m:f", "--artifact", str(artifact), "--unchecked")
    return ran(*words, *more, status=status)


def test_a_profile_is_kept_with_its_version(artifact: Path) -> None:
    """What was registered is shown; registering again is harmless, with another profile it is a conflict."""
    file = str(artifact.parent / "training.csv")
    roles = ("--profile-score", "p", "--profile-truth", "late", "--profile-without", "id")
    assert "profile of 3 columns of 3 rows" in register(artifact, "--profile", file, *roles)[0]
    register(artifact, "--profile", file, *roles)
    out, err = ran("model", "profile", "churn", "8", "-o", "json")
    rows = json.loads(out)
    assert [(row["column"], row["role"], row["kind"]) for row in rows] == [
        ("age", "feature", "numeric"),
        ("tier", "feature", "categorical"),
        ("p", "score", "numeric"),
    ]
    assert rows[1]["counts"] == {"a": 2, "b": 1, "elsewhere": 0, "missing": 0}
    assert "calibrated" in err
    assert "a 66.7 %, b 33.3 %" in ran("model", "profile", "churn", "8")[0]
    register(artifact, "--profile", file, status=7)


def test_what_is_not_there_is_said(artifact: Path) -> None:
    """No file, no column, no profile."""
    file = artifact.parent / "training.csv"
    assert "cannot be read" in register(artifact, "--profile", f"{file}.parquet", status=1)[1]
    assert "no column is called q" in register(artifact, "--profile", str(file), "--profile-score", "q", status=1)[1]
    register(artifact)
    assert "has no profile" in ran("model", "profile", "churn", "8", status=5)[1]
