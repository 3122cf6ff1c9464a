"""In which condition the database is: what health checks and the doctor ask of it."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from afriflow.db.engine import Connection


@dataclass(frozen=True, slots=True)
class Condition:
    """version: PostgreSQL's server_version_num. schema: Alembic's revision, None without one."""

    version: int
    durability: "Durability"
    now: datetime
    schema: str | None


@dataclass(frozen=True, slots=True)
class Durability:
    """off: the settings that are, of those without which a crash loses what was answered."""

    off: tuple[str, ...]


async def durability_of(connection: Connection) -> Durability:
    """Ask what the server does on its own; our connections insist on synchronous_commit whatever it says."""
    names = ("fsync", "full_page_writes", "synchronous_commit")
    return Durability(tuple([name for name in names if await connection.fetchval(f"SHOW {name}") == "off"]))


async def may_rewrite_history(connection: Connection) -> bool:
    """Tell whether our role may change what is written once: the owner of the tables may, and any superuser."""
    return bool(
        await connection.fetchval("SELECT has_table_privilege(current_user, 'transaction_events', 'UPDATE')")
    )


async def schema_of(connection: Connection) -> str | None:
    """Give Alembic's revision of the schema, None without one."""
    try:
        return await connection.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return None


async def condition_of(connection: Connection) -> Condition:
    """Look at server and schema."""
    schema = await schema_of(connection)
    return Condition(
        version=int(await connection.fetchval("SHOW server_version_num")),
        durability=await durability_of(connection),
        now=await connection.fetchval("SELECT clock_timestamp()"),
        schema=schema,
    )
