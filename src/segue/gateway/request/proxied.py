"""What becomes of one request: who is asked, who answers if that fails, and what is written down?

Rules kept here: an answer is whole for its caller only when its row is in the journal; a candidate that fails before anything
of its answer has left is answered for by the champion within the request's own deadline, and both rows are kept; a champion's
failure is passed on truthfully; shadows are asked after the answer has left.
"""

import time
from typing import TYPE_CHECKING, Final

from segue.facts.prediction import CaptureRow, Role
from segue.facts.wire.codec import to_pack
from segue.facts.wire.frames import CAPTURE
from segue.gateway.live import JSON_LENGTH, PIN, TRACE, TYPE, marks_of
from segue.gateway.request.capture import Answered, Kept, answered_by, digest, unanswered
from segue.gateway.request.flow import HOLD_BYTES, Flow
from segue.gateway.request.upload import Upload
from segue.gateway.shapes import refusal
from segue.http.call import Call, Head, Result
from segue.http.client import UpstreamPool
from segue.http.exchange import UNSAID, Exchange
from segue.http.message import TO_CALLER, Block, Outline, block, first
from segue.http.sieve import Sieve

if TYPE_CHECKING:
    from segue.gateway.live import Live, Place, Upstream
    from segue.gateway.worker import Worker
    from segue.ports.recorder import Release

_now_s: Final = time.monotonic  # looked up once
_NOT_MEASURED: Final = 15  # of 16 answers: a look at the clock is not for nothing; by the last bits of when they came
_BUSY: Final = frozenset({"unserved", "ejected", "overloaded"})  # nobody was asked; later somebody may be
_TEXTS_AT_MOST: Final = 256
_TEXT_BYTES_AT_MOST: Final = 256
_texts: Final[dict[bytes, str]] = {}
_JSON: Final = (b"content-type", b"application/json")
_LATER: Final = (b"retry-after", b"1")
_MARKS: Final = frozenset({b"x-segue-request-id", b"x-segue-variant", b"x-segue-version"})  # ours, not an upstream's
_ANSWERS: Final = Sieve(TO_CALLER | _MARKS, frozenset({b"date"}))


