"""Group commit: what is recorded in one turn is written together, and released only then."""

import asyncio
from pathlib import Path

from segue.record.frames import read_frames
from segue.record.group import GroupCommit
from segue.record.journal import Journal
from segue.record.segment import JournalSettings


def journal(folder: Path) -> Journal:
    """A journal for one test."""
    return Journal(JournalSettings(folder=str(folder), worker="w", boot="b"))


def test_released_after_it_is_in_the_file(tmp_path: Path) -> None:
    """When a release is called, the frames of its turn can be read by anybody."""

    async def run() -> None:
        group = GroupCommit(journal(tmp_path), asyncio.get_running_loop())
        seen: list[list[bytes]] = []

        def look(written: bool) -> None:
            assert written
            (path,) = tmp_path.glob("*.open")
            seen.append([payload for _, payload in read_frames(path)])

        group.record(2, b"one", look)
        group.record(2, b"two")
        group.record(2, b"three", look)
        assert seen == []
        await asyncio.sleep(0)
        assert seen == [[b"one", b"two", b"three"]] * 2
        group.close()

    asyncio.run(run())


def test_failed_write_is_told_to_all_of_its_turn(tmp_path: Path) -> None:
    """Where the journal cannot be written, every release of the turn hears False, and the next turn tries again."""

    async def run() -> None:
        folder = tmp_path / "journal"
        group = GroupCommit(journal(folder), asyncio.get_running_loop())
        folder.rmdir()
        folder.write_text("a file is in its place")
        heard: list[bool] = []
        group.record(2, b"one", heard.append)
        group.record(2, b"two", heard.append)
        await asyncio.sleep(0)
        assert heard == [False, False]
        folder.unlink()
        folder.mkdir()
        group.record(2, b"three", heard.append)
        await asyncio.sleep(0)
        assert heard[2:] == [True]
        group.close()
        (path,) = folder.glob("*.sealed")
        assert [payload for _, payload in read_frames(path)] == [b"three"]

    asyncio.run(run())


def test_one_bad_release_harms_no_other(tmp_path: Path) -> None:
    """A release that raises is reported, and the others of its turn are called all the same."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        reported: list[str] = []
        loop.set_exception_handler(lambda _loop, context: reported.append(context["message"]))
        group = GroupCommit(journal(tmp_path), loop)
        heard: list[bool] = []

        def broken(_written: bool) -> None:
            raise ValueError

        group.record(2, b"one", broken)
        group.record(2, b"two", heard.append)
        await asyncio.sleep(0)
        assert (heard, reported) == ([True], ["a release failed"])
        group.close()

    asyncio.run(run())


def test_sealed_beside_the_loop(tmp_path: Path) -> None:
    """A file that is due is sealed without the loop waiting, and what comes meanwhile goes into the next one."""

    async def run() -> None:
        settings = JournalSettings(folder=str(tmp_path), worker="w", boot="b", seal_bytes=1)
        group = GroupCommit(Journal(settings), asyncio.get_running_loop())
        for payload in (b"one", b"two"):
            group.record(2, payload)
            await asyncio.sleep(0)
            group.tick()
        group.close()

    asyncio.run(run())
    found = [[payload for _, payload in read_frames(path)] for path in sorted(tmp_path.glob("*.sealed"))]
    assert found == [[b"one"], [b"two"]]


def test_a_seal_that_fails_is_counted(tmp_path: Path) -> None:
    """When a file cannot be renamed, that is counted."""
    written = Journal(JournalSettings(folder=str(tmp_path), worker="w", boot="b", seal_bytes=1))

    def remove() -> None:
        (path,) = tmp_path.glob("*.open")
        path.unlink()

    async def run() -> None:
        group = GroupCommit(written, asyncio.get_running_loop())
        group.record(2, b"one")
        await asyncio.sleep(0)
        remove()
        group.tick()
        group.close()

    asyncio.run(run())
    assert written.failures == 1
    assert "No such file" in written.last_error
