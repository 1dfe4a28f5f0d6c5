"""`segue api` as a process: killed in the middle of things, and reached over TLS."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import api_server
import pytest
from http_certificates import Authority

from segue.wiring import home_at, stores_of


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def process(home: Path, port: int, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, until it listens, and for the time of the block."""
    command = [sys.executable, "-m", "segue", "api", "--port", str(port), "--home", str(home), *words]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while True:
            assert child.poll() is None
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield child
    finally:
        child.kill()
        child.wait()


def ask(port: int, rollout: str, key: str) -> str:
    """Ask for a pause; the act's id."""
    body = json.dumps({"trigger": "pause", "reason": "lunch"}).encode()
    headers = {"content-type": "application/json", "idempotency-key": key}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/rollouts/{rollout}/acts", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        identity: str = json.load(answer)["act"]["id"]
        return identity


@pytest.mark.slow
def test_a_write_survives_the_process(tmp_path: Path) -> None:
    """Killed while writes with keys are under way, and asked again of the next process: each was done exactly once."""
    home, port = home_at(tmp_path / "home"), free_port()
    with stores_of(home) as stores:
        with process(home.folder, port):
            rollout = api_server.Api(home, stores, port).begin()
        for life in range(3):
            key = f"key-{life}"
            with process(home.folder, port) as child:
                code = f"import sys; sys.path[:0] = {sys.path!r}; from test_api import ask; ask({port}, {rollout!r}, {key!r})"
                asking = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
                before = len(stores.commands.asked(rollout))
                while asking.poll() is None and len(stores.commands.asked(rollout)) == before:
                    time.sleep(0.001)
                child.send_signal(signal.SIGKILL)  # the act is there; its answer may or may not have been kept and sent
                asking.wait()
            with process(home.folder, port):
                act = ask(port, rollout, key)
            assert [it.id for it in stores.commands.asked(rollout)].count(act) == 1
            assert len(stores.commands.asked(rollout)) == life + 1


@pytest.mark.slow
def test_it_speaks_tls(tmp_path: Path) -> None:
    """With a certificate it speaks TLS and nothing else, to commands that trust it; half of what TLS takes is refused."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    made = Authority(folder)
    pair = made.issue("api")
    home, port = home_at(tmp_path / "home"), free_port()
    words = ["--certificate", pair.certificate, "--key", pair.key]
    with process(home.folder, port, *words):
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/readyz", context=made.trusting(), timeout=30) as answer:
            assert json.load(answer) == {"status": "ok"}
        with pytest.raises(OSError, match=r"reset|closed|disconnected"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30)
        server = os.environ | {"SEGUE_SERVER": f"https://127.0.0.1:{port}"}
        asking = [sys.executable, "-m", "segue", "get"]
        wary = subprocess.run(asking, env=server, capture_output=True, check=False, timeout=60)
        assert (wary.returncode, b"SSL_CERT_FILE" in wary.stderr) == (4, True)
        subprocess.run(asking, env=server | {"SSL_CERT_FILE": made.file}, capture_output=True, check=True, timeout=60)
    command = [sys.executable, "-m", "segue", "api", "--home", str(home.folder), *words[:2]]
    half = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (half.returncode, b"--certificate and --key" in half.stderr) == (1, True)
