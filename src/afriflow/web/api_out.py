"""The API for money that goes out: refunds and payouts."""

import contextlib
from typing import Annotated, Any

import msgspec
from litestar import Controller, MediaType, Response, get, post
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from afriflow.checkout.idempotency import read_key
from afriflow.checkout.request_out import (
    BatchRequest,
    PayoutRequest,
    RefundRequest,
    read_batch,
    read_payout,
    read_refund,
)
from afriflow.core.errors import FieldError, InvalidRequest, NotFound
from afriflow.core.permission import Permission
from afriflow.ledger import search_out
from afriflow.ledger.present_out import REQUIRES_APPROVAL, Batch, Payout, Refund, show_waiting
from afriflow.ledger.search import make_cursor, read_cursor
from afriflow.ledger.search_out import FilterOut, list_disbursements, read_disbursement
from afriflow.web.auth import House, Who, require_key

Limit = Annotated[int, QueryParameter(name="limit", ge=1, description="rows of the answer")]
Cursor = Annotated[
    str | None, QueryParameter(name="cursor", max_length=200, description="`next_cursor` of a page")
]
Status = Annotated[str | None, QueryParameter(name="status", description="processing, succeeded or failed")]
NeedsReview = Annotated[bool | None, QueryParameter(name="needs_review")]
Unresolved = Annotated[bool | None, QueryParameter(name="unresolved")]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(name="Idempotency-Key", description="new for each order, the same for each retry"),
]
_STATUSES = ("processing", "succeeded", "failed")


class RefundPage(msgspec.Struct, frozen=True):
    data: list[Refund]
    next_cursor: str | None


class PayoutPage(msgspec.Struct, frozen=True):
    data: list[Payout]
    next_cursor: str | None


class BatchPage(msgspec.Struct, frozen=True):
    data: list[Batch]
    next_cursor: str | None


class RefundController(Controller):
    """Money back to who paid."""

    path = "/api/refunds"
    guards = [require_key]
    tags = ["Refunds"]

    @post(
        "/",
        permission=Permission.REFUNDS_WRITE,
        status_code=201,
        summary="Refund a transaction, whole or in part",
    )
    async def create(
        self, house: House, caller: Who, data: JSONBody[RefundRequest], key: IdempotencyKey = None
    ) -> Refund:
        """Give money back; without `amount` all that is left of the payment."""
        key = read_key(key)
        reply = await house.disburser.refund(caller, key, read_refund(data))
        return _created(reply.body, replayed=reply.replayed)

    @get("/", permission=Permission.REFUNDS_READ, summary="List refunds")
    async def list_(
        self,
        house: House,
        caller: Who,
        limit: Limit = 20,
        cursor: Cursor = None,
        status: Status = None,
        transaction: Annotated[str | None, QueryParameter(name="transaction", max_length=64)] = None,
        needs_review: NeedsReview = None,
        unresolved: Unresolved = None,
    ) -> RefundPage:
        """List refunds of the key's mode, newest first."""
        wanted = FilterOut(status, transaction, needs_review, unresolved)
        return RefundPage(*await _list(house, caller, "refund", wanted, limit, cursor))

    @get("/{refund_id:str}", permission=Permission.REFUNDS_READ, summary="Read a refund")
    async def read(self, house: House, caller: Who, refund_id: FromPath[str]) -> Refund:
        """Read one refund."""
        async with house.database.connection() as connection:
            return await read_disbursement(connection, caller, "refund", refund_id)  # type: ignore[return-value]

    @post(
        "/{refund_id:str}/verify",
        permission=Permission.REFUNDS_WRITE,
        status_code=200,
        summary="Ask the provider now",
    )
    async def verify(self, house: House, caller: Who, refund_id: FromPath[str]) -> Refund:
        """Ask the provider how the refund stands."""
        await house.disburser.verify(caller, "refund", refund_id)
        return await self.read.fn(self, house, caller, refund_id)


