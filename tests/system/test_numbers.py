"""What processes say of themselves at `/metrics`."""

import asyncio
import os
import signal
import sys
import urllib.request
from pathlib import Path

import pytest
from exposed import Told, every, read, total
from siege import Load, children_of, free_port, process, publish, until, upstream

CALLERS_AND_WE = 17


def told(port: int) -> Told:
    """What the gateway says."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return read(answer.read().decode())


@pytest.mark.slow
def test_the_numbers_of_a_machine(tmp_path: Path) -> None:
    """Two workers are told together, at whichever is asked: what is in the journal, who is connected, and who was refused.

    A worker that is killed, and workers that are renewed, take nothing from any count.
    """
    home, port = tmp_path / "home", free_port()
    serving = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port), "--workers", "2"]
    log = tmp_path / "gateway.log"

    async def ask() -> Told:
        return await asyncio.to_thread(told, port)

    async def run(pid: int) -> None:
        load = Load(port)
        running = asyncio.create_task(load.run())
        await load.answers(200)
        await until(lambda: every(told(port), "segue_requests_total"))  # which one that has just begun may not know at once
        seen = [await ask()]
        for _ in range(6):  # as often as not the other worker answers
            await asyncio.sleep(0.4)
            seen.append(await ask())
        await until(lambda: total(told(port), "segue_connections") >= CALLERS_AND_WE - 1)
        seen.append(await ask())
        assert CALLERS_AND_WE - 1 <= total(seen[-1], "segue_connections") <= CALLERS_AND_WE + 4
        assert total(seen[-1], "segue_upstream_in_flight") <= 2 * CALLERS_AND_WE
        os.kill(children_of(pid)[0], signal.SIGKILL)
        for _ in range(10):
            await asyncio.sleep(0.3)
            seen.append(await ask())
        os.kill(pid, signal.SIGHUP)
        await until(lambda: "all workers are renewed" in log.read_text())
        seen.append(await ask())
        load.stopped = True
        await running
        await refused(port)
        await until(lambda: quiet(told(port)))  # each worker shows its numbers once a second
        last = await ask()
        for earlier, later in zip(seen, [*seen[1:], last], strict=True):
            for name in ("segue_requests_total", "segue_journal_rows_total", "segue_journal_bytes_total"):
                assert total(earlier, name) <= total(later, name), "a count has fallen"
        assert total(last, "segue_requests_total", role="served") <= total(last, "segue_journal_rows_total")
        assert total(last, "segue_journal_lost_rows_total") == total(last, "segue_journal_failures_total") == 0
        assert quiet(last)

    with upstream("7") as seven, upstream("8") as eight:
        publish(home, {"7": seven, "8": eight})
        with process(*serving, home=home, log=log) as gateway:
            asyncio.run(run(gateway.pid))


def quiet(numbers: Told) -> bool:
    """Nobody is connected but who asks, and nothing is under way; the one refusal is known."""
    under_way = total(numbers, "segue_upstream_waiting") + total(numbers, "segue_upstream_in_flight")
    refusals = sum(every(numbers, "segue_server_refused_total", status="400"))
    return total(numbers, "segue_connections") <= 3 and under_way == 0 and refusals == 1


async def refused(port: int) -> None:
    """Say something that is no request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
