"""Does a shadow that fails make the champion's answers later?

A gateway is asked at an open-loop load, first without a shadow and then with one that fails; a ratio is of these two p99s of
one process, seconds apart. In each round every way of failing has a gateway of its own, started anew, and so has one that gets
no shadow at all: its ratio tells what the measurement itself is off by. A figure is the median over the rounds, since what else
happens on the machine comes in bursts that fill the tail of one. A shadow would be another machine, so here it runs on cores
that are idle otherwise, which the scheduler counts as idle still; and requests keep no step with one that answers after whole
tenths of a second.
"""

import os
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from bench.rig.bad_shadow import WAYS
from bench.rig.figures import Figure, at_most, seen
from bench.rig.gateway_worker import allocation_of
from bench.rig.machine import free_port, process, wait_for
from bench.rig.open_loop import Caller
from bench.rig.segue import gateway, setting, shadowed

from segue.wiring import home_at, stores_of

_RATE: Final = 400.0
_NOBODY: Final = "nobody"
_TIMEOUT_S: Final = 2.0
_WARM_S: Final = 1.5
_SETTLE_S: Final = _TIMEOUT_S + 0.5
"""Until as much is under way as will be, and what is hung begins to be given up."""
_WHEN_IDLE: Final = ("chrt", "--idle", "0")


def shadows(folder: Path, ports: tuple[int, int], *, rounds: int, seconds: float) -> Iterator[Figure]:
    """The champion's p99 beside each bad shadow, over its p99 without one."""
    dice = random.Random(1)
    cases = (_NOBODY, *WAYS)
    alone_s: list[float] = []
    ratios: dict[str, list[float]] = {case: [] for case in cases}
    for number in range(rounds):
        for case in dice.sample(cases, len(cases)):
            without_s, with_s = _pair(folder / f"{case}-{number}", ports[0], case, dice, seconds)
            alone_s.append(without_s)
            ratios[case].append(with_s / without_s)
    yield seen(f"{_RATE:g} requests/s, p99 without a shadow", median(alone_s) * 1e3, "ms")
    yield seen(f"{_RATE:g} requests/s, p99 again without a shadow, over that without", median(ratios.pop(_NOBODY)), "x")
    for way, found in ratios.items():
        yield at_most(f"{_RATE:g} requests/s, p99 beside a {way} shadow, over that without", median(found), 1.1)


def _pair(folder: Path, champion: int, case: str, dice: random.Random, seconds: float) -> tuple[float, float]:
    """Seconds, of the same gateway: p99 without a shadow, and then with it."""
    with ExitStack() as stack:
        bad = free_port()
        chosen = setting(folder, (champion, bad), share=0.0, shadow_timeout_s=_TIMEOUT_S)
        if case != _NOBODY:
            failing = [*_WHEN_IDLE, sys.executable, "-m", "bench.rig.bad_shadow", case, str(bad)]
            stack.enter_context(process(failing, folder / "shadow.log"))
            wait_for(bad)
        port, pid = stack.enter_context(gateway(chosen))
        stack.callback(os.kill, pid, signal.SIGKILL)  # it would wait for the shadows under way
        caller = Caller(port, _RATE, dice)
        stack.callback(caller.close)
        caller.run(_WARM_S)
        without_s = _p99_s(caller.run(seconds))
        with stores_of(home_at(chosen.home)) as stores:
            allocation = allocation_of(msgspec.structs.replace(chosen, shadow=case != _NOBODY))
            stores.allocations.publish(allocation, command_id="shadow")
        caller.run(_SETTLE_S)
        with_s = _p99_s(caller.run(seconds))
        if bool(shadowed(port).asked) != (case != _NOBODY):
            raise RuntimeError(f"beside {case} {shadowed(port).asked} shadows were asked")
        return without_s, with_s


def _p99_s(took_s: list[float]) -> float:
    return took_s[int(0.99 * len(took_s))]
