"""How long it is remembered what was said to providers and merchants, and what they said.

A payment, its story, its events and its idempotency key are kept for good: they are what was promised. The exchanges
behind them are evidence for disputes, and full of what people wrote and of their phone numbers; past their time they
are forgotten in small batches, each a transaction of its own. Nothing of a payment that is open is forgotten: the
database itself sees to that (the functions in the migrations).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from afriflow.core.clock import Clock
from afriflow.db.engine import Database
from afriflow.merchants import audit_log
from afriflow.observe.log import logger
from afriflow.reconcile import store

_log = logger("reconcile")
# Younger than that the database forgets nothing, whatever a setting says.
DAYS_MIN = 30


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that each kind is kept; 0 = for good. batch: rows of one transaction."""

    provider_logs_days: int
    notifications_days: int
    delivery_answers_days: int
    batch: int


@dataclass(frozen=True, slots=True)
class Forgetter:
    """Forgets what has had its time."""

    database: Database
    clock: Clock
    retention: Retention

    async def forget(self) -> None:
        """The nightly pass over every kind; what it did stands in the installation's own audit log."""
        kinds = {
            "provider_logs": (store.FORGET_PROVIDER_LOGS, self.retention.provider_logs_days),
            "notifications": (store.FORGET_NOTIFICATIONS, self.retention.notifications_days),
            "delivery_answers": (store.FORGET_DELIVERY_ANSWERS, self.retention.delivery_answers_days),
        }
        for kind, (statement, days) in kinds.items():
            if days:
                await self._forget(kind, statement, self.clock.now() - timedelta(days=max(days, DAYS_MIN)))

    async def _forget(self, kind: str, statement: str, before: datetime) -> None:
        total, count = 0, self.retention.batch
        while count == self.retention.batch:
            async with self.database.transaction() as connection:
                count = int(await connection.fetchval(statement, before, self.retention.batch))
            total += count
        if not total:
            return
        _log.info("history_forgotten", kind=kind, before=before.isoformat(), count=total)
        async with self.database.transaction() as connection:
            await audit_log.write(
                connection,
                merchant_id="",  # of the installation, not of a merchant
                who="schedule:forget",
                action="history.forgotten",
                subject=kind,
                details={"before": before.isoformat(), "count": total},
            )
