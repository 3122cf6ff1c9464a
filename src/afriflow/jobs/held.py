"""Jobs that wait for a person: which they are, what each last raised, and how to let them run again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from afriflow.db.engine import Connection, Record
from afriflow.jobs.queue import SCHEMA

_HELD = f"""
SELECT id, entrypoint AS task, payload, dedupe_key, attempts, created, updated FROM {SCHEMA}.pgqueuer
WHERE status = 'failed' ORDER BY id DESC LIMIT $1
"""
_RAISED = f"""
SELECT job_id, traceback FROM {SCHEMA}.pgqueuer_log
WHERE job_id = ANY($1::bigint[]) AND traceback IS NOT NULL ORDER BY id
"""
# A new row and not the old one woken: the count of a job's crashes goes by its id.
_RELEASE = f"""
WITH gone AS (
    DELETE FROM {SCHEMA}.pgqueuer WHERE status = 'failed' AND id = ANY($1::bigint[])
    RETURNING priority, entrypoint, payload, dedupe_key, headers
)
INSERT INTO {SCHEMA}.pgqueuer (priority, entrypoint, payload, dedupe_key, headers, status)
SELECT priority, entrypoint, payload, dedupe_key, headers, 'queued' FROM gone ON CONFLICT DO NOTHING
"""
_PRUNE = f"DELETE FROM {SCHEMA}.pgqueuer_log WHERE created < now() - make_interval(days => $1)"
# More is an outage, and a list of an outage is read by its beginning.
_LOOKED_AT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that waits. raised: what it last raised, empty when the queue's log has forgotten it."""

    id: int
    task: str
    merchant_id: str
    attempts: int
    updated: datetime
    raised: str
    key: str


async def held_jobs(connection: Connection, limit: int) -> list[Record]:
    """List held jobs, newest first."""
    return await connection.fetch(_HELD, limit)


async def explained_jobs(connection: Connection, merchant_id: str | None = None) -> list[HeldJob]:
    """List held jobs with what they raised, newest first. merchant_id: None = everybody's."""
    rows = await held_jobs(connection, _LOOKED_AT_MAX)
    raised = await connection.fetch(_RAISED, [row["id"] for row in rows])
    last = {row["job_id"]: _said(row["traceback"]) for row in raised}
    jobs = [
        HeldJob(
            row["id"],
            row["task"],
            _merchant_of(row),
            row["attempts"],
            row["updated"],
            last.get(row["id"], ""),
            row["dedupe_key"] or "",
        )
        for row in rows
    ]
    return [job for job in jobs if merchant_id in {None, job.merchant_id}]


async def count_held(connection: Connection, merchant_id: str) -> int:
    """Count a merchant's held jobs."""
    return sum(_merchant_of(row) == merchant_id for row in await held_jobs(connection, _LOOKED_AT_MAX))


async def release_jobs(connection: Connection, job_ids: Sequence[int]) -> None:
    """Let held jobs run again, now, with all their tries."""
    await connection.execute(_RELEASE, list(job_ids))


async def prune_log(connection: Connection, days: int) -> None:
    """Forget the queue's own log past its use; the engine never does."""
    await connection.execute(_PRUNE, days)


def _merchant_of(row: Record) -> str:
    return msgspec.json.decode(row["payload"] or b"{}", type=dict[str, Any]).get("merchant_id", "")


def _said(traceback: dict[str, str]) -> str:
    parts = (traceback.get("exception_type"), traceback.get("exception_message"))
    return ": ".join(part for part in parts if part)
