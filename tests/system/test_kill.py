"""Gateway and recorder are killed under load, again and again: nothing that a caller saw is missing or doubled in the lake."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from siege import Load, check, children_of, end, free_port, kept, process, publish, until_shipped, upstream

KILLS = 20


async def chaos(load: Load, supervisors: list[subprocess.Popen[bytes]], seed: int) -> int:
    """Kill the gateway's worker or the recorder at random moments while callers are being answered."""
    dice = random.Random(seed)
    running = asyncio.create_task(load.run())
    kills = 0
    gateway, recorder = supervisors
    while kills < KILLS:
        await load.answers(50)
        await asyncio.sleep(dice.uniform(0.0, 0.4))
        victims = children_of(gateway.pid) if dice.random() < 0.6 else children_of(recorder.pid)
        if victims:
            os.kill(dice.choice(victims), signal.SIGKILL)
            kills += 1
    load.stopped = True
    await running
    return kills


@pytest.mark.parametrize("seed", [1])
def test_nothing_missing_nothing_doubled(tmp_path: Path, seed: int) -> None:
    """Every id that a caller got an answer for is in the lake once, with the very answer of the variant that served it."""
    home = tmp_path / "home"
    with upstream("7") as seven, upstream("8") as eight:
        publish(home, {"7": seven, "8": eight})
        port = free_port()
        gateway = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port)]
        with (
            process(*gateway, home=home, log=tmp_path / "gateway.log") as served,
            kept("record", home=home, log=tmp_path / "record.log") as recorded,
        ):
            load = Load(port)
            assert asyncio.run(chaos(load, [served, recorded], seed)) == KILLS
            end(served)
            until_shipped(home)
    assert len(load.answered) > KILLS * 50
    assert "shadow" in {row[1] for row in check(home, load)}
