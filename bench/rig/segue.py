"""How is the gateway started for a measurement?"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from bench.rig.gateway_worker import Setting
from bench.rig.machine import free_port, process, wait_for


def setting(folder: Path, ports: tuple[int, int], **further: object) -> Setting:
    """What to measure; `further` as in `Setting`."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {"home": str(folder), "port": free_port(), "champion": ports[0], "candidate": ports[1], **further}
    return msgspec.convert(given, Setting)


@contextmanager
def gateway(chosen: Setting, under: Sequence[str] = ()) -> Iterator[tuple[int, int]]:
    """One gateway worker, perhaps under a tool; its port and its pid."""
    arguments = [*under, sys.executable, "-m", "bench.rig.gateway_worker", msgspec.json.encode(chosen).decode()]
    with process(arguments, Path(chosen.home) / "log") as pid:
        wait_for(chosen.port)
        time.sleep(1.0)  # until it has read its allocation
        yield chosen.port, pid
