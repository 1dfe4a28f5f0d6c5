"""A person's file kills variants on this machine: at once, whatever the store says, and never by mistake."""

import asyncio
import json
from pathlib import Path

import pytest
from gateway_stage import answers, stage

from segue.errors import DomainError
from segue.gateway.override import Override, Overrides, Watch, read, write

TO_CANDIDATE = {"champion": 0.0, "v8": 1.0}
KILL = {"churn": Override(kill=("v8",), reason="leaks", by="ann")}


def test_a_killed_variant_is_asked_no_more(tmp_path: Path) -> None:
    """Neither for an answer, nor as a shadow, nor by its name; its units get the champion, and are not compared."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(TO_CANDIDATE, shadows={"v8": 1.0})
            world.worker.overrule(KILL)
            assert (await world.ask()).headers["x-segue-variant"] == "champion"
            assert (await world.ask(headers=[(b"X-Segue-Pin", b"v8")])).status == 404
            await asyncio.sleep(0.05)
            assert not world.seen["8"]
            assert world.worker.runs("churn").killed == ("v8",)
            numbers = (await world.ask(b"/metrics", b"")).body.decode()
            assert 'segue_killed{route="churn",variant="v8"} 1' in numbers
            (row,) = world.rows()
            assert (row.role, row.assigned, row.comparable) == ("served", "champion", False)

    asyncio.run(run())


def test_a_kill_outlives_an_allocation_and_can_be_lifted(tmp_path: Path) -> None:
    """What is published later does not end it; taking it back does, for the next request."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.worker.overrule({"churn": Override(kill="all", reason="calm")})
            world.publish(TO_CANDIDATE)
            world.publish(TO_CANDIDATE)
            assert (await world.ask()).headers["x-segue-variant"] == "champion"
            world.worker.overrule({})
            assert (await world.ask()).headers["x-segue-variant"] == "v8"
            assert [row.comparable for row in world.rows()] == [False, True]

    asyncio.run(run())


def test_the_champion_cannot_be_killed(tmp_path: Path) -> None:
    """It answers though the file names it."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish({"champion": 1.0})
            world.worker.overrule({"churn": Override(kill=("champion",), reason="oops")})
            assert (await world.ask()).status == 200

    asyncio.run(run())


def test_the_file_is_followed(tmp_path: Path) -> None:
    """Written, spoilt, removed: each is told once; what cannot be read changes nothing."""

    async def run() -> None:
        file, given = tmp_path / "override.json", list[Overrides]()
        watch = Watch(str(file), given.append)
        watch.start(asyncio.get_running_loop())
        write(file, KILL)
        await asyncio.sleep(0.5)
        assert given == [KILL]
        file.write_text("{")
        await asyncio.sleep(0.5)
        assert given == [KILL]
        write(file, {})
        await asyncio.sleep(0.5)
        await asyncio.to_thread(watch.stop)
        assert given == [KILL, {}]

    asyncio.run(run())


def test_a_file_that_is_there_already_is_given_at_once(tmp_path: Path) -> None:
    """A worker that starts serves no request against it."""

    async def run() -> None:
        file, given = tmp_path / "override.json", list[Overrides]()
        write(file, KILL)
        watch = Watch(str(file), given.append)
        watch.start(asyncio.get_running_loop())
        assert given == [KILL]
        await asyncio.to_thread(watch.stop)

    asyncio.run(run())


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"churn": {"kill": ["v8"]}}',
        '{"churn": {"kill": ["v8"], "reason": " "}}',
        '{"churn": {"kill": [], "reason": "r"}}',
        '{"churn": {"kil": ["v8"], "kill": "all", "reason": "r"}}',
        '{"churn": {"kill": "some", "reason": "r"}}',
    ],
)
def test_what_is_no_override_is_refused(tmp_path: Path, content: str) -> None:
    """Whole, with the file's name and what one looks like."""
    file = tmp_path / "override.json"
    file.write_text(content)
    with pytest.raises(DomainError, match="override"):
        read(file)


def test_written_and_read(tmp_path: Path) -> None:
    """The file is what a person would write; without a rule there is none."""
    file = tmp_path / "override.json"
    write(file, KILL)
    assert json.loads(file.read_text()) == {"churn": {"kill": ["v8"], "reason": "leaks", "by": "ann"}}
    assert read(file) == KILL
    write(file, {})
    assert not file.exists()
    assert read(file) == {}
