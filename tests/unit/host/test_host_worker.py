"""The worker's own process: its one word, its answers, its end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest

from segue.host.worker import REFUSED, Assignment, Ready, Refusal, Word
from segue.ports.registry import ModelVersion

MODELS = """
import time
print("printed while importing")
def good(folder):
    print("printed while loading")
    return lambda inputs: {"doubled": [2 * x for x in inputs["x"]]}
def slow(folder):
    def predict(inputs):
        print("predicting", flush=True)
        time.sleep(0.5)
        return {"doubled": inputs["x"]}
    return predict
def hangs(folder):
    time.sleep(60)
"""
BODY = '{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[21]}]}'


class Worker:
    """A worker that was handed an assignment."""

    def __init__(self, folder: Path, factory: str, **changes: Any) -> None:
        (folder / "models_here.py").write_text(MODELS)
        version = ModelVersion(
            model="m",
            version="1",
            factory=f"models_here:{factory}",
            artifact=str(folder),
            digest="",
            registered_at=datetime.now(UTC),
            path=str(folder),
            warmup=changes.pop("warmup", ""),
        )
        command = [sys.executable, "-m", "segue.host.worker", "--model", "m", "--version", "1"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(Assignment(version=version, **changes)) + b"\n")
        self.process.stdin.flush()

    def word(self) -> Word:
        assert self.process.stdout is not None
        return msgspec.json.decode(self.process.stdout.readline(), type=Word)  # type: ignore[no-any-return]

    def port(self) -> int:
        word = self.word()
        assert isinstance(word, Ready)
        return word.port

    def end(self) -> str:
        """Its standard error, when it has ended."""
        return self.process.communicate(timeout=20)[1].decode()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Workers that do not outlive the test."""
    workers: list[Worker] = []

    def begin(factory: str, **changes: Any) -> Worker:
        workers.append(Worker(tmp_path, factory, **changes))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.process.kill()
        worker.process.communicate()


def _ask(port: int) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/v2/models/m/infer", BODY)
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return answer


def test_a_worker_says_where_it_listens_and_serves(start: Any) -> None:
    """Its first line on standard output is the port, whatever the model prints; SIGTERM ends it with status 0."""
    worker = start("good", warmup=BODY)
    word = worker.word()
    assert isinstance(word, Ready)
    assert word.example == BODY
    assert _ask(word.port)["outputs"][0]["data"] == [42]
    worker.process.send_signal(signal.SIGTERM)
    printed = worker.end()
    assert worker.process.returncode == 0
    assert "printed while importing" in printed
    assert "printed while loading" in printed


def test_a_refusal_is_a_word_too(start: Any) -> None:
    """A version that cannot be loaded is said with its reason, and the worker's status tells."""
    worker = start("missing")
    word = worker.word()
    assert isinstance(word, Refusal)
    assert "cannot import the factory models_here:missing" in word.reason
    worker.end()
    assert worker.process.returncode == REFUSED


def test_an_answer_in_hand_leaves_before_the_end(start: Any) -> None:
    """SIGTERM during a prediction: its caller still gets the answer."""
    worker = start("slow", threads=2)
    port = worker.port()
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v2/models/m/infer", BODY)
    assert worker.process.stderr is not None
    while b"predicting" not in worker.process.stderr.readline():
        pass
    worker.process.send_signal(signal.SIGTERM)
    response = connection.getresponse()
    assert response.status == 200
    assert json.loads(response.read())["outputs"][0]["data"] == [21]
    connection.close()
    worker.end()
    assert worker.process.returncode == 0


def test_an_orphan_serves_on_and_then_ends(start: Any) -> None:
    """When the supervisor is gone the worker answers for the time that it was given, and then ends by itself."""
    worker = start("good", orphan_s=0.7)
    port = worker.port()
    worker.process.stdin.close()
    worker.process.stdin = None
    while b"the supervisor is gone: serving on for 0.7 s" not in worker.process.stderr.readline():
        pass
    assert _ask(port)["outputs"][0]["data"] == [42]
    worker.end()
    assert worker.process.returncode == 0


def test_a_load_that_hangs_ends_by_itself(start: Any) -> None:
    """A factory that never returns is ended at its time, even if nobody watches."""
    worker = start("hangs", start_s=0.1)
    worker.end()
    assert worker.process.returncode == -signal.SIGALRM


def test_standard_input_without_an_assignment(tmp_path: Path) -> None:
    """A worker started by hand, without an assignment, says so and ends."""
    command = [sys.executable, "-m", "segue.host.worker", "--model", "m", "--version", "1"]
    done = subprocess.run(command, input=b"", capture_output=True, check=False, cwd=tmp_path, env=dict(os.environ))
    assert done.returncode == REFUSED
    assert b"no assignment" in done.stdout
