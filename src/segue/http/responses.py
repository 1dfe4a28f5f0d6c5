"""Is the answer to our request whole, and is it one?

No socket here: `ResponseReader.feed` takes what arrived, in any pieces, and says whether the answer is complete. Parsing is
httptools' (llhttp, strict); this file adds:

1. 1xx answers are skipped, except 101, which nobody asked for;
2. an answer to HEAD has no body, whatever its fields say;
3. a body without a length lasts until the end of the connection, unless a transfer coding is unknown: that is refused;
4. whatever follows the answer makes the connection unusable: the next answer on it could be somebody else's.
"""

from typing import Final

import httptools

from segue.http.call import Reason, Stream
from segue.http.limits import PoolLimits
from segue.http.message import Header

_CONNECTION: Final = 1
_LENGTH: Final = 2
_ENCODING: Final = 4
_SPECIAL: Final = {b"connection": _CONNECTION, b"content-length": _LENGTH, b"transfer-encoding": _ENCODING}
_marks = dict(_SPECIAL)  # the same for names as they were seen, other names as 0: one look-up instead of two calls
_MARKS_AT_MOST: Final = 4096


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

    After `begin`, `feed` until it gives True: then `problem` says what is wrong, or `status`, `headers`, `connection` and
    `body()` are the answer, and `reusable` says whether the connection may be used again.
    """

    __slots__ = (
        "_body",
        "_complete",
        "_extra",
        "_fed",
        "_head_only",
        "_in_body",
        "_keep_alive",
        "_limits",
        "_marks",
        "_more",
        "_parser",
        "_size",
        "_stream",
        "connection",
        "headers",
        "problem",
        "started",
        "status",
    )

    def __init__(self, limits: PoolLimits) -> None:
        self._limits = limits
        self._parser = httptools.HttpResponseParser(self)
        self._keep_alive = True
        self._extra = False
        self.begin(None, head_only=False)

    def begin(self, stream: Stream | None, *, head_only: bool) -> None:
        """Expect a further answer."""
        self._stream = stream
        self._head_only = head_only
        self._complete = False
        self._fed = 0
        self.started = False  # a byte of it has come
        self.problem: tuple[Reason, str] | None = None
        self._clear()

    def _clear(self) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.connection = b""
        self._marks = 0
        self._in_body = False
        self._body = b""
        self._more: list[bytes] | None = None
        self._size = 0

    @property
    def reusable(self) -> bool:
        """True when the connection may carry another request."""
        return self._keep_alive and not self._extra and self.problem is None

    def body(self) -> bytes:
        """The body, whole."""
        return self._body if self._more is None else b"".join(self._more)

    def feed(self, data: bytes) -> bool:
        """Take what arrived; True when the answer is whole or cannot become so."""
        self.started = True
        self._fed += len(data)
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
        if not self._in_body and not self._complete and self.problem is None and self._fed > self._limits.head_bytes:
            self.problem = (Reason.TOO_LARGE, "the head is too long")
        return self._complete or self.problem is not None

    def _stop(self, error: httptools.HttpParserCallbackError) -> None:
        cause = error.__context__
        if isinstance(cause, _RefusedError):
            self.problem = cause.problem
        elif not self._complete:
            self.problem = (Reason.BAD_FRAMING, f"our reader failed: {cause!r}")

    def end(self) -> bool:
        """The connection has ended; True when that completes the answer."""
        until_end = self._in_body and not self._marks & (_LENGTH | _ENCODING)
        self._keep_alive = False
        return until_end and self.problem is None

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
        self.headers.append((name, value))
        mark = _marks.get(name)
        if mark is None:
            mark = _mark(name)
        if mark:
            self._marks |= mark
            if mark == _CONNECTION:
                self.connection = self.connection + b"," + value if self.connection else value
            elif mark == _ENCODING and value.lower() != b"chunked":
                raise _RefusedError(Reason.BAD_FRAMING, "a transfer coding other than chunked")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._complete:
            return
        status = self.status = self._parser.get_status_code()
        if status == 101 or not 100 <= status < 600:
            raise _RefusedError(Reason.BAD_FRAMING, f"status {status}")
        self._in_body = True
        if len(self.headers) > self._limits.headers:
            raise _RefusedError(Reason.TOO_LARGE, "too many headers")
        if self._fed > self._limits.head_bytes:  # only then can the head be longer than that
            size = sum([len(name) + len(value) + 4 for name, value in self.headers])
            if size > self._limits.head_bytes:
                raise _RefusedError(Reason.TOO_LARGE, "the head is too long")
        if status < 200:
            return
        if self._stream is not None:
            self._stream.head(status, self.headers, self.connection)
        if self._head_only:
            self._keep_alive = self._parser.should_keep_alive()
            self._complete = True
            self._parser = httptools.HttpResponseParser(self)  # this one waits for the body that does not come

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._complete:
            self._extra = True
            return
        if self._stream is not None:
            self._stream.piece(piece)
            return
        size = self._size = self._size + len(piece)
        if size > self._limits.body_bytes:
            raise _RefusedError(Reason.TOO_LARGE, "the body is too long")
        if size == len(piece):
            self._body = piece
        elif self._more is None:
            self._more = [self._body, piece]
        else:
            self._more.append(piece)

    def on_message_complete(self) -> None:
        """The answer is whole, or only an interim one was."""
        if self._complete:
            return
        if self.status < 200:
            self._clear()
            return
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()
