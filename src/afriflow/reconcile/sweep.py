"""The net under the jobs: an open attempt that no job follows any more is followed again."""

from dataclasses import dataclass

from afriflow.checkout import prompts_store
from afriflow.checkout.plan import FOLLOW, follow_key
from afriflow.checkout.prompt_limit import DAY_SECONDS
from afriflow.db.engine import Database
from afriflow.jobs.queue import enqueue
from afriflow.ledger import store
from afriflow.observe.log import logger

_log = logger("reconcile")
# A sweep comes every few minutes; what one leaves, the next one takes.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Finds what fell through. reach_seconds: how far back it looks."""

    database: Database
    reach_seconds: int

    async def sweep(self) -> None:
        """Give each open attempt without a job a new one, and forget the prompts that count no more."""
        async with self.database.transaction() as connection:
            await connection.execute(prompts_store.PROMPTS_FORGET, DAY_SECONDS)
            rows = await connection.fetch(store.OPEN_WITHOUT_JOB, _BATCH, float(self.reach_seconds))
            for row in rows:
                payload = {"merchant_id": row["merchant_id"], "attempt_id": row["id"]}
                await enqueue(connection, FOLLOW, payload, key=follow_key(row["id"]))
        if rows:
            _log.warning("attempts_followed_again", count=len(rows))
