"""Sockets are handed from one gateway to the next, and nobody who waits in one is turned away."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from segue.children import sockets as room
from segue.children.sockets import Sockets
from segue.errors import Refused


@contextmanager
def looking(first: Sockets) -> Iterator[None]:
    """The first gateway looks now and then, as a supervisor does."""
    stop = threading.Event()

    def turn() -> None:
        while not stop.wait(0.01):
            first.look()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Sockets]:
    """A gateway of two workers on any port."""
    made = Sockets("127.0.0.1", 0, 2, tmp_path)
    yield made
    made.end()


def inodes(held: Sockets, workers: int) -> list[list[int]]:
    """What the workers' descriptors stand for."""
    return [[Path(f"/proc/self/fd/{fd}").stat().st_ino for fd in held.of(slot)] for slot in range(workers)]


def until_succeeded(first: Sockets) -> bool:
    """Whether the first hears of it."""
    ends_s = time.monotonic() + 5
    while not first.succeeded and time.monotonic() < ends_s:
        time.sleep(0.01)
    return first.succeeded


def test_each_worker_has_a_socket_of_its_own(first: Sockets) -> None:
    """One socket a worker, all on one port."""
    (one,), (other,) = inodes(first, 2)
    assert one != other
    assert not first.taken_over


def test_a_successor_gets_the_same_sockets(first: Sockets, tmp_path: Path) -> None:
    """A caller that waits in one is answered by whoever accepts next, though the first has let go."""
    with looking(first):
        second = Sockets("127.0.0.1", first.port, 2, tmp_path)
        assert second.taken_over
        assert inodes(second, 2) == inodes(first, 2)
        with socket.socket(fileno=socket.dup(second.of(0)[0])) as accepting:
            accepting.listen()
            with socket.create_connection(("127.0.0.1", first.port)) as caller:
                assert not first.succeeded
                second.relieve()
                assert until_succeeded(first)
                first.end()
                accepted, _ = accepting.accept()
                with accepted:
                    accepted.send(b"hello")
                assert caller.recv(5) == b"hello"
    second.end()


@pytest.mark.parametrize("workers", [1, 3])
def test_another_number_of_workers(first: Sockets, tmp_path: Path, workers: int) -> None:
    """Fewer workers share what there is, more get sockets of their own: none is left without anybody who looks at it."""
    with looking(first):
        second = Sockets("127.0.0.1", first.port, workers, tmp_path)
        held = [inode for slot in inodes(second, workers) for inode in slot]
        assert {inode for slot in inodes(first, 2) for inode in slot} <= set(held)
        assert len(held) == max(workers, 2)
        assert all(second.of(slot) for slot in range(workers))
        second.end()


def test_a_successor_that_fails_leaves_the_first_in_place(first: Sockets, tmp_path: Path) -> None:
    """One that never says that it serves has changed nothing: the next one finds the first."""
    with looking(first):
        failing = Sockets("127.0.0.1", first.port, 2, tmp_path)
        failing.end()
        third = Sockets("127.0.0.1", first.port, 2, tmp_path)
        assert third.taken_over
        assert not first.succeeded
        third.relieve()
        assert until_succeeded(first)
    with looking(third):
        fourth = Sockets("127.0.0.1", third.port, 2, tmp_path)
        assert fourth.taken_over
        fourth.end()
    third.end()


def test_another_address_is_refused(first: Sockets, tmp_path: Path) -> None:
    """The gateway that runs here keeps its address; the message names it."""
    with looking(first), pytest.raises(Refused, match=f"127.0.0.1:{first.port}"):
        Sockets("0.0.0.0", first.port, 2, tmp_path)
    assert not first.succeeded


def test_a_port_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody shares a port with a stranger."""
    monkeypatch.setattr(room, "_FREE_WITHIN_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(Refused, match="nobody can listen"):
            Sockets("127.0.0.1", port, 1, tmp_path)


def test_a_deep_home(tmp_path: Path) -> None:
    """A path that is longer than a Unix socket's name may be is no hindrance."""
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    first = Sockets("127.0.0.1", 0, 1, folder)
    with looking(first):
        second = Sockets("127.0.0.1", first.port, 1, folder)
        assert second.taken_over
        second.end()
    first.end()
