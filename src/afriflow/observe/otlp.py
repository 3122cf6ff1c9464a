"""How spans leave: OpenTelemetry's SDK, sent in batches from a thread of its own to a collector over OTLP/HTTP."""

from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from afriflow.observe import work
from afriflow.observe.redact import redact
from afriflow.observe.trace import Carrier, Kind, Span

# A collector that hangs may hold up the end of a process by this, and nothing else.
_TIMEOUT_SECONDS = 5
_BATCH_MILLISECONDS = 1_000
_KINDS = {
    Kind.SERVER: otel.SpanKind.SERVER,
    Kind.CLIENT: otel.SpanKind.CLIENT,
    Kind.CONSUMER: otel.SpanKind.CONSUMER,
    Kind.INTERNAL: otel.SpanKind.INTERNAL,
}


class _Span:
    def __init__(self, span: otel.Span) -> None:
        self._span = span

    def tell(self, **facts: object) -> None:
        self._span.set_attributes(_attributes(facts))

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def fail(self, why: str) -> None:
        self._span.set_status(otel.StatusCode.ERROR, why)


class OtlpTracer:
    """Takes spans and sends them.

    endpoint: the collector's address without a path. ratio: the share of traces that is kept, decided by the trace's
    id, so that every process decides alike. facts: what is true of the whole process.
    """

    def __init__(self, endpoint: str, ratio: float, facts: Mapping[str, str]) -> None:
        kept = TraceIdRatioBased(ratio)
        self._provider = TracerProvider(
            resource=Resource.create(dict(facts)),
            # A caller's trace is gone on with, but a caller does not decide how many we keep.
            sampler=ParentBased(root=kept, remote_parent_sampled=kept),
        )
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=_BATCH_MILLISECONDS)
        )
        self._tracer = self._provider.get_tracer("afriflow")
        self._propagator = TraceContextTextMapPropagator()

    def span(
        self, name: str, kind: Kind, parent: Carrier | None, facts: Mapping[str, object]
    ) -> AbstractContextManager[Span]:
        return self._open(name, kind, parent, facts)

    def carrier(self) -> dict[str, str] | None:
        found: dict[str, str] = {}
        self._propagator.inject(found)
        return found or None

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    @contextmanager
    def _open(
        self, name: str, kind: Kind, parent: Carrier | None, facts: Mapping[str, object]
    ) -> Generator[Span]:
        context = None if parent is None else self._propagator.extract(parent, Context())
        # What led here from another trace is not forgotten: it is one step away.
        here = otel.get_current_span().get_span_context()
        links = [otel.Link(here)] if parent is not None and here.is_valid else []
        with self._tracer.start_as_current_span(
            name,
            context=context,
            kind=_KINDS[kind],
            attributes=_attributes({**work.ids(), **facts}),
            links=links,
            record_exception=False,  # a message could hold anything
            set_status_on_exception=False,
        ) as opened:
            span = _Span(opened)
            try:
                yield span
            except Exception as error:
                span.fail(type(error).__name__)
                raise


def _attributes(facts: Mapping[str, object]) -> dict[str, AttributeValue]:
    """Name facts as OpenTelemetry does: its own names have dots, ours are under `afriflow`."""
    found: dict[str, AttributeValue] = {}
    for name, value in facts.items():
        shown = redact(value, name)
        if shown is not None:
            key = name.replace("__", ".") if "__" in name else f"afriflow.{name}"
            found[key] = shown if isinstance(shown, bool | int | float) else str(shown)
    return found
