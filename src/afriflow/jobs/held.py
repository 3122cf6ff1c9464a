"""Jobs that wait for a person: which they are, and how to let them run again."""

from afriflow.db.engine import Connection, Record
from afriflow.jobs.queue import SCHEMA

_HELD = f"""
SELECT id, entrypoint AS task, payload, attempts, created, updated FROM {SCHEMA}.pgqueuer
WHERE status = 'failed' ORDER BY id DESC LIMIT $1
"""
# A new row and not the old one woken: the count of a job's crashes goes by its id.
_RELEASE = f"""
WITH gone AS (
    DELETE FROM {SCHEMA}.pgqueuer WHERE status = 'failed' AND id = ANY($1::bigint[])
    RETURNING priority, entrypoint, payload, dedupe_key
)
INSERT INTO {SCHEMA}.pgqueuer (priority, entrypoint, payload, dedupe_key, status)
SELECT priority, entrypoint, payload, dedupe_key, 'queued' FROM gone ON CONFLICT DO NOTHING
"""
_PRUNE = f"DELETE FROM {SCHEMA}.pgqueuer_log WHERE created < now() - make_interval(days => $1)"


async def held_jobs(connection: Connection, limit: int) -> list[Record]:
    """List held jobs, newest first."""
    return await connection.fetch(_HELD, limit)


async def release_jobs(connection: Connection, job_ids: list[int]) -> None:
    """Let held jobs run again, now, with all their tries."""
    await connection.execute(_RELEASE, job_ids)


async def prune_log(connection: Connection, days: int) -> None:
    """Forget the queue's own log past its use; the engine never does."""
    await connection.execute(_PRUNE, days)
