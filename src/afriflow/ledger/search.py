"""Reading: one transaction with everything known of it, and lists that stay quick at any size."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from afriflow.core.errors import FieldError, InvalidRequest, NotFound
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record
from afriflow.db.tables import attempts, payment_link_uses, payment_methods, transactions
from afriflow.ledger import store
from afriflow.ledger.notification import read_body
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; None = any. phone_index: the vault's blind index of the E.164. link: a payment link's id. since, until: creation time, UTC."""

    status: str | None = None
    provider: str | None = None
    operator: str | None = None
    country: str | None = None
    reference: str | None = None
    phone_index: bytes | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
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
    t, m = transactions.c, payment_methods.c
    conditions = [t.merchant_id == caller.merchant_id, t.mode == caller.mode.value]
    equal = {t.status: wanted.status, t.country: wanted.country, t.reference: wanted.reference}
    equal |= {t.needs_review: wanted.needs_review, t.unresolved: wanted.unresolved}
    equal |= {m.operator: wanted.operator, m.msisdn_index: wanted.phone_index}
    conditions += [column == value for column, value in equal.items() if value is not None]
    if wanted.provider is not None:
        a = attempts.c
        mine = and_(a.merchant_id == t.merchant_id, a.transaction_id == t.id, a.provider == wanted.provider)
        conditions.append(exists().where(mine))
    if wanted.link is not None:
        u = payment_link_uses.c
        through = and_(u.merchant_id == t.merchant_id, u.transaction_id == t.id, u.link_id == wanted.link)
        conditions.append(exists().where(through))
    if wanted.since is not None:
        conditions.append(t.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(t.created_at < wanted.until)
    if wanted.text:
        conditions.append(or_(t.id == wanted.text, t.reference == wanted.text))
    if cursor is not None:
        conditions.append(t.id < read_cursor(cursor))
    join = transactions.outerjoin(
        payment_methods, and_(m.merchant_id == t.merchant_id, m.id == t.payment_method_id)
    )
    query = (
        select(
            transactions,
            m.type.label("method_type"),
            m.operator.label("method_operator"),
            m.msisdn_mask.label("method_phone"),
        )
        .select_from(join)
        .where(*conditions)
        .order_by(t.id.desc())
        .limit(limit + 1)
    )
    compiled = query.compile(dialect=dialect.dialect(), compile_kwargs={"render_postcompile": True})
    arguments = [compiled.params[name] for name in compiled.positiontup or ()]
    rows = await connection.fetch(str(compiled), *arguments)
    page = rows[:limit]
    grouped: dict[str, list[Record]] = {row["id"]: [] for row in page}
    for attempt in await connection.fetch(store.ATTEMPTS_OF_MANY, caller.merchant_id, list(grouped)):
        grouped[attempt["transaction_id"]].append(attempt)
    return Found(page, grouped, make_cursor(page[-1]["id"]) if len(rows) > limit else None)


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


async def order_of(connection: Connection, merchant_id: str, order_id: str) -> Record | None:
    """Give an order of either way, by its id: a payment's attempt, a refund or a payout."""
    query = store.ATTEMPT if order_id.startswith("att_") else store.DISBURSEMENT
    return await connection.fetchrow(query, merchant_id, order_id)
