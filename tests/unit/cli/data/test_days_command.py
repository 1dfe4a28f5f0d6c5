"""A version's days on the screen."""

import pytest
from command_line import run

from segue.cli.data.days import cells, moved
from segue.cli.output import show
from segue.facts.daily import DayCell, DayMoved


def test_rows_have_dates(capsys: pytest.CaptureFixture[str]) -> None:
    """A cell and a distance are shown under their day's date, with what is not known as a dash."""
    show(cells((DayCell(day=15765, segment="vip", answers=3, known=2, tp=1, fp=0, fn=1, tn=0),)), "table")
    assert capsys.readouterr().out.splitlines()[1].split() == ["2013-03-01", "vip", "3", "2", "1", "0", "1", "0", "-", "-", "-"]
    show(moved((DayMoved(day=15765, column="age", rows=3, psi=0.25, js=0.5),)), "table")
    assert capsys.readouterr().out.splitlines()[1].split() == ["2013-03-01", "age", "3", "0.25", "0.5", "-"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--version", "8"], "MODEL/VERSION"),
        (["--version", "churn/8"], "no model is called 'churn'"),
    ],
)
def test_what_it_says(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A version without its model, and a model that nobody registered."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path_factory.mktemp("home")))
    ended = run("days", "churn", *words)
    assert ended.status == (5 if "called" in said else 1)
    assert said in ended.err
