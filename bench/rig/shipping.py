"""Does the shipper keep up with what the gateway writes?

As a program: ship the journals of the homes that are named, and say what the last one took. A recorder ships for days, so what
its first file costs (the imports of its libraries) is left out: that is what the first home is for.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.rig.figures import Figure, at_least, seen
from bench.rig.load import Wrk, script
from bench.rig.machine import cpu_s
from bench.rig.segue import gateway, setting

from segue.record.shipper import ship
from segue.wiring import home_at, lake_of


def shipping(folder: Path, ports: tuple[int, int], *, seconds: int) -> Iterator[Figure]:
    """Rows per second of a core, over those that a gateway makes on one; with a shadow, where a request makes two."""
    first, chosen = (setting(folder / name, ports, shadow=True) for name in ("first", "home"))
    with gateway(first) as (port, _):
        Wrk(lua=script(folder), seconds=1)(port)
    with gateway(chosen) as (port, pid):
        before_s = cpu_s(pid)
        load = Wrk(lua=script(folder), seconds=seconds)(port)
        made = 2 * load.requests / (cpu_s(pid) - before_s)
    out = subprocess.run(
        [sys.executable, "-m", __name__, first.home, chosen.home], check=True, capture_output=True, text=True
    ).stdout
    told = json.loads(out)
    shipped = told["rows"] / told["cpu_s"]
    yield seen("shipper, rows a second of a core", shipped, "rows/s")
    yield at_least("shipper, rows a second of a core, over the gateway's", shipped / made, 1.2)


def _shipped(folder: str) -> dict[str, float]:
    home = home_at(folder)
    started_s = _cpu_s()
    shipped = ship(home.journal, lake_of(home))
    return {"rows": shipped.predictions, "cpu_s": _cpu_s() - started_s}


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    print(json.dumps([_shipped(folder) for folder in sys.argv[1:]][-1]))
