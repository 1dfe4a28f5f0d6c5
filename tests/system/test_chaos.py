"""All below the gateway goes wrong, under load: no answered request is missing or doubled in the lake, no answer is wrong."""

import asyncio
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from siege import (
    CALLERS,
    Load,
    check,
    children_of,
    descriptors,
    end,
    free_port,
    grandchildren_of,
    kept,
    publish,
    rows_of,
    until,
    until_shipped,
    upstream,
)

from segue.facts.prediction import Capture
from segue.facts.wire.codec import to_json, to_pack
from segue.facts.wire.frames import ALLOCATION, CAPTURE
from segue.record.journal import Journal
from segue.record.segment import JournalSettings
from segue.testkit import samples

pytestmark = pytest.mark.slow
KILLS = 100
RECORD = ["record"]


class Siege:
    """An installation: two model servers, a gateway, a recorder, and where it lives.

    Args:
        gateway, recorder: keepers; their only child is the supervisor, or the recorder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.port = free_port()
        self.ports: dict[str, int] = {}
        self.gateway: subprocess.Popen[bytes]
        self.recorder: subprocess.Popen[bytes]

    @property
    def journal(self) -> Path:
        """The journals' folder."""
        return self.home / "journal"

    def worker(self) -> int:
        """The only worker that runs now."""
        (found,) = grandchildren_of(self.gateway.pid)
        return found

    def recording(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Run a recorder for a while."""
        return kept(*RECORD, home=self.home, log=self.folder / "record.log")


@contextmanager
def besieged(folder: Path, *, workers: int = 1, mood: str = "well", recorder: bool = True) -> Iterator[Siege]:
    """A siege for a while; `mood` is the candidate's."""
    made = Siege(folder)
    with upstream("7") as seven, upstream("8", mood) as eight:
        made.ports = {"7": seven, "8": eight}
        publish(made.home, made.ports)
        serving = ["gateway", "--route", "churn", "--port", str(made.port), "--workers", str(workers)]
        with kept(*serving, home=made.home, log=folder / "gateway.log") as made.gateway:
            if recorder:
                with made.recording() as made.recorder:
                    yield made
            else:
                yield made


@asynccontextmanager
async def under_load(siege: Siege, prefix: str = "r") -> AsyncIterator[Load]:
    """Callers that ask for the time of the block."""
    load = Load(siege.port, prefix)
    running = asyncio.create_task(load.run())
    try:
        await load.answers(100)
        load.refused.clear()  # a worker listens a moment before it has its first allocation
        yield load
    finally:
        load.stopped = True
        await running


def settle(siege: Siege) -> None:
    """End the gateway, and let everything come to the lake."""
    end(siege.gateway)
    until_shipped(siege.home)


# -- killed ----------------------------------------------------------------------------------------------------------------


def test_a_hundred_kills(tmp_path: Path) -> None:
    """Workers, supervisor and recorder are killed at random moments, and are back; no answer is lost, doubled or wrong."""
    dice = random.Random(7)

    def victims(siege: Siege) -> list[int]:
        draw = dice.random()
        if draw < 0.4:
            return grandchildren_of(siege.gateway.pid)
        return children_of(siege.recorder.pid if draw < 0.7 else siege.gateway.pid)

    async def kill(siege: Siege) -> Load:
        async with under_load(siege) as load:
            kills = 0
            while kills < KILLS:
                await load.answers(20)
                await asyncio.sleep(dice.uniform(0.0, 0.4))
                if found := victims(siege):
                    os.kill(dice.choice(found), signal.SIGKILL)
                    kills += 1
            return load

    with besieged(tmp_path, workers=2) as siege:
        load = asyncio.run(kill(siege))
        settle(siege)
    assert len(load.answered) > KILLS * 20
    assert "shadow" in {row[1] for row in check(siege.home, load)}


# -- the journal cannot be written -----------------------------------------------------------------------------------------


def mounted(*arguments: str) -> bool:
    """Mount something; False where we may not."""
    return os.geteuid() == 0 and subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def unmount(folder: Path) -> None:
    """Take a mount away, also while it is in use."""
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


@contextmanager
def full_disk(siege: Siege) -> Iterator[None]:
    """The journal's disk has no byte left."""
    filler = siege.journal / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
        yield
        file.truncate(0)
    filler.unlink()


@contextmanager
def read_only(siege: Siege) -> Iterator[None]:
    """The journal's folder takes no new file and no rename."""
    folder = str(siege.journal)
    if not mounted("--bind", folder, folder):
        pytest.skip("needs the right to mount")
    try:
        assert mounted("-o", "remount,bind,ro", folder)
        yield
    finally:
        unmount(siege.journal)


@contextmanager
def no_folder(siege: Siege) -> Iterator[None]:
    """There is a file where the journal's folder was."""
    aside = siege.home / "journal-aside"
    siege.journal.rename(aside)
    siege.journal.touch()
    yield
    siege.journal.unlink()
    aside.rename(siege.journal)


@contextmanager
def few_bytes_a_file(siege: Siege) -> Iterator[None]:
    """Each file of the worker ends in the middle of a record: the kernel cuts writes short."""
    resource.prlimit(siege.worker(), resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
    yield
    resource.prlimit(siege.worker(), resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.parametrize("plague", [full_disk, read_only, no_folder, few_bytes_a_file], ids=lambda it: it.__name__)
def test_a_journal_that_cannot_be_written(tmp_path: Path, plague: Callable[[Siege], AbstractContextManager[None]]) -> None:
    """Callers are refused with a 503 while nothing can be kept, the worker lives on, and serves again by itself afterwards."""
    journal = tmp_path / "home" / "journal"
    journal.mkdir(parents=True)
    if plague is full_disk and not mounted("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(journal)):
        pytest.skip("needs the right to mount")

    async def refuse(siege: Siege) -> Load:
        async with under_load(siege) as load:
            worker = siege.worker()
            with plague(siege):
                await until(lambda: load.refused[503] > 50)
            await load.answers(300)
            before = load.refused.copy()
            await load.answers(300)
            assert load.refused == before, "still refusing"
            assert siege.worker() == worker, "the worker was restarted"
            return load

    try:
        with besieged(tmp_path) as siege:
            load = asyncio.run(refuse(siege))
            settle(siege)
            assert set(load.refused) == {503}
            check(siege.home, load)
    finally:
        if plague is full_disk:
            unmount(journal)


def test_a_journal_that_fills_up_until_the_recorder_comes(tmp_path: Path) -> None:
    """Without a recorder the disk fills and callers are refused; a recorder makes room, and all that was answered is there."""
    journal = tmp_path / "home" / "journal"
    journal.mkdir(parents=True)
    if not mounted("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(journal)):
        pytest.skip("needs the right to mount")

    async def fill(siege: Siege) -> Load:
        async with under_load(siege) as load:
            await until(lambda: load.refused[503] > 50)
            with siege.recording():
                await load.answers(1000)
            return load

    try:
        with besieged(tmp_path, recorder=False) as siege:
            load = asyncio.run(fill(siege))
            end(siege.gateway)
            with siege.recording():
                until_shipped(siege.home)
            check(siege.home, load)
    finally:
        unmount(journal)


# -- spoilt journals -------------------------------------------------------------------------------------------------------


def spoilt_file(folder: Path, number: int, dice: random.Random) -> dict[str, Capture]:
    """A sealed journal of ten rows with one thing wrong with it; its rows as they were."""
    journal = Journal(JournalSettings(folder=str(folder), worker=f"spoilt{number}", boot="b"))
    allocation = msgspec.structs.replace(samples.allocation(), number=1)
    journal.append(ALLOCATION, to_json(allocation))
    rows = {f"x{number}-{place}": capture(f"x{number}-{place}") for place in range(10)}
    for row in rows.values():
        journal.append(CAPTURE, to_pack(row))
    journal.commit()
    path = journal.seal()
    assert path is not None
    content = bytearray(path.read_bytes())
    wrong = number % 4
    if wrong == 0:
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    elif wrong == 1:
        del content[dice.randrange(len(content)) :]
    elif wrong == 2:
        place = dice.randrange(len(content))
        content[place:place] = dice.randbytes(dice.randrange(1, 40))
    else:
        content += dice.randbytes(dice.randrange(1, 4000))
    path.unlink()
    target = path.with_suffix(".open") if wrong == 1 and number % 8 == 1 else path
    draft = target.with_suffix(".draft")
    draft.write_bytes(content)
    draft.rename(target)
    return rows


def capture(request_id: str) -> Capture:
    """A row that nobody else has."""
    return samples.capture(request_id, at_us=time.time_ns() // 1000, response_body=request_id.encode())


def test_spoilt_journals_among_the_good_ones(tmp_path: Path) -> None:
    """Torn, bit-flipped and foreign files cost only what is damaged in them: no row is made up, and the others are shipped."""
    dice = random.Random(11)
    spoilt: dict[str, Capture] = {}

    async def spoil(siege: Siege) -> Load:
        async with under_load(siege) as load:
            (recorder,) = children_of(siege.recorder.pid)
            (siege.journal / "odd-b-00000000.sealed").mkdir()
            (siege.journal / "empty-b-00000000.sealed").touch()
            for number in range(48):
                spoilt.update(spoilt_file(siege.journal, number, dice))
                await load.answers(20)
            await load.answers(500)
            assert children_of(siege.recorder.pid) == [recorder], "the recorder died"
            return load

    with besieged(tmp_path) as siege:
        load = asyncio.run(spoil(siege))
        end(siege.gateway)
        (siege.journal / "odd-b-00000000.sealed").rmdir()
        until_shipped(siege.home)
    check(siege.home, load)
    found = [(row[0], row[3]) for row in rows_of(siege.home) if row[0].startswith("x")]
    assert len(found) == len(set(found)), "doubled"
    assert {(name, spoilt[name].response_body) for name, _ in found} == set(found), "made up"
    assert len(found) > len(spoilt) / 3
    assert list(siege.journal.glob("*.damaged"))


# -- upstreams -------------------------------------------------------------------------------------------------------------


def test_a_candidate_that_breaks_off_its_answers(tmp_path: Path) -> None:
    """Callers always get a whole and right answer; what broke off is recorded as failed; no file descriptor is left behind."""

    async def round_of_load(siege: Siege, prefix: str, most: int) -> tuple[Load, int]:
        async with under_load(siege, prefix) as load:
            await load.answers(1500)
        await until(lambda: descriptors(siege.worker()) <= most)  # the last shadows take a while on a busy machine
        return load, descriptors(siege.worker())

    with besieged(tmp_path, mood="resets") as siege:
        first, opened = asyncio.run(round_of_load(siege, "r0", 200))
        most = opened + 2 * CALLERS  # connections kept for the next call, not one a failure
        loads = [first, *(asyncio.run(round_of_load(siege, f"r{number}", most))[0] for number in range(1, 4))]
        settle(siege)
    for load in loads:
        rows = check(siege.home, load)
        failed = {row[0] for row in rows if row[1] == "failed"}
        fallback = {row[0] for row in rows if row[1] == "fallback"}
        assert not load.refused
        assert failed
        assert fallback <= failed


# -- the store -------------------------------------------------------------------------------------------------------------


def test_store_gone_and_back(tmp_path: Path) -> None:
    """Serving goes on without the store, also by a worker that is started then; back again, a publication is followed."""

    async def take_away(siege: Siege) -> Load:
        aside = siege.folder / "aside"
        aside.mkdir()
        async with under_load(siege) as load:
            for file in siege.home.glob("store.db*"):
                shutil.move(file, aside)
            await load.answers(300)
            (siege.home / "store.db").write_bytes(b"this is no database" * 1000)
            await load.answers(300)
            os.kill(siege.worker(), signal.SIGKILL)
            await load.answers(300)
            for file in siege.home.glob("store.db*"):
                file.unlink()
            for file in aside.iterdir():
                shutil.move(file, siege.home)
            await load.answers(300)
            publish(siege.home, siege.ports, champion=1.0, command="second")
            await until(lambda: not _candidate_served(load, 200))
            return load

    with besieged(tmp_path) as siege:
        load = asyncio.run(take_away(siege))
        settle(siege)
    check(siege.home, load)


def _candidate_served(load: Load, last: int) -> bool:
    return any(variant == "v8" for variant, _ in list(load.answered.values())[-last:])
