"""Who is asked beside the answer, without anybody waiting for it?

A shadow has its own concurrency, its own queue and its own deadline; what does not fit is dropped and counted. It is asked
after the caller's answer has left. An answer that leaves its connection is followed at once by who has waited longest. Shadows
that end otherwise, perhaps many together at a deadline or after a pause, are not followed by as many at once: each costs a new
connection, and callers' requests would wait for all of them. The next ones are spread over half the time that a shadow takes,
and then end one after the other too.
"""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from segue.facts.allocation import Shadow
from segue.gateway.request.capture import Kept, answered_by, unanswered
from segue.gateway.request.flow import HOLD_BYTES
from segue.gateway.request.pace import call_at
from segue.http.call import Call, Head, Result

if TYPE_CHECKING:
    from segue.gateway.live import Live, Upstream
    from segue.gateway.request.proxied import Proxied
    from segue.gateway.worker import Worker

_TOGETHER: Final = 4
"""Waiting ones that may need new connections in one turn of the loop, at most, however late the turn comes."""


class ShadowQueue:
    """The requests that one variant is asked beside; at most `concurrency` under way and `queue` waiting."""

    __slots__ = ("_due_s", "_empty", "_gap_s", "_next", "_under_way", "_waiting", "_worker", "dropped", "on_part", "settings")

    def __init__(self, worker: "Worker", settings: Shadow) -> None:
        self.settings = settings
        self.dropped = 0
        self.on_part = worker.pace.read
        self._worker = worker
        self._under_way = 0
        self._gap_s = 0.0  # between two that have waited
        self._due_s = 0.0  # when the next of them may be asked
        self._next: asyncio.Handle | None = None  # asks it
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
        """Wait until nothing waits and nothing is under way; who waits still after that is dropped, and counted."""
        self._empty.clear()
        if self.idle:
            return True
        try:
            await asyncio.wait_for(self._empty.wait(), max(within_s, 0.0))
        except TimeoutError:
            self.dismiss()
            return False
        return True

    def dismiss(self) -> None:
        """Drop who waits, and count them."""
        while self._waiting:
            self._drop(self._waiting.popleft()[1])

    def offer(self, proxied: "Proxied", live: "Live") -> None:
        """Ask now, later, or never."""
        if self._room() and not self._waiting:
            self._ask(proxied, live)
        elif len(self._waiting) < self.settings.queue:
            self._waiting.append((proxied, live))
        else:
            self._drop(live)

    def _drop(self, live: "Live") -> None:
        self.dropped += 1
        self._worker.dropped_shadow(live, self.settings.variant)

    def _ask(self, proxied: "Proxied", live: "Live") -> None:
        upstream = live.upstreams.get(self.settings.variant)
        now_s = time.monotonic()
        if upstream is None:
            proxied.record("shadow", unanswered(self.settings.variant, "unserved", now_s), 0)
            return
        self._under_way += 1
        _Asked(self, proxied, live, upstream).send(now_s)

    def ended(self, took_s: float, *, connected: bool) -> None:
        """One that was under way is not any more.

        Args:
            took_s: from its being asked.
            connected: whether there is a connection for the next one.
        """
        self._under_way -= 1
        if self._waiting and connected:
            self._ask(*self._waiting.popleft())
        if self._waiting and self._room():
            self._gap_s = took_s / (2 * self.settings.concurrency)
            if self._next is None:
                self._next = call_at(self._due_s, time.monotonic(), self._ask_waiting)
        elif self.idle:
            self._empty.set()

    def _room(self) -> bool:
        return self._under_way < self.settings.concurrency

    def _ask_waiting(self) -> None:
        """Ask those that are due."""
        self._next = None
        now_s = time.monotonic()
        self._due_s = max(self._due_s, now_s - _TOGETHER * self._gap_s)
        for _ in range(_TOGETHER):
            if not self._waiting or not self._room() or self._due_s > now_s:
                break
            self._due_s += self._gap_s
            self._ask(*self._waiting.popleft())
        if self._waiting and self._room():
            self._next = call_at(self._due_s, now_s, self._ask_waiting)
        elif self.idle:
            self._empty.set()


class _Asked:
    """One request that a shadow is asked now."""

    __slots__ = ("_kept", "_live", "_place", "_proxied", "_queue", "_variant")

    def __init__(self, queue: ShadowQueue, proxied: "Proxied", live: "Live", upstream: "Upstream") -> None:
        self._queue = queue
        self._proxied = proxied
        self._live = live
        self._variant = upstream.variant
        self._place = upstream.next_place()  # ejected or not: nobody waits for it, and its failures are worth knowing
        self._kept: Kept | None = None

    def send(self, now_s: float) -> None:
        place = self._place
        payload = self._proxied.shadow_payload(place)
        deadline_s = now_s + self._queue.settings.timeout_s
        head_only = self._proxied.head_only
        call = Call(payload, self._done, deadline_s, head_only=head_only, stream=self, hold_bytes=HOLD_BYTES)
        call.on_part = self._queue.on_part
        place.pool.send(call, now_s)

    def head(self, head: Head, length: int | None) -> None:  # noqa: ARG002 - `http.call.Stream`
        """A long answer has begun, which nobody waits for; it is not kept whole, and may take no longer than others."""
        self._kept = Kept(self._live.body_limit_bytes)

    def piece(self, data: bytes) -> None:
        """A piece of it."""
        if self._kept is not None:
            self._kept.add(data)

    def _done(self, result: Result) -> None:
        answered = answered_by(self._variant, self._place.version, result, self._kept)
        self._proxied.record("shadow", answered, answered.latency_us)
        self._queue.ended(answered.latency_us / 1e6, connected=self._place.pool.idle > 0)
