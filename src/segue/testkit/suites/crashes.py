"""Does a store hold when many call at once, and when a caller is killed between any two lines?

Both are tried with real threads and real processes on one store.
"""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

from segue.errors import Conflict
from segue.facts.allocation import Allocation
from segue.ports.store import Loaded
from segue.testkit import samples
from segue.testkit.stores import Opened, Opener, StoreFixtures

_PROCESSES = multiprocessing.get_context("forkserver")  # a plain fork would copy the connections of this process
_WAIT_S = 60.0
KILLS = 10
_SAVES = 3

T = TypeVar("T")


class CrashSuite(StoreFixtures):
    """All or nothing, for everybody, at any moment."""

    def test_one_of_many_threads_wins_a_token(self, store: Opened, begun: Loaded) -> None:
        """Of saves with one token exactly one is kept; the others are Conflicts."""

        def save(place: int) -> bool:
            try:
                store.rollouts.save(samples.decision(place + 1), begun.state, begun.token)
            except Conflict:
                return False
            return True

        assert sorted(_in_threads(save, 6)) == [False] * 5 + [True]
        assert len(store.rollouts.decisions("r-1")) == 1

    def test_one_of_many_threads_begins_a_rollout(self, store: Opened) -> None:
        """A route gets one live rollout, however many begin at once."""

        def create(place: int) -> bool:
            try:
                store.rollouts.create(samples.state(f"r-{place}"), spec_source="", salt="")
            except Conflict:
                return False
            return True

        assert sorted(_in_threads(create, 6)) == [False] * 5 + [True]
        assert len(store.rollouts.rollouts(live=True)) == 1

    def test_one_of_many_threads_leads(self, store: Opened) -> None:
        """A free lease goes to one."""
        leases = _in_threads(lambda place: store.leases.acquire("monitor", f"m{place}", ttl_s=10, now=samples.NOW), 6)
        assert sum(lease is not None for lease in leases) == 1

    def test_publishers_count_without_gap(self, store: Opened) -> None:
        """Publications at once get numbers without gap or repetition, two of one command the same one."""
        commands = ["a", "b", "c", "d", "a", "b"]

        def publish(place: int) -> Allocation:
            return store.allocations.publish(samples.allocation(), command_id=commands[place])

        published = _in_threads(publish, len(commands))
        assert sorted({it.number for it in published}) == [1, 2, 3, 4]
        assert published[0] == published[4]
        assert published[1] == published[5]

    def test_a_poll_sees_what_belongs_together(self, store: Opened) -> None:
        """While endpoints and allocations change, a directory of one revision always has one content."""
        store.allocations.publish(samples.allocation(), command_id="c")
        stop = threading.Event()

        def change(place: int) -> None:
            for step in range(15):
                store.endpoints.announce(samples.endpoint(host=f"h{place}", version=str(step)))
                store.allocations.publish(samples.allocation(share=step / 15), command_id=f"c{place}-{step}")

        seen: dict[str, object] = {}

        def poll() -> None:
            while not stop.is_set():
                found = store.allocations.directory("churn")
                assert found is not None
                assert seen.setdefault(found.revision, found) == found

        failures: list[BaseException] = []
        poller = threading.Thread(target=lambda: _noting(poll, failures))
        poller.start()
        _in_threads(change, 2)
        stop.set()
        poller.join()
        assert failures == []
        assert len(seen) > 1

    def test_processes_that_open_at_once_make_one_store(self, opener: Opener) -> None:
        """Several processes open a store that is not there yet, and count together to a number that lacks nothing."""
        with _workers(_publish_some, opener, 3) as workers:
            numbers = [number for _, pipe in workers for number in _received(pipe)]
        assert sorted(numbers) == list(range(1, 31))
        with closing(opener()) as store:
            assert [it.number for it in store.allocations.allocations("churn")] == list(range(1, 31))

    def test_a_killed_saver_leaves_whole_saves(self, opener: Opener) -> None:
        """Killed at any moment, ten times: what a call returned is there, and state, decisions, commands and acts agree."""
        with closing(opener()) as store:
            store.rollouts.create(samples.state(decisions=0), spec_source="", salt="")
        kept = 0
        for attempt in range(KILLS):
            said = _saves_until_killed(opener, after_s=0.013 * attempt)
            assert said == list(range(said[0], said[0] + len(said)))
            assert said[0] > kept
            with closing(opener()) as store:
                kept = _agreeing(store)
            assert kept >= said[-1]


