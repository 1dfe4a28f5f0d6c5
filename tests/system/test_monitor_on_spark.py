"""`segue monitor --engine spark://...`, a process of its own, with a cluster of two workers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest
from spark_cluster import SETTINGS

from segue.facts.decision import Decision
from segue.facts.evidence import Evidence
from segue.monitor.begin import apply
from segue.monitor.telling.replay import replay
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld

pytestmark = pytest.mark.slow

OpenWorld = Callable[[Path], AbstractContextManager[SmallWorld]]
WITHIN_S: Final = 900.0


def test_a_process_decides_on_a_cluster(spark_master: str, open_world: OpenWorld, tmp_path: Path) -> None:
    """It reads the lake through Spark, weighs, and moves the rollout on; the numbers are those that DuckDB counts."""
    (tmp_path / "spark-defaults.conf").write_text(SETTINGS)
    with open_world(tmp_path) as world:
        apply(world.outside, SPEC)
        world.host()
        Monitor(world.outside).tick()
        world.traffic(200, hours=1.0)
        world.later(2)
        clock = f"{world.clock.at:%Y-%m-%dT%H:%M:%SZ}@{time.time():.3f}*1"
        home = {
            "SEGUE_HOME": str(tmp_path),
            "SEGUE_STORE": f"sqlite:///{tmp_path}/segue.db",
            "SEGUE_LAKE": str(tmp_path / "lake"),
            "SEGUE_CLOCK": clock,
            "SPARK_CONF_DIR": str(tmp_path),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(tmp_path),
        }
        command = [sys.executable, "-m", "segue", "monitor", "--engine", spark_master, "--tick", "1"]
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(command, env=os.environ | home, stdout=log, stderr=log, start_new_session=True)
        try:
            decision = until_measured(world, process, tmp_path / "log")
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # the driver has a JVM
            process.wait(60)
        (accuracy,) = [it.evidence for it in decision.verdicts if it.role == "objective" and isinstance(it.evidence, Evidence)]
        assert accuracy.n["v8"] == accuracy.n["champion"] == 200
        again = replay(world.outside, world.outside.rollouts.load("churn-1"), decision)
        known = [it for it in again if isinstance(it.then, Evidence)]
        assert known
        assert all(it.same for it in known)


def until_measured(world: SmallWorld, process: "subprocess.Popen[bytes]", log: Path) -> Decision:
    """The first decision that rests on judged answers."""
    ends_s = time.monotonic() + WITHIN_S
    while time.monotonic() < ends_s:
        assert process.poll() is None, log.read_text()[-3000:]
        world.host()
        for decision in world.outside.rollouts.decisions("churn-1"):
            if any(it.role == "objective" and isinstance(it.evidence, Evidence) for it in decision.verdicts):
                return decision
        time.sleep(1.0)
    raise AssertionError(log.read_text()[-3000:])
