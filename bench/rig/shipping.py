"""Does the shipper keep up with what the gateway writes?

As a program: ship the journal of the home that is named, and say what that took.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.rig.figures import Figure, at_least
from bench.rig.load import Wrk, script
from bench.rig.machine import cpu_s
from bench.rig.segue import gateway, setting

from segue.record.shipper import ship
from segue.wiring import home_at, lake_of


def shipping(folder: Path, ports: tuple[int, int], *, seconds: int) -> Iterator[Figure]:
    """Rows per second of a core, over those that a gateway makes on one; with a shadow, where a request makes two."""
    chosen = setting(folder / "home", ports, shadow=True)
    with gateway(chosen) as (port, pid):
        before_s = cpu_s(pid)
        load = Wrk(lua=script(folder), seconds=seconds)(port)
        made = 2 * load.requests / (cpu_s(pid) - before_s)
    out = subprocess.run([sys.executable, "-m", __name__, chosen.home], check=True, capture_output=True, text=True).stdout
    told = json.loads(out)
    yield at_least("shipper, rows a second of a core", told["rows"] / told["cpu_s"], made, "rows/s")


def _main(folder: str) -> None:
    home = home_at(folder)
    started_s = _cpu_s()
    shipped = ship(home.journal, lake_of(home))
    print(json.dumps({"rows": shipped.predictions, "cpu_s": _cpu_s() - started_s}))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    _main(sys.argv[1])
