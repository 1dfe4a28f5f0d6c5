"""What does the gateway cost beside Envoy and nginx, and what does it hold under strain?

Run by `make bench-gateway`, which installs the peers. Everything stays on the loopback and ends by itself, after about a
quarter of an hour, and ten minutes more with `--full`. The table goes to stdout, and `bench/results/gateway.json` keeps it.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from bench.rig import nginx
from bench.rig.costs import Plan, bodies, small
from bench.rig.figures import Figure, beside_kept, fill, keep, seen, table
from bench.rig.instructions import instructions
from bench.rig.latency import latency
from bench.rig.machine import touch_memory
from bench.rig.memory import memory
from bench.rig.propagation import propagation
from bench.rig.shadows import shadows
from bench.rig.shipping import shipping

from segue.gateway.request import proxied

_RESULTS: Final = Path(__file__).parent / "results" / "gateway.json"
_PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "gateway-figures.md"
Case = Callable[[Path, tuple[int, int]], Iterator[Figure]]


def _cases(plan: Plan, *, full: bool) -> dict[str, Case]:
    few = msgspec.structs.replace(plan, connections=32, promised=False)
    return {
        "cpu": lambda folder, ports: small(folder, ports, plan),
        "cpu-few": lambda folder, ports: small(folder, ports, few),
        "latency": lambda folder, ports: latency(folder, ports, rounds=plan.rounds, seconds=plan.seconds),
        "bodies": lambda folder, ports: bodies(folder, ports, plan),
        "shadows": lambda folder, ports: shadows(folder, ports, rounds=plan.rounds, seconds=plan.seconds),
        "shipper": lambda folder, ports: shipping(folder, ports, seconds=plan.seconds),
        "memory": lambda folder, ports: memory(folder, ports, seconds=600 if full else 60),
        "propagation": propagation,
        "instructions": instructions,
    }


def main() -> int:
    """Measure; 1 when a promised figure does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="ten minutes for memory instead of one")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2, help="of load on each server in each round")
    parser.add_argument("--only", nargs="*", default=[], help="some cases, such as: cpu latency; the rows of others stay")
    parser.add_argument("--dry", action="store_true", help="print, and keep nothing")
    chosen = parser.parse_args()
    cases = _cases(Plan(rounds=chosen.rounds, seconds=chosen.seconds), full=chosen.full)
    built = "interpreted" if (proxied.__file__ or "").endswith(".py") else "compiled"
    machine = f"machine: {platform.machine()}, Python {platform.python_version()}, the gateway {built}"
    figures = [seen(machine, os.cpu_count() or 0, "cores")]
    touch_memory()
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as place:
        folder = Path(place)
        folder.chmod(0o755)  # nginx's worker is somebody else
        with nginx.upstreams(folder / "upstream") as ports:
            for name, case in cases.items():
                if not chosen.only or name in chosen.only:
                    print(f"measuring {name} ...", file=sys.stderr, flush=True)
                    (folder / name).mkdir()
                    figures += case(folder / name, ports)
    print(table(figures))
    if not chosen.dry:
        figures = beside_kept(figures, _RESULTS) if chosen.only else figures
        keep(figures, _RESULTS)
        fill(_PAGE, [it for it in figures if it.holds is not None or it.figure.startswith("instructions")])
    return int(any(figure.holds is False for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
