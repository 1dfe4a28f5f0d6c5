"""The short form of `make bench-evidence`: every promised figure holds, within three standard errors of its few runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_promises_hold() -> None:
    """False promotions and rollbacks, power, exposure, coverage and the rest, simulated with fixed seeds beside the peers."""
    command = [sys.executable, "-m", "bench.bench_evidence", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("holds") >= 20
