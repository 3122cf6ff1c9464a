"""The time to pay: cancelled by the merchant while no money can move, ended by the clock otherwise."""

import contextlib
from dataclasses import dataclass

from afriflow.checkout.follow import Follower
from afriflow.core.errors import NotCancellable, NotFound, ProviderBusy
from afriflow.core.transaction import FINAL, LIVE, OPEN, TransactionStatus
from afriflow.db.engine import Database
from afriflow.jobs.queue import Payload
from afriflow.ledger import store
from afriflow.ledger.record import Recorder
from afriflow.merchants.keys import Caller


@dataclass(frozen=True, slots=True)
class Sessions:
    """Ends sessions; attempts that are still open live on and are followed to their end."""

    database: Database
    recorder: Recorder
    follower: Follower

    async def cancel(self, caller: Caller, transaction_id: str) -> None:
        """Cancel; a second cancel changes nothing. Raises NotFound, NotCancellable."""
        async with self.database.transaction() as connection:
            mine = await connection.fetchrow(
                store.TRANSACTION, caller.merchant_id, caller.mode, transaction_id
            )
            if mine is None:
                raise NotFound(id=transaction_id)
            row = await self.recorder.lock(connection, caller.merchant_id, transaction_id)
            if row["status"] == TransactionStatus.CANCELLED:
                return
            attempts = await connection.fetch(store.ATTEMPTS, caller.merchant_id, transaction_id)
            if row["status"] in FINAL or any(attempt["status"] in LIVE for attempt in attempts):
                raise NotCancellable(status=row["status"])
            await self.recorder.end(
                connection, merchant_id=caller.merchant_id, transaction_id=transaction_id, cancelled=True
            )

    async def expire(self, payload: Payload) -> None:
        """The job at the end of a session. payload: merchant_id, transaction_id.

        Asks the provider of an open attempt once more first: an answer now spares the merchant a late success.
        """
        merchant_id, transaction_id = payload["merchant_id"], payload["transaction_id"]
        async with self.database.connection() as connection:
            attempts = await connection.fetch(store.ATTEMPTS, merchant_id, transaction_id)
        for attempt in attempts:
            if attempt["status"] in OPEN:
                with contextlib.suppress(
                    ProviderBusy
                ):  # the session ends on time; the attempt is followed anyway
                    await self.follower.check(attempt)
        async with self.database.transaction() as connection:
            await self.recorder.end(
                connection, merchant_id=merchant_id, transaction_id=transaction_id, cancelled=False
            )
