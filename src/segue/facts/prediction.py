"""What did one variant answer to one request?

A `Capture` is what the gateway writes down before an answer leaves: bytes as they were, nothing decoded. The shipper turns
it into a `Prediction`, one row of the lake, by reading the prediction out of the bodies as the allocation's `Reading` says.
What is the same for all captures under one allocation stands in the allocation, which the journal carries too.
"""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

Role = Literal["served", "shadow", "failed", "fallback", "pinned"]
"""served: this answer left. shadow: asked beside it. failed: assigned, did not answer; somebody else did, or nobody.
fallback: answered in its place. pinned: asked for by name; never judged."""


class Capture(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One answer of one variant as the gateway saw it; append fields only at the end, with a default.

    Args:
        request_id: the caller's own id, or the gateway's.
        at_us: when the request was complete, stream time, microseconds since the epoch.
        allocation: the number of the allocation in force.
        unit: what was randomised (a user, a cookie, the request).
        unit_source: which source of the spec's `unit` gave it ("header:x-user-id", "request").
        context: the declared attributes that the request carried.
        assigned: the variant that the unit owns under this allocation.
        variant: the variant that this row is about.
        version: the model version that answered, as its endpoint says; "" if nobody did.
        propensity: the share of the assigned variant in force among those that could be drawn; 0 < p <= 1.
        comparable: the unit was drawn at random; opt-ins, audiences served by rule, pinned and overridden units are not.
        status: HTTP status of the variant's answer; 0 if there was none.
        error: why there was no good answer: a reason of the connection ("timeout", "connect_refused", "reset", ...),
            "unserved" (no endpoint), "ejected" (not asked, because it kept failing), "status_5xx", "rejected" (a candidate's
            4xx where the champion's answer was good), or "caller" (a 4xx that the champion gives too: nobody's fault but the
            caller's); "" where all was well. A variant has failed where this is neither "" nor "caller".
        latency_upstream_us, latency_total_us: real time, microseconds.
        request_body: None where this row is a shadow's, or the body was over the limit.
        request_size, response_size: bytes, whole.
        path, content_type: of the request.
        route: with `allocation`, which allocation is meant: numbers count per route.
        request_hash, response_hash: XXH3 of 128 bits, only where the body was not kept whole.
    """

    request_id: str
    at_us: int
    allocation: int
    unit: str
    unit_source: str
    context: dict[str, str]
    assigned: str
    variant: str
    version: str
    role: Role
    propensity: float
    comparable: bool
    status: int
    error: str
    latency_upstream_us: int
    latency_total_us: int
    request_body: bytes | None
    response_body: bytes | None
    request_size: int
    response_size: int
    request_hash: bytes = b""
    response_hash: bytes = b""
    path: str = ""
    content_type: str = ""
    route: str = ""


CaptureRow: TypeAlias = tuple[
    *tuple[str, int, int, str, str, dict[str, str]],
    *tuple[str, str, str, Role, float, bool],
    *tuple[int, str, int, int],
    *tuple[bytes | None, bytes | None, int, int, bytes, bytes],
    *tuple[str, str, str],
]
"""The values of a `Capture` in the order of its fields. It packs to the same bytes; to make it takes the request path a
fifth of what the Struct with its twenty-five keywords takes."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the lake: one answer of one variant.

    `label`, `score` and `cost` are None where the answer held none; `unread` then says why. A label is text in one canonical
    form (`facts.outcome.canonical_label`), so that 1, 1.0 and true are the same label.
    """

    request_id: str
    route: str
    rollout: str
    stage: str
    allocation: int
    spec_digest: str
    at: datetime
    unit: str
    unit_source: str
    context: dict[str, str]
    assigned: str
    variant: str
    version: str
    role: Role
    propensity: float
    comparable: bool
    status: int
    error: str
    label: str | None
    score: float | None
    features: str | None
    cost: float | None
    unread: str
    latency_upstream_s: float
    latency_total_s: float
    request_size_bytes: int
    response_size_bytes: int
    request_hash: bytes
    response_hash: bytes
    request_body: bytes | None
    response_body: bytes | None
