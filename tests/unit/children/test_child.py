"""A process that should run is started again, sooner or later."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from segue.children.child import Child
from segue.children.supervision import Wishes, supervise


def until(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for something that nobody announces."""
    ends_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_s, "waited in vain"
        time.sleep(0.01)


class Made:
    """A child and what was said of it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.said: list[str] = []
        self.log = folder / "log"
        environment = {"SEGUE_HOME": str(folder / "home")}
        self.child = Child("the child", arguments, environment, self.log, say=self.said.append)

    def next(self) -> str:
        """Look until something is said."""
        before = len(self.said)
        self.look_until(lambda: len(self.said) > before)
        return self.said[-1]

    def look_until(self, condition: Callable[[], object]) -> None:
        """Look as a supervisor does."""
        ends_s = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < ends_s, "waited in vain"
            self.child.look()
            time.sleep(0.01)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Made]:
    """One that runs until it is told not to."""
    made = Made(tmp_path, "record")
    yield made
    made.child.stop(10)


def test_the_pause_grows_while_it_ends_by_itself(tmp_path: Path) -> None:
    """One that cannot run is not started in a hurry; its log has what it said."""
    made = Made(tmp_path, "no-such-command")
    pauses = [made.next() for _ in range(3)]
    assert ["ended with 1" in said for said in pauses] == [True] * 3
    assert [said.partition("again in ")[2].partition(" s")[0] for said in pauses] == ["0.2", "0.5", "1.0"]
    assert str(tmp_path / "log") in pauses[0]
    assert "no-such-command" in (tmp_path / "log").read_text()
    made.child.kill()


def test_one_that_was_killed_is_back_at_once(recorder: Made) -> None:
    """However often somebody kills it, the pause is the shortest."""
    for _ in range(3):
        recorder.look_until(lambda: recorder.child.runs)
        os.kill(recorder.child.pid or 0, signal.SIGKILL)
        assert "again in 0.1 s" in recorder.next()


def test_a_closed_terminal_is_the_parents_business(recorder: Made) -> None:
    """SIGHUP, which a terminal sends to every process of the group, ends no child."""
    recorder.look_until(lambda: recorder.log.exists() and "ships" in recorder.log.read_text())
    recorder.child.send(signal.SIGHUP)
    time.sleep(0.3)
    assert recorder.child.runs


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """When the process that started it is killed, the child ends as if it had been asked to."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        child = Made(tmp_path, "record").child
        child.start()
        os.write(writer, str(child.pid).encode())
        time.sleep(60)
        os._exit(0)
    os.close(writer)
    pid = int(os.read(reader, 20))
    os.close(reader)
    until(lambda: b"record" in Path(f"/proc/{pid}/cmdline").read_bytes())
    time.sleep(0.5)  # until it has asked the kernel
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())


def test_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGHUP asks for a renewal once; SIGTERM for the end, and a later one for a quick end."""
    monkeypatch.setattr("segue.children.supervision._SAME_WISH_S", 0.1)
    before = {name: signal.getsignal(name) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        wishes = Wishes()
        os.kill(os.getpid(), signal.SIGHUP)
        assert (wishes.renew(), wishes.renew(), wishes.end) == (True, False, False)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert (wishes.end, wishes.at_once) == (True, False)
        time.sleep(0.15)
        os.kill(os.getpid(), signal.SIGTERM)
        assert wishes.at_once
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class Asked:
    """Wishes without signals."""

    end = True
    at_once = False

    def renew(self) -> bool:
        """Never."""
        return False


def test_parts_end_in_their_order(tmp_path: Path) -> None:
    """The first is gone before the second is asked."""
    one, other = Made(tmp_path, "record"), Made(tmp_path, "record")
    for made in (one, other):
        made.child.start()
    gone: list[tuple[bool, bool]] = []
    time.sleep(1.0)  # until they can be asked
    supervise([one.child, other.child], Asked(), lambda: gone.append((one.child.runs, other.child.runs)), drain_s=20)  # type: ignore[arg-type]
    assert (False, False) not in gone[:-1]
    assert (True, False) not in gone
    assert not one.child.runs
    assert not other.child.runs
