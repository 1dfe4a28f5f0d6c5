"""Outcomes out of files."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segue.adapters.lakes.folder import FolderLake
from segue.adapters.lakes.table import rows_of
from segue.errors import DomainError
from segue.facts.outcome import Outcome
from segue.record.outcomes import Given, import_outcomes, read_outcomes

NOW = datetime(2026, 1, 2, tzinfo=UTC)
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
GIVEN = Given(received_at=NOW, route="churn", parquet=rows_of)
EXPECTED = [
    Outcome(route="churn", request_id="a", at=AT, received_at=NOW, label="1", values={"revenue": 2.5}),
    Outcome(route="churn", unit="ada", at=NOW, received_at=NOW, values={"revenue": 0.0}),
    Outcome(route="churn", request_id="b", at=AT, received_at=NOW),
]


def csv_file(folder: Path) -> Path:
    """The rows as CSV."""
    path = folder / "outcomes.csv"
    path.write_text("request_id,unit,at,label,revenue\na,,2026-01-01T12:00:00Z,1,2.5\n,ada,,,0\nb,,2026-01-01T12:00:00Z,,\n")
    return path


def ndjson_file(folder: Path) -> Path:
    """The rows as NDJSON."""
    path = folder / "outcomes.ndjson"
    path.write_text(
        '{"request_id": "a", "at": "2026-01-01T12:00:00Z", "label": true, "values": {"revenue": 2.5}}\n'
        '{"unit": "ada", "values": {"revenue": 0}}\n'
        '{"request_id": "b", "at": "2026-01-01T12:00:00Z"}\n'
    )
    return path


def parquet_file(folder: Path) -> Path:
    """The rows as Parquet; times without a zone are UTC."""
    path = folder / "outcomes.parquet"
    naive = AT.replace(tzinfo=None)
    columns = {
        "request_id": ["a", None, "b"],
        "unit": [None, "ada", None],
        "at": [naive, None, naive],
        "label": [1, None, None],
        "revenue": [2.5, 0.0, None],
    }
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("make", [csv_file, ndjson_file, parquet_file])
def test_all_kinds_of_file_say_the_same(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """CSV, NDJSON and Parquet with the same rows give the same outcomes; an empty row withdraws."""
    assert read_outcomes(make(tmp_path), GIVEN) == EXPECTED


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("x.csv", "request_id,label,revenue\na,1,much\n", "the value 'much' of revenue is no number"),
        ("x.csv", "request_id,label\n", "no row"),
        ("x.csv", "label\n1\n", "outcome 0"),
        ("x.parquet", "no parquet", "no Parquet"),
        ("x.ndjson", '{"request_id": "a"}\n{"request": "b"}\n', "outcome 1"),
    ],
)
def test_a_bad_file_is_refused_whole(tmp_path: Path, name: str, text: str, reason: str) -> None:
    """With what is wrong, and where; nothing is taken."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DomainError, match=reason):
        import_outcomes(path, FolderLake(tmp_path / "lake"), GIVEN)
    assert not (tmp_path / "lake").exists()


def test_importing_twice_is_importing_once(tmp_path: Path) -> None:
    """The segments are named after the content."""
    lake = FolderLake(tmp_path / "lake")
    for _ in range(2):
        assert import_outcomes(csv_file(tmp_path), lake, GIVEN) == 3
    assert len(lake.segments("outcomes", "churn")) == 2
    tables = [pq.read_table(location) for location in lake.locations(lake.segments("outcomes", "churn"))]
    assert sum(table.num_rows for table in tables) == 3


def test_labels_of_a_csv(tmp_path: Path) -> None:
    """`1.0` and `True` are the label 1, as they are in JSON; other text stays what it is."""
    path = tmp_path / "x.csv"
    path.write_text("request_id,label\na,1.0\nb,True\nc,0.50\nd,late\ne,01\n")
    found = read_outcomes(path, GIVEN)
    assert [outcome.label for outcome in found] == ["1", "1", "0.5", "late", "01"]
