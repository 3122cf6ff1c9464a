"""What calls a person, to Sentry where an address is set: without bodies, secrets and whole phone numbers, and never a refusal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger

from afriflow.core.errors import Refusal
from afriflow.observe.redact import redact
from afriflow.observe.work import ids

if TYPE_CHECKING:
    from sentry_sdk._types import Breadcrumb, BreadcrumbHint, Event, Hint

# What these say of a fault is reported by us, with its ids, or is no fault of a payment.
_SAID_ELSEWHERE = ("pgqueuer*", "opentelemetry*", "sentry_sdk*")
# Of a request that a library attached: enough to see what was asked, and nothing that was sent.
_KEPT_OF_REQUEST = ("method", "headers")


def begin_reports(dsn: str, *, environment: str, release: str) -> None:
    """Report from now on, in this whole process. dsn: Sentry's or a work-alike's.

    Nothing is patched: no integration listens but those that see a crash, a library's logged error and the end.
    """
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        include_local_variables=False,  # they hold orders, and orders hold payers
        max_request_body_size="never",
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=_in_silence),
            ExcepthookIntegration(always_run=False),
            LoggingIntegration(level=None, event_level=40, sentry_logs_level=None),
        ],
        before_send=_before_send,
        before_send_transaction=_before_send,
        before_breadcrumb=_before_breadcrumb,
    )
    for name in _SAID_ELSEWHERE:
        ignore_logger(name)


def report(
    what: str, facts: Mapping[str, object], *, error: Exception | None = None, call: bool = True
) -> None:
    """Send a report with the ids that are bound here; does nothing where none are sent.

    error: adds where it was raised. call: a person is called; otherwise one should merely know.
    """
    if not sentry_sdk.get_client().is_active() or isinstance(error, Refusal):
        return
    with sentry_sdk.new_scope() as scope:
        scope.set_tags(cast("Any", dict(ids())))
        scope.set_level("error" if call else "warning")
        scope.set_context("facts", {name: str(value) for name, value in facts.items()})
        if error is None:
            sentry_sdk.capture_message(what)
        else:
            scope.set_tag("what", what)
            sentry_sdk.capture_exception(error)


def _in_silence(pending: int, timeout: int) -> None:
    """Say nothing of what is still sent at the end: standard error is the log."""


def _before_send(event: "Event", hint: "Hint") -> "Event | None":
    raised = hint.get("exc_info")
    if raised is not None and isinstance(raised[1], Refusal):
        return None
    request = cast("Mapping[str, object]", event.get("request") or {})
    event.pop("user", None)
    shown = cast("dict[str, Any]", redact(event))
    if request:
        shown["request"] = redact({name: request[name] for name in _KEPT_OF_REQUEST if name in request})
    return cast("Event", shown)


def _before_breadcrumb(crumb: "Breadcrumb", _: "BreadcrumbHint") -> "Breadcrumb | None":
    return cast("Breadcrumb", redact(crumb))
