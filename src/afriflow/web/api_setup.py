"""The API for merchants' servers, second half: where and what they are told."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from afriflow.assembly import Assembly
from afriflow.checkout.request import check_url
from afriflow.core.errors import FieldError, InvalidRequest, NotFound
from afriflow.core.permission import Permission
from afriflow.core.transaction import Mode
from afriflow.db.engine import Record
from afriflow.delivery import endpoints, store
from afriflow.delivery.endpoints import Endpoint
from afriflow.delivery.target import ForbiddenTarget
from afriflow.ledger.search import make_cursor, read_cursor
from afriflow.web.auth import House, Who, require_key

Limit = Annotated[int, QueryParameter(name="limit", ge=1, description="rows of the answer")]
Cursor = Annotated[
    str | None, QueryParameter(name="cursor", max_length=200, description="`next_cursor` of a page")
]


class EndpointRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/webhook-endpoints."""

    url: Annotated[str, msgspec.Meta(max_length=2000)]


class ShownEndpoint(msgspec.Struct, frozen=True):
    """An endpoint. secret: in full in the answer that creates it, null ever after."""

    id: str
    object: str
    mode: str
    url: str
    secret: str | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_reason: str | None


class EndpointList(msgspec.Struct, frozen=True):
    data: list[ShownEndpoint]


class ShownMessage(msgspec.Struct, frozen=True):
    """An event as merchants are told it."""

    id: str
    object: str
    type: str
    transaction: str
    sequence: int
    created_at: datetime
    payload: Any


class MessagePage(msgspec.Struct, frozen=True):
    data: list[ShownMessage]
    next_cursor: str | None


class Resent(msgspec.Struct, frozen=True):
    """The deliveries that a resend made."""

    deliveries: list[str]


class EndpointController(Controller):
    """Where merchants want to be told."""

    path = "/api/webhook-endpoints"
    guards = [require_key]
    tags = ["Webhooks"]

    @post("/", permission=Permission.WEBHOOKS_WRITE, status_code=201, summary="Register an endpoint")
    async def add(self, house: House, caller: Who, data: JSONBody[EndpointRequest]) -> ShownEndpoint:
        """Register an address; its secret is in this answer and in no other."""
        fault = check_endpoint_url(house, data.url, caller.mode)
        if fault is not None:
            raise InvalidRequest([fault])
        async with house.database.transaction() as connection:
            made = await endpoints.add_endpoint(
                connection,
                house.vault,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                url=data.url,
                who=caller.who,
            )
        return show_endpoint(made, secret=made.secret)

    @get("/", permission=Permission.WEBHOOKS_READ, summary="List endpoints")
    async def list_(self, house: House, caller: Who) -> EndpointList:
        """List the endpoints of the key's mode."""
        async with house.database.connection() as connection:
            found = await endpoints.endpoints_of(connection, house.vault, caller.merchant_id, caller.mode)
        return EndpointList([show_endpoint(item) for item in found])

    @delete(
        "/{endpoint_id:str}",
        permission=Permission.WEBHOOKS_WRITE,
        status_code=204,
        summary="Forget an endpoint",
    )
    async def remove(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> None:
        """Forget an endpoint; what waits for it is not sent any more."""
        async with house.database.transaction() as connection:
            await endpoints.remove_endpoint(
                connection,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                endpoint_id=read_id(endpoint_id),
                who=caller.who,
            )


class MessageController(Controller):
    """What merchants were told."""

    path = "/api/events"
    guards = [require_key]
    tags = ["Webhooks"]

    @get("/", permission=Permission.WEBHOOKS_READ, summary="List events")
    async def list_(
        self,
        house: House,
        caller: Who,
        limit: Limit = 20,
        cursor: Cursor = None,
        transaction: Annotated[str | None, QueryParameter(name="transaction", max_length=64)] = None,
        type_: Annotated[str | None, QueryParameter(name="type", max_length=64)] = None,
    ) -> MessagePage:
        """List events of the key's mode, newest first."""
        limit = min(limit, house.settings.page_limit_max)
        after = read_cursor(cursor) if cursor else None
        wanted = (read_id(transaction) if transaction else None, read_id(type_) if type_ else None)
        async with house.database.connection() as connection:
            rows = await connection.fetch(
                store.EVENTS, caller.merchant_id, caller.mode, after, *wanted, limit + 1
            )
        shown = [show_message(row) for row in rows[:limit]]
        return MessagePage(shown, make_cursor(shown[-1].id) if len(rows) > limit else None)

    @post(
        "/{event_id:str}/resend",
        permission=Permission.WEBHOOKS_WRITE,
        status_code=202,
        summary="Send an event again",
    )
    async def resend(self, house: House, caller: Who, event_id: FromPath[str]) -> Resent:
        """Send the same bytes again to every endpoint there is now."""
        async with house.database.transaction() as connection:
            made = await endpoints.resend(
                connection,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                event_id=read_id(event_id),
            )
        return Resent(made)


def check_endpoint_url(house: Assembly, url: str, mode: Mode) -> FieldError | None:
    """Judge where a merchant wants to be told; None when it will do."""
    if fault := check_url(url, mode, "/url"):
        return fault
    try:
        house.targets.judge(url, mode)
    except ForbiddenTarget:
        ports = ", ".join(str(port) for port in house.targets.ports)
        return FieldError("/url", "webhook_url_not_allowed", {"ports": ports})
    return None


def show_endpoint(endpoint: Endpoint, secret: str | None = None) -> ShownEndpoint:
    return ShownEndpoint(
        endpoint.id,
        "webhook_endpoint",
        endpoint.mode.value,
        endpoint.url,
        secret,
        endpoint.created_at,
        endpoint.disabled_at,
        endpoint.disabled_why,
    )


def show_message(row: Record) -> ShownMessage:
    return ShownMessage(
        row["id"],
        "event",
        row["type"],
        row["subject_id"],
        row["sequence"],
        row["created_at"],
        msgspec.Raw(row["payload"]),
    )


def read_id(text: str) -> str:
    """An id that cannot be one names nothing."""
    if "\x00" in text or len(text) > 64:
        raise NotFound(id="")
    return text
