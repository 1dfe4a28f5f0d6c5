"""Rows through a real lake and a real engine."""

import itertools
from collections.abc import Callable, Iterator, Sequence

import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction
from segue.spec.metric import Metric
from segue.testkit.measured import Seen, measured
from segue.testkit.worlds import World


@pytest.fixture(scope="session")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Seen]]:
    """Measures metrics of rows, each time in a lake of its own."""
    folder, number = tmp_path_factory.mktemp("lakes"), itertools.count()
    with DuckdbEngine() as engine:

        def of(rows: Sequence[Prediction | Outcome], asked: Sequence[Metric]) -> Seen:
            return measured(World(FolderLake(folder / f"w{next(number)}"), engine), rows, asked)

        yield of
