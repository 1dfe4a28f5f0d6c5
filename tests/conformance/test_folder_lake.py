"""The folder lake passes the suite of the lake, and lays its files out as documented."""

from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from segue.adapters.lakes.folder import FolderLake
from segue.errors import DomainError
from segue.testkit import samples
from segue.testkit.lakes import LakeOpener, LakeSuite, predictions, segment
from segue.testkit.suites.packs import PackSuite


class TestFolderLake(LakeSuite, PackSuite):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> LakeOpener:
        return partial(FolderLake, tmp_path / "lake")

    def test_layout(self, tmp_path: Path) -> None:
        """A file lies under kind, route, date and hour, carries the schema's version, and no temporary file is left."""
        FolderLake(tmp_path).put_predictions(segment(), predictions(1))
        (path,) = (file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file())
        assert path == Path("predictions/route=churn/date=2013-03-01/hour=12/j1-1.parquet")
        assert pq.read_schema(tmp_path / path).metadata[b"segue.schema"] == b"1"

    def test_rows_of_another_hour_are_refused(self, tmp_path: Path) -> None:
        """A segment whose rows lie elsewhere would never be found again."""
        lake = FolderLake(tmp_path)
        with pytest.raises(DomainError, match="outside the segment's route or hour"):
            lake.put_predictions(segment(hour=samples.hour_of(samples.NOW) + 1), predictions(1))
        with pytest.raises(DomainError, match="outside the segment's route or hour"):
            lake.put_predictions(segment(route="other"), predictions(1))

    @pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a=b"])
    def test_names_that_leave_the_folder_are_refused(self, tmp_path: Path, name: str) -> None:
        """No name of a route or a segment can point elsewhere."""
        with pytest.raises(DomainError):
            FolderLake(tmp_path).put_predictions(segment(name), predictions(1))
        with pytest.raises(DomainError):
            FolderLake(tmp_path).segments("predictions", name)

    def test_a_segment_written_while_it_is_listed_is_found_later(self, tmp_path: Path) -> None:
        """A remembered directory is read again when it changes."""
        lake = FolderLake(tmp_path)
        for number in range(5):
            lake.put_predictions(segment(f"j{number}"), predictions(1))
            assert len(lake.segments("predictions", "churn")) == number + 1
