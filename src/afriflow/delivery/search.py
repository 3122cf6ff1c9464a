"""Reading what merchants were told: of one payment, or lately."""

from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record
from afriflow.delivery import store


async def deliveries_of(
    connection: Connection, merchant_id: str, mode: Mode, transaction_id: str
) -> list[Record]:
    """List a payment's deliveries in order, each with its last try."""
    return await connection.fetch(store.DELIVERIES_OF_SUBJECT, merchant_id, mode, transaction_id)


async def latest_deliveries(
    connection: Connection, merchant_id: str, mode: Mode, *, limit: int
) -> list[Record]:
    """List a merchant's deliveries, newest first, each with its last try."""
    return await connection.fetch(store.DELIVERIES_LATEST, merchant_id, mode, limit)
