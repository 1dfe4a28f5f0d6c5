"""A rollout whose registry is a real MLflow server, with real hosts: serving follows the alias there, whoever moves it."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from segue.adapters.registries.mlflow.client import Server
from segue.wiring import home_at, stores_of

pytestmark = pytest.mark.slow
QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
PATIENCE_S = 120.0
MODEL = "walk"
ALIAS = f"models:/{MODEL}@champion"


class Installation:
    """The quickstart, registered in MLflow, its artifacts on no disk but the server's."""

    def __init__(self, folder: Path, address: str) -> None:
        self.place = folder / "quickstart"
        shutil.copytree(QUICKSTART, self.place)
        self.address = address
        self.log = folder / "log"
        self.environment = {**os.environ, "SEGUE_HOME": str(folder / "home"), "SEGUE_REGISTRY": address}
        for version in ("1", "2"):
            words = ["--factory", "churn_model:load", "--path", ".", "--artifact", f"v{version}", "--warmup", "request.json"]
            self.segue("model", "register", MODEL, version, *words)
        self.segue("model", "alias", MODEL, "champion", "1", "--reason", "the first one")
        for version in ("v1", "v2"):
            shutil.rmtree(self.place / version)
        spec = self.place / "rollout.yaml"
        text = spec.read_text().replace("models:/churn", f"models:/{MODEL}")
        spec.write_text(f"registry: {address}\n" + text.replace("registry: embedded\n", ""))
        self.home = home_at(folder / "home")

    def segue(self, *words: str, fails: bool = False) -> str:
        """A command's output."""
        command = [sys.executable, "-m", "segue", *words]
        done = subprocess.run(command, cwd=self.place, env=self.environment, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == fails, done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def process(self, *words: str) -> Iterator[None]:
        """A part, ended at the end."""
        command = [sys.executable, "-m", "segue", *words]
        with (
            self.log.open("ab") as log,
            subprocess.Popen(command, cwd=self.place, env=self.environment, stdout=log, stderr=log) as started,
        ):
            try:
                yield
            finally:
                started.terminate()
                started.wait(60)

    def served(self) -> dict[str, str]:
        """Name -> the version that a host answers with under it."""
        with stores_of(self.home) as stores:
            endpoints = stores.endpoints.endpoints()
        found = {}
        for endpoint in endpoints:
            body = (self.place / "request.json").read_bytes()
            asked = urllib.request.Request(endpoint.url + endpoint.path, body, {"content-type": "application/json"})
            with urllib.request.urlopen(asked, timeout=10) as answer:
                found[endpoint.name] = str(json.load(answer)["model_version"])
        return found

    def phase(self) -> str:
        """Where the newest rollout stands."""
        with stores_of(self.home) as stores:
            return next((it.state.phase for it in stores.rollouts.rollouts()), "")

    def until(self, so: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_S
        while not _tried(so):
            assert time.monotonic() < deadline, self.log.read_text()[-4000:]
            time.sleep(0.2)


def _tried(so: Callable[[], object]) -> bool:
    try:
        return bool(so())
    except OSError:  # a worker that has just ended
        return False


def test_serving_follows_the_alias_in_mlflow(mlflow_server: str, tmp_path: Path) -> None:
    """Versions are served by number, the champion by its alias, which a promotion moves in MLflow, and a stranger too."""
    it = Installation(tmp_path, mlflow_server)
    with ExitStack() as parts:
        it.segue("apply", "-f", "rollout.yaml")
        parts.enter_context(it.process("host"))
        parts.enter_context(it.process("monitor", "--tick", "0.2"))
        it.until(lambda: it.phase() == "running")
        assert it.served() == {ALIAS: "1", f"models:/{MODEL}/1": "1", f"models:/{MODEL}/2": "2"}
        rollout = json.loads(it.segue("get", "-o", "json"))[0]["rollout"]
        it.segue("promote", rollout, "--full", "--reason", "tried")
        with Server(mlflow_server).asked() as client:
            it.until(lambda: str(client.get_model_version_by_alias(MODEL, "champion").version) == "2")
            it.until(lambda: it.served().get(ALIAS) == "2")
            assert str(client.get_model_version_by_alias(MODEL, "previous").version) == "1"
            assert client.get_model_version(MODEL, "2").tags["segue.moved.why"]
            client.set_registered_model_alias(MODEL, "champion", "1")  # past Segue
        it.until(lambda: it.served().get(ALIAS) == "1")
        it.until(lambda: "somebody moved the alias" in it.segue("history", rollout))


def test_a_spec_of_another_registry_is_refused(tmp_path: Path) -> None:
    """An installation has one registry; a spec that names another is refused by name, with what to set."""
    environment = {**os.environ, "SEGUE_HOME": str(tmp_path / "home")}
    spec = tmp_path / "rollout.yaml"
    text = (QUICKSTART / "rollout.yaml").read_text().replace("registry: embedded\n", "")
    spec.write_text("registry: mlflow+http://registry:5000\n" + text)
    command = [sys.executable, "-m", "segue", "apply", "-f", str(spec)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "SEGUE_REGISTRY=mlflow+http://registry:5000" in done.stderr
