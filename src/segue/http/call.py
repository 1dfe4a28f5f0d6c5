"""What is asked of an upstream, and what can become of it?

An upstream's failure is a value: the caller decides who answers instead.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from segue.http.message import Block, Header

if TYPE_CHECKING:
    from segue.http.upstream import UpstreamConnection


class Reason(StrEnum):
    """Why a call has no answer."""

    CONNECT_REFUSED = "connect_refused"  # nobody listens there, or there is no such place
    CONNECT_TIMEOUT = "connect_timeout"  # no connection within the time for one
    TLS = "tls"  # no trust between the two: the handshake failed
    TIMEOUT = "timeout"  # the deadline passed
    RESET = "reset"  # the connection ended before the answer did
    BAD_FRAMING = "bad_framing"  # what came is no HTTP/1.1 answer
    TOO_LARGE = "too_large"  # the answer is beyond its limit
    OVERLOADED = "overloaded"  # too many calls wait for a connection already
    CLOSED = "closed"  # the pool was closed


class Head:
    """What an answer says before its body; upstreams say the same again and again, and then it is the same object.

    Args:
        status: 200 to 599.
        headers: names as sent, values without surrounding white space; no trailers.
        connection: what its Connection field said.

    `passed` is a proxy's own note: the fields that it passes on, and whether a Date is among them.
    """

    __slots__ = ("connection", "headers", "passed", "status")

    def __init__(self, status: int, headers: list[Header], connection: bytes) -> None:
        self.status = status
        self.headers = headers
        self.connection = connection
        self.passed: tuple[Block, bool] | None = None


class Answer:
    """An upstream's whole answer, whatever its status.

    Args:
        head: what it says before its body.
        body: without its framing; empty where it was streamed.
        started_s: monotonic seconds when the call was handed to the pool.
        finished_s: the same, when the answer was whole.
    """

    __slots__ = ("body", "finished_s", "head", "started_s")

    def __init__(self, head: Head, body: bytes, started_s: float, finished_s: float) -> None:
        self.head: Final = head
        self.body: Final = body
        self.started_s: Final = started_s
        self.finished_s: Final = finished_s

    def __repr__(self) -> str:
        return f"<{self.head.status}, {len(self.body)} bytes>"  # neither fields nor body: they may hold secrets

    @property
    def status(self) -> int:
        """200 to 599."""
        return self.head.status

    @property
    def headers(self) -> list[Header]:
        """Names as sent, values without surrounding white space; no trailers."""
        return self.head.headers


class Failure:
    """No whole answer.

    Args:
        reason: why.
        detail: for a person.
        sent: True when the upstream may have read the request, and so may have acted on it.
        started_s: monotonic seconds when the call was handed to the pool.
        finished_s: the same, when it was known.
    """

    __slots__ = ("detail", "finished_s", "reason", "sent", "started_s")

    def __init__(self, reason: Reason, detail: str, *, sent: bool, started_s: float, finished_s: float) -> None:
        self.reason: Final = reason
        self.detail: Final = detail
        self.sent: Final = sent
        self.started_s: Final = started_s
        self.finished_s: Final = finished_s

    def __repr__(self) -> str:
        return f"Failure({self.reason!r}, {self.detail!r}, sent={self.sent})"


Result: TypeAlias = Answer | Failure


class Stream(Protocol):
    """Takes an answer as it comes, where waiting for the whole would take too long or too much room; must not raise."""

    def head(self, head: Head, length: int | None) -> None:
        """The answer has begun.

        Args:
            head: what it says before its body.
            length: of the body, where it says so.
        """

    def piece(self, data: bytes) -> None:
        """A part of the body."""


class Source(Protocol):
    """Gives a request's body as it comes; must not raise."""

    def opened(self) -> None:
        """The head has been sent: from now on `Call.write` may be called."""

    def choked(self, *, yes: bool) -> None:
        """The upstream takes it more slowly than it comes, or has caught up."""


class Call:
    """One request to an upstream, and who hears of its result.

    Args:
        payload: the request's bytes, in one piece or several.
        on_done: called once with the result, never before `UpstreamPool.send` has returned, never after `cancel`.
        deadline_s: monotonic seconds; may be moved to later while the call is under way.
        head_only: True for HEAD: the answer has no body, whatever it says.
        replayable: True when sending it twice does no harm: a kept connection that turns out dead is replaced once.
        stream: takes the answer piece by piece; `on_done` then ends it.
        hold_bytes: an answer up to this length is given whole to `on_done` all the same, unless it is a stream of events.

    To be set before it is sent: `source` gives the body, where it is not in the payload; the payload's head then frames it, by
    its length or, where `chunked` is set, by chunks. `on_part` is called after each read that does not end the answer, with the
    bytes that it brought. `replayed`, `started_s` and `connection` are the pool's.
    """

    __slots__ = (
        "chunked",
        "connection",
        "deadline_s",
        "head_only",
        "hold_bytes",
        "on_done",
        "on_part",
        "payload",
        "replayable",
        "replayed",
        "source",
        "started_s",
        "stream",
    )

    def __init__(
        self,
        payload: bytes | tuple[bytes, ...],
        on_done: Callable[[Result], None],
        deadline_s: float,
        *,
        head_only: bool = False,
        replayable: bool = False,
        stream: Stream | None = None,
        hold_bytes: int = 0,
    ) -> None:
        self.payload = payload
        self.on_done = on_done
        self.deadline_s = deadline_s
        self.head_only = head_only
        self.replayable = replayable
        self.stream = stream
        self.hold_bytes = hold_bytes
        self.source: Source | None = None
        self.on_part: Callable[[Call, int], None] | None = None
        self.chunked = False
        self.replayed = False
        self.started_s = 0.0
        self.connection: UpstreamConnection | None = None

    def failed(self, reason: Reason, detail: str, now_s: float, *, sent: bool) -> Failure:
        """The value that says so."""
        return Failure(reason, detail, sent=sent, started_s=self.started_s, finished_s=now_s)

    def write(self, piece: bytes) -> None:
        """Send a piece of the body."""
        if self.connection is not None and piece:
            self.connection.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)

    def finish(self) -> None:
        """The body was whole."""
        if self.connection is not None:
            if self.chunked:
                self.connection.write(b"0\r\n\r\n")
            self.source = None

    def pause(self) -> None:
        """Read no more of a streamed answer for now."""
        if self.connection is not None:
            self.connection.pause()

    def resume(self) -> None:
        """Go on reading."""
        if self.connection is not None:
            self.connection.resume()
