"""What was simulated can be read."""

from pathlib import Path

from tests.unit.simulate.conftest import SPEC, world

from segue.cli.main import app
from segue.simulate.many import Asking, simulate
from segue.simulate.telling.page import simulated_page
from segue.simulate.telling.words import Told, told
from segue.spec.rollout import Rollout


def found(spec: Rollout) -> Told:
    """A few rollouts in one world."""
    tallies = tuple(simulate("rollout.yaml", spec, [world("better")], Asking(runs=3, days=8.0), say=lambda *_: None))
    return Told(tallies=tallies, days=8.0, notes={"rollout.yaml": ("tier <vip> is a guess",)})


def test_text_and_page_say_the_same(spec: Rollout) -> None:
    """Where they ended, how long it took, and what was taken for granted; what comes from a spec is escaped."""
    it = found(spec)
    text, page = told(it), simulated_page(it)
    assert "promoted 100 %" in text
    assert "promoted 100 %" in page
    assert "tier <vip> is a guess" in text
    assert "tier &lt;vip&gt; is a guess" in page
    assert "<script" not in page
    assert page.count("<svg") == 2


def test_the_command(tmp_path: Path, capsys: "object") -> None:
    """`segue simulate` runs the worlds that were asked for, and writes a page."""
    file, page = tmp_path / "rollout.yaml", tmp_path / "page.html"
    file.write_text(SPEC)
    app(
        ["simulate", str(file), "--runs", "2", "--days", "0.5", "--world", "failing", "--html", str(page)],
        exit_on_error=False, result_action="return_value",
    )  # fmt: skip
    out = capsys.readouterr().out  # type: ignore[attr-defined]
    assert "failing" in out
    assert "rolled back 100 %" in out
    assert page.read_text().startswith("<!doctype html>")
