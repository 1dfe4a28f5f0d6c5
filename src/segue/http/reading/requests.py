"""Which whole requests do these bytes hold, and which bytes are refused?

No socket here: `RequestReader.feed` takes what arrived, in any pieces; `ready` holds the whole requests in their order, and
`refusal` says with what status and why the connection has to end. Parsing is httptools' (llhttp, strict); this file adds
the limits and the refusals that llhttp leaves to its user:

1. a transfer coding other than exactly `chunked`, or chunked under HTTP/1.0 (RFC 9112, 6.1);
2. versions other than 1.0 and 1.1; CONNECT; an expectation other than 100-continue;
3. HTTP/1.1 without exactly one Host (RFC 9112, 3.2);
4. heads, bodies, trailers and chunk overhead beyond their limits; trailers never become headers.

An Upgrade is ignored, and its request answered in HTTP/1.1: clients that try h2c expect that.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar, cast

import httptools

from segue.http.limits import ServerLimits
from segue.http.message import Header, tokens
from segue.http.reading.incoming import Incoming, Streaming
from segue.http.reading.plain import CONNECTION, ENCODING, END, EXPECT, HOST, LENGTH, SPECIAL, PlainRequests, Shape

_marks = dict(SPECIAL)  # the same for names as they were seen, other names as 0: one look-up instead of two calls
_MARKS_AT_MOST: Final = 4096
_SLASH: Final = 0x2F
_absolute = re.compile(rb"(?i)https?://[^/?#]+(/[^?#]*)?(\?.*)?").fullmatch
_RAW_BYTES: Final = 16 * 1024  # of a body that is still to come, beyond which a new parser costs less than a copy
_CHUNK_OVERHEAD: Final = 16  # bytes of framing for one of body, beyond which small chunks are an attack
_CHUNK_OVERHEAD_BYTES: Final = 1024 * 1024  # and as much beside a long body


def _mark(name: bytes) -> int:
    """What a name seen for the first time means."""
    mark = SPECIAL.get(name.lower(), 0)
    if len(_marks) < _MARKS_AT_MOST:
        _marks[name] = mark
    return mark


def _origin_form(target: bytes) -> bytes:
    """A target without its scheme and host, which are ours whatever they say (RFC 9112, 3.2.2); `*` as it is."""
    absolute = _absolute(target)
    return target if absolute is None else (absolute[1] or b"/") + (absolute[2] or b"")


class Refusal(NamedTuple):
    """Why a connection's next request is not answered but refused; the connection ends with it."""

    status: int
    why: str


class _RefusedError(Exception):
    """Stops the parser from inside one of its callbacks."""

    def __init__(self, status: int, why: str) -> None:
        self.refusal = Refusal(status, why)


class Request:
    """One request, as parsed; whole, but where `incoming` says that its body is still coming.

    Args:
        method: `b"POST"`.
        target: as sent, in origin form; `*` where that was sent.
        fields: `headers`, once they are asked for.
        body: without its framing.
    """

    shape: Shape | None = None  # of a plain request, what it has in common with others, until its `headers` are asked for
    values: tuple[bytes, ...] = ()  # those that the shape leaves open
    connection: bytes = b""  # what the Connection fields said
    keep_alive: bool = True  # False: the caller sends no more after this
    old: bool = False  # HTTP/1.0
    incoming: Incoming | None = None  # the body, where it is too long to be waited for; `body` is empty then

    def __init__(self, method: bytes, target: bytes, fields: list[Header], body: bytes) -> None:
        self.method: Final = method
        self.target: Final = target
        self.fields = fields
        self.body: Final = body

    @property
    def headers(self) -> list[Header]:
        """Names as sent, values without surrounding white space; no trailers. Whoever asks may change them, in place."""
        if self.shape is not None:
            self.fields = self.shape.filled(self.values)
            self.shape = None  # it may not be true any more
        return self.fields

    def __repr__(self) -> str:
        return f"<{self.method!r} {self.target!r}>"  # neither fields nor body: they may hold secrets


