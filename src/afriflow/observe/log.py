"""How we log: structured lines with the ids of the work on them, ours and every library's alike; and how a person is called."""

import logging
import sys
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

from afriflow.observe.metrics import PAGES
from afriflow.observe.redact import redact
from afriflow.observe.report import report
from afriflow.observe.work import bound, ids

__all__ = ["begin_log", "bound", "logger", "note_failure", "page", "with_ids"]


def begin_log(*, log_format: str, path: Path | None = None) -> None:
    """Set logging up once per process.

    log_format: json or console. path: a file, None = standard error.
    """
    stream = sys.stderr
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a", encoding="utf-8", buffering=1)
    renderer = _renderer(log_format, stream)
    shared: list[Any] = [
        with_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, _scrub, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _scrub, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    if path is None and log_format == "json":  # a person at a terminal reads a traceback as it is
        sys.excepthook = _crashed


def logger(name: str) -> Any:
    """Give a logger; bind what is known with `bound`."""
    return structlog.get_logger(station=name)


def page(what: str, *, error: Exception | None = None, **facts: object) -> None:
    """Call a person: something that must not happen quietly. Expected refusals never come here.

    error: where it happened, for the report.
    """
    PAGES.labels(what).inc()
    structlog.get_logger().error(what, page=True, **facts)
    report(what, facts, error=error)


def note_failure(what: str, error: Exception, **facts: object) -> None:
    """Report what failed and is tried again: nobody is called, and it does not go unseen."""
    structlog.get_logger().warning(what, **facts)
    report(what, facts, error=error, call=False)


def with_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the ids that are bound here on a line; what the line says itself wins."""
    return {**ids(), **event}


def _renderer(log_format: str, stream: TextIO) -> Any:
    if log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=stream.isatty())


def _scrub(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make everything on a line fit to be read, exceptions included."""
    return {name: redact(value, name) for name, value in event.items()}


def _crashed(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    structlog.get_logger().critical("crashed", exc_info=(kind, error, traceback))