class Proxied:
    """One request on its way; made by the worker for each, and forgotten when its answer has left.

    Args:
        exchange: the caller's.
        live: what was in force when it began.
        tail: path and query for the upstream, where the caller chooses them.
    """

    __deletable__ = ("_call",)
    __slots__ = (
        "_asked",
        "_assignment",
        "_at_us",
        "_body",
        "_call",
        "_context",
        "_dated",
        "_digest",
        "_exchange",
        "_failed",
        "_fields",
        "_flow",
        "_left",
        "_length",
        "_live",
        "_passing",
        "_pin",
        "_place",
        "_source",
        "_status",
        "_suspect",
        "_tail",
        "_trace",
        "_type",
        "_unit",
        "_upload",
        "_worker",
        "head_only",
        "request_id",
    )

    def __init__(self, worker: "Worker", exchange: Exchange, live: "Live", tail: bytes = b"") -> None:
        self._worker = worker
        self._exchange = exchange
        self._live = live
        self._tail = tail
        self.head_only = exchange.method == b"HEAD"
        self._place: Place | None = None
        self._failed: Answered | None = None
        self._flow: Flow | None = None
        self._left: Answered | None = None  # a variant's answer, once it is about to leave
        self._digest = b""  # of the request's body, where that is not kept
        self._length: int | None = None  # of the body that is answered for, where none is sent
        self._status = 0  # of the answer that leaves, once it is known
        self._at_us = worker.clock.now_us()
        self._trace = None if worker.tracing is None else worker.tracing.begin(exchange, live.allocation.route)
        self._passing, noted = live.sieve.sift(exchange)
        self._pin = noted.get(PIN)
        self._type = noted.get(TYPE, b"")
        self.request_id = worker.request_id(live, exchange.body, noted.get(TRACE), noted.get(JSON_LENGTH))
        self._unit, self._source = live.sources.unit(noted, self.request_id)
        self._context = live.sources.context(noted)
        self._assignment = live.assigner.assign(self._unit, self._context)
        self._upload = None if exchange.incoming is None else Upload(exchange.incoming, self._broken)

    # -- asking ---------------------------------------------------------------------------------------------------------

    def begin(self, version: str = "") -> None:
        """Ask the variant that is pinned, by the path's version or by a field, or that is assigned."""
        if version:
            self._pin = version.encode()
        if self._pin is not None:
            self._begin_pinned(self._pin.decode("utf-8", "replace"))
            return
        upstream = self._live.upstreams.get(self._assignment.variant)
        if upstream is None:
            self._unserved()
        else:
            self._ask(upstream, _now_s())

    def _begin_pinned(self, version: str) -> None:
        pinned = self._live.by_version(version)
        if pinned is None:
            allocation = self._live.allocation
            why = f"no version {version!r} of {allocation.route!r} is served here"
            self._exchange.respond(404, (_JSON,), refusal(allocation.protocol, 404, why))
            if self._trace is not None:
                self._trace.left(404, version, self.request_id)
        else:
            self._ask(pinned, _now_s())

    def _ask(self, upstream: "Upstream", now_s: float) -> None:
        exchange = self._exchange
        self._asked = upstream.variant
        place = self._place = upstream.place(now_s) if self._pin is None else upstream.next_place()
        if place is None:
            self._answered(unanswered(upstream.variant, "ejected", now_s))
            return
        deadline_s = min(now_s + upstream.timeout_s, exchange.arrived_s + self._live.allocation.deadline_s)
        outline = place.towards(exchange.method, self._tail) if self._tail else place.outline
        if self._upload is not None:
            self._ask_with(self._upload, outline, place.pool, (deadline_s, upstream.timeout_s))
            return
        payload = outline.filled(self._passing, exchange.body)
        head_only = self.head_only
        call = Call(payload, self._done, deadline_s, head_only=head_only, replayable=True, stream=self, hold_bytes=HOLD_BYTES)
        self._call = call
        place.pool.send(call, now_s)

    def _ask_with(self, upload: Upload, outline: Outline, pool: UpstreamPool, times_s: tuple[float, float]) -> None:
        """Ask with a body that is still coming."""
        payload = outline.begun(self._passing, upload.length)
        call = Call(payload, self._done, times_s[0], head_only=self.head_only, stream=self, hold_bytes=HOLD_BYTES)
        self._call = call
        call.source, call.chunked = upload, upload.length is None
        upload.towards(call, pool, times_s[1])
        pool.send(call)

    def _broken(self, status: int, why: str) -> None:
        """The caller's body will never be whole, which is nobody's fault but its own."""
        if self._exchange.answered or not hasattr(self, "_call"):
            return  # the row of its answer is on its way into the journal
        del self._call
        broken = unanswered(self._asked, "caller", time.monotonic())
        self._record_last(broken)
        self._exchange.on_gone = None
        if self._flow is not None and self._flow.started:
            self._flow.cut()
        elif status:
            self._exchange.respond(status, (_JSON,), refusal(self._live.allocation.protocol, status, why))

    def _unserved(self) -> None:
        """Nobody serves the variant now: the same as its failure."""
        self._asked = self._assignment.variant
        self._answered(unanswered(self._asked, "unserved", time.monotonic()))

    # -- answers that come in pieces --------------------------------------------------------------------------------------

    def head(self, head: Head, length: int | None) -> None:
        """A long answer, or a stream of events, has begun."""
        kept = Kept(self._live.body_limit_bytes)
        idle_s = self._live.upstreams[self._asked].timeout_s
        exchange = None if head.status >= 400 and self._champion_may_answer() else self._exchange
        flow = self._flow = Flow(self._call, kept, exchange, idle_s)
        self._status = head.status
        place = self._place
        if exchange is not None and exchange.gone:
            self._gone()
            self._flow = None  # whatever else this read has brought
        elif exchange is not None and place is not None:
            passed, _ = head.passed or _passed(head)
            exchange.on_gone = self._gone
            flow.start(head.status, Block(b"".join((passed, place.marks, self.request_id.encode()))), length)

    def piece(self, data: bytes) -> None:
        """A piece of it."""
        if self._flow is not None:
            self._flow.piece(data)

    def _gone(self) -> None:
        """The caller has left in the middle of its answer: nobody needs the rest."""
        place, flow = self._place, self._flow
        if place is not None and flow is not None:
            place.pool.cancel(self._call)
            gone = Answered(self._asked, place.version, "caller", time.monotonic())
            gone.status, gone.kept = self._status, flow.kept
            gone.latency_us = int((gone.finished_s - self._call.started_s) * 1e6)
            del self._call
            self._record_last(gone)

    # -- answering ------------------------------------------------------------------------------------------------------

    def _done(self, result: Result) -> None:
        del self._call  # which refers back to us: without the ring nobody has to collect garbage
        place, flow = self._place, self._flow
        version = "" if place is None else place.version
        answered = answered_by(self._asked, version, result, None if flow is None else flow.kept)
        if place is not None:
            if answered.error or place.health.ejected:
                self._worker.ejections.hear(self._live, place, answered, result.started_s)
            else:
                place.health.good += 1
        if flow is not None and flow.started:
            self._end(flow, answered)
        elif answered.error or self._failed is not None:
            self._answered(answered)
        else:
            self._leave(answered)

    def _end(self, flow: Flow, answered: Answered) -> None:
        """An answer that has left in pieces is whole, or never will be."""
        self._exchange.on_gone = None
        if answered.head is None:
            flow.cut()
            self._record_last(answered)
            return

        def release(written: bool) -> None:
            if written:
                flow.end()
                self._measure(answered)
                self._ask_shadows()
            else:
                flow.cut()

        self._record_last(answered, release)

    def _champion_may_answer(self) -> bool:
        """Whether somebody else can still answer in place of the variant that was asked."""
        champion = self._live.allocation.champion
        if self._failed is not None or self._pin is not None or self._asked == champion:
            return False
        return champion in self._live.upstreams and (self._upload is None or not self._upload.consumed)

    def _answered(self, answered: Answered) -> None:
        if self._failed is not None:
            self._write_failed(self._failed, answered)
        elif answered.error and self._champion_may_answer():
            self._failed = answered
            self._suspect = self._place
            self._flow = None
            self._ask(self._live.upstreams[self._live.allocation.champion], answered.finished_s)
            return
        self._leave(answered)

    def _record_last(self, answered: Answered, release: "Release | None" = None) -> None:
        """The row of what nobody answers after, behind that of the candidate in whose place it was asked."""
        if self._failed is not None:
            self._write_failed(self._failed, answered)
        self.record(self._role(answered), answered, self._total_us(answered), release)

    def _write_failed(self, failed: Answered, fallback: Answered) -> None:
        """The candidate's row; its 4xx is the caller's fault unless the champion has answered the same well."""
        if failed.error == "caller" and not fallback.error:
            failed = failed.blamed("rejected")
            if self._suspect is not None:
                self._worker.ejections.hear(self._live, self._suspect, failed, failed.finished_s)
        self.record("failed", failed, self._total_us(fallback))

    def _role(self, answered: Answered) -> Role:
        if self._pin is not None:
            return "pinned"
        if self._failed is not None and self._failed is not answered:
            return "fallback"
        return "served" if answered.status else "failed"

    def _leave(self, answered: Answered) -> None:
        """Write the row of the answer that leaves; `release` then lets it leave."""
        head = answered.head
        if head is None:
            self._status = 504 if answered.error == "timeout" else 503 if answered.error in _BUSY else 502
            fields, self._dated = block([_JSON, _LATER] if self._status == 503 else [_JSON]), False
            self._body = refusal(self._live.allocation.protocol, self._status, f"no version answered: {answered.error}")
        else:
            self._status, self._body, self._left = answered.status, answered.body, answered
            fields, self._dated = head.passed or _passed(head)
            if self.head_only:
                self._length = int(first(head.headers, b"content-length") or UNSAID)
        marks = self._place.marks if self._place is not None else marks_of(answered.variant, answered.version)
        self._fields = Block(b"".join((fields, marks, self.request_id.encode())))
        role: Role = "served" if head is not None and self._pin is None and self._failed is None else self._role(answered)
        self.record(role, answered, int((answered.finished_s - self._exchange.arrived_s) * 1e6), self._release)

    def _release(self, written: bool) -> None:
        """The row is in the journal, and the answer leaves; or it is not, and the answer must not."""
        if not written:
            body = refusal(self._live.allocation.protocol, 503, "the record cannot be written")
            self._exchange.respond(503, (_JSON, _LATER), body)
            return
        self._exchange.respond(self._status, self._fields, self._body, length=self._length, dated=self._dated)
        if self._left is not None:
            self._measure(self._left)
        if self._live.allocation.shadows:
            self._ask_shadows()

    def _measure(self, answered: Answered) -> None:
        """Count what we have added to an answer that has left, one in 16; not where another variant was waited for before."""
        if not self._at_us & _NOT_MEASURED and self._failed is None:
            total_us = int((time.monotonic() - self._exchange.arrived_s) * 1e6)
            self._live.overhead.add(total_us - answered.latency_us)

    # -- the record -----------------------------------------------------------------------------------------------------

    def _total_us(self, answered: Answered) -> int:
        return int((answered.finished_s - self._exchange.arrived_s) * 1e6)

    def record(self, role: Role, answered: Answered, total_us: int, release: "Release | None" = None) -> None:
        """Count one variant's answer to this request, and write its row."""
        worker = self._worker
        place = self._place if role == "served" and not answered.error else None
        tally = place.served if place is not None else None
        if tally is None:
            kind = (self._live.allocation.route, answered.variant, answered.version, role, answered.error or "ok")
            tally = worker.counters.tally(kind)
            if place is not None:
                place.served = tally
        tally.add(answered.latency_us)
        if role != "pinned":
            self._live.captured[answered.variant] += 1
        worker.recorder.record(CAPTURE, to_pack(self._row(role, answered, total_us)), release)
        if total_us >= worker.slow.from_us or self._trace is not None:
            self._tell(role, answered, total_us)

    def _tell(self, role: Role, answered: Answered, total_us: int) -> None:
        """Tell of a slow request, and of one that is traced."""
        leaves = role != "shadow" and answered.variant == self._asked
        if self._trace is not None:
            self._trace.answered(role, answered, self.request_id)
            if leaves:
                self._trace.left(self._status or answered.status, answered.variant, self.request_id)
        if leaves and total_us >= self._worker.slow.from_us:
            told = {
                "slow": self._live.allocation.route,
                "request_id": self.request_id,
                "role": role,
                "variant": answered.variant,
                "version": answered.version,
                "status": self._status or answered.status,
                "error": answered.error,
                "total_ms": total_us / 1000,
                "upstream_ms": answered.latency_us / 1000,
            }
            self._worker.slow.note(told)

    def _row(self, role: Role, answered: Answered, total_us: int) -> CaptureRow:
        live, assignment, exchange = self._live, self._assignment, self._exchange
        asked, limit = exchange.body, live.body_limit_bytes
        asked_size = len(asked) if self._upload is None else self._upload.kept.size
        if asked_size > limit and (not self._digest or self._upload is not None):
            self._digest = digest(asked) if self._upload is None else self._upload.kept.digest()
        body: bytes | None = answered.body
        size, hashed = len(answered.body), b""
        if answered.kept is not None:
            body, size = answered.kept.body, answered.kept.size
        if size > limit:
            hashed = digest(answered.body) if answered.kept is None else answered.kept.digest()
            body = None
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
            asked if asked_size <= limit and role != "shadow" else None,
            body,
            asked_size,
            size,
            self._digest,
            hashed,
            _text(exchange.target),
            _text(self._type),
            live.allocation.route,
        )

    # -- shadows --------------------------------------------------------------------------------------------------------

    def _ask_shadows(self) -> None:
        if self._upload is None:
            self._worker.asked_beside(self, self._live)
            return
        for shadow in self._live.allocation.shadows:  # the body is gone
            self._worker.dropped_shadow(self._live, shadow.variant)

    @property
    def served(self) -> str:
        """The variant that was asked last."""
        return self._asked

    def shadow_payload(self, place: "Place") -> bytes | tuple[bytes, bytes]:
        """The same request, marked as a shadow's."""
        mark = b"\r\nx-segue-shadow: 1\r\nx-segue-request-id: " + self.request_id.encode()
        outline = place.towards(self._exchange.method, self._tail) if self._tail else place.outline
        return outline.filled(Block(self._passing + mark), self._exchange.body)


def _text(said: bytes) -> str:
    """A target or a type as text; most are said again and again."""
    text = _texts.get(said)
    if text is None:
        text = said.decode("latin-1")
        if len(_texts) < _TEXTS_AT_MOST and len(said) <= _TEXT_BYTES_AT_MOST:
            _texts[said] = text
    return text


def _passed(head: Head) -> tuple[Block, bool]:
    """The fields of an answer that the caller gets, noted for the next answer with the same head."""
    passed, noted = _ANSWERS.pass_on(head.headers, head.connection)
    head.passed = (passed, bool(noted))
    return head.passed
