"""Does a shadow that fails make the champion's answers later?

A gateway for each way of failing, and one without a shadow, all behind the same champion, are asked in turn at an open-loop
load. A ratio is the median over the rounds of two p99s of the same round.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
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


def shadows(folder: Path, ports: tuple[int, int], *, rounds: int, seconds: float) -> Iterator[Figure]:
    """The champion's p99 beside each bad shadow, over its p99 without one."""
    with ExitStack() as stack:
        started = stack.enter_context
        callers = {_ALONE: Caller(started(gateway(setting(folder / "alone", ports, share=0.0)))[0], _RATE)}
        for way in WAYS:
            port = free_port()
            started(process([sys.executable, "-m", "bench.rig.bad_shadow", way, str(port)], folder / f"{way}.log"))
            wait_for(port)
            asked = started(gateway(setting(folder / way, (ports[0], port), shadow=True, shadow_timeout_s=2.0)))
            callers[way] = Caller(asked[0], _RATE)
        p99_ms: dict[str, list[float]] = {name: [] for name in callers}
        for number in range(rounds + 1):
            for name, caller in callers.items():
                took_s = caller.run(seconds)
                if number:  # the first warms up
                    p99_ms[name].append(took_s[int(0.99 * len(took_s))] * 1e3)
        for caller in callers.values():
            caller.close()
    yield seen(f"{_RATE:g} requests/s, p99: {_ALONE}", median(p99_ms[_ALONE]), "ms")
    for way in WAYS:
        ratio = median(a / b for a, b in zip(p99_ms[way], p99_ms[_ALONE], strict=True))
        yield at_most(f"{_RATE:g} requests/s, p99 beside a {way} shadow, over no shadow", ratio, 1.1)
