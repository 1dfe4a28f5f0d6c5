"""How many instructions does a request take? A figure that does not drift with what else the machine does.

Counted by callgrind in user space, over a fixed number of requests on a fixed number of connections. The gateway does not
look at its store nor at its deadlines meanwhile: under callgrind a minute is an hour, and what is done by the clock would be
counted too often.
"""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.rig.figures import Figure, seen
from bench.rig.load import BODY, TARGET
from bench.rig.segue import gateway, setting

from segue.http.call import Answer
from segue.http.client import UpstreamPool
from segue.http.limits import PoolLimits
from segue.http.message import block, request

_REQUESTS: Final = 3000
_CONNECTIONS: Final = 64
_NEVER_S: Final = 3600.0
_totals = re.compile(r"^totals: (\d+)", re.MULTILINE).search


async def _ask(port: int, number: int) -> None:
    pool = UpstreamPool("127.0.0.1", port, PoolLimits(connections=_CONNECTIONS))
    left = iter(range(number))

    async def caller() -> None:
        for count in left:
            fields = block([(b"host", b"a"), (b"content-type", b"application/json"), (b"x-user-id", b"user-%d" % count)])
            answer = await pool.request(request(b"POST", TARGET.encode(), fields, BODY.encode()), timeout_s=60.0)
            if not isinstance(answer, Answer) or answer.status != 200:
                raise RuntimeError(f"not answered: {answer}")

    await asyncio.gather(*(caller() for _ in range(_CONNECTIONS)))
    await asyncio.sleep(0.5)  # the shadows come after
    await pool.close()


def _control(pid: int, *arguments: str) -> None:
    subprocess.run(["callgrind_control", *arguments, str(pid)], check=True, capture_output=True)


def _count(folder: Path, ports: tuple[int, int], **further: object) -> float:
    counts = folder / "callgrind"
    under = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={counts}"]
    with gateway(setting(folder, ports, poll_s=_NEVER_S, sweep_s=_NEVER_S, **further), under) as (port, pid):
        asyncio.run(_ask(port, 200))
        _control(pid, "-i", "on")
        asyncio.run(_ask(port, _REQUESTS))
        _control(pid, "-i", "off")
        _control(pid, "-d")
        found = _totals(counts.with_name("callgrind.1").read_text())
    if found is None:
        raise RuntimeError("callgrind has counted nothing")
    return int(found[1]) / _REQUESTS


def instructions(folder: Path, ports: tuple[int, int]) -> Iterator[Figure]:
    """Of an A/B request, and of one with a shadow."""
    yield seen("instructions in user space, A/B", _count(folder / "ab", ports), "a request")
    yield seen("instructions in user space, A/B, journal off", _count(folder / "off", ports, journal=False), "a request")
    yield seen("instructions in user space, shadow", _count(folder / "shadow", ports, shadow=True), "a request")
