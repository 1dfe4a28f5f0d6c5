"""Whatever bytes come: readers of requests, answers, journals, outcomes and bodies end, say what is wrong, and stay bounded."""

import gzip
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from segue.errors import DomainError
from segue.facts.allocation import Protocol, Reading
from segue.facts.wire.codec import to_json, to_pack
from segue.facts.wire.frames import ALLOCATION, CAPTURE
from segue.facts.wire.outcome_wire import parse
from segue.http.limits import PoolLimits, ServerLimits
from segue.http.reading.requests import Request, RequestReader
from segue.http.reading.responses import ResponseReader
from segue.record.extract import extract
from segue.record.frames import PREFIX_BYTES, Frames, frame, header_frame
from segue.record.segment import Origin
from segue.testkit import samples

SECONDS = 11.0
AT = datetime(2026, 1, 2, tzinfo=UTC)
FUZZ = settings(
    max_examples=300,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)

HTTP = [
    *[
        b"POST /v2/models/a/infer HTTP/1.1\r\nHost: a\r\n",
        b"GET / HTTP/1.0\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
    *[
        b"Content-Length: 5\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\r\n",
        b"\n",
        b"\r",
    ],
    *[
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b"Connection: close\r\n",
    ],
    *[
        b"Expect: 100-continue\r\n",
        b"X: " + b"y" * 300 + b"\r\n",
        b"\0",
        b" ",
        b":",
        b"\xff",
        b"1;a=b\r\nx\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
    ],
]
BODIES = [
    *[
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b",",
        b":",
        b"\n",
        b"null",
        b"true",
        b"1e999",
        b"-",
        b"9" * 30,
        b"0.5",
        b"\\ud800",
        b"\xff",
        b"NaN",
    ],
    *[b'"outputs":', b'"inputs":', b'"name":"label"', b'"shape":[1]', b'"shape":[9,9,9]', b'"data":[1]', b'"datatype":"FP32"'],
    *[b'"parameters":{"binary_data_size":4}', b'"predictions":', b'"instances":', b'"dataframe_split":', b'"columns":["a"]'],
    *[
        b'"choices":[{"index":0,"delta":{"content":"x"}}]',
        b'"choices":',
        b'"usage":{"total_tokens":3}',
        b"data: ",
        b"[DONE]\n\n",
    ],
    *[
        b'"request_id":"a"',
        b'"unit":"u"',
        b'"label":1',
        b'"values":{"r":1e308}',
        b'"at":"2026-01-02T00:00:00Z"',
        b'"at":1e300',
        b"a,b\r\n",
    ],
]


NAMES = """outputs inputs name shape data datatype parameters predictions instances label score index choices message content
usage delta binary_data_size dataframe_split columns tool_calls text"""


def joined(words: list[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes that look enough like the real thing to get behind the first check."""
    return st.lists(st.sampled_from(words) | st.binary(max_size=8), max_size=24).map(b"".join)


def nested() -> st.SearchStrategy[bytes]:
    """JSON of the right shape with anything in any place."""
    leaves = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=4)
        | st.sampled_from(["FP32", "BYTES", "label"])
    )
    names = st.sampled_from(NAMES.split())
    whole = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=20
    )
    return whole.map(lambda value: json.dumps(value).encode())


def for_a_while(check: Callable[[], None]) -> None:
    """Run a property again and again, on other examples each time, for its share of the minute."""
    ends_s = time.monotonic() + SECONDS
    while time.monotonic() < ends_s:
        check()


def cut(data: bytes, seed: int) -> list[bytes]:
    """The bytes in pieces."""
    dice, pieces = random.Random(seed), []
    while data:
        size = dice.randrange(1, len(data) + 1)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.slow
def test_request_reader() -> None:
    """Bytes of a caller give whole requests within the limits, or one refusal that HTTP knows; never an error of ours."""
    limits = ServerLimits(head_bytes=512, headers=8, body_bytes=256)

    @FUZZ
    @given(joined(HTTP), st.integers(0, 2**32))
    def check(data: bytes, seed: int) -> None:
        reader = RequestReader(limits, Request)
        for piece in cut(data, seed):
            reader.feed(piece)
        assert reader.refusal is None or reader.refusal.status in {400, 408, 413, 414, 417, 431, 501, 505}, reader.refusal
        for got in reader.ready:
            assert len(got.body) <= limits.body_bytes
            assert len(got.headers) <= limits.headers
            assert not {b"\r", b"\n", b"\0"} & {bytes([char]) for _, value in got.headers for char in value}

    for_a_while(check)


@pytest.mark.slow
def test_response_reader() -> None:
    """Bytes of an upstream give one whole answer within the limits, or a reason that is not our failure."""
    limits = PoolLimits(head_bytes=512, headers=8, body_bytes=256)

    @FUZZ
    @given(joined(HTTP), st.integers(0, 2**32), st.booleans())
    def check(data: bytes, seed: int, head_only: bool) -> None:
        reader = ResponseReader(limits)
        reader.begin(None, head_only=head_only)
        whole = False
        for piece in cut(data, seed):
            whole = reader.feed(piece)
            if whole:
                break
        whole = whole or reader.end()
        if reader.problem is not None:
            assert "our reader failed" not in reader.problem[1]
            assert not reader.reusable
        elif whole:
            assert len(reader.body) <= limits.body_bytes

    for_a_while(check)


CAPTURED = samples.capture()


@pytest.mark.slow
def test_journal(tmp_path: Path) -> None:
    """A damaged journal gives a beginning of the frames that were written, and says where that ends."""
    written = [(ALLOCATION, to_json(samples.allocation()))] + [(CAPTURE, to_pack(CAPTURED) + b"x" * size) for size in range(6)]
    head = b"".join(header_frame(Origin(worker="w", boot="b", sequence=0)))
    whole = head + b"".join(part for it in written for part in frame(*it))
    ends = [
        len(head) + sum(PREFIX_BYTES + len(payload) for _, payload in written[: place + 1]) for place in range(len(written))
    ]
    file = tmp_path / "spoilt"

    @FUZZ
    @given(st.integers(0, len(whole)), st.binary(max_size=40), st.integers(0, 40), st.booleans())
    def check(place: int, put: bytes, taken: int, from_file: bool) -> None:
        spoilt = whole[:place] + put + whole[place + taken :]
        if from_file:
            file.write_bytes(spoilt)
        frames = Frames(file if from_file else spoilt)
        found = list(frames)
        before = [it for it, end in zip(written, ends, strict=True) if end <= place]
        assert found[: len(before)] == before
        assert all(b"".join(frame(*it)) in spoilt for it in found), "made up"
        if frames.tail is not None:
            assert frames.tail.good_offset + frames.tail.cut_bytes == len(spoilt)
        else:
            assert sum(PREFIX_BYTES + len(payload) for _, payload in found) <= len(spoilt)

    for_a_while(check)


@pytest.mark.slow
def test_outcomes() -> None:
    """What a caller posts as outcomes is taken or refused with a reason."""

    @FUZZ
    @given(joined(BODIES) | nested())
    def check(body: bytes) -> None:
        try:
            outcomes = parse(body, received_at=AT, route="churn")
        except DomainError:
            return
        for outcome in outcomes:
            to_pack(outcome)
            to_json(outcome)

    for_a_while(check)


PATHS = [
    "",
    "outputs.label",
    "outputs.0",
    "inputs",
    "predictions",
    "predictions.label",
    "choices[0].message.content",
    "usage.total_tokens",
]


@pytest.mark.slow
def test_extraction() -> None:
    """Any bodies under any protocol and any paths give a row that can be kept, and never a failure of ours."""
    bodies = joined(BODIES) | nested() | nested().map(gzip.compress) | st.tuples(nested(), st.binary(max_size=16)).map(b"".join)
    bodies = bodies | nested().map(lambda body: b"data: " + body + b"\n\ndata: [DONE]\n\n")
    paths = st.sampled_from([*PATHS, "inputs.label", "instances", "messages.-1", "parameters.cost"])
    readings = st.builds(Reading, label=paths, score=paths, features=paths, cost=paths)
    kinds = st.sampled_from(["", "text/csv", "application/json"])

    @FUZZ
    @given(bodies, bodies, st.sampled_from(get_args(Protocol)), readings, kinds)
    def check(asked: bytes, answered: bytes, protocol: Protocol, reading: Reading, kind: str) -> None:
        allocation = msgspec.structs.replace(samples.allocation(), protocol=protocol, reading=reading)
        read = extract(
            msgspec.structs.replace(CAPTURED, request_body=asked, response_body=answered, content_type=kind), allocation
        )
        assert "our reader failed" not in read.unread
        for text in (read.label or "", read.features or "", read.unread):
            text.encode()

    for_a_while(check)


@pytest.mark.parametrize("protocol", get_args(Protocol))
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"outputs":[{"name":"label","shape":[1],"data":' + b"[" * 900 + b"1" + b"]" * 900 + b"," + b"1," * 20_000 + b"1]}]}",
        b"data: " + b'{"choices":[{"delta":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}]}\n\n" * 2 + b"data: [DONE]\n\n",
        gzip.compress(bytes(64 * 1024 * 1024)),
        b'data: {"choices":[{"delta":{"content":"xxxxxxxx"}}]}\n\n' * 5_000 + b"data: [DONE]\n\n",
    ],
    ids=["lists", "objects", "deep-tensor", "deep-stream", "bomb", "long-stream"],
)
def test_bodies_made_to_hurt(protocol: Protocol, body: bytes) -> None:
    """Deep nesting, bombs and long streams are read or refused like any other body."""
    reading = Reading(label="outputs.label", score="choices[0].message.content", features="inputs")
    allocation = msgspec.structs.replace(samples.allocation(), protocol=protocol, reading=reading)
    read = extract(msgspec.structs.replace(CAPTURED, request_body=body, response_body=body), allocation)
    assert "our reader failed" not in read.unread
    assert read.unread
