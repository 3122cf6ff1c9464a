"""Telling an endpoint the events of a time once more: counted and written down at once, sent batch by batch.

Each event goes out under the id and number that it has, with the same bytes, so that whoever has handled it knows it
again. An endpoint is never given more than a batch to catch up on, and what happens now goes before what happened then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from afriflow.core.clock import Clock
from afriflow.core.errors import EndpointDisabled, FieldError, InvalidRequest, NotFound, ReplayRunning
from afriflow.core.ids import Ids, first_id, last_id
from afriflow.core.transaction import Mode
from afriflow.db.engine import Connection, Database, Record, one
from afriflow.delivery import replay_store as sql
from afriflow.delivery import store
from afriflow.delivery.event_types import TEST_EVENT, read_types
from afriflow.delivery.stage import PRIORITY, stage_delivery
from afriflow.jobs.queue import Payload, Snooze, enqueue
from afriflow.merchants import audit_log
from afriflow.merchants.keys import Caller

TASK = "replay"
# Behind everything that somebody waits for.
_PRIORITY = PRIORITY - 5
_NEXT_BATCH_SECONDS = 1.0
# The endpoint has enough to catch up on: as long as a server that is up takes to hear a batch.
_FULL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ReplayLimits:
    """As the settings of the same names."""

    events_max: int
    batch: int


@dataclass(frozen=True, slots=True)
class Range:
    """Which events: of which time by their `timestamp`, and of which types (empty = all).

    since: the first moment. until: the first that is no more of it; None = now.
    """

    since: datetime
    until: datetime | None = None
    types: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Replayer:
    """Begins replays and works them off."""

    database: Database
    ids: Ids
    clock: Clock
    limits: ReplayLimits

    async def begin(self, caller: Caller, endpoint_id: str, wanted: Range) -> Record:
        """Count and write down a replay with its job; gives its row. Asked for twice while it runs, it is the same one.

        Raises NotFound, EndpointDisabled, ReplayRunning while another range is replayed there, and InvalidRequest for
        a range that ends before it begins or holds more than may be replayed at once.
        """
        now, types = self.clock.now(), read_types(wanted.types)
        until = wanted.until if wanted.until is not None and wanted.until < now else None
        if wanted.since >= (until or now):
            raise InvalidRequest([FieldError("/from", "range_empty")])
        async with self.database.transaction() as connection:
            endpoint = await connection.fetchrow(store.ENDPOINT, caller.merchant_id, caller.mode, endpoint_id)
            if endpoint is None:
                raise NotFound(id=endpoint_id)
            if endpoint["disabled_at"] is not None:
                raise EndpointDisabled
            running = await connection.fetchrow(sql.REPLAY_RUNNING, caller.merchant_id, endpoint_id)
            if running is None:
                await self._write(connection, caller, endpoint_id, (wanted.since, until or now), until, types)
                running = await one(connection, sql.REPLAY_RUNNING, caller.merchant_id, endpoint_id)
        if (running["since"], running["until"], running["types"]) != (wanted.since, until, types):
            raise ReplayRunning(replay_id=running["id"])
        return running

    async def _write(
        self,
        connection: Connection,
        caller: Caller,
        endpoint_id: str,
        span: tuple[datetime, datetime],
        until: datetime | None,
        types: list[str] | None,
    ) -> None:
        merchant_id, replay_id, most = caller.merchant_id, self.ids.new("rpl"), self.limits.events_max
        bounds = [first_id("evt", moment) for moment in span]
        count: int = await connection.fetchval(
            sql.REPLAY_COUNT, merchant_id, caller.mode, *bounds, types, TEST_EVENT, most + 1
        )
        if count > most:
            raise InvalidRequest([FieldError("/from", "replay_too_many", {"limit": most})])
        place = (merchant_id, replay_id, caller.mode, endpoint_id)
        written = await connection.execute(
            sql.REPLAY_INSERT, *place, span[0], until, types, *bounds, count, caller.who
        )
        if not written.endswith(" 1"):
            return  # somebody else began one in this very moment
        await audit_log.write(
            connection,
            merchant_id=merchant_id,
            who=caller.who,
            action="endpoint.replayed",
            subject=endpoint_id,
            details={
                "mode": caller.mode,
                "from": span[0].isoformat(),
                "to": span[1].isoformat(),
                "events": count,
            },
        )
        payload = {"merchant_id": merchant_id, "replay_id": replay_id}
        await enqueue(connection, TASK, payload, key=f"{TASK}:{replay_id}", priority=_PRIORITY)

    async def replay(self, payload: Payload) -> None:
        """Write the deliveries of the next batch. payload: merchant_id, replay_id. Raises Snooze until it is all done."""
        merchant_id, replay_id = payload["merchant_id"], payload["replay_id"]
        async with self.database.transaction() as connection:
            row = await connection.fetchrow(sql.REPLAY_LOCK, merchant_id, replay_id)
            if row is None or row["status"] != "running":
                return
            pause = await self._batch(connection, row)
        if pause is not None:
            raise Snooze(pause)

    async def _batch(self, connection: Connection, row: Record) -> float | None:
        """Write a batch's deliveries, as far as the endpoint has room; gives when to go on, None = done."""
        merchant_id, endpoint_id = row["merchant_id"], row["endpoint_id"]
        endpoint = await connection.fetchrow(store.ENDPOINT, merchant_id, row["mode"], endpoint_id)
        if endpoint is None or endpoint["disabled_at"] is not None:
            await connection.execute(sql.REPLAY_END, merchant_id, row["id"], "stopped")
            return None
        batch = self.limits.batch
        room = batch - await connection.fetchval(sql.WAITING_AT_ENDPOINT, merchant_id, endpoint_id, batch)
        if room <= 0:
            return _FULL_SECONDS
        bounds = (row["after_id"], row["before_id"])
        events = await connection.fetch(
            sql.REPLAY_BATCH, merchant_id, row["mode"], *bounds, row["types"], TEST_EVENT, room, endpoint_id
        )
        staged = [event for event in events if not event["waits"]]
        # Servers' clocks differ by a little, and ids with them; numbers do not.
        for event in sorted(staged, key=lambda item: (item["subject_id"], item["sequence"])):
            await stage_delivery(
                connection,
                ids=self.ids,
                merchant_id=merchant_id,
                mode=Mode(row["mode"]),
                event_id=event["id"],
                endpoint_id=endpoint_id,
                subject_id=event["subject_id"],
                sequence=event["sequence"],
                kind=event["type"],
                priority=_PRIORITY,
            )
        if events:
            await connection.execute(sql.REPLAY_STEP, merchant_id, row["id"], events[-1]["id"], len(staged))
        if len(events) == room:
            return _NEXT_BATCH_SECONDS
        await connection.execute(sql.REPLAY_END, merchant_id, row["id"], "finished")
        return None


async def replays_of(
    connection: Connection, caller: Caller, endpoint_id: str, *, limit: int, before: str | None = None
) -> list[Record]:
    """List an endpoint's replays, newest first. before: ids below this one."""
    return await connection.fetch(
        sql.REPLAYS, caller.merchant_id, endpoint_id, before or last_id("rpl"), limit
    )
