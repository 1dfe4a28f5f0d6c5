"""A shadow that hangs, dawdles, crashes or babbles without end: nobody but itself is worse off, and nothing goes uncounted."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from bench.rig.bad_shadow import WAYS
from bench.rig.machine import wait_for
from bench.rig.segue import Shadowed, shadowed

sys.path.insert(0, str(Path(__file__).parent))

from siege import Load, check, children_of, descriptors, end, free_port, process, publish, until, until_shipped, upstream

from segue.facts.allocation import Shadow

pytestmark = pytest.mark.slow
ANSWERS = 400
FEW = Shadow(variant="v8", share=1.0, timeout_s=0.5, concurrency=8, queue=16)


async def siege(port: int, gateway: "subprocess.Popen[bytes]") -> tuple[Load, Shadowed]:
    """Callers for a while; what they were answered, and what was counted when the last shadow had ended."""
    load = Load(port)
    running = asyncio.create_task(load.run())
    await load.answers(ANSWERS)
    load.stopped = True
    await running
    await until(lambda: sum(shadowed(port)) == len(load.answered))
    await until(lambda: all(descriptors(worker) < 100 for worker in children_of(gateway.pid)))
    return load, shadowed(port)


@pytest.mark.parametrize("way", WAYS)
def test_a_bad_shadow_harms_nobody(way: str, tmp_path: Path) -> None:
    """Each answer is the champion's, right, whole and in the lake; each shadow request has a row, or is counted as dropped."""
    home, port, shadow = tmp_path / "home", free_port(), free_port()
    serving = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port), "--workers", "1"]
    misbehaving = [sys.executable, "-m", "bench.rig.bad_shadow", way, str(shadow)]
    with upstream("7") as seven, process(*misbehaving, home=home, log=tmp_path / "shadow.log"):
        wait_for(shadow)
        publish(home, {"7": seven, "8": shadow}, champion=1.0, shadow=FEW)
        with process(*serving, home=home, log=tmp_path / "gateway.log") as gateway:
            wait_for(port)
            load, numbers = asyncio.run(siege(port, gateway))
            end(gateway)
        with process(sys.executable, "-m", "segue", "record", home=home, log=tmp_path / "record.log"):
            until_shipped(home)
    rows = check(home, load)
    assert {variant for variant, _ in load.answered.values()} == {"champion"}
    assert sum(row[1] == "shadow" for row in rows) == numbers.asked > 0
    assert numbers.dropped > 0 or way == "crashing"  # which is over before many wait
