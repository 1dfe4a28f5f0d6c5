"""`segue plan`: what it prints where, and what it refuses."""

import json
from pathlib import Path

import pytest

from segue.cli.main import main

SPEC = """\
segue: 1
route: churn
protocol: v2
unit: [header:x-user-id, request]
registry: embedded
variants:
  champion: {version: models:/churn@champion}
  v8: {version: models:/churn/8}
prediction: {label: outputs.label}
outcome: {window: 24h}
metrics:
  accuracy: {kind: accuracy}
stages:
  - name: shadow
    strategy: shadow
    promote_when: [accuracy: {not_worse_than_champion_by: 1pp}]
  - name: everyone
    strategy: full
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rollout's file; nothing of this test touches another home."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    written = tmp_path / "rollout.yaml"
    written.write_text(SPEC)
    return written


def run(*words: str) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as end:
        main(list(words))
    return int(end.value.code or 0)


def test_text_and_page(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan goes to stdout, progress to stderr, the page where it was asked for."""
    html = file.with_suffix(".html")
    words = ("plan", str(file), "--traffic", "50000/day", "--baseline", "accuracy=91%", "--differ", "accuracy=7%")
    assert run(*words, "--html", str(html)) == 0
    said = capsys.readouterr()
    assert said.out.startswith("churn: allow ")
    assert "planning: stage shadow" in said.err
    assert "stage shadow" not in said.out.splitlines()[0]
    assert html.read_text().startswith("<!doctype html>")


def test_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All numbers, for programs."""
    assert run("plan", str(file), "--traffic", "50000/day", "-o", "json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["gates"][0]["alpha"] == pytest.approx(0.05 * 0.9)  # a tenth is for showing it without labels
    assert plan["gates"][0]["n"] > plan["gates"][0]["n_fixed"]
    assert len(plan["gates"][0]["at"]) == len(plan["gates"][0]["chance"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--traffic", "fast"), "is no rate"),
        (("--baseline", "acuracy=91%"), "did you mean `accuracy`"),
        (("--observed", "churn"), "churn"),
    ],
)
def test_refused(file: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], said: str) -> None:
    """What is no number, no metric, or no rollout is refused with a hint and without a traceback."""
    assert run("plan", str(file), *words) in {1, 5}
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
