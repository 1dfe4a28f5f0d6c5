"""Is the answer to our request whole, and is it one?

No socket here: `ResponseReader.feed` takes what arrived, in any pieces, and says whether the answer is complete. Parsing is
httptools' (llhttp, strict); this file adds:

1. 1xx answers are skipped, except 101, which nobody asked for;
2. an answer to HEAD has no body, whatever its fields say;
3. a body without a length lasts until the end of the connection, unless a transfer coding is unknown: that is refused;
4. whatever follows the answer makes the connection unusable: the next answer on it could be somebody else's.

Upstreams give the same head again and again, but for the date and the length. A head of the very same bytes means the very
same, so the last ones are remembered with what the parser made of them, and an answer that came in one read under such a head
is not parsed again: that saves the request path a seventh of its instructions.
"""

from typing import Final, TypeAlias, cast

import httptools

from segue.http.call import Head, Reason, Stream
from segue.http.limits import PoolLimits
from segue.http.message import Header

_CONNECTION: Final = 1
_LENGTH: Final = 2
_ENCODING: Final = 4
_TYPE: Final = 8
_EVENTS: Final = 16  # a Content-Type that says so
_SPECIAL: Final = {
    b"connection": _CONNECTION,
    b"content-length": _LENGTH,
    b"content-type": _TYPE,
    b"transfer-encoding": _ENCODING,
}
_marks = dict(_SPECIAL)  # the same for names as they were seen, other names as 0: one look-up instead of two calls
_MARKS_AT_MOST: Final = 4096
_END: Final = b"\r\n\r\n"
_HEADS_AT_MOST: Final = 256
_HEAD_BYTES_AT_MOST: Final = 2048  # a longer one is not worth its memory
KnownHeads: TypeAlias = dict[bytes, tuple[Head, int]]
"""The bytes of a head, its last CRLF included -> what it means, and the length of the body after it."""


def _mark(name: bytes) -> int:
    """What a name seen for the first time means."""
    mark = _SPECIAL.get(name.lower(), 0)
    if len(_marks) < _MARKS_AT_MOST:
        _marks[name] = mark
    return mark


