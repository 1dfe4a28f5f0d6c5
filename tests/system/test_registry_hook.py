"""A real MLflow server sends its webhook to a real API, and a monitor that ticks once an hour sees what has changed at once."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import api_server
import pytest
from test_api import free_port

from segue.adapters.registries.mlflow.client import Server
from segue.facts.allocation import Endpoint
from segue.monitor.begin import apply
from segue.wiring import Home, control_of, home_at, stores_of

pytestmark = pytest.mark.slow
MODEL, SECRET = "hooked", "a-shared-secret"
PATIENCE_S = 120.0
ONCE_AN_HOUR = "3600"


def versions(address: str) -> None:
    """Two versions in MLflow, the first one the champion, and a webhook for each kind of change."""
    with Server(address).asked() as client:
        client.create_registered_model(MODEL)
        run = client.create_run("0")
        for _ in range(2):
            client.create_model_version(MODEL, f"{run.info.artifact_uri}/nothing", run.info.run_id)
        client.set_registered_model_alias(MODEL, "champion", "1")


def hook(address: str, url: str, secret: str) -> None:
    """MLflow's webhook, made as its documentation says."""
    with Server(address).asked() as client:
        client.create_webhook(name="segue", url=url, events=["model_version_alias.created"], secret=secret)


def home_of(folder: Path, address: str, store: str, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home on PostgreSQL whose registry is the server."""
    for name, value in {"SEGUE_REGISTRY": address, "SEGUE_STORE": store, "SEGUE_HOOK_SECRET": SECRET}.items():
        monkeypatch.setenv(name, value)
    return home_at(folder / "home")


def until(so: Callable[[], bool], log: Path) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < deadline, log.read_text()[-5000:]
        time.sleep(0.05)


def test_mlflow_says_that_an_alias_has_moved(
    mlflow_server: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alias that somebody moves in MLflow ends the rollout within moments, though the next tick is an hour away."""
    versions(mlflow_server)
    home, port, log = home_of(tmp_path, mlflow_server, postgres_url, monkeypatch), free_port(), tmp_path / "log"
    spec = api_server.SPEC.replace("models:/churn", f"models:/{MODEL}").replace(f"{MODEL}/8", f"{MODEL}/2")
    spec = spec.replace("registry: embedded", f"registry: {mlflow_server}")
    with stores_of(home) as stores, ExitStack() as stack, log.open("ab") as written:
        for name, version in ((f"models:/{MODEL}@champion", "1"), (f"models:/{MODEL}/1", "1"), (f"models:/{MODEL}/2", "2")):
            at = datetime.now(UTC)
            stores.endpoints.announce(Endpoint(name=name, version=version, url="http://127.0.0.1:1", host="h1", seen_at=at))
        rollout = apply(control_of(home, stores), spec).rollout
        for words in (["api", "--port", str(port)], ["monitor", "--tick", ONCE_AN_HOUR]):
            command = [sys.executable, "-m", "segue", *words, "--home", str(home.folder)]
            process = stack.enter_context(subprocess.Popen(command, env=dict(os.environ), stdout=written, stderr=written))
            stack.callback(process.terminate)
        until(lambda: stores.rollouts.load(rollout).state.phase == "running", log)
        hook(mlflow_server, f"http://127.0.0.1:{port}/v1/hooks/mlflow", SECRET)
        with Server(mlflow_server).asked() as client:
            client.set_registered_model_alias(MODEL, "champion", "2")
        until(lambda: stores.rollouts.load(rollout).state.phase == "aborted", log)
        assert stores.rollouts.decisions(rollout)[-1].trigger == "superseded"
    assert "the monitor is to look" in log.read_text()
