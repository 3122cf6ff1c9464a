"""How the queue stands: what waits and how long, what is held, and whether anybody works."""

from collections.abc import Sequence

from afriflow.db.engine import Connection, Record
from afriflow.jobs.queue import SCHEMA

# The audit is due every minute: after three of them nobody works, or nobody gets to it.
SILENT_SECONDS = 180.0

_QUEUE = f"""
SELECT entrypoint AS task,
       count(*) FILTER (WHERE status = 'queued' AND execute_after <= now()) AS due,
       count(*) FILTER (WHERE status = 'queued' AND execute_after > now()) AS later,
       count(*) FILTER (WHERE status = 'picked') AS running,
       count(*) FILTER (WHERE status = 'failed') AS held,
       coalesce(extract(epoch FROM now() - min(execute_after)
           FILTER (WHERE status = 'queued' AND execute_after <= now())), 0) AS lag_seconds
FROM {SCHEMA}.pgqueuer GROUP BY entrypoint
"""
_SCHEDULES = f"""
SELECT entrypoint AS schedule, min(extract(epoch FROM now() - coalesce(last_run, created))) AS age_seconds
FROM {SCHEMA}.pgqueuer_schedules GROUP BY entrypoint
"""


async def queue(connection: Connection) -> Sequence[Record]:
    """Count jobs by task: due, later, running, held, and lag_seconds of the oldest due one."""
    return await connection.fetch(_QUEUE)


async def schedules(connection: Connection) -> dict[str, float]:
    """Tell for each schedule how many seconds ago it last ran; before its first run, how long it has been known."""
    return {row["schedule"]: float(row["age_seconds"]) for row in await connection.fetch(_SCHEDULES)}


async def is_worked(connection: Connection) -> bool:
    """Say whether some worker of the fleet has lately done what is due every minute."""
    ages = await schedules(connection)
    return bool(ages) and min(ages.values()) <= SILENT_SECONDS
