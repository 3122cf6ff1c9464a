"""Reading what merchants were told: of one payment, at one endpoint, or what they did not hear lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from afriflow.core.ids import first_id, last_id
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Record
from afriflow.delivery import search_store, store
from afriflow.merchants.keys import Caller

STATES = ("waiting", "delivered", "given_up")
# The ladder of tries is shorter than this.
LATELY_DAYS = 7
# Of what waits so many are looked at for tries in vain: those behind them wait for these.
_WAITING_SEEN = 1_000


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What a list is narrowed to; None = any."""

    status: str | None = None
    type: str | None = None


async def deliveries_of(
    connection: Connection, merchant_id: str, mode: Mode, transaction_id: str
) -> list[Record]:
    """List a payment's deliveries in order, each with its last try."""
    return await connection.fetch(store.DELIVERIES_OF_SUBJECT, merchant_id, mode, transaction_id)


async def deliveries_at(
    connection: Connection,
    caller: Caller,
    endpoint_id: str,
    wanted: DeliveryFilter,
    *,
    limit: int,
    before: str | None = None,
) -> list[Record]:
    """List an endpoint's deliveries, newest first, each with its last try. before: ids below this one."""
    states = [wanted.status] if wanted.status else list(STATES)
    where = (caller.merchant_id, [endpoint_id], states, before or last_id("dlv"), limit)
    if wanted.type is None:
        return await connection.fetch(search_store.DELIVERIES, *where)
    return await connection.fetch(search_store.DELIVERIES_OF_TYPE, *where, wanted.type)


async def failing_deliveries(
    connection: Connection, caller: Caller, endpoint_ids: Sequence[str], now: datetime, *, limit: int
) -> list[Record]:
    """List what these endpoints did not hear lately, at most so many of a state and endpoint, newest first."""
    since = first_id("dlv", now - timedelta(days=LATELY_DAYS))
    return await connection.fetch(
        search_store.DELIVERIES_FAILING, caller.merchant_id, list(endpoint_ids), since, _WAITING_SEEN, limit
    )


async def tries_of(
    connection: Connection, caller: Caller, delivery_ids: Sequence[str]
) -> dict[str, list[Record]]:
    """List the tries of deliveries, the last first, by the delivery's id."""
    found: dict[str, list[Record]] = {item: [] for item in delivery_ids}
    for row in await connection.fetch(search_store.TRIES, caller.merchant_id, list(delivery_ids)):
        found[row["delivery_id"]].append(row)
    return found
