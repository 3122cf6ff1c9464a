"""How an endpoint, a test of it and a replay are asked for and shown."""

from datetime import datetime
from typing import Annotated

import msgspec

from afriflow.db.engine import Record
from afriflow.delivery.endpoints import Endpoint
from afriflow.delivery.probe import Probe

Types = Annotated[tuple[str, ...], msgspec.Meta(max_length=50)]
Url = Annotated[str, msgspec.Meta(max_length=2000)]
Description = Annotated[str, msgspec.Meta(max_length=200)]


class EndpointRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/webhook-endpoints. types: the events it is told; empty = all, also those of later releases."""

    url: Url
    description: Description = ""
    types: Types = ()


class EndpointChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PATCH /api/webhook-endpoints/{id}: what is absent or null stays. types: empty = all events."""

    url: Url | None = None
    description: Description | None = None
    types: Types | None = None
    enabled: bool | None = None


class RotateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST …/rotate-secret. overlap_seconds: how long the old secret signs too; 0 = not at all, null = a day."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0)] | None = None


class ReplayRequest(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}
):
    """POST …/replay: events by their `timestamp`, from the first moment until before the last; null = until now."""

    since: datetime
    until: datetime | None = None
    types: Types = ()


class ShownEndpoint(msgspec.Struct, frozen=True):
    """An endpoint. secret: in full in the answer that makes it, null ever after. types: empty = all events.

    old_secret_until: until then the secret before this one signs too.
    """

    id: str
    object: str
    mode: str
    url: str
    description: str
    types: tuple[str, ...]
    secret: str | None
    old_secret_until: datetime | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: str | None


class EndpointList(msgspec.Struct, frozen=True):
    data: list[ShownEndpoint]


class ShownTest(msgspec.Struct, frozen=True):
    """What your server made of a test event. status: null where nothing answered; then `error` says why.

    answer: the beginning of its body.
    """

    object: str
    event: str
    url: str
    delivered: bool
    status: int | None
    answer: str
    error: str | None
    duration_ms: int


class ShownReplay(msgspec.Struct, frozen=True, rename={"since": "from", "until": "to"}):
    """A replay. events: how many it found. staged: how many are on their way by now; what waits anyway is not doubled.

    status: running, finished (all are on their way) or stopped (the endpoint was removed or disabled meanwhile).
    """

    id: str
    object: str
    endpoint: str
    since: datetime
    until: datetime
    types: tuple[str, ...]
    status: str
    events: int
    staged: int
    created_at: datetime
    finished_at: datetime | None


class ReplayList(msgspec.Struct, frozen=True):
    data: list[ShownReplay]
    next_cursor: str | None


def show_endpoint(endpoint: Endpoint, secret: str | None = None) -> ShownEndpoint:
    return ShownEndpoint(
        endpoint.id,
        "webhook_endpoint",
        endpoint.mode.value,
        endpoint.url,
        endpoint.description,
        tuple(endpoint.types or ()),
        secret,
        endpoint.old_secret_until,
        endpoint.created_at,
        endpoint.disabled_at,
        endpoint.disabled_why,
    )


def show_test(probe: Probe) -> ShownTest:
    said = probe.outcome
    about = ("webhook_test", probe.event_id, probe.url)
    return ShownTest(*about, said.heard, said.status, said.answer, said.error, said.duration_ms)


def show_replay(row: Record) -> ShownReplay:
    return ShownReplay(
        row["id"],
        "webhook_replay",
        row["endpoint_id"],
        row["since"],
        row["until"] or row["created_at"],
        tuple(row["types"] or ()),
        row["status"],
        row["events"],
        row["staged"],
        row["created_at"],
        row["finished_at"],
    )
