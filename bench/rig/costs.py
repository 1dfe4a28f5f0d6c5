"""What does a request cost, beside the peers on the same machine in the same minutes?

The servers under comparison run all the time, and the load visits one after the other, round after round. A ratio is the
median over the rounds of the two costs in the same round: the machine may be busy with other things, but then it is so for
both.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from bench.rig import envoy, nginx
from bench.rig.figures import Figure, at_least, at_most, seen
from bench.rig.load import Load, Wrk, script
from bench.rig.machine import cpu_s
from bench.rig.segue import gateway, setting, shadowed

Server = tuple[int, int]
"""Port and pid."""
_SMALL: Final = "small JSON"
_PROMISES: Final = (
    ("segue A/B", "envoy A/B", 0.55),
    ("segue shadow", "envoy mirror", 0.50),
    ("segue shadow", "nginx mirror", 0.80),
    ("segue A/B", "segue A/B, journal off", 1.15),
)
"""What a request should cost at most, over what it costs elsewhere."""
_KEPT_BYTES: Final = 16 * 1024


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long to measure."""

    rounds: int
    seconds: int
    connections: int = 128
    promised: bool = True  # the goals are meant for this


class Rounds:
    """Costs (microseconds of CPU a request) and rates (requests a second) by server, one of each a round."""

    def __init__(self, servers: dict[str, Server]) -> None:
        self._servers = servers
        self.costs_us: dict[str, list[float]] = {name: [] for name in servers}
        self.rates: dict[str, list[float]] = {name: [] for name in servers}

    def run(self, loads: dict[str, Wrk], rounds: int) -> None:
        """Visit each server once to warm it up, and then in each round, which begins with another one each time."""
        names = list(self._servers)
        for number in range(rounds + 1):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                port, pid = self._servers[name]
                before_s = cpu_s(pid)
                load: Load = loads[name](port)
                if number:
                    self.costs_us[name].append((cpu_s(pid) - before_s) / load.requests * 1e6)
                    self.rates[name].append(load.rate)

    def cost(self, name: str, case: str) -> Figure:
        """What one request costs."""
        return seen(f"{case}: {name}", median(self.costs_us[name]), "us CPU")

    def ratio(self, one: str, other: str) -> float:
        """How much more one costs than the other."""
        return median(a / b for a, b in zip(self.costs_us[one], self.costs_us[other], strict=True))

    def rate_ratio(self, one: str, other: str) -> float:
        """How much more one carries than the other."""
        return median(a / b for a, b in zip(self.rates[one], self.rates[other], strict=True))


def small(folder: Path, ports: Server, plan: Plan) -> Iterator[Figure]:
    """A/B and shadow against the peers, and the journal on against off."""
    with ExitStack() as stack:
        started = stack.enter_context
        servers = {
            "segue A/B": started(gateway(setting(folder / "ab", ports))),
            "segue A/B, journal off": started(gateway(setting(folder / "off", ports, journal=False))),
            "envoy A/B": started(envoy.proxy(folder / "envoy", ports, mirror=False)),
            "nginx A/B": started(nginx.proxy(folder / "nginx", ports, mirror=False)),
            "segue shadow": started(gateway(setting(folder / "shadow", ports, shadow=True))),
            "envoy mirror": started(envoy.proxy(folder / "envoy-mirror", ports, mirror=True)),
            "nginx mirror": started(nginx.proxy(folder / "nginx-mirror", ports, mirror=True)),
        }
        load = Wrk(lua=script(folder), seconds=plan.seconds, connections=plan.connections)
        rounds = Rounds(servers)
        rounds.run(dict.fromkeys(servers, load), plan.rounds)
        shadows = shadowed(servers["segue shadow"][0])
    case = f"{_SMALL}, {plan.connections} connections"
    for name in servers:
        yield rounds.cost(name, case)
    yield at_least(
        f"{case}: segue shadow, part of the shadow's requests asked and recorded", shadows.asked / sum(shadows), 0.999
    )
    for one, other, limit in _PROMISES:
        figure, value = f"{case}: {one} over {other}", rounds.ratio(one, other)
        yield at_most(figure, value, limit) if plan.promised else seen(figure, value, "x")


def bodies(folder: Path, ports: Server, plan: Plan) -> Iterator[Figure]:
    """Throughput with bodies of some sizes, the same both ways.

    Those of 64 KiB and more are kept as length and hash: otherwise the rate would be that of the disk, at two bodies a request.
    """
    for size in nginx.SIZES:
        here, path = folder / str(size), f"/size/{size}"
        load = Wrk(lua=script(folder, size), seconds=plan.seconds, connections=16)
        with (
            gateway(setting(here / "segue", ports, path=path, body_limit_bytes=_KEPT_BYTES)) as ours,
            envoy.proxy(here / "envoy", ports, mirror=False) as peers,
        ):
            rounds = Rounds({"segue": ours, "envoy": peers})
            rounds.run({"segue": load, "envoy": msgspec.structs.replace(load, path=path)}, plan.rounds)
        yield seen(f"{size // 1024} KiB bodies: segue", median(rounds.rates["segue"]), "requests/s")
        yield at_least(f"{size // 1024} KiB bodies, throughput over Envoy's", rounds.rate_ratio("segue", "envoy"), 0.8)
