"""What waits for a person now, of one merchant in one mode: how many of each kind."""

from collections import Counter
from datetime import datetime, timedelta

from afriflow.core.ids import first_id
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, one
from afriflow.ledger import needs_store as store

# Of one endpoint no more are looked at: by how much it is more changes nothing.
_COUNTED_MAX = 1_000
# What was given up longer ago has been seen, or never will be.
_GIVEN_UP = timedelta(days=7)


async def count_needs(connection: Connection, merchant_id: str, mode: Mode, now: datetime) -> Counter[str]:
    """Count payments, refunds and payouts that are to be looked at, endpoints that are off, messages that fail."""
    found: Counter[str] = Counter()
    found.update(dict(await one(connection, store.WAITING, merchant_id, mode)))
    since = first_id("dlv", now - _GIVEN_UP)
    found.update(dict(await one(connection, store.FAILING, merchant_id, mode, _COUNTED_MAX, since)))
    return found
