"""The API for merchants' servers: what they were told, and telling it once more."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import FromPath, QueryParameter

from afriflow.core.errors import NotFound
from afriflow.core.permission import Permission
from afriflow.db.engine import Record
from afriflow.delivery import endpoints, store
from afriflow.ledger.search import make_cursor, read_cursor
from afriflow.web.auth import House, Who, require_key

Limit = Annotated[int, QueryParameter(name="limit", ge=1, description="rows of the answer")]
Cursor = Annotated[
    str | None, QueryParameter(name="cursor", max_length=200, description="`next_cursor` of a page")
]


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
