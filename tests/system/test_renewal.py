"""Workers are renewed and a gateway is upgraded under load: no request is lost, and nothing is missing in the lake."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from siege import Load, check, children_of, end, free_port, kept, process, publish, until, until_shipped, upstream

WORKERS = 2


class Gateways:
    """Gateways of one home and port, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.port = free_port()
        self.log = folder / "gateway.log"

    def command(self, *more: str) -> list[str]:
        """What starts one."""
        serving = ["gateway", "--route", "churn", "--port", str(self.port), "--workers", str(WORKERS)]
        return [sys.executable, "-m", "segue", *serving, *more]

    def said(self, text: str) -> bool:
        """Whether one has said so."""
        return text in self.log.read_text()


async def under_load(gateways: Gateways, act: Callable[[Load], "asyncio.Future[None]"]) -> Load:
    """Ask all the time, act in the middle, and ask on for a while."""
    load = Load(gateways.port)
    running = asyncio.create_task(load.run())
    await load.answers(200)
    load.failed = 0  # before it served
    load.refused.clear()
    await act(load)
    await load.answers(200)
    load.stopped = True
    await running
    return load


def test_a_rolling_renewal_loses_nothing(tmp_path: Path) -> None:
    """SIGHUP replaces every worker, one after the other, and every request in the meantime is answered."""
    gateways = Gateways(tmp_path)

    async def renew(load: Load, pid: int) -> None:
        before = set(children_of(pid))
        os.kill(pid, signal.SIGHUP)
        await until(lambda: gateways.said("all workers are renewed"))
        await until(lambda: len(children_of(pid)) == WORKERS)
        assert not before & set(children_of(pid))
        await load.answers(200)

    with upstream("7") as seven, upstream("8") as eight:
        publish(gateways.home, {"7": seven, "8": eight})
        with (
            process(*gateways.command(), home=gateways.home, log=gateways.log) as served,
            kept("record", home=gateways.home, log=tmp_path / "record.log"),
        ):
            load = asyncio.run(under_load(gateways, lambda load: asyncio.ensure_future(renew(load, served.pid))))
            end(served)
            until_shipped(gateways.home)
    assert (load.failed, dict(load.refused)) == (0, {})
    check(gateways.home, load)


def test_an_upgrade_loses_nothing(tmp_path: Path) -> None:
    """A second gateway on the same port and home takes over, the first one ends, and every request is answered."""
    gateways = Gateways(tmp_path)
    with upstream("7") as seven, upstream("8") as eight:
        publish(gateways.home, {"7": seven, "8": eight})
        with (
            process(*gateways.command(), home=gateways.home, log=gateways.log) as first,
            kept("record", home=gateways.home, log=tmp_path / "record.log"),
        ):
            second: list[subprocess.Popen[bytes]] = []

            async def upgrade(load: Load) -> None:
                environment = {**os.environ, "SEGUE_HOME": str(gateways.home), "SEGUE_SEAL_S": "0.3"}
                with gateways.log.open("ab") as log:
                    second.append(subprocess.Popen(gateways.command(), env=environment, stdout=log, stderr=log))  # noqa: ASYNC220
                await until(lambda: first.poll() is not None)
                await load.answers(200)

            try:
                load = asyncio.run(under_load(gateways, lambda load: asyncio.ensure_future(upgrade(load))))
            finally:
                end(second[0])
            until_shipped(gateways.home)
        assert first.returncode == 0
    assert (load.failed, dict(load.refused)) == (0, {})
    check(gateways.home, load)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_lets_answers_leave(tmp_path: Path, number: signal.Signals) -> None:
    """Asked to end, a gateway answers what it has, and ends with 0; its port is free then."""
    gateways = Gateways(tmp_path)
    with upstream("7") as seven, upstream("8") as eight:
        publish(gateways.home, {"7": seven, "8": eight})
        with process(*gateways.command(), home=gateways.home, log=gateways.log) as served:

            async def run() -> Load:
                load = Load(gateways.port)
                running = asyncio.create_task(load.run())
                await load.answers(100)
                os.kill(served.pid, number)
                await until(lambda: served.poll() is not None)
                load.stopped = True
                await running
                return load

            load = asyncio.run(run())
            assert served.returncode == 0
    assert not children_of(served.pid)
    assert load.answered


def test_a_successor_that_fails_changes_nothing(tmp_path: Path) -> None:
    """One that cannot serve its routes takes nothing over: it is ended, and the first one serves on."""
    gateways = Gateways(tmp_path)
    with upstream("7") as seven, upstream("8") as eight:
        publish(gateways.home, {"7": seven, "8": eight})
        with process(*gateways.command(), home=gateways.home, log=gateways.log) as first:

            async def try_to_upgrade(load: Load) -> None:
                with process(*gateways.command("--route", "unknown"), home=gateways.home, log=tmp_path / "second.log") as other:
                    await until(lambda: len(children_of(other.pid)) == WORKERS)
                    await asyncio.sleep(1.0)
                    for worker in children_of(other.pid):
                        os.kill(worker, signal.SIGKILL)
                    other.kill()
                await asyncio.sleep(0.2)
                await load.answers(100)

            load = asyncio.run(under_load(gateways, lambda load: asyncio.ensure_future(try_to_upgrade(load))))
            assert first.poll() is None
    assert (load.failed, dict(load.refused)) == (0, {})
