"""A host in a process of its own, the real store, real models, real sockets: what callers see while versions move."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest

from segue.adapters.stores.store import Stores, open_store
from segue.facts.allocation import Endpoint
from segue.host.artifact import folder_digest
from segue.ports.registry import AliasMove, ModelVersion

CHAMPION = "models:/churn@champion"
HOST = """
import logging, sys
from pathlib import Path
from segue.adapters.stores.store import open_store
from segue.host.settings import HostSettings
from segue.host.supervisor import run_host

url, wanted = sys.argv[1:]
settings = HostSettings(host="here", poll_s=0.05, heartbeat_s=0.3, grace_s=0.5, leave_s=0.05, back_off_most_s=0.5, orphan_s=6.0)
with open_store(url) as stores:
    logging.basicConfig(level=logging.INFO, force=True, format="%(relativeCreated)d %(levelname)s %(message)s")
    run_host(stores.registry, stores.endpoints, lambda: Path(wanted).read_text().split(), settings)
"""
MODELS = """
from pathlib import Path

class Threshold:
    def __init__(self, at):
        self.at = at
    def predict(self, inputs):
        return {"label": [int(age > self.at) for age in inputs["age"]], "score": [age / 100 for age in inputs["age"]]}

class Raises(Threshold):
    def predict(self, inputs):
        raise RuntimeError("secret of a row")

class Short(Threshold):
    def predict(self, inputs):
        return {"label": []}

class Nan(Threshold):
    def predict(self, inputs):
        return {"score": [float("nan")]}

