"""How does somebody hear of each decision as it is made? As server-sent events (WHATWG HTML, section 9.2).

An event's id is the decision's number, so a client that lost the connection goes on where it was. When the rollout is over an
event `over` says how, and the stream ends; whoever comes back then gets 204, which tells a browser not to come again.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from segue.api.desk import Desk
from segue.decide.machine import TERMINAL
from segue.errors import DomainError, Unavailable
from segue.facts.decision import Decision

_LOOK_S: Final = 0.5
_ALIVE_S: Final = 15.0
_RETRY: Final = b"retry: 2000\n\n"


async def follow(desk: Desk, name: str, request: Request) -> Response:
    """The stream of a rollout's decisions after the last one that the client has seen."""
    seen = _seen(request)
    found = await run_in_threadpool(desk.rollout, name)
    rollout = found.view.rollout  # a route's newest one stays this one
    if found.view.phase in TERMINAL and found.view.decisions <= seen:
        return Response(status_code=204)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    if request.method == "HEAD":
        return Response(media_type="text/event-stream", headers=headers)
    return StreamingResponse(_stream(desk, rollout, seen), media_type="text/event-stream", headers=headers)


def _seen(request: Request) -> int:
    said = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    if not said.isascii() or not said.isdigit() or len(said) > 15:
        raise DomainError("the last event is a decision's number")
    return int(said)


async def _stream(desk: Desk, rollout: str, seen: int) -> AsyncIterator[bytes]:
    yield _RETRY
    spoke_s = time.monotonic()
    while True:
        try:
            phase, decisions = await run_in_threadpool(_look, desk, rollout, seen)
        except Unavailable:
            phase, decisions = "", []
        for decision in decisions:
            seen, spoke_s = decision.number, time.monotonic()
            yield b"id: %d\nevent: decision\ndata: %s\n\n" % (decision.number, msgspec.json.encode(decision))
        if phase in TERMINAL:
            yield b'event: over\ndata: {"phase":"%s"}\n\n' % phase.encode()
            return
        if time.monotonic() - spoke_s > _ALIVE_S:
            spoke_s = time.monotonic()
            yield b": alive\n\n"
        await asyncio.sleep(_LOOK_S)


def _look(desk: Desk, rollout: str, seen: int) -> tuple[str, list[Decision]]:
    phase = desk.rollout(rollout).view.phase  # before the decisions: what is over has no later ones
    return phase, desk.decisions(rollout, after=seen)
