"""What happens in the process that serves one model version?

`python -m segue.host.worker --model churn --version 8`, started by the supervisor, which writes an `Assignment` to its
standard input as one line of JSON. Digest, load, warm up, listen; then one line of JSON to standard output: `Ready` with
the port, or `Refusal` with the reason. Whatever a model prints goes to standard error. SIGTERM lets the answers in hand
leave. When standard input ends, the supervisor is gone: the worker serves on for a while, for the next one to take over.
"""

import argparse
import asyncio
import gc
import logging
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from segue.errors import Refused, SegueError
from segue.host.artifact import check_artifact
from segue.host.model import Model, load
from segue.host.service import Service
from segue.http.server import Server
from segue.ids import RequestIds
from segue.ports.registry import ModelVersion

log: Final = logging.getLogger("segue.host")
REFUSED: Final = 3
"""Exit status of a worker that will not serve its version."""


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to serve.

    Args:
        threads: predictions at a time.
        warm_up: how often the example is predicted before anybody else asks.
        start_s: real time to load and warm up, after which the worker ends, whether or not anybody watches.
        drain_s: real time that the answers in hand get after SIGTERM.
        orphan_s: real time to serve on after the supervisor is gone.
    """

    version: ModelVersion
    address: str = "127.0.0.1"
    threads: int = 1
    warm_up: int = 3
    start_s: float = 120.0
    drain_s: float = 10.0
    orphan_s: float = 30.0


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The worker listens.

    Args:
        example: the request body to probe with, or "" where neither the registry nor the model has one.
    """

    port: int
    platform: str
    example: str
    load_s: float


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag="refusal"):
    """The worker will not serve this version."""

    reason: str


Word = Ready | Refusal
"""What a worker says once."""


def main() -> int:
    """Serve one version until told to stop; the exit status."""
    options = _options()
    tether, voice = _own_channels()
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s %(levelname)s {options.model}/{options.version} %(message)s")
    try:
        assignment = _assignment(tether)
        began = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, assignment.start_s + 1)  # a load that hangs ends by itself
        model = prepare(assignment)
        service = _service(model, assignment)
        warm_up(service, model.warmup, assignment.warm_up)
    except SegueError as error:
        log.exception("refused")
        _say(voice, Refusal(reason=error.message))
        return REFUSED
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.collect()
    gc.freeze()  # what is loaded stays; looking at it again and again costs tail latency
    ready = Ready(
        port=0, platform=model.platform, example=model.warmup.decode("utf-8", "replace"), load_s=time.monotonic() - began
    )
    uvloop.run(_serve(service, assignment, ready, (tether, voice)))
    return 0


def _own_channels() -> tuple[int, int]:
    """The supervisor's two pipes under numbers of our own, so that a model's print or input touches neither."""
    tether, voice = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return tether, voice


def _assignment(tether: int) -> Assignment:
    line = bytearray()
    while not line.endswith(b"\n") and (piece := os.read(tether, 1 << 16)):
        line += piece
    try:
        return msgspec.json.decode(line, type=Assignment)
    except msgspec.MsgspecError as error:
        raise Refused(f"no assignment came in: {error}", hint="a worker is started by `segue host`") from None


def prepare(assignment: Assignment) -> Model:
    """Check the artifact and load the model.

    Raises:
        Refused: the artifact has changed, or its factory gives no model.
        NotFound: the artifact is gone.
    """
    version = assignment.version
    check_artifact(Path(version.artifact), version.digest)
    return load(version)


def warm_up(service: Service, example: bytes, times: int) -> None:
    """Predict the example a few times, so that the first caller does not pay for what is done once.

    Raises:
        Refused: the model cannot predict its own example.
    """
    for _ in range(times if example else 0):
        try:
            service.predict(example)
        except Exception as error:
            text = error.message if isinstance(error, SegueError) else f"{type(error).__name__}: {error}"
            raise Refused(f"the warm-up request failed: {text}") from error


def _service(model: Model, assignment: Assignment) -> Service:
    ids = RequestIds(start_us=time.time_ns() // 1000, entropy=secrets.randbits(40))
    return Service(model, assignment.version, ids=ids, threads=assignment.threads)


async def _serve(service: Service, assignment: Assignment, ready: Ready, channels: tuple[int, int]) -> None:
    tether, voice = channels
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    server = Server(service.handle)
    port = await server.listen(assignment.address)
    os.set_blocking(tether, False)
    loop.add_reader(tether, _mind, tether, assignment.orphan_s, stop)
    _say(voice, msgspec.structs.replace(ready, port=port))
    await stop.wait()
    service.ready = False
    await server.drain(assignment.drain_s)
    service.close()


def _mind(tether: int, orphan_s: float, stop: asyncio.Event) -> None:
    """The supervisor's end of the pipe: when it closes, stop after a while."""
    try:
        if os.read(tether, 4096):
            return
    except BlockingIOError:
        return
    loop = asyncio.get_running_loop()
    loop.remove_reader(tether)
    os.close(tether)
    log.warning("the supervisor is gone: serving on for %g s", orphan_s)
    loop.call_later(orphan_s, stop.set)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="segue.host.worker", description="Serves one model version; started by segue host.")
    parser.add_argument("--model", required=True, help="name in the registry")
    parser.add_argument("--version", required=True, help="version in the registry")
    return parser.parse_args()


def _say(to: int, word: Word) -> None:
    os.write(to, msgspec.json.encode(word) + b"\n")
    os.close(to)


if __name__ == "__main__":
    sys.exit(main())
