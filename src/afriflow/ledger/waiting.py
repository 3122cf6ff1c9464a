"""What waits for a person, one after the other: payments, refunds and payouts that only somebody can decide about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from afriflow.core.errors import FieldError, InvalidRequest
from afriflow.core.money import Money
from afriflow.db.engine import Connection
from afriflow.ledger import waiting_store as store
from afriflow.ledger.present import show_amount
from afriflow.ledger.present_out import outward_status
from afriflow.merchants.keys import Caller

_STATEMENTS = {"unresolved": store.WAITING_UNRESOLVED, "needs_review": store.WAITING_NEEDS_REVIEW}
QUEUES = tuple(_STATEMENTS)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One that waits. kind: payment, refund or payout. reasons: why a payment does, by `core.review`; else empty."""

    id: str
    kind: str
    status: str
    amount_display: str
    reference: str
    provider: str | None
    reasons: Sequence[str]
    created_at: datetime


async def waiting(
    connection: Connection, caller: Caller, queue: str, language: str, *, limit: int, cursor: str | None
) -> tuple[list[Waiting], str | None]:
    """Give one page of a queue, oldest first, and the cursor of the next. Raises InvalidRequest for a broken one."""
    begin = (_BEGINNING, "") if cursor is None else _read(cursor)
    rows = await connection.fetch(_STATEMENTS[queue], caller.merchant_id, caller.mode, *begin, limit + 1)
    found = [
        Waiting(
            row["id"],
            row["kind"],
            row["status"] if row["kind"] == "payment" else outward_status(row["status"]),
            show_amount(Money(row["amount_minor"], row["currency"]), language),
            row["reference"] or row["id"],
            row["provider"],
            tuple(row["review"] or ()) if queue == "needs_review" else (),
            row["created_at"],
        )
        for row in rows[:limit]
    ]
    following = f"{found[-1].created_at.isoformat()} {found[-1].id}" if len(rows) > limit else None
    return found, following


def _read(cursor: str) -> tuple[datetime, str]:
    moment, _, id_ = cursor.partition(" ")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise InvalidRequest([FieldError("?cursor", "invalid_value", {"reason": "not a cursor"})]) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC), id_
