"""Does a shadow that fails make the champion's answers later?

A gateway for each way of failing, and two without a shadow, all behind the same champion, are asked in turn at an open-loop
load. A p99 is the median of the rounds' p99s: what else happens on the machine comes in bursts that fill the tail of one round,
and the hundredth slowest of all requests together would tell of the worst bursts alone. A ratio is to the rounds of the two
without a shadow together; that of one of them to the other is what the measurement itself is off by. Each round has an order of
its own, and requests keep no step with shadows that answer after whole tenths of a second. Whoever is not asked is frozen,
together with its shadow: five idle gateways on two cores are in the way of the sixth more than any shadow. A shadow would be
another machine, so here it gets only what nobody else wants of the two cores. What the freeze has made late is over before a
round is measured.
"""

import os
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from bench.rig.bad_shadow import WAYS
from bench.rig.figures import Figure, at_most, seen
from bench.rig.machine import free_port, process, wait_for
from bench.rig.open_loop import Caller
from bench.rig.segue import gateway, setting

_RATE: Final = 200.0
_ALONE: Final = "no shadow"
_AGAIN: Final = "again no shadow"
_TIMEOUT_S: Final = 2.0
_NICEST: Final = ("nice", "-n", "19")


def shadows(folder: Path, ports: tuple[int, int], *, rounds: int, seconds: float) -> Iterator[Figure]:
    """The champion's p99 beside each bad shadow, over its p99 without one."""
    with ExitStack() as stack:
        started, dice = stack.enter_context, random.Random(1)
        asked: dict[str, tuple[Caller, list[int]]] = {}
        for name in (_ALONE, _AGAIN):
            port, pid = started(gateway(setting(folder / name, ports, share=0.0)))
            asked[name] = Caller(port, _RATE, dice), [pid]
        for way in WAYS:
            bad = free_port()
            failing = [*_NICEST, sys.executable, "-m", "bench.rig.bad_shadow", way, str(bad)]
            shadow = started(process(failing, folder / f"{way}.log"))
            wait_for(bad)
            behind = setting(folder / way, (ports[0], bad), shadow=True, shadow_timeout_s=_TIMEOUT_S)
            port, pid = started(gateway(behind))
            asked[way] = Caller(port, _RATE, dice), [shadow, pid]
        rounds_s: dict[str, list[float]] = {name: [] for name in asked}
        started(_frozen([pid for _, pids in asked.values() for pid in pids]))
        for number in range(rounds + 1):
            for name in dice.sample(list(asked), len(asked)):
                caller, pids = asked[name]
                with _awake(pids):
                    caller.run(_TIMEOUT_S)  # until as much is under way as always
                    took_s = caller.run(seconds)
                if number:  # the first warms up
                    rounds_s[name].append(took_s[int(0.99 * len(took_s))])
        for caller, _ in asked.values():
            caller.close()
    alone_s = median(rounds_s[_ALONE] + rounds_s[_AGAIN])
    yield seen(f"{_RATE:g} requests/s, p99: {_ALONE}", alone_s * 1e3, "ms")
    off = median(rounds_s[_AGAIN]) / median(rounds_s[_ALONE])
    yield seen(f"{_RATE:g} requests/s, p99 of another gateway without a shadow, over {_ALONE}", off, "x")
    for way in WAYS:
        ratio = median(rounds_s[way]) / alone_s
        yield at_most(f"{_RATE:g} requests/s, p99 beside a {way} shadow, over {_ALONE}", ratio, 1.1)


@contextmanager
def _frozen(pids: list[int]) -> Iterator[None]:
    """They stand still until the end, but for who is awake."""
    _tell(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _tell(pids, signal.SIGCONT)  # what stands still does not hear that it is to end


@contextmanager
def _awake(pids: list[int]) -> Iterator[None]:
    _tell(pids, signal.SIGCONT)
    try:
        yield
    finally:
        _tell(pids, signal.SIGSTOP)


def _tell(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, what)
