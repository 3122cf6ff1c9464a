"""What only PostgreSQL and Redis know, put into gauges when somebody asks: what is open, what waits, how old the oldest is."""

import asyncio
from collections import Counter

from redis.asyncio import Redis

from afriflow.core.errors import Unavailable
from afriflow.db.engine import Connection, Database, Record, one
from afriflow.jobs import condition
from afriflow.observe import metrics
from afriflow.reconcile import measure_store as store
from afriflow.reconcile.audit import last_report
from afriflow.routing.health import Health

_UNKNOWN = float("nan")
_STATES = ("due", "later", "running", "held")


class Measure:
    """Reads at most every so often, however many ask. fresh_seconds: how long what was read is told again."""

    def __init__(self, database: Database, redis: "Redis", health: Health, fresh_seconds: float) -> None:
        self._database, self._redis, self._health = database, redis, health
        self._fresh_seconds = fresh_seconds
        self._fresh_until = 0.0
        self._reading = asyncio.Lock()

    async def read(self) -> None:
        """Set the gauges. Without PostgreSQL nothing is said of what it knows, which an alert can see, too."""
        async with self._reading:
            if asyncio.get_running_loop().time() < self._fresh_until:
                return
            for state, count in self._database.occupancy().items():
                metrics.CONNECTIONS.labels(state).set(count)
            metrics.REDIS_UP.set(await self._redis_answers())
            _forget()
            try:
                async with self._database.connection() as connection:
                    await self._read(connection)
                metrics.DATABASE_UP.set(1)
            except Unavailable:
                _forget()
                metrics.DATABASE_UP.set(0)
            self._fresh_until = asyncio.get_running_loop().time() + self._fresh_seconds

    async def _read(self, connection: Connection) -> None:
        for row in await connection.fetch(store.ORDERS_OPEN):
            labels = (row["kind"], row["mode"], row["provider"], row["status"])
            metrics.ORDERS_OPEN.labels(*labels).set(row["count"])
            metrics.ORDERS_OPEN_AGE.labels(*labels).set(row["age_seconds"])
        for row in await connection.fetch(store.INBOX):
            metrics.INBOX_WAITING.labels(row["provider"]).set(row["count"])
            metrics.INBOX_LAG.labels(row["provider"]).set(row["age_seconds"])
        waiting = await one(connection, store.DELIVERIES)
        metrics.DELIVERIES_WAITING.set(waiting["count"])
        metrics.DELIVERIES_AGE.set(waiting["age_seconds"])
        for row in await condition.queue(connection):
            _set_queue(row)
        for schedule, age_seconds in (await condition.schedules(connection)).items():
            metrics.SCHEDULES_AGE.labels(schedule).set(age_seconds)
        await self._read_breakers(connection)
        report = await last_report(connection)
        metrics.AUDIT_AGE.set(_UNKNOWN if report.age_seconds is None else report.age_seconds)
        for rule, count in report.violations.items():
            metrics.VIOLATIONS.labels(rule).set(count)

    async def _read_breakers(self, connection: Connection) -> None:
        known = list(self._health.not_closed())
        ids = list({circuit.account_id for circuit in known})
        rows = await connection.fetch(store.ACCOUNT_PROVIDERS, ids) if ids else []
        providers = {row["id"]: row["provider"] for row in rows}
        counts = Counter(
            (providers[circuit.account_id], circuit.operation, circuit.operator, circuit.state.value)
            for circuit in known
            if circuit.account_id in providers
        )
        for labels, count in counts.items():
            metrics.BREAKERS.labels(*labels).set(count)

    async def _redis_answers(self) -> bool:
        try:
            await self._redis.ping()  # pyright: ignore[reportUnknownMemberType]
        except Exception:  # noqa: BLE001 — whatever it is, Redis did not answer
            return False
        return True


def _set_queue(row: Record) -> None:
    for state in _STATES:
        metrics.JOBS_THERE.labels(row["task"], state).set(row[state])
    metrics.JOBS_LAG.labels(row["task"]).set(row["lag_seconds"])


def _forget() -> None:
    """Take away what was read before: what is gone has no count, and no count is kept of what cannot be asked."""
    for gauge in (
        *(metrics.ORDERS_OPEN, metrics.ORDERS_OPEN_AGE, metrics.INBOX_WAITING, metrics.INBOX_LAG),
        *(metrics.JOBS_THERE, metrics.JOBS_LAG, metrics.SCHEDULES_AGE, metrics.BREAKERS, metrics.VIOLATIONS),
    ):
        gauge.clear()
    for gauge in (metrics.DELIVERIES_WAITING, metrics.DELIVERIES_AGE, metrics.AUDIT_AGE):
        gauge.set(_UNKNOWN)