def _at(folder): return float((folder / "at").read_text())
def good(folder): return Threshold(_at(folder))
def bad_load(folder): raise OSError("the weights are torn")
def raises(folder): return Raises(0)
def short(folder): return Short(0)
def nan(folder): return Nan(0)
def leaves(folder): raise SystemExit(9)
"""
EXAMPLE = '{"inputs": [{"name": "age", "shape": [1], "datatype": "FP64", "data": [40]}]}'


class Bench:
    """A store, a folder of models, and a host that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder}/segue.db"
        self.stores: Stores = open_store(self.url)
        self.log = folder / "host.log"
        self.wanted = folder / "wanted"
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "my_models.py").write_text(MODELS)

    def register(self, version: str, factory: str = "good", *, at: float = 30, path: str | None = None) -> Path:
        artifact = self.folder / f"v{version}"
        artifact.mkdir(exist_ok=True)
        (artifact / "at").write_text(str(at))
        self.enter(version, factory if ":" in factory else f"my_models:{factory}", artifact, path)
        return artifact

    def enter(self, version: str, factory: str, artifact: Path, path: str | None = None) -> None:
        entry = ModelVersion(
            model="churn",
            version=version,
            factory=factory,
            artifact=str(artifact),
            digest=folder_digest(artifact),
            registered_at=datetime.now(UTC),
            path=str(self.folder) if path is None else path,
            warmup=EXAMPLE,
        )
        self.stores.registry.register(entry)

    def point(self, after: str, alias: str = "champion") -> None:
        before = self.stores.registry.alias("churn", alias) or ""
        move = AliasMove(model="churn", alias=alias, before=before, after=after, who="test", why="", at=datetime.now(UTC))
        self.stores.registry.move(move)

    def want(self, *names: str) -> None:
        temporary = self.folder / "wanted.new"
        temporary.write_text(" ".join(names))
        temporary.replace(self.wanted)

    def start(self, *names: str) -> None:
        self.want(*names)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-c", HOST, self.url, str(self.wanted)], stderr=log)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def endpoint(self, name: str = CHAMPION) -> Endpoint | None:
        found = self.stores.endpoints.endpoints(name)
        return found[0] if found else None

    def serves(self, version: str, name: str = CHAMPION) -> bool:
        endpoint = self.endpoint(name)
        return endpoint is not None and endpoint.version == version

    def until(self, condition: Callable[[], bool], what: str) -> None:
        for _ in range(3000):
            if condition():
                return
            time.sleep(0.01)
        pytest.fail(f"waited in vain for: {what}\n{self.log.read_text()}")

    def workers(self) -> list[int]:
        """Processes of workers whose artifacts lie in our folder, whoever their parent is now."""
        return [pid for pid in (int(it.name) for it in Path("/proc").iterdir() if it.name.isdigit()) if self._ours(pid)]

    def _ours(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            here = Path(f"/proc/{pid}/fd/2").readlink() == self.log
            alive = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False
        return b"segue.host.worker" in command and here and alive


def ask(endpoint: Endpoint, age: float = 40) -> tuple[int, str]:
    """Status and version of one answer."""
    parts = urlsplit(endpoint.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        connection.request("POST", endpoint.path, EXAMPLE.replace("40", str(age)), {"content-type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
        return response.status, answer.get("model_version", str(answer))
    finally:
        connection.close()


class Hammer:
    """Clients that look up the endpoint and ask it, again and again."""

    def __init__(self, bench: Bench, clients: int = 3) -> None:
        self.bench = bench
        self.answers: list[list[str]] = [[] for _ in range(clients)]
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(answers,)) for answers in self.answers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, answers: list[str]) -> None:
        while not self._stop.is_set():
            endpoint = self.bench.endpoint()
            try:
                status, version = (0, "not in the directory") if endpoint is None else ask(endpoint)
            except OSError as error:
                status, version = 0, repr(error)
            if status == 200:
                answers.append(version)
            else:
                self.failures.append(f"{status} {version}")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench that leaves no process behind."""
    bench = Bench(tmp_path)
    try:
        yield bench
    finally:
        if bench.process is not None:
            bench.process.kill()
            bench.process.wait()
        for pid in bench.workers():
            os.kill(pid, signal.SIGKILL)
        bench.stores.close()


def _sklearn_and_onnx(bench: Bench) -> None:
    import joblib
    import numpy as np
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    ages = np.arange(20, 60, dtype=np.float64).reshape(-1, 1)
    old, new = bench.folder / "v7", bench.folder / "v8"
    old.mkdir()
    new.mkdir()
    description = json.dumps({"inputs": ["age"]})
    joblib.dump(LogisticRegression().fit(ages, ages[:, 0] > 30), old / "model.joblib")
    (old / "model.json").write_text(description)
    graph = to_onnx(
        LogisticRegression().fit(ages, (ages[:, 0] > 50).astype(int)), ages[:1].astype(np.float32), options={"zipmap": False}
    )
    (new / "model.onnx").write_bytes(graph.SerializeToString())
    (new / "model.json").write_text(description)
    bench.enter("7", "segue.host.runtimes.sklearn:load", old)
    bench.enter("8", "segue.host.runtimes.onnx:load", new)


def test_no_caller_notices_that_the_alias_moves_from_a_scikit_learn_to_an_onnx_model(bench: Bench) -> None:
    """While the alias moves there and back under load, every request is answered, by the old version and then by the new."""
    _sklearn_and_onnx(bench)
    bench.point("7")
    bench.start(CHAMPION)
    bench.until(lambda: bench.serves("7"), "version 7")
    with Hammer(bench) as hammer:
        for version in ("8", "7"):
            bench.point(version)
            bench.until(lambda version=version: bench.serves(version), f"version {version}")  # type: ignore[misc]
            bench.until(lambda: len(bench.workers()) == 1, "the end of the worker that nobody wants")
    assert hammer.failures == []
    for answers in hammer.answers:
        runs = [version for at, version in enumerate(answers) if not at or answers[at - 1] != version]
        assert runs == ["7", "8", "7"]


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("bad_load", "the factory my_models:bad_load raised OSError: the weights are torn"),
        ("raises", "the warm-up request failed: RuntimeError"),
        ("short", "the warm-up request failed: output 'label' has 0 rows for 1 asked"),
        ("nan", "the probe failed: output 'score' is NaN for the example"),
        ("leaves", "its process ended with status 9 before it was ready"),
        ("missing", "cannot import the factory my_models:missing"),
    ],
)
def test_a_version_that_cannot_be_trusted_is_refused(bench: Bench, factory: str, reason: str) -> None:
    """The alias points at a version that fails: the old one goes on answering, and the log says why."""
    bench.register("7")
    bench.register("8", factory)
    bench.point("7")
    bench.start(CHAMPION)
    bench.until(lambda: bench.serves("7"), "version 7")
    with Hammer(bench, clients=1) as hammer:
        bench.point("8")
        bench.until(lambda: bench.said(f"churn version 8 is refused: {reason}"), reason)
        bench.until(lambda: bench.log.read_text().count("is refused") >= 2, "another try")
    assert bench.serves("7")
    assert hammer.failures == []
    assert set(hammer.answers[0]) == {"7"}


def test_an_artifact_that_has_changed_is_refused(bench: Bench) -> None:
    """A folder that is no longer what was registered is not served, and is served again when it is put back."""
    bench.register("7")
    artifact = bench.register("8", at=50)
    bench.point("7")
    bench.start(CHAMPION)
    bench.until(lambda: bench.serves("7"), "version 7")
    (artifact / "at").write_text("51")
    bench.point("8")
    bench.until(lambda: bench.said("v8 has changed since it was registered: digest"), "the refusal")
    assert bench.serves("7")
    (artifact / "at").write_text("50")
    bench.until(lambda: bench.serves("8"), "version 8, mended")


def test_a_killed_worker_is_started_again(bench: Bench) -> None:
    """After SIGKILL of a worker its endpoint goes, and comes back with another process that answers."""
    bench.register("7")
    bench.point("7")
    bench.start(CHAMPION, "models:/churn/7")
    bench.until(lambda: bench.serves("7") and bench.serves("7", "models:/churn/7"), "both names")
    before = bench.endpoint()
    (worker,) = bench.workers()
    os.kill(worker, signal.SIGKILL)
    bench.until(lambda: bench.endpoint() is None, "the endpoint to be withdrawn")
    bench.until(lambda: bench.serves("7") and bench.serves("7", "models:/churn/7"), "both names again")
    after = bench.endpoint()
    assert before is not None
    assert after is not None
    assert after.url != before.url
    assert ask(after) == (200, "7")
    assert bench.said("churn version 7 has stopped: its process was ended by SIGKILL")


def test_a_version_runs_for_as_long_as_somebody_names_it(bench: Bench) -> None:
    """The alias has moved on, yet the old version is served under its own name until that is wanted no more."""
    bench.register("7")
    bench.register("8")
    bench.point("7")
    bench.start(CHAMPION, "models:/churn/7")
    bench.until(lambda: bench.serves("7"), "version 7")
    bench.point("8")
    bench.until(lambda: bench.serves("8"), "version 8")
    time.sleep(1.0)  # longer than the grace
    old = bench.endpoint("models:/churn/7")
    assert old is not None
    assert ask(old) == (200, "7")
    bench.want(CHAMPION)
    bench.until(lambda: len(bench.workers()) == 1 and bench.endpoint("models:/churn/7") is None, "the end of version 7")
    assert bench.serves("8")


def test_callers_do_not_notice_that_the_host_was_killed(bench: Bench) -> None:
    """Workers serve on after SIGKILL of the host; the next one takes over, and no request fails; the orphans then end."""
    bench.register("7")
    bench.point("7")
    bench.start(CHAMPION)
    bench.until(lambda: bench.serves("7"), "version 7")
    (orphan,) = bench.workers()
    first = bench.endpoint()
    with Hammer(bench) as hammer:
        bench.end(signal.SIGKILL)
        bench.start(CHAMPION)
        bench.until(lambda: (now := bench.endpoint()) is not None and first is not None and now.url != first.url, "a take-over")
        bench.until(lambda: orphan not in bench.workers(), "the orphan's end")
    assert hammer.failures == []
    assert all(hammer.answers)


def test_entries_of_a_life_that_ended_are_cleared(bench: Bench) -> None:
    """An entry of ours whose worker is gone leaves the directory at the start; another host's entry stays."""
    stale = Endpoint(name=CHAMPION, version="7", url="http://127.0.0.1:9", host="here", seen_at=datetime.now(UTC))
    other = Endpoint(name="models:/churn/7", version="7", url="http://127.0.0.1:9", host="there", seen_at=datetime.now(UTC))
    bench.stores.endpoints.announce(stale)
    bench.stores.endpoints.announce(other)
    bench.start()
    bench.until(lambda: bench.endpoint() is None, "the stale entry to go")
    assert bench.endpoint("models:/churn/7") is not None


def test_a_host_leaves_nothing_behind(bench: Bench) -> None:
    """After SIGTERM the directory has no entry and no worker runs."""
    bench.register("7")
    bench.point("7")
    bench.start(CHAMPION, "models:/churn/7", "models:/nobody/1", "models:/churn@nobody", "nonsense")
    bench.until(lambda: bench.serves("7"), "version 7")
    bench.end()
    assert list(bench.stores.endpoints.endpoints()) == []
    assert bench.workers() == []
    for text in ("nobody version 1 is not registered", "there is no such alias", "'nonsense' names no version"):
        assert bench.log.read_text().count(text) == 1
