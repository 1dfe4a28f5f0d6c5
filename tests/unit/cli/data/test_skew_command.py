"""`segue skew` and `segue segments` on a real lake."""

import csv
import json
from pathlib import Path

import pytest
from tests.unit.cli.data.conftest import Here, Segue

from segue.adapters.engines.duckdb import DuckdbEngine


@pytest.fixture
def offline(home: Segue, tmp_path: Path) -> Path:
    """A pipeline's view of a hundred requests and one unknown: the age of three is another, two have no plan."""
    lake = home.world.outside.lake
    with DuckdbEngine() as engine:
        engine.bind({"predictions": lake.locations(lake.segments("predictions", "churn"))})
        served = engine.run("""SELECT request_id, features, label FROM predictions
            WHERE role = 'served' ORDER BY request_id LIMIT 100""")
    file = tmp_path / "offline.csv"
    with file.open("w") as out:
        table = csv.writer(out)
        table.writerow(["request_id", "age", "plan", "label"])
        for row, (request, features, label) in enumerate(served):
            told = json.loads(str(features))
            table.writerow([request, told["age"] + (row < 3), "" if 10 <= row < 12 else told["plan"], label])
        table.writerow(["never", 1, "a", 1])
    return file


def test_skew(home: Segue, offline: Path) -> None:
    """As a process: what differs is counted by column, with examples, and what was never recorded is said."""
    ended = home("skew", "churn", str(offline), "-o", "json")
    assert ended.status == 0, ended.err
    found = {row["column"]: row for row in json.loads(ended.out)}
    assert (found["age"]["different"], found["age"]["same"], len(found["age"]["examples"])) == (3, 97, 3)
    assert found["age"]["largest"] == pytest.approx(1.0)
    assert found["label"]["rate"] == 0
    assert "100 requests on both sides, 1 of the file were never recorded" in ended.err
    assert "age" in home("skew", "churn", str(offline)).out


def test_a_shadows_predictions(offline: Path, here: Here) -> None:
    """The file's labels are the champion's: beside those of the version in the shadow they differ."""
    ended = here("skew", "churn", str(offline), "--version", "8", "-o", "json")
    label = next(row for row in json.loads(ended.out) if row["column"] == "label")
    assert label["different"] > 10


def test_weak_segments(home: Segue, here: Here) -> None:
    """As a process: the segment that was made weak stands first, with an interval and a q-value."""
    ended = home("segments", "churn", "accuracy", "-o", "json")
    assert ended.status == 0, ended.err
    first, second = json.loads(ended.out)
    assert first["segment"] == "tier=vip"
    assert first["difference"] < second["difference"] < 0
    assert first["low"] < first["difference"] < first["high"] < -0.2
    assert first["q"] < 1e-6
    assert "too large" not in here("segments", "churn-1", "accuracy", "--least", "100000").err
    assert "no segment is large enough" in here("segments", "churn-1", "accuracy", "--least", "100000").err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("segments", "churn", "acuracy"), 1, "did you mean `accuracy`?"),
        (("segments", "chrun", "accuracy"), 5, "did you mean `churn-1`?"),
        (("segments", "churn", "p99"), 1, "in means"),
        (("skew", "churn", "nowhere.csv"), 1, "cannot be read"),
        (("report", "chrun"), 5, "did you mean `churn-1`?"),
        (("report", "churn", "--engine", "spark://here:7077"), 1, "counted by DuckDB, on this machine"),
        (("segments", "churn", "accuracy", "--engine", "flink://somewhere"), 1, "a Spark cluster: spark://host:7077"),
        (("report", "churn", "-f", "/proc/none/report.html"), 1, "cannot be written"),
        (("days", "churn", "--version", "churn/12"), 5, "it has 7, 8, 9"),
        (("days", "churn", "--version", "churn/9", "--features"), 5, "has no profile"),
        (("days", "churn", "--version", "churn/9"), 0, "nothing was recorded"),
        (("model", "profile", "churn", "12"), 5, "it has 7, 8, 9"),
        (("describe", "metrics", "acuracy"), 5, "did you mean `accuracy`?"),
    ],
)
def test_what_is_refused(words: tuple[str, ...], status: int, said: str, here: Here) -> None:
    """With the reason, and what to do."""
    ended = here(*words)
    assert (ended.status, said in " ".join(ended.err.split())) == (status, True), ended.err


def test_a_file_without_ids(tmp_path: Path, here: Here) -> None:
    """The column that it needs, and those that it has, are named; a file of ids alone has nothing to compare."""
    (tmp_path / "a.csv").write_text("id,age\n1,2\n")
    (tmp_path / "b.csv").write_text("request_id\nq1\n")
    assert "has no column request_id" in here("skew", "churn", str(tmp_path / "a.csv")).err
    assert "nothing to compare" in here("skew", "churn", str(tmp_path / "b.csv")).err
