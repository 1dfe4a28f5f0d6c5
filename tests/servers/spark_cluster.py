"""A real Spark cluster for tests: a standalone master and two workers, on the loopback, out of the package of pyspark."""

import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import isclose
from pathlib import Path
from typing import Final

WORKERS: Final = 2
SETTINGS: Final = """
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.executor.memory 512m
spark.ui.enabled false
spark.sql.shuffle.partitions 2
spark.sql.codegen.wholeStage false
"""
"""A process's `spark-defaults.conf`, to be a driver of it with little."""
_START_WITHIN_S: Final = 180.0
_MASTER: Final = re.compile(r"Starting Spark master at (spark://[0-9.]+:[0-9]+)")
_JOINED: Final = "Successfully registered with master"
_SMALL: Final = {"SPARK_DAEMON_MEMORY": "256m", "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_NO_DAEMONIZE": "1"}


def home() -> Path | None:
    """The folder of Spark; None where Java or pyspark is not installed."""
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None or shutil.which("java") is None:
        return None
    return Path(found.origin).parent


@contextmanager
def running(spark: Path, folder: Path) -> Iterator[str]:
    """A cluster for the time of the block, its logs and work in a folder; its address."""
    with ExitStack() as stack:
        master = [*_daemon("master.Master"), "--port", "0", "--webui-port", "0"]
        log = stack.enter_context(_started(spark, master, folder / "master"))
        address = _said(log, _MASTER)[1]
        for number in range(WORKERS):
            work = folder / f"worker-{number}"
            worker = [*_daemon("worker.Worker"), "--webui-port", "0", "--cores", "1", "--memory", "600m"]
            log = stack.enter_context(_started(spark, [*worker, "--work-dir", str(work / "work"), address], work))
            _said(log, re.compile(_JOINED))
        yield address


def _daemon(name: str) -> list[str]:
    return [f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1"]


@contextmanager
def _started(spark: Path, command: list[str], folder: Path) -> Iterator[Path]:
    folder.mkdir()
    environment = {**os.environ, **_SMALL, "SPARK_HOME": str(spark), "SPARK_LOCAL_DIRS": str(folder)}
    with (folder / "log").open("wb") as log:
        program = str(spark / "bin" / "spark-class")
        process = subprocess.Popen([program, *command], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield folder / "log"
    finally:
        os.killpg(process.pid, 15)  # a worker has executors
        process.wait(60)


def _said(log: Path, pattern: re.Pattern[str]) -> re.Match[str]:
    deadline = time.monotonic() + _START_WITHIN_S
    while True:
        found = pattern.search(log.read_text())
        if found:
            return found
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.2)


def assert_same(found: object, expected: object) -> None:
    """Whole numbers and texts are equal, other numbers to nine digits."""
    assert type(found) is type(expected)
    if isinstance(found, float) and isinstance(expected, float):
        assert isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    elif isinstance(found, dict) and isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in found.items():
            assert_same(value, expected[key])
    elif isinstance(found, list | tuple) and isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected
