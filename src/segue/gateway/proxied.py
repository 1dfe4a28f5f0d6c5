"""What becomes of one request: who is asked, who answers if that fails, and what is written down?

Rules kept here: an answer leaves only when its row is in the journal; a candidate that fails is answered for by the
champion within the request's own deadline, and both rows are kept; a champion's failure is passed on truthfully; shadows
are asked after the answer has left.
"""

import time
from typing import TYPE_CHECKING, Final

from segue.facts.codec import to_pack
from segue.facts.frames import CAPTURE
from segue.facts.prediction import Capture, Role
from segue.gateway.capture import Answered, kept, refusal_of
from segue.http.call import Answer, Call, Result
from segue.http.exchange import Exchange
from segue.http.message import TO_CALLER, TO_UPSTREAM, Block, Header, block, end_to_end, request
from segue.ports.recorder import Release

if TYPE_CHECKING:
    from segue.gateway.live import Live, Place, Upstream
    from segue.gateway.worker import Worker

_JSON: Final = (b"content-type", b"application/json")
_TRACE: Final = b"x-request-id"


class Proxied:
    """One request on its way; made by the worker for each, and forgotten when its answer has left.

    Args:
        exchange: the caller's.
        live: what was in force when it began.
        pinned: the variant that was asked for by name, or None.
    """

    __slots__ = (
        "_asked",
        "_assignment",
        "_at_us",
        "_body_kept",
        "_common",
        "_context",
        "_exchange",
        "_failed",
        "_live",
        "_pinned",
        "_place",
        "_request_hash",
        "_source",
        "_unit",
        "_worker",
        "request_id",
    )

    def __init__(self, worker: "Worker", exchange: Exchange, live: "Live", pinned: "Upstream | None") -> None:
        self._worker = worker
        self._exchange = exchange
        self._live = live
        self._pinned = pinned
        self._failed: Answered | None = None
        self._at_us = worker.clock.now_us()
        self._read()
        body = exchange.body
        self._body_kept, self._request_hash = kept(body, live.allocation.capturing.body_limit_bytes)

    def _read(self) -> None:
        """One pass over the caller's headers: what we need, and what we pass on."""
        exchange, live = self._exchange, self._live
        fields: dict[bytes, bytes] = {}
        passing: list[Header] = []
        wanted = live.sources.names
        dropped = TO_UPSTREAM
        for header in end_to_end(exchange.headers, exchange.connection, dropped):
            name = header[0].lower()
            if name in wanted or name == _TRACE:
                fields.setdefault(name, header[1])
            passing.append(header)
        self.request_id = self._worker.request_id(exchange.body, fields.get(_TRACE))
        self._common = block(passing)
        self._unit, self._source = live.sources.unit(fields, self.request_id)
        self._context = live.sources.context(fields)
        self._assignment = live.assigner.assign(self._unit, self._context)

    # -- asking ---------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Ask the variant that is pinned or assigned."""
        if self._pinned is not None:
            self._ask(self._pinned)
            return
        upstream = self._live.upstreams.get(self._assignment.variant)
        if upstream is None:
            self._unserved()
        else:
            self._ask(upstream)

    def _ask(self, upstream: "Upstream") -> None:
        self._asked = upstream.variant
        place = self._place = upstream.place()
        arrived_s = self._exchange.arrived_s
        deadline_s = min(time.monotonic() + upstream.timeout_s, arrived_s + self._live.allocation.deadline_s)
        place.pool.send(Call(self._payload(place), self._done, deadline_s, replayable=True))

    def _payload(self, place: "Place", extra: bytes = b"") -> bytes:
        exchange = self._exchange
        return request(exchange.method, place.path, Block(place.host + self._common + extra), exchange.body)

    def _unserved(self) -> None:
        """Nobody serves the variant now: the same as its failure."""
        self._asked = self._assignment.variant
        self._answered(Answered(self._asked, "", 0, "unserved", None, 0))

    # -- answering ------------------------------------------------------------------------------------------------------

    def _done(self, result: Result) -> None:
        latency_us = int((result.finished_s - result.started_s) * 1e6)
        version = self._place.version
        if isinstance(result, Answer):
            error = refusal_of(result.status)
            self._answered(Answered(self._asked, version, result.status, error, result, latency_us))
        else:
            self._answered(Answered(self._asked, version, 0, result.reason.value, None, latency_us))

    def _answered(self, answered: Answered) -> None:
        champion = self._live.allocation.champion
        if answered.error and self._pinned is None and self._failed is None and answered.variant != champion:
            self._failed = answered
            upstream = self._live.upstreams.get(champion)
            if upstream is not None:
                self._ask(upstream)
                return
        elif self._failed is not None:
            self._write_failed(answered)
        self._leave(answered)

    def _write_failed(self, fallback: Answered) -> None:
        """The candidate's row; its 4xx is the caller's fault if the champion gives one too."""
        failed = self._failed
        if failed is None:
            return
        if failed.error == "caller" and fallback.error != "caller":
            failed = failed.blamed("rejected")
        self._record("failed", failed, None)

    def _leave(self, answered: Answered) -> None:
        """Write the row of the answer that leaves, then let it leave."""
        role: Role = "served"
        if self._pinned is not None:
            role = "pinned"
        elif self._failed is not None and self._failed is not answered:
            role = "fallback"
        elif not answered.status:
            role = "failed"
        worker = self._worker
        if answered.answer is None:
            status = 504 if answered.error == "timeout" else 503 if answered.error == "unserved" else 502
            headers, body = [_JSON], b'{"error":"no version answered: %b"}' % answered.error.encode()
        else:
            status, body = answered.status, answered.answer.body
            headers = end_to_end(answered.answer.headers, answered.answer.connection, TO_CALLER)
        fields = block((*headers, *self._marks(answered)))

        def release(written: bool) -> None:
            if written:
                self._exchange.respond(status, fields, body)
                worker.asked_beside(self, self._live)
            else:
                self._exchange.respond(503, (_JSON, (b"retry-after", b"1")), b'{"error":"the record cannot be written"}')

        self._record(role, answered, release)

    def _marks(self, answered: Answered) -> tuple[Header, ...]:
        return (
            (b"x-segue-request-id", self.request_id.encode()),
            (b"x-segue-variant", answered.variant.encode()),
            (b"x-segue-version", answered.version.encode()),
        )

    # -- the record -----------------------------------------------------------------------------------------------------

    def _record(self, role: Role, answered: Answered, release: Release | None) -> None:
        worker, live = self._worker, self._live
        total_us = int((time.monotonic() - self._exchange.arrived_s) * 1e6)
        capture = self.capture(role, answered, total_us)
        worker.count(live, capture)
        worker.recorder.record(CAPTURE, to_pack(capture), release)

    def capture(self, role: Role, answered: Answered, total_us: int) -> Capture:
        """The row of one variant's answer to this request."""
        allocation, assignment, exchange = self._live.allocation, self._assignment, self._exchange
        answer = answered.answer
        body, digest = kept(answer.body, allocation.capturing.body_limit_bytes) if answer else (b"", b"")
        return Capture(
            request_id=self.request_id,
            at_us=self._at_us,
            allocation=allocation.number,
            unit=self._unit,
            unit_source=self._source,
            context=self._context,
            assigned=assignment.variant,
            variant=answered.variant,
            version=answered.version,
            role=role,
            propensity=assignment.propensity,
            comparable=assignment.comparable and role != "pinned",
            status=answered.status,
            error=answered.error,
            latency_upstream_us=answered.latency_us,
            latency_total_us=total_us,
            request_body=None if role == "shadow" else self._body_kept,
            response_body=body,
            request_size=len(exchange.body),
            response_size=len(answer.body) if answer else 0,
            request_hash=self._request_hash,
            response_hash=digest,
            path=exchange.target.decode("ascii", "replace"),
            route=allocation.route,
        )

    # -- shadows --------------------------------------------------------------------------------------------------------

    @property
    def served(self) -> str:
        """The variant that was asked last."""
        return self._asked

    def shadow_payload(self, place: "Place") -> bytes:
        """The same request, marked as a shadow's."""
        return self._payload(place, b"\r\nx-segue-shadow: 1\r\nx-segue-request-id: " + self.request_id.encode())
