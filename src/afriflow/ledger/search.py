"""Reading: one transaction with everything known of it, and lists that stay quick at any size."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from afriflow.core.errors import FieldError, InvalidRequest, NotFound
from afriflow.core.ids import first_id
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record
from afriflow.ledger import search_store, store
from afriflow.ledger.notification import read_body
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault

# An id says when it was made, by the clock of who made it; `created_at` is the database's. They differ by less.
_CLOCKS_DIFFER_MILLISECONDS = 86_400_000


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; None = any. phone_index: the vault's blind index of the E.164. link: a payment link's id. since, until: creation time, UTC. ids: what a text was found to name."""

    ids: list[str] | None = None
    status: str | None = None
    provider: str | None = None
    operator: str | None = None
    country: str | None = None
    currency: str | None = None
    reference: str | None = None
    phone_index: bytes | None = None
    since: datetime | None = None
    until: datetime | None = None
    needs_review: bool | None = None
    unresolved: bool | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list. next_cursor: None on the last page."""

    rows: Sequence[Record]
    attempts: dict[str, list[Record]]
    next_cursor: str | None


async def read_transaction(connection: Connection, caller: Caller, transaction_id: str) -> Record:
    """Give one transaction of the caller's. Raises NotFound, also for what is somebody else's."""
    row = await connection.fetchrow(store.TRANSACTION, caller.merchant_id, caller.mode, transaction_id)
    if row is None:
        raise NotFound(id=transaction_id)
    return row


async def owner_of(connection: Connection, subject_id: str) -> tuple[str, str] | None:
    """Tell whose transaction, refund or payout it is, and of which mode: for who runs the installation, at a terminal."""
    query = store.TRANSACTION_OWNER if subject_id.startswith("txn_") else store.DISBURSEMENT_OWNER
    row = await connection.fetchrow(query, subject_id)
    return None if row is None else (row["merchant_id"], row["mode"])


async def read_by_token(connection: Connection, token: str) -> Record:
    """Give the transaction that a payer's link leads to. Raises NotFound."""
    row = await connection.fetchrow(store.TRANSACTION_BY_TOKEN, token)
    if row is None:
        raise NotFound(id="")
    return row


async def search(
    connection: Connection, caller: Caller, wanted: Filter, *, limit: int, cursor: str | None
) -> Found:
    """List transactions, newest first. cursor: as an earlier page gave it. Raises InvalidRequest for a broken one."""
    narrowed = narrowed_by(wanted, None if cursor is None else read_cursor(cursor))
    query, values = search_store.page(search_store.PAYMENTS, narrowed, limit + 1)
    rows = await connection.fetch(query, caller.merchant_id, caller.mode, *values)
    page = rows[:limit]
    grouped: dict[str, list[Record]] = {row["id"]: [] for row in page}
    for attempt in await connection.fetch(store.ATTEMPTS_OF_MANY, caller.merchant_id, list(grouped)):
        grouped[attempt["transaction_id"]].append(attempt)
    return Found(page, grouped, make_cursor(page[-1]["id"]) if len(rows) > limit else None)


async def named(
    connection: Connection, caller: Caller, query: str, text: str, phone_index: bytes | None
) -> dict[str, Any]:
    """Tell what a text means to a list: a phone that somebody has, else whatever has just this id or reference.

    query: one of `search_store`'s. phone_index: of the text, where it can be a phone.
    """
    about = (caller.merchant_id, caller.mode)
    if phone_index is not None and await connection.fetchval(
        search_store.PHONE_IS_KNOWN, *about, phone_index
    ):
        return {"phone_index": phone_index}
    return {"ids": [row["id"] for row in await connection.fetch(query, *about, text)]}


def ids_between(prefix: str, since: datetime | None, until: datetime | None) -> dict[str, str | None]:
    """Bound what was made in a time by ids as well, in whose order lists are read."""
    return {
        "id_from": first_id(prefix, since, -_CLOCKS_DIFFER_MILLISECONDS) if since else None,
        "id_before": first_id(prefix, until, _CLOCKS_DIFFER_MILLISECONDS) if until else None,
    }


def narrowed_by(wanted: Filter, after: str | None = None) -> dict[str, object]:
    """Say a filter in the words of the table."""
    return {**asdict(wanted), **ids_between("txn", wanted.since, wanted.until), "after": after}


def make_cursor(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> str:
    """Read a cursor. Raises InvalidRequest when it is none of ours."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode(
            "ascii"
        )
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest([FieldError("?cursor", "invalid_value", {"reason": "not a cursor"})]) from error
    if not text.replace("_", "").isalnum() or len(text) > 64:
        raise InvalidRequest([FieldError("?cursor", "invalid_value", {"reason": "not a cursor"})])
    return text


async def attempts_of(connection: Connection, merchant_id: str, transaction_id: str) -> list[Record]:
    return await connection.fetch(store.ATTEMPTS, merchant_id, transaction_id)


async def story_of(connection: Connection, merchant_id: str, transaction_id: str) -> list[Record]:
    return await connection.fetch(store.STORY, merchant_id, transaction_id)


async def logs_of(connection: Connection, merchant_id: str, mode: Mode, transaction_id: str) -> list[Record]:
    return await connection.fetch(store.LOGS, merchant_id, mode, transaction_id)


async def notifications_of(
    connection: Connection, vault: Vault, merchant_id: str, mode: Mode, transaction_id: str
) -> list[tuple[Record, bytes]]:
    """List what its provider sent about a payment, with the bytes that came."""
    rows = await connection.fetch(store.NOTIFICATIONS, merchant_id, mode, transaction_id)
    return [(row, await read_body(connection, vault, row)) for row in rows]


async def said_about(
    connection: Connection, vault: Vault, caller: Caller, order_id: str
) -> tuple[list[Record], list[tuple[Record, bytes]]]:
    """List what was said between us and its provider about one refund or payout, and what the provider sent."""
    about = (caller.merchant_id, caller.mode, order_id)
    logs = await connection.fetch(search_store.LOGS_OF_ORDER, *about)
    sent = await connection.fetch(search_store.NOTIFICATIONS_OF_ORDER, *about)
    return logs, [(row, await read_body(connection, vault, row)) for row in sent]


async def order_of(connection: Connection, merchant_id: str, order_id: str) -> Record | None:
    """Give an order of either way, by its id: a payment's attempt, a refund or a payout."""
    query = store.ATTEMPT if order_id.startswith("att_") else store.DISBURSEMENT
    return await connection.fetchrow(query, merchant_id, order_id)
