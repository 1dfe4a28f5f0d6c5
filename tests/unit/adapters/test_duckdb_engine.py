"""What the embedded engine promises beyond running SQL."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.engines.settings import DuckdbSettings
from segue.adapters.lakes.folder import FolderLake
from segue.errors import DomainError, InvariantError, Unavailable
from segue.ports.columns import COLUMNS, PREDICTIONS
from segue.testkit.lakes import predictions, segment


def written(folder: Path, *names: str, rows: int = 2) -> list[str]:
    """Segments of predictions, and where they are."""
    lake = FolderLake(folder)
    for name in names:
        lake.put_predictions(segment(name), predictions(rows, name))
    return list(lake.locations([segment(name) for name in names]))


def test_a_source_without_files_is_an_empty_typed_table() -> None:
    """Every column of the kind is there, the bodies apart, so that a query over nothing is a query."""
    with DuckdbEngine() as engine:
        engine.bind({"predictions": [], "outcomes": []})
        for kind, columns in COLUMNS.items():
            described = {row[0]: row[1] for row in engine.run(f"DESCRIBE {kind}")}
            bound = {name: sql for name, sql in columns.items() if not name.endswith("_body")}
            assert described == {name: sql.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for name, sql in bound.items()}
            assert engine.run(f"SELECT count(*) FROM {kind}") == [(0,)]


def test_each_bind_shows_its_own_files(tmp_path: Path) -> None:
    """A segment that an earlier bind read is not seen through a later one that does not name it."""
    first, second = written(tmp_path, "a", "b")
    with DuckdbEngine() as engine:
        engine.bind({"predictions": [first, second], "new_predictions": [second]})
        assert engine.run("SELECT count(*) FROM predictions") == [(4,)]
        assert engine.run("SELECT count(*) FROM new_predictions") == [(2,)]
        engine.bind({"predictions": [first]})
        assert engine.run("SELECT DISTINCT split_part(request_id, '-', 1) FROM predictions") == [("a",)]


def test_what_a_query_made_is_gone_at_the_next_bind(tmp_path: Path) -> None:
    """Temporary tables and views last until then."""
    with DuckdbEngine() as engine:
        engine.bind({"predictions": written(tmp_path, "a")})
        engine.execute("CREATE TEMP TABLE mine AS SELECT 1")
        engine.execute("CREATE TEMP VIEW mine_too AS SELECT 2")
        engine.bind({"predictions": []})
        for name in ("mine", "mine_too"):
            with pytest.raises(InvariantError):
                engine.run(f"SELECT * FROM {name}")


def test_kept_rows_are_bounded(tmp_path: Path) -> None:
    """Segments that are not in use are dropped past the bound, and read again when they are needed."""
    locations = written(tmp_path, "a", "b", "c", rows=10)
    with DuckdbEngine(DuckdbSettings(kept_rows=15)) as engine:
        for location in locations * 2:
            engine.bind({"predictions": [location]})
            assert engine.run("SELECT count(*) FROM predictions") == [(10,)]
        (kept,) = engine.run("SELECT count(*) FROM kept_predictions")[0]
        assert kept == 20


def test_older_and_newer_files_are_read(tmp_path: Path) -> None:
    """A column that a file lacks is null; one that nobody knows is left out."""
    (location,) = written(tmp_path, "a")
    table = pq.read_table(location)
    older = tmp_path / "older.parquet"
    newer = tmp_path / "newer.parquet"
    pq.write_table(table.drop_columns(["cost", "unread"]), older)
    pq.write_table(table.append_column("mood", pa.array(["fine"] * table.num_rows)), newer)
    with DuckdbEngine() as engine:
        engine.bind({"predictions": [str(older)]})
        assert engine.run("SELECT DISTINCT cost, unread FROM predictions") == [(None, None)]
        engine.bind({"predictions": [str(older), str(newer), location]})
        assert engine.run("SELECT count(*), count(unread) FROM predictions") == [(6, 4)]
        assert "mood" not in {row[0] for row in engine.run("DESCRIBE predictions")}
        assert len(engine.run("DESCRIBE predictions")) == len(PREDICTIONS) - 2


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named by what to do next, and the next bind works."""
    with DuckdbEngine() as engine:
        with pytest.raises(Unavailable):
            engine.bind({"predictions": [str(tmp_path / "gone.parquet")]})
        with pytest.raises(DomainError, match="no table of the lake"):
            engine.bind({"people": []})
        engine.bind({"predictions": written(tmp_path, "a")})
        assert engine.run("SELECT count(*) FROM predictions") == [(2,)]
