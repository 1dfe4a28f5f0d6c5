"""`segue estimate` and `segue segments ROLLOUT agreement` on a real lake, and the way from registration to an estimate."""

import json
from pathlib import Path

import pytest
from tests.unit.cli.data.conftest import ROWS, Here, Segue


def test_estimates(home: Segue, here: Here) -> None:
    """As a process: each with interval, rows and method; those that outcomes put right beside them; a floor only warns."""
    ended = home("estimate", "churn", "--version", "churn/8", "--floor", "accuracy=0.99", "-o", "json")
    assert ended.status == 0, ended.err
    found = {(row["metric"], row["method"].partition("[")[0]): row for row in json.loads(ended.out)}
    assert {name for name, method in found if method == "cbpe"} == {"accuracy", "precision", "recall", "f1", "roc_auc"}
    right = found["accuracy", "prediction-powered"]
    assert right["low"] < 0.53 < right["high"]  # what came out, of all 1,600
    assert right["with outcome"] == right["n"] == 2 * ROWS
    assert found["accuracy", "cbpe"]["assumes"]
    assert "no gate takes these numbers" in ended.err
    assert "warning: without outcomes, accuracy is estimated as" in ended.err
    assert "warning" not in here("estimate", "churn", "--version", "churn/8", "--floor", "accuracy=0.1").err
    assert here("estimate", "nobody", "--version", "churn/8").out == ""


def test_where_they_disagree(home: Segue, here: Here) -> None:
    """As a process, and on the page: the segment with the most different answers first, held against everybody else."""
    ended = home("segments", "churn", "agreement", "-o", "json")
    assert ended.status == 0, ended.err
    first = json.loads(ended.out)[0]
    assert first["segment"] in {"tier=vip", "tier=new"}
    assert 0 < first["low"] < first["different"] < first["high"] < 1
    assert first["elsewhere"] < 1
    assert "DIFFERENT" in here("segments", "churn", "agreement").out


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--version", "8"), 1, "MODEL/VERSION"),
        (("--version", "churn/12"), 5, "it has 7, 8, 9"),
        (("--version", "churn/9"), 5, "register a version with --profile"),
        (("--version", "churn/8", "--floor", "acuracy=0.8"), 1, "did you mean `accuracy`?"),
        (("--version", "churn/8", "--floor", "accuracy"), 1, "such as --floor accuracy=0.8"),
        (("--version", "churn/8", "--rows", "0"), 1, "0 rows"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], status: int, said: str, here: Here) -> None:
    """With the reason, and what to do."""
    ended = here("estimate", "churn", *words)
    assert (ended.status, said in " ".join(ended.err.split())) == (status, True), ended.err


def test_from_registration_on(tmp_path: Path, home: Segue, here: Here) -> None:
    """A version registered with its training file has a profile from then on, and every command that needs one finds it."""
    artifact = tmp_path / "v11"
    artifact.mkdir()
    (artifact / "weights").write_text("11")
    words = ("model", "register", "churn", "11", "--factory", "m:f", "--artifact", str(artifact), "--unchecked")
    made = here(*words, "--profile", str(home.folder / "training.csv"))
    assert "profile of 3 columns of 2,000 rows" in made.out
    assert {row["column"] for row in json.loads(here("model", "profile", "churn", "11", "-o", "json").out)} == {
        "age",
        "plan",
        "kids",
    }
    assert "nothing to compare" in here("drift", "churn", "--version", "churn/11").err
    assert "no answer yet" in here("estimate", "churn", "--version", "churn/11").err
