"""Jobs that wait for a person: which they are, and how to let them run again."""

from afriflow.db.engine import Connection, Record
from afriflow.jobs.queue import SCHEMA

_HELD_ROWS = f"""
SELECT q.id, q.entrypoint AS task, q.payload, q.attempts, q.created, q.updated, (
    SELECT l.traceback FROM {SCHEMA}.pgqueuer_log l
    WHERE l.job_id = q.id AND l.traceback IS NOT NULL ORDER BY l.id DESC LIMIT 1
) AS traceback
FROM {SCHEMA}.pgqueuer q WHERE q.status = 'failed'
"""
_HELD = f"{_HELD_ROWS} ORDER BY q.id DESC LIMIT $1"
# A new row and not the old one woken: the count of a job's crashes goes by its id.
_RELEASE = f"""
WITH gone AS (
    DELETE FROM {SCHEMA}.pgqueuer WHERE status = 'failed' AND id = ANY($1::bigint[])
    RETURNING priority, entrypoint, payload, dedupe_key
)
INSERT INTO {SCHEMA}.pgqueuer (priority, entrypoint, payload, dedupe_key, status)
SELECT priority, entrypoint, payload, dedupe_key, 'queued' FROM gone ON CONFLICT DO NOTHING
"""
# A merchant's jobs name the merchant in what they are given.
_OF_MERCHANT = "convert_from(q.payload, 'UTF8')::jsonb->>'merchant_id' = $1"
_HELD_OF = f"""
{_HELD_ROWS} AND {_OF_MERCHANT} ORDER BY q.id DESC LIMIT $2
"""
_IDS_OF = f"""
SELECT q.id FROM {SCHEMA}.pgqueuer q
WHERE q.status = 'failed' AND {_OF_MERCHANT} AND ($2::bigint IS NULL OR q.id = $2)
"""
_PRUNE = f"DELETE FROM {SCHEMA}.pgqueuer_log WHERE created < now() - make_interval(days => $1)"


async def held_jobs(connection: Connection, limit: int) -> list[Record]:
    """List held jobs, newest first."""
    return await connection.fetch(_HELD, limit)


async def held_jobs_of(connection: Connection, merchant_id: str, limit: int) -> list[Record]:
    """List a merchant's held jobs, newest first."""
    return await connection.fetch(_HELD_OF, merchant_id, limit)


def why_held(job: Record) -> str:
    """Say what the job last raised; empty when the queue's log has forgotten it."""
    raised: dict[str, str] = job["traceback"] or {}
    parts = (raised.get("exception_type"), raised.get("exception_message"))
    return ": ".join(part for part in parts if part)


async def release_jobs_of(connection: Connection, merchant_id: str, job_id: int | None) -> None:
    """Let a merchant's held job run again, or all of them."""
    rows = await connection.fetch(_IDS_OF, merchant_id, job_id)
    await release_jobs(connection, [row["id"] for row in rows])


async def release_jobs(connection: Connection, job_ids: list[int]) -> None:
    """Let held jobs run again, now, with all their tries."""
    await connection.execute(_RELEASE, job_ids)


async def prune_log(connection: Connection, days: int) -> None:
    """Forget the queue's own log past its use; the engine never does."""
    await connection.execute(_PRUNE, days)
