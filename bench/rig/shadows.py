"""Does a shadow that fails make the champion's answers later?

A gateway for each way of failing, and two without a shadow, all behind the same champion, are asked in turn at an open-loop
load. A p99 is that of all requests of all rounds: the tail is thin in one round, and what else happens on the machine comes to
every gateway in turn. A ratio is to the p99 of the two without a shadow together; that of one of them to the other is what the
measurement itself is off by. Each round has an order of its own, requests keep no step with shadows that answer after whole
tenths of a second, and the next gateway is asked when the last one's shadow requests have run out.
"""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
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


def shadows(folder: Path, ports: tuple[int, int], *, rounds: int, seconds: float) -> Iterator[Figure]:
    """The champion's p99 beside each bad shadow, over its p99 without one."""
    with ExitStack() as stack:
        started, dice = stack.enter_context, random.Random(1)
        callers = {}
        for name in (_ALONE, _AGAIN):
            asked = started(gateway(setting(folder / name, ports, share=0.0)))
            callers[name] = Caller(asked[0], _RATE, dice)
        for way in WAYS:
            port = free_port()
            started(process([sys.executable, "-m", "bench.rig.bad_shadow", way, str(port)], folder / f"{way}.log"))
            wait_for(port)
            asked = started(gateway(setting(folder / way, (ports[0], port), shadow=True, shadow_timeout_s=_TIMEOUT_S)))
            callers[way] = Caller(asked[0], _RATE, dice)
        all_s: dict[str, list[float]] = {name: [] for name in callers}
        for number in range(rounds + 1):
            for name in dice.sample(list(callers), len(callers)):
                took_s = callers[name].run(seconds)
                time.sleep(_TIMEOUT_S if name in WAYS else 0.0)
                if number:  # the first warms up
                    all_s[name] += took_s
        for caller in callers.values():
            caller.close()
    alone_ms = _p99_ms(all_s[_ALONE] + all_s[_AGAIN])
    yield seen(f"{_RATE:g} requests/s, p99: {_ALONE}", alone_ms, "ms")
    off = _p99_ms(all_s[_AGAIN]) / _p99_ms(all_s[_ALONE])
    yield seen(f"{_RATE:g} requests/s, p99 of another gateway without a shadow, over {_ALONE}", off, "x")
    for way in WAYS:
        ratio = _p99_ms(all_s[way]) / alone_ms
        yield at_most(f"{_RATE:g} requests/s, p99 beside a {way} shadow, over {_ALONE}", ratio, 1.1)


def _p99_ms(took_s: list[float]) -> float:
    return sorted(took_s)[int(0.99 * len(took_s))] * 1e3
