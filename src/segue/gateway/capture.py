"""What of an answer is kept, and was it a good one?"""

from hashlib import sha256

import msgspec

from segue.http.call import Answer, Result


class Answered(msgspec.Struct, frozen=True, gc=False):
    """What one variant did with a request.

    Args:
        status: 0 where there is no answer.
        error: as in `facts.prediction.Capture`.
        finished_s: monotonic seconds when this was known.
    """

    variant: str
    version: str
    status: int
    error: str
    answer: Answer | None
    latency_us: int
    finished_s: float

    def blamed(self, error: str) -> "Answered":
        """The same with another error."""
        return msgspec.structs.replace(self, error=error)


def answered_by(variant: str, version: str, result: Result) -> Answered:
    """What the result of a call says of the variant that was called."""
    finished_s = result.finished_s
    latency_us = int((finished_s - result.started_s) * 1e6)
    if isinstance(result, Answer):
        status = result.head.status
        error = refusal_of(status) if status >= 400 else ""
        return Answered(variant, version, status, error, result, latency_us, finished_s)
    return Answered(variant, version, 0, result.reason.value, None, latency_us, finished_s)


def refusal_of(status: int) -> str:
    """Whether a status is no answer, and whose fault that is at first sight.

    >>> [refusal_of(status) for status in (200, 422, 503)]
    ['', 'caller', 'status_5xx']
    """
    if status < 400:
        return ""
    return "caller" if status < 500 else "status_5xx"


def digest(body: bytes) -> bytes:
    """What is kept of a body that is not kept whole: the first 128 bits of its sha256."""
    return sha256(body).digest()[:16]
