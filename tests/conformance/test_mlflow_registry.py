"""A real MLflow server passes the registry's suite, and what only it can do is done as promised."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from segue.adapters.registries.mlflow.client import Server
from segue.adapters.registries.mlflow.registry import MlflowRegistry
from segue.adapters.stores.store import open_store
from segue.errors import Conflict, DomainError, Refused, Unavailable
from segue.host.artifact import folder_digest
from segue.ports.registry import ModelVersion, Registry
from segue.ports.span import Span
from segue.testkit import samples
from segue.testkit.registries import RegistrySuite

pytestmark = pytest.mark.slow
USED_UP = 6
"""MLflow counts versions itself, and the suite begins at 7."""


def opened(server: str, folder: Path) -> Iterator[Registry]:
    """A way into the registry of a folder's store."""
    with open_store(f"sqlite:///{folder}/segue.db", partial(MlflowRegistry, server, cache=folder / "cache")) as stores:
        yield stores.registry


@pytest.fixture
def server(mlflow_server: str) -> str:
    """The server, with nothing but the first numbers of churn used up."""
    with Server(mlflow_server).asked() as client:
        for model in client.search_registered_models():
            client.delete_registered_model(model.name)
        client.create_registered_model("churn")
        run = client.create_run("0")
        for _ in range(USED_UP):
            made = client.create_model_version("churn", f"{run.info.artifact_uri}/nothing", run.info.run_id)
            client.delete_model_version("churn", made.version)
    return mlflow_server


@pytest.fixture
def registry(server: str, tmp_path: Path) -> Iterator[Registry]:
    """A registry on the server."""
    yield from opened(server, tmp_path)


class TestMlflowRegistry(RegistrySuite):
    names = ("7", "8", "9")

    @pytest.fixture
    def registry(self, server: str, tmp_path: Path) -> Iterator[Registry]:
        yield from opened(server, tmp_path)

    @pytest.fixture
    def another(self, server: str, tmp_path: Path) -> Iterator[Registry]:
        yield from opened(server, tmp_path)


def trained(folder: Path, text: str = "weights") -> ModelVersion:
    """A version with an artifact folder of two files."""
    (folder / "parts").mkdir(parents=True)
    (folder / "model.txt").write_text(text)
    (folder / "parts" / "scaler.txt").write_text("scale")
    return samples.model_version("7", artifact=str(folder), digest=folder_digest(folder))


def elsewhere(version: ModelVersion) -> ModelVersion:
    """The version as a machine sees it that does not have its folder."""
    return msgspec.structs.replace(version, artifact="/nowhere/on/this/machine")


