"""Where does a request spend its time, as OpenTelemetry sees it?

A span for the request, and one below it for each variant that was asked, exported over OTLP/HTTP by a thread of its own. A
caller's `traceparent` (W3C Trace Context) decides whether a request is sampled; without one, chance does. Upstreams get our
span as their parent. Needs the extra `segue[otel]`, which is imported only where tracing is asked for.
"""

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from segue.errors import Refused
from segue.extras import installing
from segue.gateway.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from segue.facts.prediction import Role
    from segue.gateway.request.capture import Answered
    from segue.http.exchange import Exchange

PARENT: Final = b"traceparent"
_STATE: Final = b"tracestate"
_GIVE_UP_S: Final = 5


def require() -> None:
    """Refuse what cannot be, before anything serves.

    Raises:
        Refused: the extra is not installed.
    """
    try:
        found = find_spec("opentelemetry.sdk") and find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise Refused("tracing needs what is not installed", hint=installing("otel"))


class Tracing:
    """The spans of one worker.

    Args:
        settings: where they go, and how many.
        worker: its name.

    Raises:
        Refused: the extra is not installed.
    """

    def __init__(self, settings: TracingSettings, worker: str) -> None:
        require()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415 - as above

        resource = Resource.create({"service.name": settings.service, "service.instance.id": worker})
        self._provider: TracerProvider = TracerProvider(sampler=ParentBasedTraceIdRatio(settings.ratio), resource=resource)
        exporter = OTLPSpanExporter(endpoint=settings.endpoint, timeout=_GIVE_UP_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer: Tracer = self._provider.get_tracer("segue")

    def begin(self, exchange: "Exchange", route: str) -> "Trace":
        """A request has come: from now on its `traceparent` is ours."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - as above

        propagator = TraceContextTextMapPropagator()
        sent = {name.lower(): value for name, value in exchange.headers if len(name) in {10, 11}}
        carrier = {key.decode(): sent[key].decode("latin-1") for key in (PARENT, _STATE) if key in sent}
        began_ns = time.time_ns() - int((time.monotonic() - exchange.arrived_s) * 1e9)
        attributes = {"http.request.method": exchange.method.decode("latin-1"), "segue.route": route}
        span = self._tracer.start_span(
            f"predict {route}", propagator.extract(carrier), SpanKind.SERVER, attributes, start_time=began_ns
        )
        trace = Trace(self._tracer, span, (began_ns, exchange.arrived_s))
        ours: dict[str, str] = {}
        propagator.inject(ours, trace.context)
        headers = exchange.headers
        headers[:] = [field for field in headers if field[0].lower() not in {PARENT, _STATE}]
        headers += [(name.encode(), value.encode("latin-1")) for name, value in ours.items()]
        return trace

    def close(self) -> None:
        """Send what is left; blocks for some seconds at most."""
        self._provider.shutdown()


class Trace:
    """One request's spans.

    Args:
        tracer: makes the spans of the variants that are asked.
        span: the whole request's.
        began: when that was, in nanoseconds since the epoch and in monotonic seconds: one pair for all, since two readings of
            two clocks never agree to the nanosecond.
    """

    __slots__ = ("_began", "_span", "_tracer", "context")

    def __init__(self, tracer: "Tracer", span: "Span", began: tuple[int, float]) -> None:
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415 - an extra

        self._tracer = tracer
        self._span = span
        self._began = began
        self.context = set_span_in_context(span)

    def answered(self, role: "Role", answered: "Answered", request_id: str) -> None:
        """What one variant did with it."""
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415 - an extra

        attributes: dict[str, str | int] = {
            "segue.role": role,
            "segue.variant": answered.variant,
            "segue.version": answered.version,
            "segue.request_id": request_id,
        }
        if answered.status:
            attributes["http.response.status_code"] = answered.status
        ended_ns = self._began[0] + int((answered.finished_s - self._began[1]) * 1e9)
        name, began_ns = f"ask {answered.variant}", ended_ns - answered.latency_us * 1000
        asked = self._tracer.start_span(name, self.context, SpanKind.CLIENT, attributes, start_time=began_ns)
        if answered.error:
            asked.set_attribute("error.type", answered.error)
            asked.set_status(Status(StatusCode.ERROR, answered.error))
        asked.end(ended_ns)

    def left(self, status: int, variant: str, request_id: str) -> None:
        """The answer has left."""
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - an extra

        self._span.set_attributes(
            {"http.response.status_code": status, "segue.variant": variant, "segue.request_id": request_id}
        )
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
