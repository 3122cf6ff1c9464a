"""Reading refunds and payouts: one of them, or a page of a list."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

from afriflow.core.errors import NotFound
from afriflow.db.engine import Connection, Record
from afriflow.ledger import search_store, store
from afriflow.ledger.present_out import Batch, Payout, Refund, show_batch, show_disbursement
from afriflow.ledger.search import ids_between, make_cursor
from afriflow.merchants.keys import Caller

# What a merchant calls a status, in the words of the table.
_WORDS = {
    "processing": ["unknown", "pending"],
    "succeeded": ["succeeded"],
    "failed": ["failed", "not_sent", "never_received"],
}


@dataclass(frozen=True, slots=True)
class FilterOut:
    """What a list of money out is narrowed to; None = any. status: as merchants say it; the rest as of payments."""

    status: str | None = None
    transaction_id: str | None = None
    needs_review: bool | None = None
    unresolved: bool | None = None
    ids: list[str] | None = None
    provider: str | None = None
    operator: str | None = None
    country: str | None = None
    currency: str | None = None
    phone_index: bytes | None = None
    since: datetime | None = None
    until: datetime | None = None


async def read_disbursement(
    connection: Connection, caller: Caller, kind: str, disbursement_id: str
) -> Refund | Payout:
    """Give one refund or payout of the caller's. Raises NotFound, also for what is somebody else's."""
    return show_disbursement(await disbursement_of(connection, caller, kind, disbursement_id))


async def disbursement_of(connection: Connection, caller: Caller, kind: str, disbursement_id: str) -> Record:
    """Give the row of one refund or payout of the caller's. Raises NotFound, also for what is somebody else's."""
    if "\x00" in disbursement_id:
        raise NotFound(id="")
    row = await connection.fetchrow(
        store.DISBURSEMENT_OF_MODE, caller.merchant_id, caller.mode, kind, disbursement_id
    )
    if row is None:
        raise NotFound(id=disbursement_id)
    return row


async def list_disbursements(
    connection: Connection, caller: Caller, kind: str, wanted: FilterOut, *, limit: int, after: str | None
) -> tuple[list[Refund | Payout], str | None]:
    """Give one page, newest first, and the cursor of the next."""
    if wanted.transaction_id is not None and "\x00" in wanted.transaction_id:
        raise NotFound(id="")
    narrowed = narrowed_out(kind, wanted, after)
    query, values = search_store.page(search_store.MONEY_OUT, narrowed, limit + 1)
    rows = await connection.fetch(query, caller.merchant_id, caller.mode, *values)
    shown = [show_disbursement(row) for row in rows[:limit]]
    return shown, make_cursor(shown[-1].id) if len(rows) > limit else None


def narrowed_out(kind: str, wanted: FilterOut, after: str | None = None) -> dict[str, object]:
    """Say a filter in the words of the table."""
    narrowed = asdict(wanted)
    status: str | None = narrowed.pop("status")
    bounds = ids_between({"refund": "ref", "payout": "pyt"}[kind], wanted.since, wanted.until)
    return {
        "kind": kind,
        "statuses": _WORDS[status] if status else None,
        **narrowed,
        **bounds,
        "after": after,
    }


async def read_batch(connection: Connection, caller: Caller, batch_id: str) -> Batch:
    """Give one batch of the caller's with its payouts. Raises NotFound, also for what is somebody else's."""
    if "\x00" in batch_id:
        raise NotFound(id="")
    row = await connection.fetchrow(store.BATCH, caller.merchant_id, caller.mode, batch_id)
    if row is None:
        raise NotFound(id=batch_id)
    (batch,) = await _batches(connection, caller, [row])
    return batch


async def list_batches(
    connection: Connection, caller: Caller, *, limit: int, after: str | None
) -> tuple[list[Batch], str | None]:
    """Give one page of batches with their payouts, newest first, and the cursor of the next."""
    rows = await connection.fetch(store.BATCHES, caller.merchant_id, caller.mode, after, limit + 1)
    shown = await _batches(connection, caller, rows[:limit])
    return shown, make_cursor(shown[-1].id) if len(rows) > limit else None


async def _batches(connection: Connection, caller: Caller, rows: Sequence[Record]) -> list[Batch]:
    found = await connection.fetch(store.PAYOUTS_OF_BATCHES, caller.merchant_id, [row["id"] for row in rows])
    payouts: dict[str, list[Payout]] = {row["id"]: [] for row in rows}
    for item in found:
        payouts[item["batch_id"]].append(cast("Payout", show_disbursement(item)))
    return [show_batch(row, caller.mode, payouts[row["id"]]) for row in rows]
