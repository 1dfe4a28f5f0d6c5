"""What of an answer is kept, and was it a good one?"""

import msgspec
import xxhash

from segue.http.call import Answer, Head, Result


class Kept:
    """A body of which pieces come: its length and its hash, and the whole of it where it is not too long.

    Args:
        limit_bytes: up to which it is kept whole.

    >>> kept = Kept(4)
    >>> kept.add(b"abc"); kept.body
    b'abc'
    >>> kept.add(b"de"); (kept.body, kept.size, kept.digest() == digest(b"abcde"))
    (None, 5, True)
    """

    __slots__ = ("_hash", "_limit_bytes", "_pieces", "size")

    def __init__(self, limit_bytes: int) -> None:
        self.size = 0
        self._limit_bytes = limit_bytes
        self._pieces: list[bytes] = []
        self._hash = xxhash.xxh3_128()

    def add(self, piece: bytes) -> None:
        """A further piece."""
        self.size += len(piece)
        self._hash.update(piece)
        if self.size <= self._limit_bytes:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    @property
    def body(self) -> bytes | None:
        """All of it, or None where that is over the limit."""
        return b"".join(self._pieces) if self.size <= self._limit_bytes else None

    def digest(self) -> bytes:
        """As `digest` of the whole."""
        return self._hash.digest()


class Answered(msgspec.Struct, frozen=True, gc=False):
    """What one variant did with a request.

    Args:
        status: 0 where there is no answer.
        error: as in `facts.prediction.Capture`.
        head: what the answer says before its body; None where there is no answer.
        body: the answer's; empty where it came in pieces.
        finished_s: monotonic seconds when this was known.
        kept: what is kept of an answer that came in pieces, whole or not.
    """

    variant: str
    version: str
    status: int
    error: str
    head: Head | None
    body: bytes
    latency_us: int
    finished_s: float
    kept: Kept | None = None

    def blamed(self, error: str) -> "Answered":
        """The same with another error."""
        return msgspec.structs.replace(self, error=error)


def answered_by(variant: str, version: str, result: Result, kept: Kept | None = None) -> Answered:
    """What the result of a call says of the variant that was called."""
    finished_s = result.finished_s
    latency_us = int((finished_s - result.started_s) * 1e6)
    if isinstance(result, Answer):
        status = result.head.status
        error = refusal_of(status) if status >= 400 else ""
        return Answered(variant, version, status, error, result.head, result.body, latency_us, finished_s, kept)
    return Answered(variant, version, 0, result.reason.value, None, b"", latency_us, finished_s, kept)


def unanswered(variant: str, error: str, now_s: float) -> Answered:
    """Nobody was asked."""
    return Answered(variant, "", 0, error, None, b"", 0, now_s)


def refusal_of(status: int) -> str:
    """Whether a status is no answer, and whose fault that is at first sight.

    >>> [refusal_of(status) for status in (200, 422, 503)]
    ['', 'caller', 'status_5xx']
    """
    if status < 400:
        return ""
    return "caller" if status < 500 else "status_5xx"


def digest(body: bytes) -> bytes:
    """What is kept of a body that is not kept whole: its XXH3, 128 bits, in canonical order.

    Eight times as fast as sha256; it tells bodies apart, and proves nothing about whoever might make two alike.
    """
    return xxhash.xxh3_128_digest(body)
