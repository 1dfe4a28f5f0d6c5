"""What Prometheus hears of a rollout from `segue api`, while `segue monitor`, another process, decides on a real lake."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from exposed import Told, every, read, total

from segue.adapters.clocks import from_setting
from segue.monitor.begin import apply
from segue.testkit.small_world import SPEC, HandClock, SmallWorld, register
from segue.wiring import home_at, outside_of

PATIENCE_S = 120.0
HOURS_A_SECOND = 1


@contextmanager
def part(*words: str, home: Path, clock: str) -> Iterator[subprocess.Popen[bytes]]:
    """A part of `segue` as a process, killed at the end."""
    environment = {**os.environ, "SEGUE_HOME": str(home), "SEGUE_CLOCK": clock}
    with subprocess.Popen([sys.executable, "-m", "segue", *words], env=environment, stderr=subprocess.DEVNULL) as started:
        try:
            yield started
        finally:
            started.kill()


class Watcher:
    """Looks at `/metrics` as Prometheus does, again and again."""

    def __init__(self, port: int, world: SmallWorld) -> None:
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._world = world

    def look(self) -> Told:
        """Once."""
        with urllib.request.urlopen(self._url, timeout=30) as answer:
            return read(answer.read().decode())

    def _why(self) -> str:
        """What the monitor decided last."""
        decisions = self._world.outside.rollouts.decisions("churn-1")
        return "\n".join(decisions[-1].reasons) if decisions else "nothing was decided"

    def until(self, condition: Callable[[Told], object]) -> Told:
        """Until something is told."""
        ends_s = time.monotonic() + PATIENCE_S
        while True:
            self._world.host()
            try:
                found = self.look()
            except OSError:  # it does not listen yet
                found = {}
            if condition(found):
                return found
            assert time.monotonic() < ends_s, self._why()
            time.sleep(0.2)


@pytest.mark.slow
def test_from_shadow_to_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leads, the phase, verdicts, coverage, and the sample ratio once units are drawn; then the monitor is killed."""
    home, clock = tmp_path / "home", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}@{time.time():.3f}*{3600 * HOURS_A_SECOND}"
    monkeypatch.setenv("SEGUE_CLOCK", clock)
    stream = from_setting(clock)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with ExitStack() as running:
        outside = running.enter_context(outside_of(home_at(home)))
        register(outside.registry)
        world = SmallWorld(outside, HandClock(stream.now()))
        watcher = Watcher(port, world)
        running.enter_context(part("api", "--port", str(port), home=home, clock=clock))
        found = watcher.until(lambda told: told)
        assert dict(found) == {("segue_monitor_leading", frozenset()): 0}
        monitor = running.enter_context(part("monitor", "--tick", "0.2", "--lease", "2", home=home, clock=clock))
        apply(outside, SPEC)
        found = watcher.until(lambda told: every(told, "segue_rollout_phase", phase="running"))
        assert total(found, "segue_monitor_leading") == 1
        assert every(found, "segue_outcome_coverage_ratio") == [], "nothing was recorded yet"

        def traffic(outcomes: int, others: int) -> None:
            world.clock.at = stream.now()
            world.traffic(outcomes, hours=0.01)
            if others:
                world.traffic(others, hours=0.01, outcomes=False)

        traffic(1200, 0)
        found = watcher.until(lambda told: every(told, "segue_rollout_stage", stage="canary"))
        assert total(found, "segue_rollout_stage", stage="canary") == 2
        shadow = outside.rollouts.decisions("churn-1")
        advanced = next(it for it in shadow if it.to_stage == "canary")
        gate = next(it for it in advanced.verdicts if it.role == "objective")
        assert gate.outcome == "pass"
        traffic(1500, 500)
        found = watcher.until(lambda told: every(told, "segue_srm_p_value", stage="canary"))
        assert total(found, "segue_srm_p_value", candidate="v8") > 0.001
        assert total(found, "segue_audit_alarm", audit="sample_ratio") == 0
        assert total(found, "segue_gate_verdict", role="guardrail", metric="errors", candidate="v8") >= 0
        found = watcher.until(lambda told: every(told, "segue_outcome_coverage_ratio", stage="canary", variant="champion"))
        assert total(found, "segue_outcome_coverage_ratio", variant="champion") == pytest.approx(0.75, abs=0.1)
        assert 0 < total(found, "segue_published_share", variant="v8") <= 0.5
        monitor.kill()
        found = watcher.until(lambda told: not total(told, "segue_monitor_leading"))
        assert every(found, "segue_gate_verdict"), "what was decided last is told on"
        first = total(found, "segue_measured_age_seconds")
        watcher.until(lambda told: total(told, "segue_measured_age_seconds") > first)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=30) as answer:
            assert "/metrics" in json.load(answer)["paths"]
