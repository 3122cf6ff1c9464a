"""What is wrong with this installation, said in words that tell what to mend."""

from dataclasses import replace

import asyncpg
from redis.exceptions import RedisError

from afriflow.core.clock import SystemClock
from afriflow.core.errors import AfriFlowError
from afriflow.db.condition import condition_of
from afriflow.db.engine import Database
from afriflow.db.migrate import known_revisions
from afriflow.db.redis import open_redis
from afriflow.jobs.held import held_jobs
from afriflow.port.examine import Finding
from afriflow.preflight import Preflight, look
from afriflow.settings import Settings

# Signatures allow ±300 s; a clock this wrong is noticed long before.
_CLOCK_DRIFT_SECONDS_MAX = 2.0
_POSTGRES_MIN = 150_000


async def examine(settings: Settings) -> list[Finding]:
    """Look at database, schema, clock, held jobs, Redis, and whatever real money must not move under."""
    return [*await _database(settings), await _redis(settings)]


async def _database(settings: Settings) -> list[Finding]:
    try:
        database = await Database.connect(
            settings.database_url,
            connections_max=2,
            statement_timeout_seconds=settings.statement_timeout_seconds,
        )
    except (OSError, asyncpg.PostgresError, ValueError) as error:
        return [Finding("database_away", good=False, facts={"reason": str(error)[:200]})]
    try:
        async with database.connection() as connection:
            found = await condition_of(connection)
            newest = known_revisions()[0]
            held = len(await held_jobs(connection, 100)) if found.schema else 0
            preflight = await look(settings, connection) if found.schema else None
    except AfriFlowError as error:
        return [Finding("database_away", good=False, facts={"reason": error.code})]
    finally:
        await database.close()
    drift_seconds = abs((SystemClock().now() - found.now).total_seconds())
    is_new = found.schema == newest
    return [
        Finding("database", good=found.version >= _POSTGRES_MIN, facts={"version": found.version // 10_000}),
        *([] if found.durability.off else [Finding("durable", good=True)]),
        Finding("schema" if is_new else "schema_old", is_new, {"schema": found.schema, "newest": newest}),
        Finding("clock", drift_seconds <= _CLOCK_DRIFT_SECONDS_MAX, {"seconds": round(drift_seconds, 2)}),
        Finding("held_jobs", good=held == 0, facts={"count": held}),
        *(_safety(preflight) if preflight else ()),
    ]


async def _redis(settings: Settings) -> Finding:
    if not settings.redis_url:
        return Finding("redis_missing", good=False)
    redis = open_redis(settings.redis_url, settings.redis_timeout_seconds)
    try:
        await redis.ping()  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, OSError) as error:
        return Finding("redis_away", good=False, facts={"reason": str(error)[:200]})
    finally:
        await redis.aclose()
    return Finding("redis", good=True)


def _safety(preflight: Preflight) -> list[Finding]:
    """What would keep `serve` from beginning with a live account; without one it is only told."""
    if not preflight.unsafe and not preflight.doubtful:
        return [Finding("safe", good=True)]
    return [
        replace(finding, good=not preflight.live, looked_at=preflight.live)
        for finding in (*preflight.unsafe, *preflight.doubtful)
    ]
