"""In which condition the database is: what health checks and the doctor ask of it."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from afriflow.db.engine import Connection


@dataclass(frozen=True, slots=True)
class Condition:
    """version: PostgreSQL's server_version_num. durable: fsync is on. schema: Alembic's revision, None without one."""

    version: int
    durable: bool
    now: datetime
    schema: str | None


async def answers(connection: Connection) -> bool:
    """Ask for anything at all."""
    return bool(await connection.fetchval("SELECT true"))


async def condition_of(connection: Connection) -> Condition:
    """Look at server and schema."""
    try:
        schema = await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        schema = None
    return Condition(
        version=int(await connection.fetchval("SHOW server_version_num")),
        durable=await connection.fetchval("SHOW fsync") == "on",
        now=await connection.fetchval("SELECT clock_timestamp()"),
        schema=schema,
    )
