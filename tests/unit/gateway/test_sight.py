"""Slow requests are told in a few words, and spans reach a collector that speaks OTLP."""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from gateway_stage import Stage, answers, hangs, stage
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from segue.errors import DomainError
from segue.gateway.settings import SlowSettings, TracingSettings
from segue.http.message import first

CHAMPION = {"champion": 1.0}
TO_CANDIDATE = {"champion": 0.0, "v8": 1.0}
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


class Collector(BaseHTTPRequestHandler):
    """Takes spans as a collector does."""

    spans: ClassVar[list[Span]] = []
    resource: ClassVar[dict[str, str]] = {}

    def do_POST(self) -> None:
        """Decode them."""
        asked = ExportTraceServiceRequest()
        asked.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
        for group in asked.resource_spans:
            Collector.resource.update({it.key: it.value.string_value for it in group.resource.attributes})
            for scope in group.scope_spans:
                Collector.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[str]:
    """Where spans go."""
    Collector.spans.clear()
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        server.shutdown()
        thread.join()


async def spans(world: Stage) -> dict[str, Span]:
    """What the collector got when all was sent, by name."""
    assert world.worker.tracing is not None
    await asyncio.to_thread(world.worker.tracing.close)
    return {span.name: span for span in Collector.spans}


def attributes(span: Span) -> dict[str, object]:
    """As plain values."""
    return {it.key: it.value.string_value or it.value.int_value for it in span.attributes}


def test_a_fallback_is_three_spans(tmp_path: Path, collector: str) -> None:
    """The request below its caller's span, the variants below it, in their order; upstreams are told of ours."""

    async def run() -> None:
        settings = TracingSettings(endpoint=collector, ratio=0.0)
        async with stage(tmp_path, answers("7"), answers("8", 500), tracing=settings) as world:
            world.publish(TO_CANDIDATE)
            parent = f"00-{TRACE}-{CALLER}-01".encode()
            reply = await world.ask(headers=[(b"Traceparent", parent), (b"tracestate", b"a=b")])
            assert reply.status == 200
            found = await spans(world)
            whole, failed, fallback = (found[name] for name in ("predict churn", "ask v8", "ask champion"))
            assert {span.trace_id.hex() for span in found.values()} == {TRACE}
            assert whole.parent_span_id.hex() == CALLER
            assert failed.parent_span_id == fallback.parent_span_id == whole.span_id
            assert whole.start_time_unix_nano <= failed.start_time_unix_nano < fallback.start_time_unix_nano
            assert fallback.end_time_unix_nano <= whole.end_time_unix_nano
            assert attributes(failed)["error.type"] == "status_5xx"
            assert attributes(whole)["http.response.status_code"] == 200
            assert attributes(fallback)["segue.request_id"] == reply.headers["x-segue-request-id"]
            assert Collector.resource["service.name"] == "segue-gateway"
            for version in ("7", "8"):
                (asked,) = world.seen[version]
                told = (first(asked.headers, b"traceparent") or b"").decode()
                assert told == f"00-{TRACE}-{whole.span_id.hex()}-01"
                assert first(asked.headers, b"tracestate") == b"a=b"

    asyncio.run(run())


@pytest.mark.parametrize(("ratio", "number"), [(0.0, 0), (1.0, 2)])
def test_chance_decides_where_the_caller_does_not(tmp_path: Path, collector: str, ratio: float, number: int) -> None:
    """And who is not sampled is told so to the upstream."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), tracing=TracingSettings(endpoint=collector, ratio=ratio)) as world:
            world.publish(CHAMPION)
            assert (await world.ask()).status == 200
            assert len(await spans(world)) == number
            told = first(world.seen["7"][0].headers, b"traceparent") or b""
            assert int(told[-2:], 16) & 1 == bool(number)

    asyncio.run(run())


def test_a_collector_that_is_away_holds_nobody_up(tmp_path: Path) -> None:
    """Answers leave as ever."""

    async def run() -> None:
        settings = TracingSettings(endpoint="http://127.0.0.1:1/v1/traces", ratio=1.0)
        async with stage(tmp_path, answers("7"), tracing=settings) as world:
            world.publish(CHAMPION)
            assert [(await world.ask()).status for _ in range(20)] == [200] * 20
            assert world.worker.tracing is not None
            await asyncio.to_thread(world.worker.tracing.close)

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    asyncio.run(run())


def test_traceparent_passes_without_tracing(tmp_path: Path) -> None:
    """Where nobody asked for spans, the caller's own header reaches the upstream untouched."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(CHAMPION)
            parent = f"00-{TRACE}-{CALLER}-01".encode()
            await world.ask(headers=[(b"traceparent", parent)])
            assert first(world.seen["7"][0].headers, b"traceparent") == parent

    asyncio.run(run())


def test_a_slow_request_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Once, by the answer that left, with what a person needs and nothing of what was said."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), hangs, slow=SlowSettings(slow_s=0.05)) as world:
            world.publish(TO_CANDIDATE, timeout_s=0.1)
            body = b'{"id": "r-1", "inputs": [], "parameters": {"name": "confidential"}}'
            assert (await world.ask(body=body, headers=[(b"X-User-Id", b"ann")])).status == 200
            world.publish(CHAMPION)
            assert (await world.ask()).status == 200

    with caplog.at_level(logging.WARNING, "segue.slow"):
        asyncio.run(run())
    (line,) = [record.getMessage() for record in caplog.records if record.name == "segue.slow"]
    told = json.loads(line)
    assert (told["slow"], told["request_id"], told["variant"], told["role"]) == ("churn", "r-1", "champion", "fallback")
    assert told["total_ms"] >= 100 > told["upstream_ms"]
    assert "confidential" not in line
    assert "ann" not in line


def test_only_so_many_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The rest is counted, and the count is told."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), slow=SlowSettings(slow_s=0.000001, per_s=2)) as world:
            world.publish(CHAMPION)
            began = int(time.monotonic())
            for _ in range(10):
                await world.ask()
            await asyncio.sleep(began + 2 - time.monotonic())
            await world.ask()

    with caplog.at_level(logging.WARNING, "segue.slow"):
        asyncio.run(run())
    told = [json.loads(record.getMessage()) for record in caplog.records if record.name == "segue.slow"]
    assert len(told) + sum(line["left_out"] for line in told) == 11
    assert told[-1]["left_out"] >= 4


@pytest.mark.parametrize("wrong", [{"endpoint": "127.0.0.1:4318"}, {"endpoint": "http://a", "ratio": 1.1}])
def test_tracing_that_cannot_be_meant(wrong: dict[str, object]) -> None:
    """Is refused."""
    with pytest.raises(DomainError):
        TracingSettings(**wrong)  # type: ignore[arg-type]
