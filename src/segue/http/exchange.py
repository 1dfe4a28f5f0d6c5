"""What does a handler do with a request: answer it once, whole or in pieces?"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from segue.errors import DomainError, InvariantError
from segue.http.message import FRAMING, JOINED_AT_MOST, LENGTHS, STATUS_LINES, Block, Headers, block, end_to_end
from segue.http.reading.requests import Request

if TYPE_CHECKING:
    from segue.http.connection import ServerConnection

_NEW: Final = 0
_STREAMING: Final = 1
_ANSWERED: Final = 2
UNSAID: Final = -1
"""The length of a body that nobody has told us of."""


class Exchange(Request):
    """A request and its one answer.

    A handler gets it when the request is whole, and answers now or later, with `respond`, or with `start`, `write` and
    `finish`. A caller that has left makes these do nothing. Set `keep_alive` to False before answering to close afterwards.
    """

    arrived_s: float = 0.0  # monotonic seconds, when the handler got it
    on_gone: Callable[[], None] | None = None  # called when the caller leaves before the answer's end
    on_end: Callable[[], None] | None = None  # called once, when it is in hand no more, answered or not
    on_writable: Callable[[], None] | None = None  # called when a slow caller has caught up with `write`
    _connection: "ServerConnection | None" = None
    _state: int = _NEW
    _chunked: bool = False

    def begin(self, connection: "ServerConnection", arrived_s: float) -> None:
        """The connection hands it to the handler; nobody else calls this."""
        self._connection = connection
        self.arrived_s = arrived_s

    def leave(self) -> None:
        """The caller is gone; only the connection calls this."""
        self._connection = None
        if self.on_end is not None:
            self.on_end()
        if self.on_gone is not None and self._state != _ANSWERED:
            self.on_gone()

    @property
    def gone(self) -> bool:
        """True when there is nobody left to answer."""
        return self._connection is None

    @property
    def answered(self) -> bool:
        """True when an answer was given whole, whether or not it arrived."""
        return self._state == _ANSWERED

    @property
    def choked(self) -> bool:
        """True when the caller reads more slowly than `write` writes; `on_writable` tells when to go on."""
        return self._connection is not None and self._connection.choked

    def respond(
        self, status: int, headers: Headers | Block = (), body: bytes = b"", *, length: int | None = None, dated: bool = False
    ) -> bool:
        """Answer, whole, with one write.

        Args:
            status: 200 to 599.
            headers: fields; those that frame a message are replaced. A `Block` is sent as it is, and holds none of them.
            body: not sent for HEAD, 204 and 304.
            length: of the body that a HEAD or a 304 stands for, where it is not `body`'s own; `UNSAID` where it is not known.
            dated: True where `headers` is known to hold a Date, which is then not looked for.

        Returns:
            False when the caller was gone.

        Raises:
            DomainError: a status or a field that cannot be sent; nothing was, and another answer may be tried.
            InvariantError: answered before.
        """
        if self._state:
            raise InvariantError("a request was answered twice")
        fields = headers if isinstance(headers, bytes) else block(end_to_end(headers, b"", FRAMING))
        first_line = STATUS_LINES.get(status)
        if first_line is None:
            raise DomainError(f"{status} is no final status", hint="200 to 599")
        self._state = _ANSWERED
        connection = self._connection
        if connection is None:
            return False
        if status in {204, 304} or self.method == b"HEAD":
            size, body = (None if status in {204, 304} else len(body)) if length is None else length, b""
            size = None if size == UNSAID else size
        else:
            size = len(body)
        if size is None or status == 204:
            framing = b""
        else:
            framing = LENGTHS[size] if size < len(LENGTHS) else b"\r\ncontent-length: %d" % size
        ending = connection.ending(self, dated=dated or _has_date(fields))
        if len(body) > JOINED_AT_MOST:
            connection.send_last(self, [b"".join((first_line, fields, framing, ending)), body])
        else:
            connection.send_last(self, [b"".join((first_line, fields, framing, ending, body))])
        return True

    def start(self, status: int, headers: Headers | Block = (), *, length: int | None = None) -> bool:
        """Begin an answer that comes in pieces: of a known length, or chunked, or until the end under HTTP/1.0.

        Args:
            status: 200 to 599.
            headers: as in `respond`.
            length: of all its pieces together, where it is known; whoever then writes another length breaks the framing.

        Returns:
            False when the caller was gone.

        Raises:
            DomainError: a status without a body, or a field that cannot be sent.
            InvariantError: answered before.
        """
        if self._state:
            raise InvariantError("a request was answered twice")
        if status in {204, 304} or status not in STATUS_LINES:
            raise DomainError(f"{status} has no body to send in pieces")
        fields = headers if isinstance(headers, bytes) else block(end_to_end(headers, b"", FRAMING))
        self._state = _STREAMING
        if self._connection is None:
            return False
        if length is not None:
            framing = b"\r\ncontent-length: %d" % length
        elif self.old:
            framing, self.keep_alive = b"", False
        else:
            framing, self._chunked = b"\r\ntransfer-encoding: chunked", self.method != b"HEAD"
        ending = self._connection.ending(self, dated=_has_date(fields))
        self._connection.send(b"".join((STATUS_LINES[status], fields, framing, ending)))
        return True

    def write(self, piece: bytes) -> bool:
        """Send a piece of a started answer; False when the caller was gone."""
        if self._state != _STREAMING:
            raise InvariantError("a piece of an answer that is not under way")
        if self._connection is None:
            return False
        if piece and self.method != b"HEAD":
            self._connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)
        return True

    def finish(self) -> bool:
        """End a started answer; False when the caller was gone."""
        if self._state != _STREAMING:
            raise InvariantError("the end of an answer that is not under way")
        self._state = _ANSWERED
        if self._connection is None:
            return False
        self._connection.send_last(self, [b"0\r\n\r\n"] if self._chunked else [])
        return True

    def abort(self) -> None:
        """Cut the connection, so that the caller sees that its answer is not whole."""
        if self._state == _ANSWERED:
            return
        self._state = _ANSWERED
        if self._connection is not None:
            self._connection.cut()


def _has_date(fields: bytes) -> bool:
    return fields.find(b"\r\ndate:") >= 0 or fields.find(b"\r\nDate:") >= 0  # not `in`, which tries the needle as a number