class _RefusedError(Exception):
    """Stops the parser from inside one of its callbacks."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.problem = (reason, detail)


class ResponseReader:
    """Reads one connection's answers, one after the other.

    Args:
        limits: how much one answer may be.
        known: heads that are remembered; shared by the connections to one upstream.

    After `begin`, `feed` until it gives True: then `problem` says what is wrong, or `head` and `body` are the answer, and
    `reusable` says whether the connection may be used again.
    """

    __slots__ = (
        "_complete",
        "_connection",
        "_extra",
        "_fed",
        "_flowing",
        "_head_only",
        "_headers",
        "_hold_bytes",
        "_in_body",
        "_keep_alive",
        "_known",
        "_left",
        "_length",
        "_limits",
        "_marks",
        "_more",
        "_parser",
        "_size",
        "_status",
        "_stream",
        "body",
        "head",
        "problem",
        "reusable",
        "started",
        "stopped",
    )

    def __init__(self, limits: PoolLimits, known: KnownHeads | None = None) -> None:
        self._limits = limits
        self._known = {} if known is None else known
        self._parser = httptools.HttpResponseParser(self)
        self._keep_alive = True
        self._extra = False
        self.stopped = False  # a stream wants to be read no further: the next answer would not be heard either
        self.reusable = True
        self.problem: tuple[Reason, str] | None = None
        self._clear()
        self.begin(None)

    def begin(self, stream: Stream | None, head_only: bool = False, hold_bytes: int = 0) -> None:
        """Expect a further answer; the arguments are a `Call`'s."""
        self._stream = stream
        self._hold_bytes = hold_bytes
        self._flowing = False  # it goes to the stream piece by piece
        self._head_only = head_only
        self._complete = False
        self._left = 0  # bytes of a long body that the parser does not get to see
        self.started = False  # a byte of it has come

    def _clear(self) -> None:
        self.head = Head(0, [], b"")
        self.body = b""
        self._status = 0
        self._headers: list[Header] = []
        self._connection = b""
        self._marks = 0
        self._in_body = False
        self._more: list[bytes] | None = None
        self._size = 0
        self._length: int | None = None

    def retire(self) -> None:
        """Nothing more will be fed: the parser refers back to us, and without that ring nobody has to collect garbage."""
        self._parser = cast("httptools.HttpResponseParser", None)

    def feed(self, data: bytes) -> bool:
        """Take what arrived; True when the answer is whole or cannot become so."""
        if self._left:
            return self._take_raw(data)
        if not self.started:
            if (self._stream is None or self._hold_bytes) and not self._head_only and self._recognise(data):
                return True
            self.started = True
            self._fed = 0
            self._clear()
        self._fed += len(data)
        self._parse(data)
        self.reusable = self._keep_alive and not self._extra and self.problem is None and not self.stopped
        if not self._in_body and not self._complete and self.problem is None and self._fed > self._limits.head_bytes:
            self.problem = (Reason.TOO_LARGE, "the head is too long")
        if self._complete and self._fed == len(data) and self.reusable:
            self._remember(data)
        if self._flowing and self._length is not None and not self._complete and not self._marks & _ENCODING:
            self._left = self._length - self._size
        return self._complete or self.problem is not None

    def _take_raw(self, data: bytes) -> bool:
        """More of a long body whose length is known: the parser would only copy it."""
        self._extra = len(data) > self._left
        piece = data[: self._left] if self._extra else data
        self._left -= len(piece)
        self.on_body(piece)
        if self._left:
            return False
        self.on_message_complete()
        self._parser = httptools.HttpResponseParser(self)  # the one before waits for what it did not see
        self.reusable = self._keep_alive and not self._extra and not self.stopped
        return True

    def _recognise(self, data: bytes) -> bool:
        """Whether this is one whole answer under a head that is remembered; the parser, between two answers, then stays so."""
        end = data.find(_END) + len(_END)
        known = self._known.get(data[:end])
        if known is None or known[1] != len(data) - end or (self._stream is not None and known[1] > self._hold_bytes):
            return False
        self.head = known[0]
        self.body = data[end:]
        self.started = self._complete = True
        return True

    def _remember(self, data: bytes) -> None:
        """Keep the head of an answer that came alone, in one read, framed by its length."""
        end = data.find(_END) + len(_END)
        plain = not self._head_only and not self._flowing and not self._marks & _EVENTS
        if self._size == len(data) - end and end <= _HEAD_BYTES_AT_MOST and plain:
            if len(self._known) >= _HEADS_AT_MOST:
                self._known.clear()  # most are of seconds gone by
            self._known[data[:end]] = (self.head, self._size)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.problem = (Reason.BAD_FRAMING, "an upgrade that nobody asked for")
        except httptools.HttpParserCallbackError as error:
            self._stop(error)
        except httptools.HttpParserError as error:
            self._extra = True  # after a whole answer it is not our answer's problem
            if not self._complete:
                self.problem = (Reason.BAD_FRAMING, str(error))

    def _stop(self, error: httptools.HttpParserCallbackError) -> None:
        cause = error.__context__
        if isinstance(cause, _RefusedError):
            self.problem = cause.problem
        elif not self._complete:
            self.problem = (Reason.BAD_FRAMING, f"our reader failed: {cause!r}")

    def end(self) -> bool:
        """The connection has ended; True when that completes the answer."""
        until_end = self._in_body and not self._complete and not self._marks & (_LENGTH | _ENCODING)
        self._keep_alive = self.reusable = False
        if not until_end or self.problem is not None:
            return False
        self._finish()
        return True

    def _finish(self) -> None:
        if not self._flowing:
            self.head = Head(self._status, self._headers, self._connection)
        if self._more is not None:
            self.body = b"".join(self._more)

    # -- called by the parser -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; after a whole one that is one too many."""
        if self._complete:
            self._extra = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field, of the head or of the trailers."""
        if self._in_body or self._complete:
            return
        value = value.rstrip()
        self._headers.append((name, value))
        mark = _marks.get(name)
        if mark is None:
            mark = _mark(name)
        if mark:
            self._marks |= mark
            if mark == _CONNECTION:
                self._connection = self._connection + b"," + value if self._connection else value
            elif mark == _TYPE:
                if value[:17].lower() == b"text/event-stream":
                    self._marks |= _EVENTS
            elif mark == _LENGTH:
                self._length = int(value)
            elif value.lower() != b"chunked":
                raise _RefusedError(Reason.BAD_FRAMING, "a transfer coding other than chunked")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._complete:
            return
        status = self._status = self._parser.get_status_code()
        if status == 101 or not 100 <= status < 600:
            raise _RefusedError(Reason.BAD_FRAMING, f"status {status}")
        self._in_body = True
        if len(self._headers) > self._limits.headers:
            raise _RefusedError(Reason.TOO_LARGE, "too many headers")
        if self._fed > self._limits.head_bytes:  # only then can the head be longer than that
            size = sum([len(name) + len(value) + 4 for name, value in self._headers])
            if size > self._limits.head_bytes:
                raise _RefusedError(Reason.TOO_LARGE, "the head is too long")
        if status < 200:
            return
        if self._stream is not None and self._starts_at_once():
            self._flow(self._stream)
        if self._head_only:
            self._keep_alive = self._parser.should_keep_alive()
            self._complete = True
            self._finish()
            self._parser = httptools.HttpResponseParser(self)  # this one waits for the body that does not come

    def _starts_at_once(self) -> bool:
        if not self._hold_bytes:
            return True
        long = self._marks & _EVENTS or (self._length or 0) > self._hold_bytes
        return bool(long) and self._status not in {204, 304}  # which have no body, whatever length they speak of

    def _flow(self, stream: Stream) -> None:
        """Give to the stream what has come so far, and from now on each piece."""
        self._flowing = True
        self.head = Head(self._status, self._headers, self._connection)
        stream.head(self.head, self._length)
        held = [self.body] if self._more is None else self._more
        self.body, self._more = b"", None
        for piece in held:
            if piece:
                stream.piece(piece)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._complete:
            self._extra = True
            return
        stream = self._stream
        if stream is not None and not self._flowing and self._size + len(piece) > self._hold_bytes:
            self._flow(stream)
        size = self._size = self._size + len(piece)
        if stream is not None and self._flowing:
            stream.piece(piece)
            return
        if size > self._limits.body_bytes:
            raise _RefusedError(Reason.TOO_LARGE, "the body is too long")
        if size == len(piece):
            self.body = piece
        elif self._more is None:
            self._more = [self.body, piece]
        else:
            self._more.append(piece)

    def on_message_complete(self) -> None:
        """The answer is whole, or only an interim one was."""
        if self._complete:
            return
        if self._status < 200:
            self._clear()
            return
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()
        self._finish()
