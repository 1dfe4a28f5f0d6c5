"""How is the gateway started for a measurement, and how many of its shadows did it ask?"""

import re
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from bench.rig.gateway_worker import Setting
from bench.rig.machine import free_port, process, wait_for

_SHADOWS: Final = re.compile(
    r'^segue_(requests_total\{.*role="shadow"|capture_total\{.*state="dropped").* (\d+)$', re.MULTILINE
)


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


class Shadowed(NamedTuple):
    """How many requests a shadow was asked to an end, and how many were dropped, because too many waited."""

    asked: int
    dropped: int


def shadowed(port: int) -> Shadowed:
    """What a gateway says of its shadows."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        counts = _SHADOWS.findall(reply.read().decode())
    asked = sum(int(count) for what, count in counts if what.startswith("requests"))
    return Shadowed(asked, sum(int(count) for _, count in counts) - asked)
