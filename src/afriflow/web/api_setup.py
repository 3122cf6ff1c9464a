"""The API for merchants' servers, second half: what they are told, and their providers."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from afriflow.checkout.request import check_url
from afriflow.core.errors import InvalidRequest, NotFound
from afriflow.core.transaction import Mode
from afriflow.db.engine import Record
from afriflow.delivery import endpoints, store
from afriflow.delivery.endpoints import Endpoint
from afriflow.ledger.search import make_cursor, read_cursor
from afriflow.port.provider import Route
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


class ShownAccount(msgspec.Struct, frozen=True):
    """A provider account, what it can carry and how it is."""

    id: str
    object: str
    provider: str
    title: str
    mode: str
    priority: int
    status: str
    paused_reason: str | None
    healthy: bool
    asked_again_at: datetime | None
    callback_url: str
    routes: tuple[Route, ...]


class AccountList(msgspec.Struct, frozen=True):
    data: list[ShownAccount]


class PauseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/providers/{account}/pause. reason: for whoever wonders later."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class EndpointController(Controller):
    """Where merchants want to be told."""

    path = "/api/webhook-endpoints"
    guards = [require_key]
    tags = ["Webhooks"]

    @post("/", status_code=201, summary="Register an endpoint")
    async def add(self, house: House, caller: Who, data: JSONBody[EndpointRequest]) -> ShownEndpoint:
        """Register an address; its secret is in this answer and in no other."""
        fault = check_url(data.url, caller.mode, "/url")
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
            )
        return show_endpoint(made, secret=made.secret)

    @get("/", summary="List endpoints")
    async def list_(self, house: House, caller: Who) -> EndpointList:
        """List the endpoints of the key's mode."""
        async with house.database.connection() as connection:
            found = await endpoints.endpoints_of(connection, house.vault, caller.merchant_id, caller.mode)
        return EndpointList([show_endpoint(item) for item in found])

    @delete("/{endpoint_id:str}", status_code=204, summary="Forget an endpoint")
    async def remove(self, house: House, caller: Who, endpoint_id: FromPath[str]) -> None:
        """Forget an endpoint; what waits for it is not sent any more."""
        async with house.database.transaction() as connection:
            await endpoints.remove_endpoint(
                connection, merchant_id=caller.merchant_id, mode=caller.mode, endpoint_id=_id(endpoint_id)
            )


class MessageController(Controller):
    """What merchants were told."""

    path = "/api/events"
    guards = [require_key]
    tags = ["Webhooks"]

    @get("/", summary="List events")
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
        wanted = (_id(transaction) if transaction else None, _id(type_) if type_ else None)
        async with house.database.connection() as connection:
            rows = await connection.fetch(
                store.EVENTS, caller.merchant_id, caller.mode, after, *wanted, limit + 1
            )
        shown = [show_message(row) for row in rows[:limit]]
        return MessagePage(shown, make_cursor(shown[-1].id) if len(rows) > limit else None)

    @post("/{event_id:str}/resend", status_code=202, summary="Send an event again")
    async def resend(self, house: House, caller: Who, event_id: FromPath[str]) -> Resent:
        """Send the same bytes again to every endpoint there is now."""
        async with house.database.transaction() as connection:
            made = await endpoints.resend(
                connection,
                house.ids,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                event_id=_id(event_id),
            )
        return Resent(made)


class ProviderController(Controller):
    """The merchant's contracts with providers."""

    path = "/api/providers"
    guards = [require_key]
    tags = ["Providers"]

    @get("/", summary="List provider accounts")
    async def list_(self, house: House, caller: Who) -> AccountList:
        """List accounts with what they can carry, whether they are paused, and their breaker."""
        return AccountList(await shown_accounts(house, caller))

    @post("/{account_id:str}/pause", status_code=200, summary="Take an account out of routing")
    async def pause(
        self, house: House, caller: Who, account_id: FromPath[str], data: JSONBody[PauseRequest]
    ) -> AccountList:
        """Take an account out of routing; what it already carries is followed as before."""
        async with house.database.transaction() as connection:
            await house.accounts.pause(
                connection,
                merchant_id=caller.merchant_id,
                mode=caller.mode,
                account_id=_id(account_id),
                who=caller.who,
                why=data.reason,
            )
        return AccountList(await shown_accounts(house, caller))

    @post("/{account_id:str}/resume", status_code=200, summary="Put an account back")
    async def resume(self, house: House, caller: Who, account_id: FromPath[str]) -> AccountList:
        """Put a paused account back into routing."""
        async with house.database.transaction() as connection:
            await house.accounts.resume(
                connection, merchant_id=caller.merchant_id, mode=caller.mode, account_id=_id(account_id)
            )
        return AccountList(await shown_accounts(house, caller))


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


async def shown_accounts(house: House, caller: Who) -> list[ShownAccount]:
    """Show a merchant's accounts in one mode; used by the API and the dashboard."""
    async with house.database.connection() as connection:
        contracts = await house.accounts.contracts(connection, caller.merchant_id, Mode(caller.mode))
    unhealthy = await house.router.unhealthy(contracts)
    return [
        ShownAccount(
            id=item.account.id,
            object="provider_account",
            provider=item.account.provider,
            title=item.spec.title,
            mode=item.account.mode.value,
            priority=item.priority,
            status="paused" if item.paused_at else "active",
            paused_reason=item.paused_why,
            healthy=item.account.id not in unhealthy,
            asked_again_at=unhealthy.get(item.account.id),
            callback_url=item.account.callback_url,
            routes=item.spec.routes,
        )
        for item in contracts
    ]


def _id(text: str) -> str:
    """An id that cannot be one names nothing."""
    if "\x00" in text or len(text) > 64:
        raise NotFound(id="")
    return text