R = TypeVar("R", bound=Request)


class RequestReader(Generic[R]):
    """Reads one connection's requests.

    Args:
        limits: how much one request may be.
        make: `Request`, or a class of it that can answer.
        streaming: None to wait for every request.

    After `feed`: `ready` holds whole requests; `refusal` is set when what follows them is refused; `ended` when nothing
    after them counts; `begun` when a further request has begun; `in_body` when its head is whole;
    `expects_continue` when its sender waits for a 100. `plain` knows which requests need no parser.
    """

    __slots__ = (
        "_between",
        "_body",
        "_connection",
        "_fed",
        "_headers",
        "_keep_alive",
        "_left",
        "_length",
        "_limits",
        "_make",
        "_marks",
        "_method",
        "_more",
        "_muted",
        "_old",
        "_parser",
        "_size",
        "_spans",
        "_streaming",
        "_target",
        "_trailer_bytes",
        "_upgrading",
        "_whole",
        "_wire",
        "begun",
        "ended",
        "expects_continue",
        "in_body",
        "incoming",
        "plain",
        "ready",
        "refusal",
    )

    def __init__(
        self,
        limits: ServerLimits,
        make: Callable[[bytes, bytes, list[Header], bytes], R],
        streaming: Streaming | None = None,
    ) -> None:
        self._limits = limits
        self._streaming = streaming
        self.incoming: Incoming | None = None  # of the request that was handed over, while its body comes
        self._make = make
        self._parser = httptools.HttpRequestParser(self)
        self._left = 0  # bytes of a long body that the parser does not get to see
        self._between = True  # the parser has read nothing of a next request
        self.plain = PlainRequests(limits.head_bytes, min(limits.body_bytes, limits.hold_bytes))
        self.ready: deque[R] = deque()
        self.refusal: Refusal | None = None
        self.ended = False
        self._muted = False  # a synthetic head is being read again
        self._method = b""
        self._connection = b""
        self._old = False
        self._keep_alive = True
        self._upgrading = False
        self._fed = 0  # bytes of the reads that brought the head in hand
        self._clear()
        self._whole = False

    def _clear(self) -> None:
        self._headers: list[Header] = []
        self._target = b""
        self._marks = 0
        self._body = b""
        self._more: list[bytes] | None = None
        self._size = self._wire = self._trailer_bytes = self._length = 0
        self._spans = False  # its head came in more than one read
        self._whole = True  # a request before it ended in this read
        self.begun = self.in_body = self.expects_continue = False

    @property
    def over(self) -> bool:
        """Whether nothing that comes counts any more."""
        return self.ended or self.refusal is not None

    def retire(self) -> None:
        """Nothing more will be fed: the parser refers back to us, and without that ring nobody has to collect garbage."""
        self._parser = cast("httptools.HttpRequestParser", None)

    def feed(self, data: bytes) -> None:
        """Take what arrived; nothing counts after a refusal or the caller's last request."""
        if self.over:
            return
        if self._left:
            self._take_raw(data)
            return
        begins = self._between
        if begins:
            plain = self.plain.taken(data)
            if plain is not None:  # the parser, between two requests, stays so
                shape, values, body = plain
                request = self._make(shape.method, shape.target, [], body)
                request.shape, request.values = shape, values
                if shape.connection:
                    request.connection = shape.connection
                self.ready.append(request)
                return
        size, before = len(data), len(self.ready)
        self._fed = self._fed + size if self.begun else size
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(error)
        if self.begun and self.refusal is None:
            self._check_unfinished(size)
            self._leave_parser()
        if self.incoming is not None:
            self._tell_refusal(self.incoming)
        elif begins and self._between and len(self.ready) == before + 1:
            self._learn(data, self.ready[-1])

    def _leave_parser(self) -> None:
        """Take the rest of a long body raw; nothing but its length says where it ends."""
        left = self._length - self._size
        if left > _RAW_BYTES and self.in_body and not self._upgrading:
            self._left = left

    def _take_raw(self, data: bytes) -> None:
        """More of a long body whose length is known: the parser would only copy it."""
        piece = data if len(data) <= self._left else data[: self._left]
        self._left -= len(piece)
        self.on_body(piece)
        if not self._left:
            self._parser = httptools.HttpRequestParser(self)  # the one before waits for what it did not see
            self.on_message_complete()
            if len(data) > len(piece):
                self.feed(data[len(piece) :])

    def _learn(self, data: bytes, request: R) -> None:
        """Note the lines of a request that came alone and in one read."""
        if len(data) == data.find(END) + len(END) + len(request.body):
            self.plain.learn(data, request.method, request.target, request.headers)

    def _tell_refusal(self, incoming: Incoming) -> None:
        """Whoever takes the body has to know when it is refused in the middle."""
        if self.refusal is not None:
            self.incoming = None
            incoming.broken(self.refusal.status, self.refusal.why)

    def _read_without_upgrade(self, rest: bytes) -> None:
        while True:  # no recursion: one read can hold thousands of upgrades
            head = self._head_without_upgrade()
            try:
                self._parser.feed_data(head)
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
                continue
            except httptools.HttpParserError as error:
                self._refuse(error)
            return

    def _refuse(self, error: httptools.HttpParserError) -> None:
        if self.ended:
            return  # bytes after `Connection: close` are nobody's request
        if isinstance(error, httptools.HttpParserCallbackError):
            cause = error.__context__
            self.refusal = cause.refusal if isinstance(cause, _RefusedError) else Refusal(500, "our reader failed")
        else:
            unknown = isinstance(error, httptools.HttpParserInvalidMethodError)
            self.refusal = Refusal(501 if unknown else 400, str(error))

    def _check_unfinished(self, size: int) -> None:
        """Bound what a request that is not whole yet may have cost."""
        if not self.in_body:
            if self._whole:  # how much of this read is its own is not known
                self._fed = 0
            elif self._fed > self._limits.head_bytes:
                self.refusal = Refusal(431, "the headers are too long")
            self._whole = False
            self._spans = True
            return
        self._wire += size
        overhead = self._limits.head_bytes + size + min(_CHUNK_OVERHEAD * self._size, self._size + _CHUNK_OVERHEAD_BYTES)
        if self._wire - self._size > overhead:
            self.refusal = Refusal(400, "more framing than body")

    # -- called by the parser -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._between = False

    def on_url(self, piece: bytes) -> None:
        """A piece of the target."""
        self.begun = True
        if not self._muted:
            self._target = self._target + piece if self._target else piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, of the head or of the trailers."""
        if self._muted:
            return
        if self.in_body:
            self._trailer_bytes += len(name) + len(value) + 4
            if self._trailer_bytes > self._limits.head_bytes:
                raise _RefusedError(431, "the trailers are too long")
            return
        value = value.rstrip()
        self._headers.append((name, value))
        mark = _marks.get(name)
        if mark is None:
            mark = _mark(name)
        if mark:
            self._note(mark, value)

    def _note(self, mark: int, value: bytes) -> None:
        if mark == HOST:
            if self._marks & HOST:
                raise _RefusedError(400, "more than one Host")
        elif mark == LENGTH:
            length = self._length = int(value)
            if length > self._limits.body_bytes:
                raise _RefusedError(413, "the body is too long")
        elif mark == CONNECTION:
            self._connection = self._connection + b"," + value if self._connection else value
        elif mark == ENCODING:
            if value.lower() != b"chunked":
                raise _RefusedError(501, "a transfer coding other than chunked")
        elif value.lower() != b"100-continue":
            raise _RefusedError(417, "an unknown expectation")
        self._marks |= mark

    def on_headers_complete(self) -> None:
        """The head is whole: check what only the whole head shows."""
        self.in_body = True
        if self._muted:
            self._muted = False
            return
        if self._fed > self._limits.head_bytes or self._spans:  # only then can the head be longer than that
            self._check_head_size()
        if len(self._headers) > self._limits.headers:
            raise _RefusedError(431, "too many headers")
        marks, parser = self._marks, self._parser
        keep_alive = self._keep_alive = parser.should_keep_alive()
        # Without a Connection field only HTTP/1.1 is kept alive, so the version need not be asked for.
        if (not keep_alive or marks & CONNECTION) and parser.get_http_version() != "1.1":
            self._check_old_version()
        elif not marks & HOST:
            raise _RefusedError(400, "no Host")
        elif marks & EXPECT:
            self.expects_continue = True
        if self._target[0] != _SLASH:
            self._target = _origin_form(self._target)
        method = self._method = parser.get_method()
        if method == b"CONNECT":
            raise _RefusedError(501, "this is no tunnel")
        if marks & CONNECTION and parser.should_upgrade():
            self._upgrading = True
        elif self._length > self._limits.hold_bytes:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the request to its handler now, if that takes it so, and its body as it comes."""
        streaming = self._streaming
        if streaming is None or self._upgrading or not streaming.streams(self._method, self._target):
            return
        length = self._length if self._marks & LENGTH else None
        incoming = self.incoming = Incoming(length, streaming)
        for piece in self._more or [self._body]:
            if piece:
                incoming.push(piece)
        self._body, self._more = b"", None
        request = self._finished(b"")
        request.incoming = incoming
        self.ready.append(request)

    def _check_head_size(self) -> None:
        size = len(self._target) + sum([len(name) + len(value) + 4 for name, value in self._headers])
        if len(self._target) > self._limits.head_bytes:
            raise _RefusedError(414, "the target is too long")
        if size > self._limits.head_bytes:
            raise _RefusedError(431, "the headers are too long")

    def _check_old_version(self) -> None:
        if self._parser.get_http_version() != "1.0":
            raise _RefusedError(505, "neither HTTP/1.1 nor HTTP/1.0")
        if self._marks & ENCODING:
            raise _RefusedError(400, "a transfer coding under HTTP/1.0")
        self._old = True

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        size = self._size = self._size + len(piece)
        if size > self._limits.body_bytes:
            raise _RefusedError(413, "the body is too long")
        if self.incoming is not None:
            self.incoming.push(piece)
        elif size == len(piece):
            self._body = piece
        elif self._more is None:
            self._more = [self._body, piece]
        else:
            self._more.append(piece)
        if size > self._limits.hold_bytes and self.incoming is None and self._marks & ENCODING:
            self._hand_over()

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._upgrading:
            return  # the parser skipped its body; it is read again without the upgrade
        self._between = True
        incoming = self.incoming
        if incoming is None:
            self.ready.append(self._finished(self._body if self._more is None else b"".join(self._more)))
        if not self._keep_alive:
            self.ended = True
        self._clear()
        if incoming is not None:
            self.incoming = None
            incoming.end()

    def _finished(self, body: bytes) -> R:
        """The request in hand, all but what it may still send of its body."""
        request = self._make(self._method, self._target, self._headers, body)
        if self._marks & CONNECTION:
            request.connection = self._connection
            self._connection = b""
        if self._old:
            request.old = True
            self._old = False
        if not self._keep_alive:
            request.keep_alive = False
        return request

    def _head_without_upgrade(self) -> bytes:
        """A head with the framing of the request in hand, for a new parser: llhttp has skipped the body of an upgrade."""
        said = tokens(self._connection)
        lines = [b"%b / HTTP/1.%d" % (self._method, 0 if self._old else 1)]
        lines += [b"Connection: " + token for token in said if token in {b"close", b"keep-alive"}]
        framing = [pair for pair in self._headers if SPECIAL.get(pair[0].lower(), 0) & (LENGTH | ENCODING)]
        lines += map(b": ".join, framing)
        self._upgrading = self.in_body = False
        self._muted = True
        self._parser = httptools.HttpRequestParser(self)
        return b"\r\n".join([*lines, b"\r\n"])
