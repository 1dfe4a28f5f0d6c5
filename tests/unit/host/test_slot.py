"""One version kept running: real workers that fail in every way."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count, takewhile
from pathlib import Path

import pytest

from segue.host.settings import HostSettings
from segue.host.slot import ONE_THREAD, Slot
from segue.http.simple import fetch
from segue.ports.registry import ModelVersion

MODELS = """
import os, time
def good(folder):
    limits = [os.environ.get(name) for name in (folder / "names").read_text().split()]
    return lambda inputs: {"limits": [" ".join(limits)]}
def sticks(folder):
    return lambda inputs: time.sleep(60)
def slow_load(folder):
    time.sleep(60)
def dies(folder):
    os.abort()
"""
BODY = b'{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[1]}]}'


def _run(folder: Path, factory: str, then: Callable[[Slot, "Waits"], Awaitable[None]], settings: HostSettings) -> None:
    """Start a slot, do something with it, stop it."""
    (folder / "models_of_slots.py").write_text(MODELS)
    (folder / "names").write_text(" ".join(ONE_THREAD))
    version = ModelVersion(
        model="m",
        version="1",
        factory=f"models_of_slots:{factory}",
        artifact=str(folder),
        digest="",
        registered_at=datetime.now(UTC),
        path=str(folder),
    )

    async def run() -> None:
        waits = Waits()
        slot = Slot(version, settings, waits.event.set)
        slot.start()
        try:
            await asyncio.wait_for(then(slot, waits), 30)
        finally:
            await slot.stop()
        assert (slot.phase, slot.place, slot.pid) == ("stopped", None, None)

    asyncio.run(run())


class Waits:
    """Waits for a slot's changes."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.event.clear()
            await self.event.wait()


def test_a_worker_runs_with_one_numeric_thread(tmp_path: Path) -> None:
    """What limits the threads of numeric libraries is set before they are loaded."""

    async def then(slot: Slot, waits: Waits) -> None:
        await waits.until(lambda: slot.phase == "ready")
        assert slot.place is not None
        result = await fetch(f"{slot.place.url}/v2/models/m/infer", BODY)
        assert b'"data":["1 1 1 1 1"]' in getattr(result, "body", b"")

    _run(tmp_path, "good", then, HostSettings(host="h"))


def test_a_worker_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    """A model that holds the process, so that nothing is answered, is ended by force; the next worker is ready again."""

    async def then(slot: Slot, waits: Waits) -> None:
        await waits.until(lambda: slot.phase == "ready")
        assert slot.place is not None
        stuck = asyncio.create_task(fetch(f"{slot.place.url}/v2/models/m/infer", BODY, timeout_s=30))
        await waits.until(lambda: slot.phase == "waiting")
        assert slot.reason.startswith("it hangs: GET /v2/health/live: timeout")
        await waits.until(lambda: slot.phase == "ready")
        assert slot.starts == 2
        await stuck

    _run(tmp_path, "sticks", then, HostSettings(host="h", live_s=0.1, hung_s=0.3))


@pytest.mark.parametrize(
    ("factory", "reason"),
    [("slow_load", "it was not ready within 0.5 s"), ("dies", "its process was ended by SIGABRT before it was ready")],
)
def test_a_worker_that_never_gets_ready_is_tried_again_later(tmp_path: Path, factory: str, reason: str) -> None:
    """Each failure has its reason, and the wait before the next start doubles up to its most."""

    async def then(slot: Slot, waits: Waits) -> None:
        await waits.until(lambda: slot.phase == "waiting")
        assert (slot.reason, slot.failures, slot.place) == (reason, 1, None)
        await waits.until(lambda: slot.failures == 3 and slot.phase == "waiting")
        assert slot.starts == 3

    _run(tmp_path, factory, then, HostSettings(host="h", start_s=0.5, drain_s=0.1, back_off_least_s=0.01, back_off_most_s=0.02))


def test_a_slot_can_be_stopped_at_any_time(tmp_path: Path) -> None:
    """A stop while the worker still loads ends it at once."""

    async def then(slot: Slot, waits: Waits) -> None:
        await waits.until(lambda: slot.phase == "loading")
        for _ in takewhile(lambda _: slot.pid is None, count()):
            await asyncio.sleep(0.01)

    _run(tmp_path, "slow_load", then, HostSettings(host="h"))