class PayoutController(Controller):
    """Money to people's wallets."""

    path = "/api/payouts"
    guards = [require_key]
    tags = ["Payouts"]

    @post("/", permission=Permission.PAYOUTS_WRITE, status_code=201, summary="Send money to a wallet")
    async def create(
        self, house: House, caller: Who, data: JSONBody[PayoutRequest], key: IdempotencyKey = None
    ) -> Payout:
        """Send money to a person; routed once, and never to a second provider. Above the merchant's limit it waits."""
        key = read_key(key)
        reply = await house.approvals.payout(caller, key, read_payout(data, caller.mode, caller.language))
        return _created(reply.body, replayed=reply.replayed)

    @get("/", permission=Permission.PAYOUTS_READ, summary="List payouts")
    async def list_(
        self,
        house: House,
        caller: Who,
        limit: Limit = 20,
        cursor: Cursor = None,
        status: Status = None,
        needs_review: NeedsReview = None,
        unresolved: Unresolved = None,
    ) -> PayoutPage:
        """List payouts of the key's mode, newest first; `requires_approval` lists those that wait for a second person."""
        if status == REQUIRES_APPROVAL:
            limit = min(limit, house.settings.page_limit_max)
            after = read_cursor(cursor) if cursor else None
            found = await house.approvals.waiting(caller, limit=limit + 1, after=after)
            shown = [show_waiting(row) for row in found[:limit]]
            return PayoutPage(shown, make_cursor(shown[-1].id) if len(found) > limit else None)
        wanted = FilterOut(status, None, needs_review, unresolved)
        return PayoutPage(*await _list(house, caller, "payout", wanted, limit, cursor))

    @get("/{payout_id:str}", permission=Permission.PAYOUTS_READ, summary="Read a payout")
    async def read(self, house: House, caller: Who, payout_id: FromPath[str]) -> Payout:
        """Read one payout, also one that waits for a second person."""
        try:
            async with house.database.connection() as connection:
                return await read_disbursement(connection, caller, "payout", payout_id)  # type: ignore[return-value]
        except NotFound:
            return await house.approvals.read(caller, payout_id)

    @post(
        "/{payout_id:str}/verify",
        permission=Permission.PAYOUTS_WRITE,
        status_code=200,
        summary="Ask the provider now",
    )
    async def verify(self, house: House, caller: Who, payout_id: FromPath[str]) -> Payout:
        """Ask the provider how the payout stands; while one waits for a second person there is nobody to ask."""
        with contextlib.suppress(NotFound):
            await house.disburser.verify(caller, "payout", payout_id)
        return await self.read.fn(self, house, caller, payout_id)


class BatchController(Controller):
    """Money to many people's wallets at once."""

    path = "/api/payouts/batches"
    guards = [require_key]
    tags = ["Payouts"]

    @post("/", permission=Permission.PAYOUTS_WRITE, status_code=201, summary="Send money to many wallets")
    async def create(
        self, house: House, caller: Who, data: JSONBody[BatchRequest], key: IdempotencyKey = None
    ) -> Batch:
        """Send many payouts under one key, all or none; each is an ordinary payout from then on."""
        key = read_key(key)
        wanted = read_batch(data, caller.mode, caller.language, house.settings.payout_batch_max)
        reply = await house.approvals.batch(caller, key, wanted)
        return _created(reply.body, replayed=reply.replayed)

    @get("/", permission=Permission.PAYOUTS_READ, summary="List batches of payouts")
    async def list_(self, house: House, caller: Who, limit: Limit = 20, cursor: Cursor = None) -> BatchPage:
        """List batches of the key's mode, newest first."""
        limit = min(limit, house.settings.page_limit_max)
        after = read_cursor(cursor) if cursor else None
        async with house.database.connection() as connection:
            return BatchPage(*await search_out.list_batches(connection, caller, limit=limit, after=after))

    @get("/{batch_id:str}", permission=Permission.PAYOUTS_READ, summary="Read a batch of payouts")
    async def read(self, house: House, caller: Who, batch_id: FromPath[str]) -> Batch:
        """Read one batch with its payouts."""
        async with house.database.connection() as connection:
            return await search_out.read_batch(connection, caller, batch_id)


async def _list(
    house: House, caller: Who, kind: str, wanted: FilterOut, limit: int, cursor: str | None
) -> tuple[list[Any], str | None]:
    if wanted.status is not None and wanted.status not in _STATUSES:
        raise InvalidRequest([FieldError("?status", "invalid_value", {"reason": ", ".join(_STATUSES)})])
    limit = min(limit, house.settings.page_limit_max)
    after = read_cursor(cursor) if cursor else None
    async with house.database.connection() as connection:
        return await list_disbursements(connection, caller, kind, wanted, limit=limit, after=after)


def _created(body: bytes, *, replayed: bool) -> Any:
    headers = {"idempotent-replayed": "true"} if replayed else {}
    return Response(body, status_code=201, headers=headers, media_type=MediaType.JSON)
