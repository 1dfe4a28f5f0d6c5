"""`segue plan`: what it prints where, and what it refuses."""

import json
from pathlib import Path

import pytest
from command_line import SPEC, run


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A rollout's file; nothing of this test touches another home."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    written = tmp_path / "rollout.yaml"
    written.write_text(SPEC.replace("guardrails:\n  - accuracy: {worse_than_champion_by: 5pp}\n", ""))
    return written


def test_text_and_page(file: Path) -> None:
    """The plan goes to stdout, progress to stderr, the page where it was asked for."""
    html = file.with_suffix(".html")
    words = ("plan", str(file), "--traffic", "50000/day", "--baseline", "accuracy=91%", "--differ", "accuracy=7%")
    said = run(*words, "--html", str(html))
    assert said.status == 0
    assert said.out.startswith("churn: allow ")
    assert "planning: stage shadow" in said.err
    assert "stage shadow" not in said.out.splitlines()[0]
    assert html.read_text().startswith("<!doctype html>")


def test_whole_percents(file: Path) -> None:
    """What is taken for granted is said as it is read: `50 %`, not `50.000 %`."""
    said = run("plan", str(file), "--traffic", "50000/day")
    assert "accuracy: nothing is known of the champion, 50 % taken" in said.out


def test_json(file: Path) -> None:
    """All numbers, for programs."""
    said = run("plan", str(file), "--traffic", "50000/day", "-o", "json")
    assert said.status == 0
    plan = json.loads(said.out)
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
def test_refused(file: Path, words: tuple[str, str], said: str) -> None:
    """What is no number, no metric, or no rollout is refused with a hint and without a traceback."""
    ended = run("plan", str(file), *words)
    assert ended.status in {1, 5}
    assert said in ended.err
