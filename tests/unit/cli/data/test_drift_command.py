"""`segue drift` on a real lake."""

import builtins
import json
from typing import Any

import pytest
from command_line import Said
from tests.unit.cli.data.conftest import ROWS, Here, Segue

from segue.extras import installing


def rows(ended: Said) -> list[dict[str, Any]]:
    """What it wrote as JSON."""
    assert ended.status == 0, ended.err
    found: list[dict[str, Any]] = json.loads(ended.out)
    return found


def test_what_moved_since_training(home: Segue) -> None:
    """As a process: what moved stands with its expectation, chance and rank; names carry their convention."""
    ended = home("drift", "churn", "--version", "churn/7")
    assert ended.status == 0, ended.err
    head, *lines = ended.out.splitlines()
    assert head.split()[:3] == ["COLUMN", "STATISTIC", "VALUE"]
    assert {line.split()[0] for line in lines} == {"age", "plan", "kids", "said", "p"}
    assert all("psi[ref_deciles,eps=0.0001]" in line or "psi[categories,eps=0.0001]" in line for line in lines)
    found = rows(home("drift", "churn", "--version", "churn/7", "-o", "json"))
    age = found[[row["column"] for row in found].index("age")]
    assert age["value"] > 0.5
    assert age["q"] < 1e-6
    assert age["expected"] < 0.02
    assert all(row["q"] > 0.01 for row in found if row["column"] != "age")


def test_against_champion_and_before(here: Here) -> None:
    """Labels and scores of two versions in the same hours; and one version's now beside its before."""
    found = rows(here("drift", "churn", "--version", "churn/8", "--against", "champion", "--champion", "churn/7", "-o", "json"))
    assert {row["column"]: row["current"] for row in found} == {"said": 2 * ROWS, "p": 2 * ROWS}
    before = rows(here("drift", "churn", "--version", "churn/7", "--against", "before", "--hours", "2.5", "-o", "json"))
    assert {row["reference"] for row in before} == {ROWS}
    assert all(row["q"] > 0.01 for row in before)


def test_row_by_row(home: Segue, here: Here) -> None:
    """Exact statistics of each number, the kernel's and the classifier's of all columns; training needs its file."""
    words = ("drift", "churn", "--version", "churn/7", "--rows", "200", "-o", "json")
    found = {
        (row["column"], row["statistic"].partition("[")[0]): row
        for row in rows(here(*words, "--training", str(home.folder / "training.csv")))
    }
    assert found["age", "ks"]["q"] < 1e-6
    assert found["kids", "ks"]["q"] > 0.01
    assert found["all columns", "mmd2"]["p"] < 0.01
    assert found["all columns", "auc"]["value"] > 0.6
    since = rows(here(*words, "--against", "before", "--hours", "2.5"))
    assert all(row["q"] is None or row["q"] > 0.005 for row in since)
    assert {row["reference"] for row in since if row["column"] == "all columns"} == {200}


def test_a_changed_concept(home: Segue, here: Here) -> None:
    """From when on version 8 is often wrong is found by all three, each with its promise and its measured false alarms."""
    ended = home("drift", "churn", "--version", "churn/8", "--concept", "-o", "json")
    found = rows(ended)
    assert [row["detector"].partition("[")[0] for row in found] == ["e_detector", "adwin", "page_hinkley"]
    for row in found:
        assert "2013-03-01T14:5" < row["changed"] < "2013-03-01T15:10"
        assert row["changed"] < row["signalled"] < "2013-03-01T15:20"
        assert row["before"] < 0.35
        assert row["after"] > 0.55
    assert "proved: while the mean loss is at most" in ended.err
    assert "measured: no false alarm in 16,000 losses" in ended.err
    still = rows(here("drift", "churn", "--version", "churn/7", "--concept", "-o", "json"))
    assert [row["signalled"] for row in still] == [None] * 3


def test_losses_of_other_kinds(here: Here) -> None:
    """Numbers have no largest loss: ours is asked only with a cap. Said levels and run lengths are in the name."""
    words = ("drift", "churn", "--version", "churn/8", "--concept", "--loss", "absolute", "-o", "json")
    assert {row["detector"].partition("[")[0] for row in rows(here(*words))} == {"adwin", "page_hinkley"}
    capped = rows(here(*words, "--cap", "2", "--well", "0.4", "--run-length", "5000"))
    assert capped[0]["detector"] == "e_detector[shiryaev_roberts,well=0.4,run_length=5000]"
    assert "too few losses" not in here("drift", "churn", "--version", "churn/8", "--concept", "--loss", "brier").err


def test_without_river(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours answers alone, and what is missing is named with the way to get it."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "segue.evidence.change.river":
            raise ModuleNotFoundError("No module named 'river'", name="river")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    ended = here("drift", "churn", "--version", "churn/8", "--concept", "-o", "json")
    assert [row["detector"].partition("[")[0] for row in rows(ended)] == ["e_detector"]
    assert f"are left out: {installing('river')}" in ended.err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--version", "7"), 1, "it is named MODEL/VERSION"),
        (("--version", "chrun/7"), 5, "did you mean `churn`?"),
        (("--version", "churn/10"), 5, "it has 7, 8, 9"),
        (("--version", "churn/9"), 5, "register a version with --profile"),
        (("--version", "churn/7", "--against", "champion"), 1, "such as --champion churn/7"),
        (("--version", "churn/7", "--against", "champion", "--champion", "churn/70"), 5, "it has 7, 8, 9"),
        (("--version", "churn/7", "--rows", "100"), 1, "--training training.csv"),
        (("--version", "churn/7", "--rows", "100000"), 1, "20 to 4,000 rows"),
        (("--version", "churn/7", "--rows", "100", "--training", "nowhere.csv"), 1, "cannot be read"),
        (("--version", "churn/8", "--rows", "100", "--training", "nowhere.csv"), 1, "cannot be read"),
        (("--version", "churn/8", "--concept", "--cap", "-1"), 1, "above 0"),
        (("--version", "churn/8", "--concept", "--run-length", "0"), 1, "run length"),
        (("--version", "churn/7", "--engine", "flink://somewhere"), 1, "a Spark cluster: spark://host:7077"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], status: int, said: str, here: Here) -> None:
    """With the reason, and what to do."""
    ended = here("drift", "churn", *words)
    assert (ended.status, said in " ".join(ended.err.split())) == (status, True), ended.err


@pytest.mark.parametrize("more", [(), ("--rows", "100", "--against", "before"), ("--concept",)])
def test_no_rows_are_no_drift(more: tuple[str, ...], here: Here) -> None:
    """A route that nobody asked: said, with status 0 and no number."""
    ended = here("drift", "nobody", "--version", "churn/7", *more)
    assert (ended.status, ended.out) == (0, "")
    assert "nothing to compare" in ended.err or "0 losses" in ended.err
