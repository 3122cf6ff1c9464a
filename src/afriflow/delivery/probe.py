"""The test event: sent once, while whoever asked for it waits, and kept like any other message."""

from dataclasses import dataclass

import msgspec

from afriflow.core.clock import Clock
from afriflow.core.errors import NotFound
from afriflow.core.ids import Ids
from afriflow.db.engine import Database
from afriflow.delivery import store
from afriflow.delivery.deliver import Deliverer, Message, Outcome
from afriflow.delivery.endpoints import secrets_of
from afriflow.delivery.event_types import TEST_EVENT
from afriflow.merchants import audit_log
from afriflow.merchants.keys import Caller
from afriflow.merchants.vault import Vault


@dataclass(frozen=True, slots=True)
class Probe:
    """What a test event led to."""

    event_id: str
    url: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Prober:
    """Sends test events."""

    database: Database
    vault: Vault
    ids: Ids
    clock: Clock
    deliverer: Deliverer

    async def probe(self, caller: Caller, endpoint_id: str) -> Probe:
        """Send one event to one endpoint, also to one that is disabled, and hear what it answers. Raises NotFound.

        A test changes nothing: it is not tried again, and 410 disables nobody.
        """
        merchant_id, mode, now = caller.merchant_id, caller.mode, self.clock.now()
        async with self.database.connection() as connection:
            row = await connection.fetchrow(store.ENDPOINT, merchant_id, mode, endpoint_id)
            if row is None:
                raise NotFound(id=endpoint_id)
            secrets = await secrets_of(connection, self.vault, endpoint_id, row, now)
        # A story of its own, of one event.
        event_id, sequence = self.ids.new("evt"), 1
        data = {"id": endpoint_id, "object": "webhook_endpoint", "mode": mode, "url": row["url"]}
        body = msgspec.json.encode({"type": TEST_EVENT, "timestamp": now, "data": data, "sequence": sequence})
        outcome = await self.deliverer.post(Message(event_id, mode, row["url"], body, secrets))
        delivery_id = self.ids.new("dlv")
        async with self.database.transaction() as connection:
            told = (mode, event_id, sequence, TEST_EVENT)
            await connection.execute(store.EVENT_INSERT, merchant_id, event_id, *told, body)
            where = (merchant_id, delivery_id, mode, event_id, endpoint_id)
            await connection.execute(store.DELIVERY_INSERT, *where, event_id, sequence, TEST_EVENT)
            await connection.execute(
                store.DELIVERY_TRIED,
                merchant_id,
                delivery_id,
                outcome.status,
                outcome.answer,
                outcome.error,
                outcome.duration_ms,
                "delivered" if outcome.heard else "given_up",
                0,
            )
            await audit_log.write(
                connection,
                merchant_id=merchant_id,
                who=caller.who,
                action="endpoint.tested",
                subject=endpoint_id,
                details={"mode": mode, "url": row["url"], "status": outcome.status},
            )
        return Probe(event_id, row["url"], outcome)
