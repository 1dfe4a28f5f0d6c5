"""The year's flights and the three trained versions, made once for all tests of the demo."""

from pathlib import Path

import pandas as pd
import pytest

from segue.demo.flights import table
from segue.demo.models import TrainedVersion, train


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder of the demo."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def year(demo_folder: Path) -> pd.DataFrame:
    """All flights of 2013."""
    return table(demo_folder)


@pytest.fixture(scope="session")
def said() -> list[str]:
    """What training said."""
    return []


@pytest.fixture(scope="session")
def versions(demo_folder: Path, said: list[str]) -> dict[str, TrainedVersion]:
    """The three versions, trained."""
    return train(demo_folder, said.append)
