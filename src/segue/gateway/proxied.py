"""What becomes of one request: who is asked, who answers if that fails, and what is written down?

Rules kept here: an answer leaves only when its row is in the journal; a candidate that fails is answered for by the
champion within the request's own deadline, and both rows are kept; a champion's failure is passed on truthfully; shadows
are asked after the answer has left.
"""

import time
from typing import TYPE_CHECKING, Final

from segue.facts.codec import to_pack
from segue.facts.frames import CAPTURE
from segue.facts.prediction import CaptureRow, Role
from segue.gateway.capture import Answered, answered_by, digest
from segue.gateway.live import PIN, TRACE, marks_of
from segue.http.call import Call, Head, Result
from segue.http.exchange import Exchange
from segue.http.message import TO_CALLER, Block, Sieve, block

if TYPE_CHECKING:
    from segue.gateway.live import Live, Place, Upstream
    from segue.gateway.worker import Worker
    from segue.ports.recorder import Release

_JSON: Final = (b"content-type", b"application/json")
_MARKS: Final = frozenset({b"x-segue-request-id", b"x-segue-variant", b"x-segue-version"})  # ours, not an upstream's
_ANSWERS: Final = Sieve(TO_CALLER | _MARKS, frozenset({b"date"}))


class Proxied:
    """One request on its way; made by the worker for each, and forgotten when its answer has left.

    Args:
        exchange: the caller's.
        live: what was in force when it began.
    """

    __slots__ = (
        "_asked",
        "_assignment",
        "_at_us",
        "_body",
        "_context",
        "_dated",
        "_digest",
        "_exchange",
        "_failed",
        "_fields",
        "_live",
        "_passing",
        "_pin",
        "_place",
        "_source",
        "_status",
        "_unit",
        "_worker",
        "request_id",
    )

    def __init__(self, worker: "Worker", exchange: Exchange, live: "Live") -> None:
        self._worker = worker
        self._exchange = exchange
        self._live = live
        self._place: Place | None = None
        self._failed: Answered | None = None
        self._digest = b""  # of the request's body, where that is not kept
        self._at_us = worker.clock.now_us()
        noted: dict[bytes, bytes] = {}
        self._passing = live.sieve.pass_on(exchange.headers, exchange.connection, noted)
        self._pin = noted.get(PIN)
        self.request_id = worker.request_id(live, exchange.body, noted.get(TRACE))
        self._unit, self._source = live.sources.unit(noted, self.request_id)
        self._context = live.sources.context(noted)
        self._assignment = live.assigner.assign(self._unit, self._context)

    # -- asking ---------------------------------------------------------------------------------------------------------

    def begin(self, version: bytes | None = None) -> None:
        """Ask the variant that is pinned, by the path's version or by a field, or that is assigned."""
        if version is not None:
            self._pin = version
        if self._pin is not None:
            self._begin_pinned(self._pin.decode("utf-8", "replace"))
            return
        upstream = self._live.upstreams.get(self._assignment.variant)
        if upstream is None:
            self._unserved()
        else:
            self._ask(upstream, self._exchange.arrived_s)

    def _begin_pinned(self, version: str) -> None:
        pinned = self._live.by_version(version)
        if pinned is None:
            route = self._live.allocation.route
            self._worker.refuse(self._exchange, 404, f"no version {version!r} of {route!r} is served here")
        else:
            self._ask(pinned, self._exchange.arrived_s)

    def _ask(self, upstream: "Upstream", now_s: float) -> None:
        exchange = self._exchange
        self._asked = upstream.variant
        place = self._place = upstream.place()
        deadline_s = min(now_s + upstream.timeout_s, exchange.arrived_s + self._live.allocation.deadline_s)
        payload = place.outline.filled(self._passing, exchange.body)
        place.pool.send(Call(payload, self._done, deadline_s, replayable=True), now_s)

    def _unserved(self) -> None:
        """Nobody serves the variant now: the same as its failure."""
        self._asked = self._assignment.variant
        self._answered(Answered(self._asked, "", 0, "unserved", None, 0, time.monotonic()))

    # -- answering ------------------------------------------------------------------------------------------------------

    def _done(self, result: Result) -> None:
        version = self._place.version if self._place is not None else ""
        self._answered(answered_by(self._asked, version, result))

    def _answered(self, answered: Answered) -> None:
        if self._failed is not None:
            self._write_failed(self._failed, answered)
        elif answered.error and self._pin is None and answered.variant != self._live.allocation.champion:
            self._failed = answered
            upstream = self._live.upstreams.get(self._live.allocation.champion)
            if upstream is not None:
                self._ask(upstream, answered.finished_s)
                return
        self._leave(answered)

    def _write_failed(self, failed: Answered, fallback: Answered) -> None:
        """The candidate's row; its 4xx is the caller's fault if the champion gives one too."""
        if failed.error == "caller" and fallback.error != "caller":
            failed = failed.blamed("rejected")
        self.record("failed", failed, self._total_us(fallback))

    def _leave(self, answered: Answered) -> None:
        """Write the row of the answer that leaves; `release` then lets it leave."""
        role: Role = "served"
        if self._pin is not None:
            role = "pinned"
        elif self._failed is not None and self._failed is not answered:
            role = "fallback"
        elif not answered.status:
            role = "failed"
        answer = answered.answer
        if answer is None:
            self._status = 504 if answered.error == "timeout" else 503 if answered.error == "unserved" else 502
            fields, self._dated = block([_JSON]), False
            self._body = b'{"error":"no version answered: %b"}' % answered.error.encode()
        else:
            self._status, self._body = answered.status, answer.body
            fields, self._dated = answer.head.passed or _passed(answer.head)
        marks = self._place.marks if self._place is not None else marks_of(answered.variant, answered.version)
        self._fields = Block(b"".join((fields, marks, self.request_id.encode())))
        self.record(role, answered, self._total_us(answered), self._release)

    def _release(self, written: bool) -> None:
        """The row is in the journal, and the answer leaves; or it is not, and the answer must not."""
        if not written:
            self._exchange.respond(503, (_JSON, (b"retry-after", b"1")), b'{"error":"the record cannot be written"}')
            return
        self._exchange.respond(self._status, self._fields, self._body, dated=self._dated)
        if self._live.allocation.shadows:
            self._worker.asked_beside(self, self._live)

    # -- the record -----------------------------------------------------------------------------------------------------

    def _total_us(self, answered: Answered) -> int:
        return int((answered.finished_s - self._exchange.arrived_s) * 1e6)

    def record(self, role: Role, answered: Answered, total_us: int, release: "Release | None" = None) -> None:
        """Count one variant's answer to this request, and write its row."""
        worker = self._worker
        kind = (self._live.allocation.route, answered.variant, answered.version, role, answered.error or "ok")
        worker.counters.tally(kind).add(answered.latency_us, total_us)
        worker.recorder.record(CAPTURE, to_pack(self._row(role, answered, total_us)), release)

    def _row(self, role: Role, answered: Answered, total_us: int) -> CaptureRow:
        live, assignment, exchange = self._live, self._assignment, self._exchange
        asked, limit = exchange.body, live.body_limit_bytes
        if len(asked) > limit and not self._digest:
            self._digest = digest(asked)
        body = answered.answer.body if answered.answer is not None else b""
        return (
            self.request_id,
            self._at_us,
            live.allocation.number,
            self._unit,
            self._source,
            self._context,
            assignment.variant,
            answered.variant,
            answered.version,
            role,
            assignment.propensity,
            assignment.comparable and role != "pinned",
            answered.status,
            answered.error,
            answered.latency_us,
            total_us,
            asked if len(asked) <= limit and role != "shadow" else None,
            body if len(body) <= limit else None,
            len(asked),
            len(body),
            self._digest,
            digest(body) if len(body) > limit else b"",
            exchange.target.decode("ascii", "replace"),
            "",
            live.allocation.route,
        )

    # -- shadows --------------------------------------------------------------------------------------------------------

    @property
    def served(self) -> str:
        """The variant that was asked last."""
        return self._asked

    def shadow_payload(self, place: "Place") -> bytes | tuple[bytes, bytes]:
        """The same request, marked as a shadow's."""
        mark = b"\r\nx-segue-shadow: 1\r\nx-segue-request-id: " + self.request_id.encode()
        return place.outline.filled(Block(self._passing + mark), self._exchange.body)


def _passed(head: Head) -> tuple[Block, bool]:
    """The fields of an answer that the caller gets, noted for the next answer with the same head."""
    noted: dict[bytes, bytes] = {}
    head.passed = (_ANSWERS.pass_on(head.headers, head.connection, noted), bool(noted))
    return head.passed
