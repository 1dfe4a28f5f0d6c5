"""The guide of servers that somebody else runs: what it prints is what happens."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "own-server"
PATIENCE_S = "170"


@contextmanager
def running(place: Path, *words: str) -> Iterator[None]:
    """A program of Python in a folder, ended at the end."""
    with subprocess.Popen([sys.executable, *words], cwd=place, stderr=subprocess.DEVNULL) as started:
        try:
            yield
        finally:
            started.terminate()
            started.wait(60)


def free_ports(count: int) -> list[int]:
    """Ports of which nobody listens at any."""
    with ExitStack() as held:
        return [held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


@pytest.mark.slow
def test_the_guides_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers that know nothing of Segue, registered by name alone: the better one is promoted, and the alias says so."""
    place = tmp_path / "own-server"
    shutil.copytree(EXAMPLE, place)
    first, second, gateway = map(str, free_ports(3))
    spec = (EXAMPLE / "rollout.yaml").read_text().replace("9001", first).replace("9002", second)
    (place / "rollout.yaml").write_text(spec)
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))

    def segue(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "segue", *words], cwd=place, env=os.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    segue("model", "register", "score", "1")
    segue("model", "register", "score", "2")
    segue("model", "alias", "score", "champion", "1", "--reason", "what runs today")
    segue("apply", "rollout.yaml")
    with ExitStack() as started:
        started.enter_context(running(place, "server.py", first, "0.5"))
        started.enter_context(running(place, "server.py", second, "0.35"))
        started.enter_context(running(place, "-m", "segue", "up", "-f", "rollout.yaml", "--port", gateway, "--api-port", "0"))
        started.enter_context(running(place, "traffic.py", f"http://127.0.0.1:{gateway}"))
        said = segue("status", "score", "--wait", "--timeout", PATIENCE_S)
    assert said.startswith("score-1 is promoted in stage everyone")
    assert [line.split()[:3] for line in segue("model", "list").splitlines()[1:]] == [
        ["score", "1", "previous"],
        ["score", "2", "champion"],
    ]