def test_lists_are_read_by_mlflow_s_own_pages(registry: Registry, mlflow_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every version and every model's alias, however many pages; oldest first, also where an old one was changed last."""
    monkeypatch.setattr("segue.adapters.registries.mlflow.registry._PAGE", 2)
    models = [f"m{number}" for number in range(5)]
    for model in models:
        registry.register(samples.model_version("1", model))
        registry.move(samples.alias_move("", "1", f"c-{model}", model=model))
    for number in range(2, 7):
        registry.register(samples.model_version(str(number), "m0"))
    with Server(mlflow_server).asked() as client:
        client.set_model_version_tag("m0", "1", "team", "a")
        pages = [
            len(client.search_model_versions("name = 'm0'", max_results=2)),
            len(client.search_registered_models(max_results=2)),
        ]
    assert pages == [2, 2]
    assert [it.version for it in registry.versions("m0")] == ["1", "2", "3", "4", "5", "6"]
    assert [it.version for it in registry.versions("m0", span=Span(after=2, most=3))] == ["3", "4", "5"]
    assert len(registry.versions()) == 10
    assert list(registry.aliases()) == [(model, "champion", "1") for model in models]


def test_an_artifact_comes_to_another_machine_as_it_was_registered(registry: Registry, tmp_path: Path) -> None:
    """Every file, with the same digest; a damaged copy is fetched again; a machine that has the folder uses that."""
    version = trained(tmp_path / "mine")
    registry.register(version)
    assert registry.fetch(version) == version
    Path(version.artifact).rename(tmp_path / "moved away")
    here = registry.fetch(elsewhere(version))
    assert folder_digest(Path(here.artifact)) == version.digest
    assert (Path(here.artifact) / "parts" / "scaler.txt").read_text() == "scale"
    (Path(here.artifact) / "model.txt").write_text("damaged")
    again = registry.fetch(elsewhere(version))
    assert folder_digest(Path(again.artifact)) == version.digest


def test_an_artifact_that_changed_on_the_server_is_refused(registry: Registry, tmp_path: Path, mlflow_server: str) -> None:
    """What the server gives is compared with what was registered, before each load."""
    version = trained(tmp_path / "mine")
    registry.register(version)
    with Server(mlflow_server).asked() as client:
        run = client.get_model_version("churn", "7").run_id
        (tmp_path / "model.txt").write_text("other weights")
        client.log_artifact(run, str(tmp_path / "model.txt"), "model")
    Path(version.artifact).rename(tmp_path / "moved away")
    with pytest.raises(Refused, match="not what was registered"):
        registry.fetch(elsewhere(version))


def test_a_version_that_mlflow_logged_keeps_its_first_digest(registry: Registry, tmp_path: Path, mlflow_server: str) -> None:
    """It is known without Segue's doing; what was first downloaded is what has to come at every later load."""
    (tmp_path / "model.txt").write_text("weights")
    with Server(mlflow_server).asked() as client:
        run = client.create_run("0")
        client.log_artifact(run.info.run_id, str(tmp_path / "model.txt"), "model")
        client.create_model_version("churn", f"{run.info.artifact_uri}/model", run.info.run_id, tags={"team": "a"})
    (logged,) = registry.versions("churn")
    assert (logged.version, logged.digest, logged.tags) == ("7", "", {"team": "a"})
    first = registry.fetch(logged)
    assert registry.fetch(logged) == first
    assert [it.digest for it in registry.versions("churn")] == [first.digest]
    (tmp_path / "model.txt").write_text("other")
    with Server(mlflow_server).asked() as client:
        client.log_artifact(run.info.run_id, str(tmp_path / "model.txt"), "model")
    (Path(first.artifact) / "model.txt").unlink()
    with pytest.raises(Refused):
        registry.fetch(logged)


def test_mlflow_counts_and_says_how(registry: Registry) -> None:
    """A number that is not the next one is refused, and the hint names one that is."""
    with pytest.raises(Refused, match="register it as 8"):
        registry.register(samples.model_version("70"))
    registry.register(samples.model_version("8"))


def test_a_move_tells_why_in_mlflow(registry: Registry, mlflow_server: str) -> None:
    """Who looks there sees who moved the alias, when, why and on which evidence."""
    registry.register(samples.model_version("7"))
    move = samples.alias_move("", "7", "c-1")
    registry.move(move)
    with Server(mlflow_server).asked() as client:
        tags = client.get_model_version_by_alias("churn", "champion").tags
    assert tags["segue.moved.who"] == move.who
    assert tags["segue.moved.why"] == move.why
    assert tags["segue.moved.evidence"] == move.evidence
    assert next(iter(registry.versions("churn"))).tags == samples.model_version("7").tags


def test_a_move_past_segue_is_seen(registry: Registry, mlflow_server: str) -> None:
    """Whoever sets the alias in MLflow itself is noticed by the next look, and by the next mover as a Conflict."""
    for version in ("7", "8", "9"):
        registry.register(samples.model_version(version))
    registry.move(samples.alias_move("", "7", "c-0"))
    with Server(mlflow_server).asked() as client:
        client.set_registered_model_alias("churn", "champion", "9")
    assert registry.alias("churn", "champion") == "9"
    with pytest.raises(Conflict, match="points at 9"):
        registry.move(samples.alias_move("7", "8", "c-1"))
    assert registry.alias("churn", "champion") == "9"


def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    """Every question of a server that does not answer is for later, and a move that was not made is in no history."""
    with contextmanager(opened)("mlflow+http://127.0.0.1:1", tmp_path) as gone:
        for ask in (partial(gone.alias, "churn", "champion"), gone.versions, gone.aliases):
            with pytest.raises(Unavailable):
                ask()
        with pytest.raises(Unavailable):
            gone.move(samples.alias_move("", "7", "c-1"))
        assert list(gone.moves("churn")) == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "mlflow+ftp://host", "mlflow"])
def test_an_address_is_checked(address: str) -> None:
    """What is no address of an MLflow server is the caller's bug."""
    with pytest.raises(DomainError, match=r"mlflow\+http://host"):
        Server(address)
