"""How does the body of a request that was handed over before it was whole reach whoever takes it?"""

from typing import Protocol


class Streaming(Protocol):
    """Who decides which requests are handed over before they are whole."""

    def streams(self, method: bytes, target: bytes) -> bool:
        """Whether the handler of this takes a long body as it comes."""
        ...

    def flow(self, *, paused: bool) -> None:
        """Stop reading, or go on."""
        ...


class Body(Protocol):
    """Takes a long body as it comes; must not raise."""

    def piece(self, data: bytes) -> None:
        """A part of it."""

    def end(self) -> None:
        """It is whole."""

    def broken(self, status: int, why: str) -> None:
        """It will never be whole; 0 where the caller has left, else what to answer."""


class Incoming:
    """The body of a request that was handed over before it was whole.

    What comes before somebody listens is held; the connection reads no further meanwhile than one read.

    Args:
        length: as announced; None for a chunked body.
        streaming: stops reading from the caller, and goes on.
    """

    __slots__ = ("_body", "_held", "_streaming", "_verdict", "ended", "length")

    def __init__(self, length: int | None, streaming: Streaming) -> None:
        self.length = length
        self.ended = False  # whole, or never
        self._streaming = streaming
        self._held: list[bytes] = []
        self._body: Body | None = None
        self._verdict: tuple[int, str] | None = None

    def listen(self, body: Body) -> None:
        """Hear what is held, and then each piece; once."""
        self._body = body
        held, self._held = self._held, []
        for data in held:
            body.piece(data)
        if self._verdict is not None:
            body.broken(*self._verdict)
        elif self.ended:
            body.end()

    def pause(self) -> None:
        """Read no more for now."""
        if not self.ended:
            self._streaming.flow(paused=True)

    def resume(self) -> None:
        """Go on reading."""
        if not self.ended:
            self._streaming.flow(paused=False)

    def push(self, data: bytes) -> None:
        """A piece has come; called by the reader."""
        if self._body is not None:
            self._body.piece(data)
        else:
            self._held.append(data)

    def end(self) -> None:
        """It is whole; called by the reader."""
        self.ended = True
        if self._body is not None:
            self._body.end()

    def broken(self, status: int, why: str) -> None:
        """It will not be whole; called by the reader and the connection, and heard once."""
        if self.ended:
            return
        self.ended = True
        self._verdict = (status, why)
        if self._body is not None:
            self._body.broken(status, why)
