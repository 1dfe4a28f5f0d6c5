"""A candidate that dies is left out by every worker and reported to the store; no caller notices."""

import asyncio
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from siege import Load, check, end, free_port, kept, process, publish, until, until_shipped, upstream

from segue.wiring import home_at, stores_of

WORKERS = 2


def test_a_dead_candidate_is_reported(tmp_path: Path) -> None:
    """Each worker says so in the store, the callers get the champion, and the record has every failure."""
    home, port = tmp_path / "home", free_port()
    serving = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port), "--workers", str(WORKERS)]

    async def run(candidate: ExitStack) -> Load:
        with stores_of(home_at(home)) as stores:

            def reported() -> list[tuple[int, tuple[str, ...]]]:
                return [(report.allocation, report.ejected) for report in stores.allocations.reports("churn")]

            await until(lambda: reported() == [(1, ())] * WORKERS)  # else the first one to listen gets every connection
            load = Load(port)
            running = asyncio.create_task(load.run())
            await load.answers(200)
            load.failed = 0
            candidate.close()
            await until(lambda: reported() == [(1, ("v8",))] * WORKERS)
        await load.answers(200)
        load.stopped = True
        await running
        await asyncio.sleep(3)  # a report is at most a second old
        return load

    with upstream("7") as seven, ExitStack() as candidate:
        publish(home, {"7": seven, "8": candidate.enter_context(upstream("8"))})
        with (
            process(*serving, home=home, log=tmp_path / "gateway.log") as gateway,
            kept("record", home=home, log=tmp_path / "record.log"),
        ):
            load = asyncio.run(run(candidate))
            end(gateway)
            until_shipped(home)
    assert load.failed == 0
    assert "v8 at http://127.0.0.1" in (tmp_path / "gateway.log").read_text()
    roles = {row[1] for row in check(home, load)}
    assert {"failed", "fallback"} <= roles
    with stores_of(home_at(home)) as stores:
        told = sum(
            (Counter({it.variant: it.rows}) for report in stores.allocations.reports("churn") for it in report.captured),
            Counter(),
        )
    assert told == Counter(row[2] for row in check(home, load)), "what gateways say they wrote is what the lake has"


def test_a_dead_champion_is_reported(tmp_path: Path) -> None:
    """Each worker says so in the store, and asks it all the same; the candidate's callers notice nothing."""
    home, port = tmp_path / "home", free_port()
    serving = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port), "--workers", str(WORKERS)]

    async def run(champion: ExitStack) -> Load:
        with stores_of(home_at(home)) as stores:

            def reported() -> list[tuple[str, ...]]:
                return [report.ejected for report in stores.allocations.reports("churn")]

            await until(lambda: reported() == [()] * WORKERS)
            load = Load(port)
            running = asyncio.create_task(load.run())
            await load.answers(200)
            champion.close()
            await until(lambda: reported() == [("champion",)] * WORKERS)
            before = len(load.answered)
            await load.answers(100)
            assert {variant for variant, _ in list(load.answered.values())[before:]} == {"v8"}
            load.stopped = True
            await running
        return load

    with upstream("8") as eight, ExitStack() as champion:
        publish(home, {"7": champion.enter_context(upstream("7")), "8": eight})
        with process(*serving, home=home, log=tmp_path / "gateway.log") as gateway:
            load = asyncio.run(run(champion))
            end(gateway)
    assert set(load.refused) <= {502, 503, 504}
    assert "and nobody else is there" in (tmp_path / "gateway.log").read_text()
