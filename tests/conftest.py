"""What tests of several rooms share: a small world with real adapters in a folder, and real servers of others."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.adapters.stores.store import open_store
from segue.monitor.outside import outside_over
from segue.testkit.small_world import HandClock, SmallWorld, register

if TYPE_CHECKING:
    import postgres

# Threads of OpenMP wait by spinning, which keeps others from the work that is waited for where the cores are shared: minutes
# instead of seconds for each model that a test trains. It is read once, when scikit-learn is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

OpenWorld = Callable[[Path], AbstractContextManager[SmallWorld]]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["postgres.Server"]:
    """A PostgreSQL server; where none is installed, its tests are left out, except where everything has to run."""
    import postgres

    binaries = postgres.programs()
    if binaries is None:
        reason = "PostgreSQL is not installed; `tools/postgres` installs it"
        if os.environ.get("SEGUE_TESTS") == "all":
            pytest.fail(reason)
        pytest.skip(reason)
    with postgres.running(binaries) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: "postgres.Server") -> Iterator[str]:
    """A store on PostgreSQL of the test's own, its tables made."""
    with postgres_server.database() as name:
        yield postgres_server.url(name)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server; only where `make test-slow` has made its environment."""
    import mlflow_server

    python = mlflow_server.program()
    if python is None:
        pytest.skip("MLflow's server is not installed; `make test-slow` installs it")
    with mlflow_server.running(python, tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture(scope="session")
def spark_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark cluster of two workers; left out where there is no Spark or Java, unless everything has to run."""
    import spark_cluster

    spark = spark_cluster.home()
    if spark is None:
        reason = "Spark is not installed; `make test-slow` installs it"
        if os.environ.get("SEGUE_TESTS") == "all":
            pytest.fail(reason)
        pytest.skip(reason)
    with spark_cluster.running(spark, tmp_path_factory.mktemp("spark")) as address:
        yield address


@pytest.fixture
def open_world() -> OpenWorld:
    """Opens the world that rests in a folder, new or as it was left; everything in memory is new."""
    return _open_world


@pytest.fixture
def small_world(tmp_path: Path) -> Iterator[SmallWorld]:
    """A new world: versions 7, 8 and 9 registered, 7 the champion, nothing served, no rollout."""
    with _open_world(tmp_path) as world:
        yield world


@contextmanager
def _open_world(folder: Path) -> Iterator[SmallWorld]:
    clock = HandClock()
    with ExitStack() as stack:
        stores = stack.enter_context(open_store(f"sqlite:///{folder}/segue.db"))
        outside = outside_over(stores, clock, FolderLake(folder / "lake"), stack.enter_context(DuckdbEngine()))
        register(stores.registry)
        yield SmallWorld(outside, clock)
