"""Who plays the flights: each request at its moment of the stream, each outcome at its landing?

The driver is an ordinary caller: it knows one address and one route. It asks over kept-alive connections, posts outcomes in
small batches, and keeps count of what it got; a failed request is one that was not answered with a 200.
"""

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from segue.demo.flights import Flight, v2_headers, v2_request
from segue.http.call import Answer, Call, Result
from segue.http.client import UpstreamPool
from segue.http.limits import PoolLimits
from segue.http.message import block, first, request
from segue.ports.clock import Clock

_TURN_S: Final = 0.005
_PATIENCE_S: Final = 10.0
_IN_FLIGHT: Final = 256
_OUTCOMES_EACH_S: Final = 0.05
_PER_POST: Final = 500


class Played(msgspec.Struct):
    """What the caller saw.

    Args:
        answers: by version that answered.
        failures: by what went wrong ("503", "timeout").
        outcomes: posted and accepted.
        slowest_lag_s: how far the driver fell behind the stream at worst, in real seconds.
        versions: (stream time, version) at each change of the version that answers most, for the report.
    """

    requests: int = 0
    answers: Counter[str] = msgspec.field(default_factory=Counter)
    failures: Counter[str] = msgspec.field(default_factory=Counter)
    outcomes: int = 0
    outcomes_refused: int = 0
    slowest_lag_s: float = 0.0


class Driver:
    """Plays flights against one gateway.

    Args:
        flights: in the order of their requests.
        clock: stream time.
    """

    def __init__(self, address: tuple[str, int], route: str, flights: Sequence[Flight], clock: Clock) -> None:
        self.played = Played()
        self._address = address
        self._clock = clock
        self._flights: Iterator[Flight] = iter(flights)
        self._next = next(self._flights, None)
        self._landings: list[tuple[datetime, str, int]] = []
        self._in_flight = 0
        self._path = f"/v2/models/{route}/infer".encode()
        self._host = (b"host", f"{address[0]}:{address[1]}".encode())
        self._posted_s = 0.0
        self._encode = msgspec.json.Encoder().encode

    async def play(self, ended: Callable[[], bool]) -> Played:
        """Play until `ended` says so or the flights run out; returns when the last answer is there."""
        pool = UpstreamPool(*self._address, PoolLimits(connections=32, waiting=_IN_FLIGHT))
        try:
            while True:
                over = ended() or (self._next is None and not self._landings)
                if over and not self._in_flight:
                    break
                if not over:
                    self._turn(pool, self._clock.now())
                await asyncio.sleep(_TURN_S)
        finally:
            await pool.close()
        return self.played

    def _turn(self, pool: UpstreamPool, now: datetime) -> None:
        while self._next is not None and self._next.requested_at <= now and self._in_flight < _IN_FLIGHT:
            self._ask(pool, self._next)
            self._next = next(self._flights, None)
        if self._next is not None and self._next.requested_at < now:
            behind: timedelta = now - self._next.requested_at
            self.played.slowest_lag_s = max(self.played.slowest_lag_s, behind.total_seconds() / self._clock.speed)
        if time.monotonic() - self._posted_s >= _OUTCOMES_EACH_S:
            self._posted_s = time.monotonic()
            self._tell(pool, now)

    def _ask(self, pool: UpstreamPool, flight: Flight) -> None:
        self.played.requests += 1
        self._in_flight += 1
        headers = [self._host, (b"content-type", b"application/json")]
        headers += [(name.encode(), value.encode()) for name, value in v2_headers(flight).items()]
        payload = request(b"POST", self._path, block(headers), self._encode(v2_request(flight)))
        pool.send(Call(payload, self._answered, time.monotonic() + _PATIENCE_S, replayable=True))
        if flight.landed_at is not None and flight.late is not None:
            heapq.heappush(self._landings, (flight.landed_at, flight.id, flight.late))

    def _answered(self, result: Result) -> None:
        self._in_flight -= 1
        if isinstance(result, Answer) and result.status == 200:
            self.played.answers[(first(result.headers, b"x-segue-version") or b"?").decode()] += 1
        else:
            self.played.failures[str(result.status) if isinstance(result, Answer) else result.reason.value] += 1

    def _tell(self, pool: UpstreamPool, now: datetime) -> None:
        """Post what has landed since the last time; what is refused is counted, and told again later if nobody answered."""
        due: list[tuple[datetime, str, int]] = []
        while self._landings and self._landings[0][0] <= now and len(due) < _PER_POST:
            due.append(heapq.heappop(self._landings))
        if not due:
            return
        lines = [self._encode({"request_id": name, "at": at, "label": late}) for at, name, late in due]
        headers = [self._host, (b"content-type", b"application/x-ndjson")]
        payload = request(b"POST", b"/segue/v1/outcomes", block(headers), b"\n".join(lines))
        self._in_flight += 1

        def done(result: Result) -> None:
            self._in_flight -= 1
            if isinstance(result, Answer) and result.status == 202:
                self.played.outcomes += len(due)
            elif isinstance(result, Answer) and result.status < 500:
                self.played.outcomes_refused += len(due)
            else:
                for landing in due:
                    heapq.heappush(self._landings, landing)

        pool.send(Call(payload, done, time.monotonic() + _PATIENCE_S, replayable=True))
