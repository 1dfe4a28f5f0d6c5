"""A capture is packed as a list, so its values may be given as one."""

import msgspec

from segue.facts.prediction import Capture
from segue.facts.wire.codec import from_pack, to_pack

CAPTURE = Capture(
    request_id="r-1",
    at_us=1,
    allocation=2,
    unit="u-1",
    unit_source="header:x-user-id",
    context={"country": "DE"},
    assigned="v8",
    variant="champion",
    version="7",
    role="fallback",
    propensity=0.25,
    comparable=True,
    status=200,
    error="",
    latency_upstream_us=3,
    latency_total_us=4,
    request_body=b"{}",
    response_body=None,
    request_size=2,
    response_size=5,
    request_hash=b"",
    response_hash=b"h" * 16,
    path="/v2/models/churn/infer",
    content_type="",
    route="churn",
)


def test_values_in_order_are_the_same_bytes() -> None:
    """The values of a capture, packed, are the capture."""
    packed = to_pack(msgspec.structs.astuple(CAPTURE))
    assert packed == to_pack(CAPTURE)
    assert from_pack(Capture, packed) == CAPTURE
