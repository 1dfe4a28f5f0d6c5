"""What of an answer is kept, and was it a good one?"""

from hashlib import sha256
from typing import NamedTuple

from segue.http.call import Answer


class Answered(NamedTuple):
    """What one variant did with a request; `error` as in `facts.prediction.Capture`."""

    variant: str
    version: str
    status: int
    error: str
    answer: Answer | None
    latency_us: int

    def blamed(self, error: str) -> "Answered":
        """The same with another error."""
        return self._replace(error=error)


def refusal_of(status: int) -> str:
    """Whether a status is no answer, and whose fault that is at first sight.

    >>> [refusal_of(status) for status in (200, 422, 503)]
    ['', 'caller', 'status_5xx']
    """
    if status < 400:
        return ""
    return "caller" if status < 500 else "status_5xx"


def kept(body: bytes, limit_bytes: int) -> tuple[bytes | None, bytes]:
    """The body where it is kept whole, else None and the first 128 bits of its sha256."""
    if len(body) <= limit_bytes:
        return body, b""
    return None, sha256(body).digest()[:16]
