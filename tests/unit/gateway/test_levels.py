"""What journal, server and connections say of themselves is what has happened to them."""

import asyncio
import shutil
from pathlib import Path

from gateway_stage import answers, hangs, stage

from segue.facts.wire.exposition import Labels
from segue.gateway.sight import levels
from segue.http.server import Server
from segue.record.group import GroupCommit

CHAMPION = {"champion": 1.0}
Told = dict[tuple[str, Labels], float]


def told(samples: list[tuple[str, Labels, float]]) -> Told:
    """By name and labels."""
    return {(name, labels): value for name, labels, value in samples}


def test_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    """Each refused answer is a failed write and a lost row; what is written again counts on."""

    async def run() -> tuple[Told, Told]:
        folder = tmp_path / "journal"
        async with stage(folder, answers("7")) as world:
            recorder = world.worker.recorder
            assert isinstance(recorder, GroupCommit)
            shutil.rmtree(folder)
            world.publish(CHAMPION)
            assert (await world.ask()).status == 503
            broken = told(levels.of_journal(recorder.written()))
            folder.mkdir()
            assert (await world.ask()).status == 200
            return broken, told(levels.of_journal(recorder.written()))

    broken, well = asyncio.run(run())
    assert broken["segue_journal_failures_total", ()] == broken["segue_journal_lost_rows_total", ()] == 2  # the allocation too
    assert broken["segue_journal_rows_total", ()] == broken["segue_journal_bytes_total", ()] == 0
    assert well["segue_journal_failures_total", ()] == 2
    assert well["segue_journal_rows_total", ()] == 1
    assert well["segue_journal_bytes_total", ()] > 0


def test_an_upstream_that_does_not_answer(tmp_path: Path) -> None:
    """Two requests are with it, a third waits for a connection; afterwards nobody does."""

    async def run() -> tuple[Told, Told, int]:
        async with stage(tmp_path, hangs, pool={"connections": 2}) as world:
            world.publish(CHAMPION, timeout_s=2.0)
            asking = [asyncio.create_task(world.ask()) for _ in range(3)]
            while not any(pool.waiting and pool.in_flight == 2 for pool in world.worker.pools):  # noqa: ASYNC110 - nobody says so
                await asyncio.sleep(0.01)
            busy = told(levels.of_pools(world.worker.pools))
            await asyncio.gather(*asking)
            return busy, told(levels.of_pools(world.worker.pools)), world.ports["7"]

    busy, idle, port = asyncio.run(run())
    upstream = (("upstream", f"127.0.0.1:{port}"),)
    assert busy == {("segue_upstream_in_flight", upstream): 2, ("segue_upstream_waiting", upstream): 1}
    assert idle == {("segue_upstream_in_flight", upstream): 0, ("segue_upstream_waiting", upstream): 0}


def test_callers_and_refusals(tmp_path: Path) -> None:
    """Who is connected, who has asked, and whom it refused before that."""

    async def run() -> Told:
        async with stage(tmp_path, answers("7")) as world:
            server: Server = world._servers[-1]
            await world.ask(b"/livez", b"")
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            assert b" 400 " in await reader.readline()
            writer.close()
            return told(levels.of_server(server))

    found = asyncio.run(run())
    assert found["segue_server_requests_total", ()] == 1
    assert found["segue_server_refused_total", (("status", "400"),)] == 1
    assert found["segue_connections", ()] >= 1
