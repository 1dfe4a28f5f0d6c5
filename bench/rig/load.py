"""How are requests made: as many as possible (wrk), and what did they cost the process in between?"""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from bench.rig.machine import cpu_s

TARGET: Final = "/v2/models/churn/infer"
BODY: Final = (
    '{"inputs":[{"name":"age","shape":[1],"datatype":"INT64","data":[42]},'
    '{"name":"tier","shape":[1],"datatype":"BYTES","data":["vip"]}]}'
)
_SCRIPT: Final = """
local n = math.random(1000000)
local body = %s
function request()
    n = n + 1
    return wrk.format("POST", nil, {["content-type"] = "application/json", ["x-user-id"] = "user-" .. n %% 100000}, body)
end
function done(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    local result = '\\nRESULT {"requests":%%d,"duration_us":%%d,"failed":%%d}\\n'
    io.write(string.format(result, summary.requests, summary.duration, failed))
end
"""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What wrk did."""

    requests: int
    duration_us: int
    failed: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.duration_us * 1e6


def script(folder: Path, body_bytes: int = 0) -> Path:
    """The script: a v2 request of a user who changes from request to request; or a body of that many bytes."""
    file = folder / f"load-{body_bytes}.lua"
    start, end = '{"inputs":[{"name":"photo","shape":[1],"datatype":"BYTES","data":["', '"]}]}'
    long = f"{json.dumps(start)} .. string.rep('x', {body_bytes - len(start + end)}) .. {json.dumps(end)}"
    file.write_text(_SCRIPT % (long if body_bytes else json.dumps(BODY)))
    return file


class Wrk(msgspec.Struct, frozen=True, kw_only=True):
    """Closed-loop load for so long, over so many kept connections, by wrk."""

    lua: Path
    seconds: int
    connections: int = 128
    path: str = ""

    def __call__(self, port: int) -> Load:
        """Run it against a port.

        Raises:
            RuntimeError: a request failed: what was measured would be something else.
        """
        url = f"http://127.0.0.1:{port}{self.path}{TARGET}"
        command = ["wrk", "-t1", f"-c{self.connections}", f"-d{self.seconds}s", "--timeout", "10s", "-s", str(self.lua), url]
        return _load(subprocess.run(command, check=True, capture_output=True, text=True, timeout=self.seconds + 60).stdout)


def _load(out: str) -> Load:
    load = msgspec.json.decode(out.partition("RESULT ")[2].encode(), type=Load)
    if load.failed or not load.requests:
        raise RuntimeError(f"{load.failed} of {load.requests} requests failed:\n{out}")
    return load


def cost_us(pid: int, made: Callable[[], Load]) -> float:
    """Microseconds of CPU that a process spent on each request of a load."""
    before_s = cpu_s(pid)
    load = made()
    return (cpu_s(pid) - before_s) / load.requests * 1e6
