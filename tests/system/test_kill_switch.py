"""A gateway whose store is gone still obeys: a kill reaches every worker, and a lift ends it."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from siege import Load, free_port, process, publish, until, upstream

WORKERS = 2


def segue(home: Path, *words: str) -> str:
    """A command's output; it has to succeed."""
    environment = {**os.environ, "SEGUE_HOME": str(home)}
    done = subprocess.run([sys.executable, "-m", "segue", *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def who_answers(load: Load, number: int) -> Counter[str]:
    """The variants of the next answers."""
    before = len(load.answered)
    await load.answers(number)
    return Counter(variant for variant, _ in list(load.answered.values())[before:])


def test_a_kill_without_the_store(tmp_path: Path) -> None:
    """With the store's file spoilt, `segue kill` sends everybody to the champion, though the workers are started anew."""
    home, port = tmp_path / "home", free_port()
    serving = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port), "--workers", str(WORKERS)]

    async def run(gateway: "subprocess.Popen[bytes]") -> Load:
        load = Load(port)
        running = asyncio.create_task(load.run())
        assert set(await who_answers(load, 200)) == {"champion", "v8"}
        for file in home.glob("store.db*"):
            file.write_bytes(b"no database at all")
        segue(home, "kill", "churn", "v8", "--reason", "it leaks")
        assert "v8" in segue(home, "killed")
        await asyncio.sleep(1.0)
        assert set(await who_answers(load, 200)) == {"champion"}
        os.kill(gateway.pid, 1)
        await until(lambda: "all workers are renewed" in (tmp_path / "gateway.log").read_text())
        assert set(await who_answers(load, 200)) == {"champion"}
        segue(home, "lift", "churn")
        await asyncio.sleep(1.0)
        assert set(await who_answers(load, 200)) == {"champion", "v8"}
        load.stopped = True
        await running
        return load

    with upstream("7") as seven, upstream("8") as eight:
        publish(home, {"7": seven, "8": eight})
        with process(*serving, home=home, log=tmp_path / "gateway.log") as gateway:
            asyncio.run(run(gateway))
    assert "leaks" in (tmp_path / "gateway.log").read_text()
