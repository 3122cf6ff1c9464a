"""Which events there are: what an endpoint may choose from."""

from collections.abc import Sequence

from afriflow.core.errors import FieldError, InvalidRequest

_OUT = ("created", "processing", "succeeded", "failed", "needs_review")
_IN = (
    "created",
    "requires_action",
    "processing",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
    "needs_review",
)
EVENT_TYPES = (
    *(f"transaction.{word}" for word in _IN),
    *(f"refund.{word}" for word in _OUT),
    "payout.requires_approval",
    *(f"payout.{word}" for word in _OUT),
    "provider.health_changed",
)
# Told to one endpoint alone, when somebody asks for it.
TEST_EVENT = "endpoint.test"


def read_types(wanted: Sequence[str]) -> list[str] | None:
    """Read a choice of events; None = every event, also those that a later release brings. Raises InvalidRequest."""
    faults = [
        FieldError(f"/types/{place}", "unknown_event_type", {"value": word[:60]})
        for place, word in enumerate(wanted)
        if word not in EVENT_TYPES
    ]
    if faults:
        raise InvalidRequest(faults)
    return [item for item in EVENT_TYPES if item in wanted] or None
