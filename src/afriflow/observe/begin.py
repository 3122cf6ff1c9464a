"""Everything by which a process is seen, set up once at its beginning from the settings."""

import atexit
import os
from pathlib import Path

from afriflow import __version__
from afriflow.core.errors import Refusal
from afriflow.observe.log import begin_log
from afriflow.observe.report import begin_reports
from afriflow.observe.trace import begin_tracing
from afriflow.settings import Settings


class ExtraMissing(Refusal):
    """A setting wants what is not installed. `setting`, and `extra` of the package that brings it."""

    code = "extra_missing"


def begin(settings: Settings, role: str, *, path: Path | None = None) -> None:
    """Log, and report and trace where an address is set.

    role: what this process is, such as serve or work. path: of the log, None = standard error. Raises ExtraMissing
    where traces are wanted and OpenTelemetry is not installed.
    """
    begin_log(log_format=settings.log_format, path=path)
    if settings.sentry_dsn:
        begin_reports(
            settings.sentry_dsn, environment=settings.environment, release=f"afriflow@{__version__}"
        )
    if settings.otlp_endpoint:
        _begin_tracing(settings, role)


def _begin_tracing(settings: Settings, role: str) -> None:
    try:
        from afriflow.observe.otlp import OtlpTracer  # noqa: PLC0415 — an extra that most do without
    except ImportError as error:
        raise ExtraMissing(setting="AFRIFLOW_OTLP_ENDPOINT", extra="tracing") from error
    tracer = OtlpTracer(
        settings.otlp_endpoint,
        settings.trace_ratio,
        {
            "service.name": "afriflow",
            "service.version": __version__,
            "service.instance.id": f"{role}-{os.getpid()}",
            "deployment.environment.name": settings.environment,
        },
    )
    begin_tracing(tracer)
    atexit.register(tracer.close)
