"""How we log: structured lines with the ids of the work bound to them, and reports of faults to Sentry."""

import logging
import re
import sys
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sentry_sdk
import structlog

_NUMBER = re.compile(r"\+\d{9,15}")
_KEY = re.compile(r"\b(sk_(?:test|live)|whsec)_[A-Za-z0-9+/=_-]{8,}")


def configure(*, log_format: str, sentry_dsn: str = "", path: Path | None = None) -> None:
    """Set logging up once per process.

    log_format: json or console. sentry_dsn: empty = report nowhere. path: a file, None = standard error.
    """
    stream = sys.stderr
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a", encoding="utf-8", buffering=1)
    renderer = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _scrub,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[_drop_record, _scrub, renderer]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    if sentry_dsn:
        sentry_sdk.init(dsn=sentry_dsn, send_default_pii=False, include_local_variables=False)


def logger(name: str) -> Any:
    """Give a logger; bind what is known with `bound`."""
    return structlog.get_logger(station=name)


@contextmanager
def bound(**ids: str) -> Generator[None]:
    """Bind ids (transaction_id, attempt_id, request_id, …) to every line logged inside."""
    with structlog.contextvars.bound_contextvars(**ids):
        yield


def page(what: str, **facts: object) -> None:
    """Call a person: something that must not happen quietly. Expected refusals never come here."""
    structlog.get_logger().error(what, page=True, **facts)
    with sentry_sdk.new_scope() as scope:
        for name, value in facts.items():
            scope.set_extra(name, str(value))
        sentry_sdk.capture_message(what, level="error")


def _drop_record(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event


def _scrub(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take keys and phone numbers out of whatever text came along, exceptions included."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _NUMBER.sub(
                lambda match: match[0][:6] + "•••" + match[0][-2:], _KEY.sub(r"\1_•••", value)
            )
    return event
