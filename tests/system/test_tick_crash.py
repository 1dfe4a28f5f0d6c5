"""The monitor dies between any two calls to the outside, and the next one carries on."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver, receiving, told

from segue.adapters.notifiers.by_scheme import NotifierByScheme
from segue.facts.decision import Trigger
from segue.monitor.begin import apply, ask
from segue.monitor.outside import Outside
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld

OpenWorld = Callable[[Path], AbstractContextManager[SmallWorld]]
ROLLOUT = "churn-1"
NOTIFY = 'notify: [{on: [advanced, promoted, rolled_back, aborted], url: "URL"}]\n'


class Killed(BaseException):
    """Like SIGKILL: nobody catches it."""


class Mortal:
    """A port whose calls are counted, and one of which is the last."""

    def __init__(self, port: Any, count: list[int]) -> None:
        self._port, self._count = port, count

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found):
            return found

        def call(*arguments: object, **named: object) -> object:
            if self._count[0] == 0:
                raise Killed
            self._count[0] -= 1
            answer = found(*arguments, **named)
            if self._count[0] == 0:
                raise Killed  # after the call was done, before anybody heard
            return answer

        return call


def mortal(outside: Outside, count: list[int]) -> Outside:
    """The same outside, of which each call counts."""
    ports: dict[str, Any] = {it.name: Mortal(getattr(outside, it.name), count) for it in fields(outside)}
    return Outside(**{**ports, "registry_name": outside.registry_name})


class Worlds:
    """Worlds whose notices go to one receiver over HTTP."""

    def __init__(self, opens: OpenWorld, receiver: Receiver) -> None:
        self.receiver = receiver
        self._opens = opens

    @contextmanager
    def open(self, folder: Path) -> Iterator[SmallWorld]:
        """The world that rests in a folder."""
        with self._opens(folder) as world:
            yield SmallWorld(replace(world.outside, notifier=NotifierByScheme()), world.clock)

    def told(self) -> list[str]:
        """The events that somebody hears who knows a notice again by its id, in order."""
        return told(self.receiver.received)


@pytest.fixture
def worlds(open_world: OpenWorld) -> Iterator[Worlds]:
    """Somebody who listens."""
    with receiving() as receiver:
        yield Worlds(open_world, receiver)


@pytest.fixture
def prepared(tmp_path: Path, worlds: Worlds) -> Path:
    """A folder with a rollout in its first stage, and everything served."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    with worlds.open(folder) as world:
        apply(world.outside, SPEC + NOTIFY.replace("URL", worlds.receiver.url))
        world.host()
        Monitor(world.outside).tick()
    return folder


def story(folder: Path, worlds: Worlds, acts: tuple[Trigger, ...], dies_after: int) -> tuple[tuple[object, ...], int]:
    """Acts, each followed by ticks; the monitor dies once, after so many calls, and a new one goes on. How it ended."""
    count = [dies_after]
    left = list(acts)
    worlds.receiver.received.clear()
    while True:
        with worlds.open(folder) as world:
            world.host()
            try:
                while left:
                    enter(world.outside, left[0])
                    monitor = Monitor(mortal(world.outside, count))
                    monitor.tick()
                    world.host()  # follows the alias
                    monitor.tick()
                    left.pop(0)
            except Killed:
                count[0] = -1
                continue
            return (*ending(world), worlds.told()), dies_after - count[0]


def enter(outside: Outside, act: Trigger) -> None:
    """Ask for it, unless that was done before the death."""
    applied = [it.trigger for decision in outside.rollouts.decisions(ROLLOUT) for it in decision.acts]
    if act not in applied and not outside.commands.asked(ROLLOUT):
        ask(outside, ROLLOUT, act, who="ana", why="because")


def ending(world: SmallWorld) -> tuple[object, ...]:
    """Everything that must not depend on a crash."""
    outside = world.outside
    state = outside.rollouts.load(ROLLOUT).state
    moves = [(move.alias, move.before, move.after) for move in outside.registry.moves("churn")]
    published = [
        (
            it.rollout,
            it.stage,
            [(r.start, r.end, r.variant) for r in it.split.ranges],
            sorted((n, t.version) for n, t in it.variants.items()),
        )
        for it in outside.allocations.allocations("churn")
    ]
    triggers = [it.trigger for it in outside.rollouts.decisions(ROLLOUT) if it.trigger != "hold"]
    assert not outside.commands.pending(ROLLOUT)
    assert not outside.commands.asked(ROLLOUT)
    return state.phase, state.stage, state.alias_version, sorted(outside.registry.aliases("churn")), moves, published, triggers


STORIES = pytest.mark.parametrize(
    "acts", [("promote_full", "promote"), ("promote_full", "abort")], ids=["promoted", "taken back"]
)


@STORIES
def test_a_death_here_and_there_changes_nothing(
    prepared: Path, tmp_path: Path, worlds: Worlds, acts: tuple[Trigger, ...]
) -> None:
    """At a sample of all moments: the rollout ends the same, nothing is done or told twice, nothing is forgotten."""
    die_at(prepared, tmp_path, worlds, acts, every=13)


@pytest.mark.slow
@STORIES
def test_a_death_between_any_two_calls_changes_nothing(
    prepared: Path, tmp_path: Path, worlds: Worlds, acts: tuple[Trigger, ...]
) -> None:
    """Wherever the monitor dies, the rollout ends the same: nothing is done or told twice, nothing is forgotten."""
    die_at(prepared, tmp_path, worlds, acts, every=1)


def die_at(prepared: Path, tmp_path: Path, worlds: Worlds, acts: tuple[Trigger, ...], *, every: int) -> None:
    """The story with a death at every so many-th call, compared with the story without."""
    quiet = tmp_path / "quiet"
    shutil.copytree(prepared, quiet)
    expected, calls = story(quiet, worlds, acts, 10**6)
    assert calls > 50
    assert expected[-1]
    for dies_after in range(1, calls, every):
        folder = tmp_path / f"dies-{dies_after}"
        shutil.copytree(prepared, folder)
        assert story(folder, worlds, acts, dies_after)[0] == expected, f"died after {dies_after} calls"
        shutil.rmtree(folder)
