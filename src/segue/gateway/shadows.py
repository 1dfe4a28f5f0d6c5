"""Who is asked beside the answer, without anybody waiting for it?

A shadow has its own concurrency, its own queue and its own deadline; what does not fit is dropped and counted. It is asked
after the caller's answer has left, so it cannot slow anybody.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from segue.facts.allocation import Shadow
from segue.facts.codec import to_pack
from segue.facts.frames import CAPTURE
from segue.gateway.capture import Answered, refusal_of
from segue.http.call import Answer, Call, Result

if TYPE_CHECKING:
    from segue.gateway.live import Live
    from segue.gateway.proxied import Proxied
    from segue.gateway.worker import Worker


class ShadowQueue:
    """The requests that one variant is asked beside; at most `concurrency` under way and `queue` waiting."""

    __slots__ = ("_empty", "_under_way", "_waiting", "_worker", "dropped", "settings")

    def __init__(self, worker: "Worker", settings: Shadow) -> None:
        self.settings = settings
        self.dropped = 0
        self._worker = worker
        self._under_way = 0
        self._empty = asyncio.Event()
        self._waiting: deque[tuple[Proxied, Live]] = deque()

    @property
    def depth(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Nothing waits, nothing is under way."""
        return not self._waiting and not self._under_way

    async def drained(self, within_s: float) -> bool:
        """Wait until nothing waits and nothing is under way."""
        self._empty.clear()
        if self.idle:
            return True
        try:
            await asyncio.wait_for(self._empty.wait(), max(within_s, 0.0))
        except TimeoutError:
            return False
        return True

    def offer(self, proxied: "Proxied", live: "Live") -> None:
        """Ask now, later, or never."""
        if self._under_way < self.settings.concurrency:
            self._ask(proxied, live)
        elif len(self._waiting) < self.settings.queue:
            self._waiting.append((proxied, live))
        else:
            self.dropped += 1
            self._worker.dropped_shadow(live, self.settings.variant)

    def _ask(self, proxied: "Proxied", live: "Live") -> None:
        upstream = live.upstreams.get(self.settings.variant)
        if upstream is None:
            self._keep(proxied, live, Answered(self.settings.variant, "", 0, "unserved", None, 0))
            return
        place = upstream.place()
        self._under_way += 1

        def done(result: Result) -> None:
            self._under_way -= 1
            latency_us = int((result.finished_s - result.started_s) * 1e6)
            status, answer = (result.status, result) if isinstance(result, Answer) else (0, None)
            error = refusal_of(result.status) if isinstance(result, Answer) else result.reason.value
            self._keep(proxied, live, Answered(upstream.variant, place.version, status, error, answer, latency_us))
            self._next()
            if self.idle:
                self._empty.set()

        deadline_s = time.monotonic() + self.settings.timeout_s
        place.pool.send(Call(proxied.shadow_payload(place), done, deadline_s))

    def _next(self) -> None:
        while self._waiting and self._under_way < self.settings.concurrency:
            self._ask(*self._waiting.popleft())

    def _keep(self, proxied: "Proxied", live: "Live", answered: Answered) -> None:
        capture = proxied.capture("shadow", answered, answered.latency_us)
        self._worker.count(live, capture)
        self._worker.recorder.record(CAPTURE, to_pack(capture))
