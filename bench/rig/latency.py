"""How much later does an answer come through the gateway than directly?"""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from bench.rig import envoy
from bench.rig.figures import Figure, at_most, seen
from bench.rig.open_loop import Caller
from bench.rig.segue import gateway, setting

RATE: Final = 1000.0
_QUANTILES: Final = ((0.5, "p50", 0.3), (0.99, "p99", 1.0))


def latency(folder: Path, ports: tuple[int, int], *, rounds: int, seconds: float) -> Iterator[Figure]:
    """What the gateway and Envoy add at an open-loop load, over the direct call in the same round."""
    with gateway(setting(folder / "segue", ports)) as ours, envoy.proxy(folder / "envoy", ports, mirror=False) as peers:
        callers = {"direct": Caller(ports[0], RATE), "segue": Caller(ours[0], RATE), "envoy": Caller(peers[0], RATE)}
        took_s: dict[str, list[list[float]]] = {name: [] for name in callers}
        for number in range(rounds + 1):
            for name, caller in callers.items():
                one = caller.run(seconds)
                if number:  # the first warms up
                    took_s[name].append(one)
        for caller in callers.values():
            caller.close()
    for q, name, limit_ms in _QUANTILES:
        at = {who: [round_s[int(q * len(round_s))] * 1e3 for round_s in rounds_s] for who, rounds_s in took_s.items()}
        yield seen(f"{RATE:g} requests/s, open loop, {name}: direct", median(at["direct"]), "ms")
        for who in ("segue", "envoy"):
            added = median(a - b for a, b in zip(at[who], at["direct"], strict=True))
            figure = f"{RATE:g} requests/s, open loop, {name} added by {who}"
            yield at_most(figure, added, limit_ms, "ms") if who == "segue" else seen(figure, added, "ms")
