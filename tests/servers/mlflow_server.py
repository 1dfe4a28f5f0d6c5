"""A real MLflow server for tests: in an environment of its own, because its server needs much that its client does not."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ENVIRONMENT: Final = Path(sys.prefix) / ".mlflow"
_START_WITHIN_S: Final = 180.0
_WEBHOOKS: Final = {  # to this machine, without TLS, and heard of by the next event
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "0",
}


def program() -> Path | None:
    """The server's interpreter; None where `make` has not made its environment."""
    python = ENVIRONMENT / "bin" / "python"
    return python if python.exists() else None


@contextmanager
def running(python: Path, folder: Path, port: int = 0) -> Iterator[str]:
    """A server for the time of the block, with its database and artifacts in a folder; its address."""
    port = port or _free_port()
    command = [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")]
    environment = {**os.environ, **_WEBHOOKS, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment["PATH"] = f"{python.parent}:{os.environ['PATH']}"
    with (folder / "mlflow.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _ready(process, port, folder)
        yield f"mlflow+http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)  # it has children
        process.wait(60)


def _ready(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    deadline = time.monotonic() + _START_WITHIN_S
    while True:
        assert process.poll() is None, (folder / "mlflow.log").read_text()[-3000:]
        assert time.monotonic() < deadline, (folder / "mlflow.log").read_text()[-3000:]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