def _saves_until_killed(opener: Opener, *, after_s: float) -> list[int]:
    """What a saver said that was killed in the middle of its work: it has seen a save of its own, and gone on from there."""
    with _workers(_save_for_ever, opener, 1) as workers:
        process, pipe = workers[0]
        said: list[int] = []
        while len(said) < _SAVES:  # however slow the machine is
            assert pipe.poll(_WAIT_S), f"the saver came to a halt after {said}"
            said.append(pipe.recv())
        time.sleep(after_s)
        process.kill()
        process.join()
        return said + _received(pipe)


def _agreeing(store: Opened) -> int:
    loaded, decisions = store.rollouts.load("r-1"), store.rollouts.decisions("r-1")
    while (now := store.rollouts.load("r-1")).token != loaded.token:  # a server may end a save that was sent before the kill
        loaded, decisions = now, store.rollouts.decisions("r-1")
    assert [it.number for it in decisions] == list(range(1, len(decisions) + 1))
    assert loaded.state.decisions == len(decisions)
    pending = {it.id for it in store.commands.pending("r-1")}
    assert pending <= {it.id for it in decisions[-1].commands}, "a command is lost, or one that was done came back"
    applied = {act.id for decision in decisions for act in decision.acts}
    assert applied.isdisjoint(act.id for act in store.commands.asked("r-1"))
    return len(decisions)


def _save_for_ever(opener: Opener, pipe: Connection, _place: int) -> None:
    """What a monitor does, as fast as it can: carry out what is left, ask, decide, save, carry out."""
    store = opener()
    while True:
        for command in store.commands.pending("r-1"):
            store.commands.done(command.id)
        loaded = store.rollouts.load("r-1")
        number = loaded.state.decisions + 1
        store.commands.ask(samples.act(f"act-{number}"))
        commands = (samples.publish_command(f"p-{number}"), samples.move_command(f"m-{number}"))
        decision = samples.decision(number, commands=commands, acts=tuple(store.commands.asked("r-1")))
        store.rollouts.save(decision, samples.state(decisions=number), loaded.token)
        pipe.send(number)


def _publish_some(opener: Opener, pipe: Connection, place: int) -> None:
    with closing(opener()) as store:
        for step in range(10):
            pipe.send(store.allocations.publish(samples.allocation(), command_id=f"{place}-{step}").number)


Task = Callable[[Opener, Connection, int], None]


@contextmanager
def _workers(task: Task, opener: Opener, count: int) -> Iterator[list[tuple[BaseProcess, Connection]]]:
    """Real processes, each with a pipe to say how far it came; none is left behind."""
    # The server imports once what every child needs, so that a child starts in milliseconds.
    _PROCESSES.set_forkserver_preload([__name__, getattr(opener, "func", opener).__module__])
    workers: list[tuple[BaseProcess, Connection]] = []
    try:
        for place in range(count):
            ours, theirs = _PROCESSES.Pipe(duplex=False)
            started = _PROCESSES.Process(target=task, args=(opener, theirs, place))
            started.start()
            theirs.close()
            workers.append((started, ours))
        yield workers
    finally:
        for process, pipe in workers:
            process.kill()
            process.join()
            process.close()
            pipe.close()


def _received(pipe: Connection) -> list[int]:
    """All that a process said, until it ended or was killed; a message that was cut by the kill was not said."""
    said: list[int] = []
    while pipe.poll(_WAIT_S):
        try:
            said.append(pipe.recv())
        except (EOFError, OSError):
            break
    return said


def _in_threads(task: Callable[[int], T], count: int) -> list[T]:
    """The results of a task done by several threads that begin together."""
    together = threading.Barrier(count)

    def begin(place: int) -> T:
        together.wait(_WAIT_S)
        return task(place)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def _noting(task: Callable[[], None], failures: list[BaseException]) -> None:
    try:
        task()
    except BaseException as error:  # noqa: BLE001 - a thread's failure is reported by the test that started it
        failures.append(error)
